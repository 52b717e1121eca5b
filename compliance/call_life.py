"""The life of one call, as `onrecord call` prints it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from policies.lifecycle import RecordingState
from storage.custody.row_watch import contradictions
from storage.log import consent_log
from storage.rows import calls, delays, recordings, withdrawals
from storage.rows.calls import Call
from storage.rows.delays import Delay
from storage.rows.incidents import Incident, open_incidents
from storage.rows.recordings import Recording
from storage.rows.withdrawals import Withdrawal

_STORED = frozenset({RecordingState.STORED, RecordingState.KEPT})


@dataclass(frozen=True, slots=True)
class CallLife:
    call: Call
    recordings: list[Recording]
    events: list[dict[str, Any]]
    incidents: list[Incident]
    delays: Mapping[str, Delay]
    """Why recordings are delayed, by their ids."""
    withdrawal: Withdrawal | None
    differs: list[str]
    """Where the rows contradict the events; the events count."""

    def oddities(self, recording_id: str) -> list[str]:
        """Oddities of a recording that were found when it was stored."""
        stored = [
            event for event in self.events if event["type"] == "recording.stored" and event["recording"] == recording_id
        ]
        return [str(odd) for event in stored for odd in event.get("oddities", [])]

    def as_json(self) -> dict[str, Any]:
        """The keys that scripts may rely on; times are RFC 3339."""
        return {
            "call_sid": self.call.call_sid,
            "reference": self.call.reference,
            "line": self.call.line,
            "mode": self.call.mode,
            "language": self.call.language,
            "outcome": self.call.outcome,
            "reason": self.call.reason,
            "state": self.call.state,
            "synthetic": self.call.synthetic,
            "rules_version": self.call.rules_sha256,
            "recordings": [self._recording(recording) for recording in self.recordings],
            "erased_at": self.call.erased_at.isoformat() if self.call.erased_at else None,
            "withdrawal": _withdrawal(self.withdrawal) if self.withdrawal else None,
            "incidents": [{"kind": incident.kind, "detail": incident.detail} for incident in self.incidents],
            "differs": self.differs,
            "events": self.events,
        }

    def _recording(self, recording: Recording) -> dict[str, Any]:
        return {
            "recording_sid": recording.recording_sid,
            "state": recording.state,
            "source": recording.source,
            "duration_s": recording.duration_s,
            "stored": recording.state in _STORED,
            "object_key": recording.object_key,
            "retain_until": recording.retain_until.isoformat() if recording.retain_until else None,
            "destroyed_at": recording.destroyed_at.isoformat() if recording.destroyed_at else None,
            "oddities": self.oddities(recording.id),
            "delay": _delay(self.delays[recording.id]) if recording.id in self.delays else None,
        }


def life_of(connection: Connection, name: str) -> CallLife | None:
    """By Twilio's sid, or by our own id, the only name that an erased call has."""
    call = calls.named(connection, name)
    if call is None:
        return None
    return CallLife(
        call=call,
        recordings=recordings.of_call(connection, call.id),
        events=[{"index": index, **event} for index, event in consent_log.events_of_call(connection, call.id)],
        incidents=open_incidents(connection, call.id),
        delays=delays.of_call(connection, call.id),
        withdrawal=withdrawals.of(connection, call.id),
        differs=[str(contradiction) for contradiction in contradictions(connection, call.id)],
    )


def _withdrawal(withdrawal: Withdrawal) -> dict[str, Any]:
    done_at = withdrawal.carried_out_at
    return {
        "withdrawn_at": withdrawal.withdrawn_at.isoformat(),
        "by": withdrawal.withdrawn_by,
        "keeps": withdrawal.keeps,
        "carried_out_at": done_at.isoformat() if done_at else None,
    }


def _delay(delay: Delay) -> dict[str, Any]:
    return {
        "job": delay.job,
        "reason": delay.reason,
        "since": delay.since.isoformat(),
        "tries": delay.tries,
        "tried_at": delay.tried_at.isoformat(),
        "again_at": delay.again_at.isoformat() if delay.again_at else None,
    }
