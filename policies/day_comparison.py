"""Whether two lists of one day's calls, the provider's and ours, hold the same calls.

An erased call keeps its line and its time and no name, so it can't be found by name in the provider's list. A call
there on the same line at the same time is taken for it; each erased call accounts for a single call.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

# How far apart the two may write down that a call came in: clocks differ, and the provider counts whole seconds.
APART_MAX = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Came:
    """A call on either list. `name` is the provider's; for an erased call it names nothing."""

    name: str
    line: str
    at: datetime


@dataclass(frozen=True, slots=True)
class DayCompared:
    """The result for a UTC day. `missing` are the provider's names of calls that are not here, `unknown` of our calls
    that it denies. `strangers` counts the recordings first listed on the day that belong to no call of ours.
    """

    day: date
    provider_calls: int
    logged_calls: int
    erased: int
    missing: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    strangers: int = 0

    @property
    def agrees(self) -> bool:
        return not (self.missing or self.unknown)


def missing(listed: Iterable[Came], known: Collection[str], erased: Iterable[Came]) -> tuple[str, ...]:
    """The calls of the provider's list that are neither known here nor can be one that was erased."""
    left, found = list(erased), list[str]()
    for came in sorted(listed, key=lambda came: (came.at, came.name)):
        if came.name in known:
            continue
        if (taken := _taken_for(came, left)) is None:
            found.append(came.name)
        else:
            left.remove(taken)
    return tuple(found)


def _taken_for(came: Came, erased: list[Came]) -> Came | None:
    """The erased call that is nearest in time, if any can be it."""
    near = [other for other in erased if other.line == came.line and abs(other.at - came.at) <= APART_MAX]
    return min(near, key=lambda other: abs(other.at - came.at), default=None)
