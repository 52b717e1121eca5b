"""Tells whether a stream is slower than a minimum rate.

A total time would be a limit on the size as well, and the longest recording is a hundred times the usual length.
A silent connection is ended by its read timeout; a connection that delivers next to nothing is found here.
"""

import time
from collections.abc import Callable

# A minute of sound in two channels has 1.9 MB: a download must be faster than speech.
BYTES_MIN = 2_000_000
WINDOW_S = 60.0


class Pace:
    """The pace of a stream, measured from the construction."""

    def __init__(
        self, bytes_min: int = BYTES_MIN, window_s: float = WINDOW_S, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._bytes_min, self._window_s, self._now = bytes_min, window_s, now
        self._since, self._got = now(), 0

    def is_too_slow(self, size_bytes: int) -> bool:
        """Count bytes that have arrived. True where the window that just ended brought fewer than `bytes_min`."""
        self._got += size_bytes
        if self._now() - self._since < self._window_s:
            return False
        is_slow = self._got < self._bytes_min
        self._since, self._got = self._now(), 0
        return is_slow
