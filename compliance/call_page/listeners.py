"""Everybody who listened to the recordings of a call, or asked to, by the log: for what, and to which seconds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from compliance.call_log import Entry
from compliance.call_page.known_events import listed
from policies.listening import Range, union

_ACCESSES = frozenset({"recording.accessed", "recording.access_refused"})
Ranges = tuple[Range, ...]
"""Parts of a recording in ms, from and to, in order and apart."""


@dataclass(frozen=True, slots=True)
class Access:
    """A recording that was opened, and not for a listening, or was not. `what` is export, `refused` is why it was not
    opened; one of the two is empty. `actor` is empty where who it was is not known any more.
    """

    event: int
    at: datetime
    actor: str
    recording_id: str
    purpose: str
    what: str = ""
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Listening:
    """A listening, by its lease. `first_at` is when it was opened, `last_at` is the time of its last event. `heard` are
    the parts of the recording that were heard, `played_ms` is how much sound was played, and of `handed_out` sound left
    for the browser. `is_over`, and `why`, empty where the listener
    closed it.
    """

    lease: str
    events: tuple[int, ...]
    first_at: datetime
    last_at: datetime
    actor: str
    recording_id: str
    purpose: str
    heard: Ranges
    handed_out: Ranges
    played_ms: int
    is_over: bool
    why: str

    @property
    def heard_ms(self) -> int:
        return length_of(self.heard)

    @property
    def handed_out_ms(self) -> int:
        return length_of(self.handed_out)


@dataclass(frozen=True, slots=True)
class Listeners:
    accesses: tuple[Access, ...]
    listenings: tuple[Listening, ...]

    def heard_of(self, recording_id: str) -> Ranges:
        """The parts of a recording that anybody has heard."""
        mine = (listening for listening in self.listenings if listening.recording_id == recording_id)
        return union(part for listening in mine for part in listening.heard)


def listeners(entries: Sequence[Entry]) -> Listeners:
    accesses: list[Access] = []
    of_leases: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.type == "recording.heard" or (entry.type == "recording.accessed" and _text(entry, "lease")):
            of_leases.setdefault(_text(entry, "lease"), []).append(entry)
        elif entry.type in _ACCESSES:
            accesses.append(_access(entry))
    return Listeners(tuple(accesses), tuple(_listening(lease, told) for lease, told in of_leases.items()))


def length_of(ranges: Ranges) -> int:
    """In ms."""
    return sum(end - begin for begin, end in ranges)


def _access(entry: Entry) -> Access:
    refused = entry.type == "recording.access_refused"
    return Access(
        event=entry.index,
        at=entry.at,
        actor=str(entry.private.get("actor", "")),
        recording_id=_text(entry, "recording"),
        purpose=_text(entry, "purpose"),
        what="" if refused else _text(entry, "what"),
        refused=_text(entry, "why") if refused else "",
    )


def _listening(lease: str, reports: Sequence[Entry]) -> Listening:
    first, last = reports[0], reports[-1]
    final = next((entry for entry in reports if entry.public.get("final") is True), None)
    return Listening(
        lease=lease,
        events=tuple(entry.index for entry in reports),
        first_at=first.at,
        last_at=last.at,
        actor=str(first.private.get("actor", "")),
        recording_id=_text(first, "recording"),
        purpose=_text(first, "purpose"),
        heard=union(part for entry in reports for part in _ranges(entry, "ranges")),
        handed_out=union(part for entry in reports for part in _ranges(entry, "handed_out")),
        played_ms=sum(_number(entry.public.get("played_ms")) for entry in reports),
        is_over=final is not None,
        why=_text(final, "why") if final else "",
    )


def _ranges(entry: Entry, name: str) -> list[tuple[int, int]]:
    pairs = [tuple(map(_number, listed(pair))) for pair in listed(entry.public.get(name))]
    return [(pair[0], pair[1]) for pair in pairs if len(pair) == 2]


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _text(entry: Entry, name: str) -> str:
    return str(entry.public.get(name, ""))
