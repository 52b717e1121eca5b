"""What comes again and again is told once a minute, with how often: neither an outsider nor an outage may fill a disk
with our lines.
"""

from collections import Counter
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)

EVERY_S = 60.0


class Repeats(Generic[T]):
    """Each call's `now_s` is in seconds. Whoever uses it from several threads holds a lock."""

    def __init__(self) -> None:
        self._untold: Counter[T] = Counter()
        self._quiet_until: dict[T, float] = {}

    def come(self, what: T, now_s: float) -> int:
        """How often it has come since it was told last, with this time; 0 where it is not to be told yet."""
        self._untold[what] += 1
        if now_s < self._quiet_until.get(what, now_s):
            return 0
        self._quiet_until[what] = now_s + EVERY_S
        return self._untold.pop(what)

    def overdue(self, now_s: float) -> Iterator[tuple[T, int]]:
        """What came again, is to be told by now, and no longer comes; it is taken for told."""
        for what in [what for what, until_s in self._quiet_until.items() if until_s <= now_s]:
            del self._quiet_until[what]
            if times := self._untold.pop(what, 0):
                yield what, times
