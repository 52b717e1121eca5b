"""Checks that the times of events run in the order of the log.

The time of an event comes from its writer's clock, which nobody can check. But the log has an order of its own: a later
event was written later. An event dated well before an earlier event shows a clock that was set back, or was ahead
before, or a made-up date; the log can't tell which.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

CLOCKS_MAY_DIFFER = timedelta(minutes=10)
"""Tolerated between the clocks of two machines, and between the time in an event and the time of its writing."""


@dataclass(slots=True)
class Turn:
    """From the event at `index` on, dated `ts`, times lie before `before`. `of` is the source of `before`: the index of
    an earlier event, or in words the observer who saw the log then.

    `until` is the first later event with a time near `before` or after it; None where there is none.
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
    """Takes the events in the log's order, and between them the times when others saw the log. Times are RFC 3339 in
    UTC, to the millisecond, so that they can be compared as texts.
    """

    latest: str = ""
    of: int | str = ""
    """The source of `latest`: the index of an event, or in words the observer who saw the log then."""
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
        """`what`, an observer in words, saw the log of the events so far at `ts`."""
        if ts > self.latest:
            self.latest, self.of = ts, what

    def in_words(self) -> Iterator[str]:
        """The turn that lies furthest back, and the number of all turns."""
        if self.turns:
            yield str(max(self.turns, key=lambda turn: _at(turn.before) - _at(turn.ts)))
        if len(self.turns) > 1:
            yield f"times run back at {len(self.turns)} places in all, first at event {self.turns[0].index}"


def is_well_before(ts: str, other: str) -> bool:
    return ts < other and _at(other) - _at(ts) > CLOCKS_MAY_DIFFER


def _at(ts: str) -> datetime:
    return datetime.fromisoformat(ts)
