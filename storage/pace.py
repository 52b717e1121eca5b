"""How fast a stream comes, against the least that is let pass.

A total time would be a limit on the size as well, and the longest recording is a hundred times the usual one. A
connection on which nothing comes at all is ended by its read timeout; here it is found out that next to nothing does.
"""

import time
from collections.abc import Callable

# Of sound that comes no faster than it was spoken, a minute has 1.9 MB.
BYTES_MIN = 2_000_000
WINDOW_S = 60.0


class Pace:
    """Of one stream, from the moment it is made."""

    def __init__(
        self, bytes_min: int = BYTES_MIN, window_s: float = WINDOW_S, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._bytes_min, self._window_s, self._now = bytes_min, window_s, now
        self._since, self._got = now(), 0

    def is_too_slow(self, size_bytes: int) -> bool:
        """That many bytes more have come. True where the time since the last look brought too few."""
        self._got += size_bytes
        if self._now() - self._since < self._window_s:
            return False
        is_slow = self._got < self._bytes_min
        self._since, self._got = self._now(), 0
        return is_slow
