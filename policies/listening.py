"""The rules of listening: a lease to hear one recording for one purpose, renewed as long as it is heard.

The page reports its place and the ranges heard since the report before; each answer says go on, or stop and why.
Without reports the lease is over by itself, and sound is only ever handed out near the place that was reported. The
sound handed out counts apart: no report can make it less, and nothing else can have been heard.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

RENEWED_EVERY = timedelta(seconds=4)
LOST_AFTER = timedelta(seconds=12)
"""A page that gets no answer for so long stops by itself; so does a lease that gets no report."""
AHEAD_MS, BEHIND_MS = 60_000, 20_000
"""How far from the reported position sound is handed out."""
LAST_WORDS_MAX = 2
"""Reports that count after the end: the one under way, and what was heard until its answer."""
LOGGED_EVERY = timedelta(minutes=1)
RANGES_MAX = 200
SPEED_MAX, SPARE_MS = 3, 15_000
"""No more is played than this many times the time that passed, and a little: a report may be under way for a while."""

Range = tuple[int, int]
"""From and to, in ms of the recording; the end is not part of it."""


class Stop(StrEnum):
    """Why a listening ended."""

    CLOSED = "closed"  # by the listener
    SILENT = "no_report"
    SIGNED_OUT = "signed_out"
    NOT_PERMITTED = "not_permitted"
    NOT_YOURS = "out_of_scope"
    NOT_TO_BE_OPENED = "may_not_be_opened"  # withdrawn, destroyed, its time over: its own words say which


STOPPED_BECAUSE = {
    Stop.CLOSED: "",
    Stop.SILENT: "no report came, so it counts up to the last one",
    Stop.SIGNED_OUT: "the listener's session ended",
    Stop.NOT_PERMITTED: "the listener's role may no longer hear it",
    Stop.NOT_YOURS: "the call is no longer within the listener's scope",
    Stop.NOT_TO_BE_OPENED: "it may no longer be heard",
}


@dataclass(frozen=True, slots=True)
class Report:
    """A report of a page. `number` counts the reports of a lease from 1: one that comes twice counts once. `ranges`
    were heard since the report before; `played_ms` counts repeats in them again. `closes`: it is the last.
    """

    number: int
    position_ms: int
    ranges: tuple[Range, ...] = ()
    played_ms: int = 0
    closes: bool = False


def union(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """In order and apart; ranges that touch become one."""
    found: list[Range] = []
    for begin, end in sorted(ranges):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        elif begin < end:
            found.append((begin, end))
    return tuple(found)


def common(some: Iterable[Range], others: Iterable[Range]) -> tuple[Range, ...]:
    """The parts that lie in both, found in one pass: a page may report many ranges while the log's writer waits."""
    left, right = list(reversed(union(some))), list(reversed(union(others)))
    found: list[Range] = []
    while left and right:
        begin, end = max(left[-1][0], right[-1][0]), min(left[-1][1], right[-1][1])
        if begin < end:
            found.append((begin, end))
        (left if left[-1][1] == end else right).pop()
    return tuple(found)


def believed(played_ms: int, passed: timedelta) -> int:
    """How much of it can have been played in that time."""
    passed_ms = max(0, passed // timedelta(milliseconds=1))
    return min(played_ms, passed_ms * SPEED_MAX + SPARE_MS)


def coarse(ranges: Sequence[Range], most: int = RANGES_MAX) -> tuple[Range, ...]:
    """At most so many, of ranges in order and apart: the narrowest gaps between them count as heard, and no more gaps
    than needed. An event of the log holds no more, however many a page reports.
    """
    gaps = sorted(range(1, len(ranges)), key=lambda n: ranges[n][0] - ranges[n - 1][1])
    filled = set(gaps[: max(0, len(ranges) - most)])
    found: list[Range] = []
    for n, (begin, end) in enumerate(ranges):
        if n in filled:
            found[-1] = (found[-1][0], end)
        else:
            found.append((begin, end))
    return tuple(found)


def is_plausible(report: Report, duration_ms: int) -> bool:
    """Whether the report can be of a recording of that length: places within it, in numbers that make sense."""
    places = [report.position_ms, *(place for range_ in report.ranges for place in range_)]
    longest = sum(end - begin for begin, end in report.ranges)
    return (
        report.number >= 1
        and len(report.ranges) <= RANGES_MAX
        and all(0 <= place <= duration_ms + 1000 for place in places)
        and all(begin < end for begin, end in report.ranges)
        and 0 <= report.played_ms <= max(1, len(report.ranges)) * (longest + 1000) + duration_ms
    )


def is_near(position_ms: int, piece: Range) -> bool:
    """Whether a piece may be handed out while that is the position."""
    begin, end = piece
    return begin >= position_ms - BEHIND_MS and end <= position_ms + AHEAD_MS


def is_lost(renewed_at: datetime, now: datetime) -> bool:
    """Also where the clock was set back: it can't tell then how long no report came."""
    return abs(now - renewed_at) > LOST_AFTER


def is_to_be_logged(logged_at: datetime, now: datetime, fresh: Sequence[Range]) -> bool:
    """Whether what was heard or handed out since the last event is to have one of its own before the end."""
    return bool(fresh) and now - logged_at >= LOGGED_EVERY
