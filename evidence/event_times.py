"""Whether the times of events run with their places in the log.

An event's time is its writer's clock, and nobody can look behind that. But the log has an order of its own: what stands
later was written later. An event that is dated well before what precedes it tells of a clock that was set back, or
ahead before, or of a date that was made up; which of them, the log can't say.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

CLOCKS_MAY_DIFFER = timedelta(minutes=10)
"""So far apart the clocks of two machines may be, and the moment that an event tells of from the one it is written."""


@dataclass(slots=True)
class Turn:
    """From the event at `index` on, which is dated `ts`, times lie before `before`: that is when an earlier event was
    written (its index), or somebody saw the log.

    `until` is the first event that is as late again; None where there is none.
    """

    index: int
    ts: str
    call_id: str | None
    before: str
    of: int | str
    until: int | None = None

    def __str__(self) -> str:
        of_call = f" of call {self.call_id}" if self.call_id else ""
        what = self.of if isinstance(self.of, str) else f"event {self.of}"
        again = "" if self.until is None else f"; from event {self.until} on they are as late as that again"
        return (
            f"event {self.index}{of_call} is dated {self.ts}, and stands in the log after {what}, of "
            f"{self.before}{again}. A clock was wrong, or it was written later than it says"
        )


@dataclass(slots=True)
class EventTimes:
    """Takes the events in the log's order, with what others saw of it between them. Times are RFC 3339 in UTC, to the
    millisecond, so that they can be compared as texts.
    """

    latest: str = ""
    of: int | str = ""
    """The event that is as late as that, or who saw the log then."""
    turns: list[Turn] = field(default_factory=list)
    _open: list[Turn] = field(default_factory=list)

    def add(self, index: int, ts: str, call_id: str | None) -> None:
        if ts < self.latest:
            if not is_well_before(ts, self.latest):
                return
            self.turns.append(Turn(index, ts, call_id, self.latest, self.of))
            self._open.append(self.turns[-1])
        self.latest, self.of = ts, index
        while self._open and not is_well_before(ts, self._open[-1].before):
            self._open.pop().until = index

    def seen(self, ts: str, what: str) -> None:
        """Somebody saw the log as far as it has come."""
        if ts > self.latest:
            self.latest, self.of = ts, what

    def in_words(self) -> Iterator[str]:
        """The one that lies furthest back, and how many there are besides."""
        if self.turns:
            yield str(max(self.turns, key=lambda turn: _at(turn.before) - _at(turn.ts)))
        if len(self.turns) > 1:
            yield f"times run back at {len(self.turns)} places in all, first at event {self.turns[0].index}"


def is_well_before(ts: str, other: str) -> bool:
    return ts < other and _at(other) - _at(ts) > CLOCKS_MAY_DIFFER


def _at(ts: str) -> datetime:
    return datetime.fromisoformat(ts)
