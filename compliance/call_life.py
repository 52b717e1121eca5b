"""The life of one call, as `onrecord call` tells it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from policies.lifecycle import RecordingState
from storage.custody.row_watch import contradictions
from storage.log import consent_log
from storage.rows import calls, delays, recordings
from storage.rows.calls import Call
from storage.rows.delays import Delay
from storage.rows.incidents import Incident, open_incidents
from storage.rows.recordings import Recording

_STORED = frozenset({RecordingState.STORED, RecordingState.KEPT})


@dataclass(frozen=True, slots=True)
class CallLife:
    call: Call
    recordings: list[Recording]
    events: list[dict[str, Any]]
    incidents: list[Incident]
    delays: Mapping[str, Delay]
    """Why recordings stand still, by their ids."""
    differs: list[str]
    """Where the rows say something else than the events, which count."""

    def oddities(self, recording_id: str) -> list[str]:
        """What was odd about a recording when it was stored."""
        stored = [one for one in self.events if one["type"] == "recording.stored" and one["recording"] == recording_id]
        return [str(odd) for one in stored for odd in one.get("oddities", [])]

    def as_json(self) -> dict[str, Any]:
        """The keys that scripts may rely on; times are RFC 3339."""
        return {
            "call_sid": self.call.call_sid,
            "line": self.call.line,
            "mode": self.call.mode,
            "language": self.call.language,
            "outcome": self.call.outcome,
            "reason": self.call.reason,
            "state": self.call.state,
            "synthetic": self.call.synthetic,
            "rules_version": self.call.rules_sha256,
            "recordings": [self._recording(one) for one in self.recordings],
            "erased_at": self.call.erased_at.isoformat() if self.call.erased_at else None,
            "incidents": [{"kind": one.kind, "detail": one.detail} for one in self.incidents],
            "differs": self.differs,
            "events": self.events,
        }

    def _recording(self, one: Recording) -> dict[str, Any]:
        return {
            "recording_sid": one.recording_sid,
            "state": one.state,
            "source": one.source,
            "duration_s": one.duration_s,
            "stored": one.state in _STORED,
            "object_key": one.object_key,
            "retain_until": one.retain_until.isoformat() if one.retain_until else None,
            "destroyed_at": one.destroyed_at.isoformat() if one.destroyed_at else None,
            "oddities": self.oddities(one.id),
            "delay": _delay(self.delays[one.id]) if one.id in self.delays else None,
        }


def life_of(connection: Connection, name: str) -> CallLife | None:
    """By Twilio's sid, or by our own id: an erased call has no other."""
    known = calls.named(connection, name)
    if known is None:
        return None
    return CallLife(
        call=known,
        recordings=recordings.of_call(connection, known.id),
        events=[{"index": index, **event} for index, event in consent_log.events_of_call(connection, known.id)],
        incidents=open_incidents(connection, known.id),
        delays=delays.of_call(connection, known.id),
        differs=[str(one) for one in contradictions(connection, known.id)],
    )


def _delay(one: Delay) -> dict[str, Any]:
    return {
        "job": one.job,
        "reason": one.reason,
        "since": one.since.isoformat(),
        "tries": one.tries,
        "tried_at": one.tried_at.isoformat(),
        "again_at": one.again_at.isoformat() if one.again_at else None,
    }
