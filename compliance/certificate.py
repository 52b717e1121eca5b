"""`onrecord certificate`: for a call, each copy that was looked for, how its absence was seen, and what is still open.

Each statement about a destroyed recording is its event `recording.destroyed`, word for word. So a bundle proves it.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from evidence.printable import escaped
from policies.copies import ACCOUNT_WIDE, CANNOT_BE_LOOKED_FOR, PLACES, CopyKind
from policies.incidents import IncidentKind
from policies.lifecycle import CallState, RecordingState
from storage.custody.certified import NOT_LOOKED_FOR
from storage.log import consent_log
from storage.rows import provider_copies, recordings, watermarks, withdrawals
from storage.rows.calls import Call
from storage.rows.incidents import Incident, open_concerning
from storage.rows.provider_copies import CopyRow
from storage.rows.recordings import Recording

_OPEN_KINDS = frozenset(
    {IncidentKind.COPY_REMAINS, IncidentKind.COPIES_NOT_LOOKED_FOR, IncidentKind.RECORDING_IN_DOUBT}
)
_NAMES: Mapping[str, str] = {
    "recording": "Twilio's recording",
    "stored_object": "our sealed objects",
    "key": "the key that opens them",
    **{str(kind): f"{PLACES[kind].name}s at Twilio" for kind in CopyKind},
}


@dataclass(frozen=True, slots=True)
class Destroyed:
    """A recording of the call. `certified` is its event `recording.destroyed`; None while there is none."""

    recording: Recording
    certified: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Certificate:
    call: Call
    made_at: datetime
    recordings: Sequence[Destroyed]
    copies: Sequence[CopyRow]
    incidents: Sequence[Incident]
    lets_keep: bool
    """The caller withdrew the consent, and let the recording be kept."""
    looked_until: datetime | None
    """Up to when each of the account's lists of texts has been read; None where one never was."""

    def open(self) -> list[str]:
        """The copies that are not shown to be gone, in words; empty where all are."""
        return [*self._open()]

    def _open(self) -> Iterator[str]:
        if self.call.state is not CallState.ENDED:
            yield "the call is not over"
        for destroyed in self.recordings:
            yield from self._open_of(destroyed)
        if not any(destroyed.certified for destroyed in self.recordings) and not self._was_looked_for():
            yield "the account's lists of texts were not read since the call's end"
        for copy in self.copies:
            if copy.gone_at is None:
                yield f"a {PLACES[copy.kind].name} is still at Twilio; its page is {PLACES[copy.kind].page}"
        for incident in self.incidents:
            if incident.kind in _OPEN_KINDS:
                yield f"incident {incident.id}, {incident.kind}: {incident.detail}"

    def _was_looked_for(self) -> bool:
        """Whether texts of the call were looked for, though no destruction of a recording asked for it."""
        ended_at = self.call.ended_at
        return ended_at is not None and self.looked_until is not None and self.looked_until >= ended_at

    def _open_of(self, destroyed: Destroyed) -> Iterator[str]:
        recording = destroyed.recording
        if destroyed.certified is None:
            if recording.state is not RecordingState.ABSENT:
                keeps = ": the caller withdrew, and let it be kept" if self.lets_keep else ""
                yield f"recording {recording.id} is not destroyed, it is {recording.state}{keeps}"
            return
        lines = destroyed.certified.get("copies")
        if lines is None:
            yield f"recording {recording.id} was destroyed by a version that looked for no texts"
        for line in lines or ():
            if line["seen"] == NOT_LOOKED_FOR:
                yield f"recording {recording.id}: {_NAMES.get(line['kind'], line['kind'])} were not looked for"

    def as_json(self) -> dict[str, Any]:
        """The keys that scripts, and `verify.py` in a bundle, may rely on; times are RFC 3339."""
        return {
            "call": self.call.id,
            "made_at": self.made_at.isoformat(timespec="seconds"),
            "outcome": self.call.outcome,
            "all_gone": not self.open(),
            "open": self.open(),
            "recordings": [
                {"recording": each.recording.id, "state": each.recording.state, "certified": each.certified}
                for each in self.recordings
            ],
            "copies": [
                {"copy": row.id, "kind": row.kind, "noticed_at": _time(row.noticed_at), "gone_at": _time(row.gone_at)}
                for row in self.copies
            ],
            "incidents": [{"incident": each.id, "kind": each.kind, "about": each.about} for each in self.incidents],
            "cannot_be_looked_for": dict(CANNOT_BE_LOOKED_FOR),
        }

    def lines(self) -> Iterator[str]:
        yield f"CERTIFICATE OF DESTRUCTION of call {self.call.id}, made on {_time(self.made_at)}"
        yield f"It came in on {_time(self.call.received_at)}; its outcome is {self.call.outcome}."
        if not self.recordings:
            yield "No recording of it was ever seen at Twilio."
        for each in self.recordings:
            yield ""
            yield from _told(each)
        for row in self.copies:
            gone = f"deleted, and seen to be gone on {_time(row.gone_at)}" if row.gone_at else "still there"
            yield f"A {PLACES[row.kind].name} was found on {_time(row.noticed_at)}: {gone}."
        yield ""
        yield "No API can be asked for:"
        yield from (f"  {words}" for words in CANNOT_BE_LOOKED_FOR.values())
        yield ""
        yield "OPEN:" if self.open() else "Nothing is open: all of it is shown to be gone."
        yield from (f"  {words}" for words in self.open())


def certificate(connection: Connection, call: Call, made_at: datetime, *, size: int | None = None) -> Certificate:
    """`size`: only by the events that a log of that size has."""
    leaves = consent_log.of_call(connection, call.id)
    withdrawn = withdrawals.of(connection, call.id)
    return certificate_of(
        connection,
        call,
        made_at,
        events=[consent_log.read_event(index, leaf) for index, leaf in leaves if size is None or index < size],
        made=recordings.of_call(connection, call.id),
        lets_keep=bool(withdrawn and withdrawn.keeps),
    )


def certificate_of(
    connection: Connection,
    call: Call,
    made_at: datetime,
    *,
    events: Sequence[Mapping[str, Any]],
    made: Sequence[Recording],
    lets_keep: bool,
) -> Certificate:
    """For whoever has read the call's events and recordings already."""
    ends = {event["recording"]: event for event in events if event["type"] == "recording.destroyed"}
    named = {event["recording"] for event in events if "recording" in event and event["type"].startswith("recording.")}
    return Certificate(
        call,
        made_at,
        [Destroyed(each, ends.get(each.id)) for each in made if each.id in named],
        provider_copies.of_call(connection, call.id),
        open_concerning(connection, call.id, IncidentKind.COPIES_NOT_LOOKED_FOR),
        lets_keep=lets_keep,
        looked_until=_looked_until(connection),
    )


def _looked_until(connection: Connection) -> datetime | None:
    names = [watermarks.copies(kind) for kind in ACCOUNT_WIDE]
    reached = watermarks.reached_each(connection, names)
    return min(reached.values()) if len(reached) == len(names) else None


def files_of(made: Certificate) -> dict[str, bytes]:
    """The certificate as the files of a bundle."""
    text = "".join(f"{escaped(line)}\n" for line in made.lines())
    return {
        "certificate.json": json.dumps(made.as_json(), indent=2, ensure_ascii=False).encode() + b"\n",
        "certificate.txt": text.encode(),
    }


def _told(each: Destroyed) -> Iterator[str]:
    event = each.certified
    if event is None:
        yield f"Recording {each.recording.id}: {each.recording.state}."
        return
    yield f"Recording {each.recording.id}: destroyed on {event['ts']}, rule: {event['rule']}."
    for line in event.get("copies", ()):
        answer = f" ({line['answer']})" if line["answer"] else ""
        yield f"  {_NAMES.get(line['kind'], line['kind'])}: {line['found']} found, seen: {line['seen']}{answer}"
    if residual := event.get("residual"):
        yield f"  Twilio keeps its metadata, without sound, until {residual['provider_metadata_until']}"
        yield f"  Backups may hold the sealed audio until: {residual['backups_until']}"


def _time(at: datetime | None) -> str | None:
    return at.isoformat(timespec="seconds") if at else None
