"""What is refused is told to the log once a minute for each reason, with how often: an outsider must not be able to
fill a disk with our lines.
"""

import logging
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock

log = logging.getLogger(__name__)

EVERY = timedelta(minutes=1)


class Refusals:
    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = Lock()
        self._untold: Counter[str] = Counter()
        self._quiet_until: dict[str, datetime] = {}

    def tell(self, reason: str) -> None:
        """The reason is one of a few words of ours, and nothing that was sent."""
        now = self._now()
        with self._lock:
            self._untold[reason] += 1
            if now < self._quiet_until.get(reason, now):
                return
            self._quiet_until[reason] = now + EVERY
            count = self._untold.pop(reason)
        log.warning("requests refused: %d, %s", count, reason)
