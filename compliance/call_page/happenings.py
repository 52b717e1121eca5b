"""The events of a call by when they happened, which is not always when they were logged.

A step that could only be settled later is logged with the time of its settlement, and says when it had come.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from compliance.call_log import Entry

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Happening:
    """An event, by its index in the log. It happened at `at_ms`, ms since 1970; `is_late`: it was logged later."""

    index: int
    type: str
    fields: Mapping[str, Any]
    at_ms: int
    is_late: bool = False

    def text(self, name: str) -> str:
        """A field as text; empty where the event lacks it."""
        value = self.fields.get(name)
        return value if isinstance(value, str) else ""

    def number(self, name: str) -> int | None:
        value = self.fields.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else None


def happenings(entries: Sequence[Entry]) -> list[Happening]:
    """In the order of the log, with each late step where it belongs by its time."""
    came = {entry.at: _received(entry) for entry in entries if entry.type == "step.settled_late"}
    found = [_happening(entry, came.get(entry.at)) for entry in entries]
    return [found[place] for place in sorted(range(len(found)), key=list(_turns(found)).__getitem__)]


def ms_of(at: datetime) -> int:
    """Milliseconds since 1970."""
    return (at - _EPOCH) // _MS


def _turns(found: Sequence[Happening]) -> Iterator[int]:
    """The log's order stands where clocks run back, so no event comes before one that was logged earlier."""
    latest = found[0].at_ms if found else 0
    for happening in found:
        if not happening.is_late:
            latest = max(latest, happening.at_ms)
        yield happening.at_ms if happening.is_late else latest


def _happening(entry: Entry, came: datetime | None) -> Happening:
    return Happening(entry.index, entry.type, entry.public, ms_of(came or entry.at), is_late=came is not None)


def _received(entry: Entry) -> datetime | None:
    try:
        return datetime.fromisoformat(str(entry.public.get("received_at")))
    except ValueError:
        return None
