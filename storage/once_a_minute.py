"""Counts repeated messages, so that each is logged once a minute with its count: neither an outsider nor an outage may
fill a disk with log lines.
"""

from collections import Counter
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)

EVERY_S = 60.0


class Repeats(Generic[T]):
    """`now_s` is any clock in seconds. Several threads need a lock around it."""

    def __init__(self) -> None:
        self._untold: Counter[T] = Counter()
        self._quiet_until: dict[T, float] = {}

    def come(self, what: T, now_s: float) -> int:
        """Count it. Returns how often it came since it was logged last, this time included; 0 if it is not due yet."""
        self._untold[what] += 1
        if now_s < self._quiet_until.get(what, now_s):
            return 0
        self._quiet_until[what] = now_s + EVERY_S
        return self._untold.pop(what)

    def overdue(self, now_s: float) -> Iterator[tuple[T, int]]:
        """Repeats not yet logged whose minute is over, with their counts; they then count as logged."""
        for what in [what for what, until_s in self._quiet_until.items() if until_s <= now_s]:
            del self._quiet_until[what]
            if times := self._untold.pop(what, 0):
                yield what, times
