"""Refused requests are told to the log once a minute for each reason, with how many."""

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

    def tell(self, reason: str) -> None:
        """The reason is one of a few words of ours, and nothing that was sent."""
        now_s = self._now().timestamp()
        with self._lock:
            times = self._repeats.come(reason, now_s)
        if times:
            log.warning("requests refused: %d, %s", times, reason)
