"""Refused requests: one log line a minute for each reason, with their number."""

import logging
from collections.abc import Callable
from datetime import datetime
from threading import Lock

from storage.once_a_minute import Repeats

log = logging.getLogger(__name__)


class Refusals:
    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = Lock()
        self._repeats = Repeats[str]()

    def count(self, reason: str) -> None:
        """The reason is one of our own few words, and nothing from the request."""
        now_s = self._now().timestamp()
        with self._lock:
            times = self._repeats.come(reason, now_s)
        if times:
            log.warning("requests refused: %d, %s", times, reason)
