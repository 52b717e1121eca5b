"""Decides whether a repeated message is worth another line in the log."""

import re

_FIRST_S = 60.0
_GROWTH = 5
# Ids, the random ends of names, and numbers: they differ from try to try and mean nothing new.
_VARYING = re.compile(r"[0-9a-f]{6,}|[0-9]+(?:\.[0-9]+)?")


class Refrain:
    """Remembers the messages of a job. A new message is worth a line at once; the same again after a minute, then after
    five, and ever more rarely.
    """

    def __init__(self) -> None:
        self._next: dict[str, tuple[float, float]] = {}  # by the words: when they are due again, and the pause after

    def is_due(self, words: str, now: float) -> bool:
        """`now` is in seconds of a clock that never jumps. On True the caller logs the message."""
        words = _VARYING.sub("*", words)
        due, pause_s = self._next.get(words, (now, _FIRST_S))
        if now < due:
            return False
        self._next[words] = (now + pause_s, pause_s * _GROWTH)
        return True
