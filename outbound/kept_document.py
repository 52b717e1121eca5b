"""A document of another's server, asked for when it is needed, and kept for a while."""

from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock
from typing import Generic, TypeVar

from storage.errors import Refused, Unavailable

RETRY_AFTER = timedelta(seconds=10)

T = TypeVar("T")


class KeptDocument(Generic[T]):
    """May be used by several threads: one asks, and the others wait for its answer.

    A server that failed is not asked again for 10 seconds, so that a crowd of visitors does not wait for it in turn.
    """

    def __init__(self, fetch: Callable[[], T]) -> None:
        self._fetch = fetch
        self._lock = Lock()
        self._kept: tuple[datetime, T] | None = None
        self._failed: tuple[datetime, Refused | Unavailable] | None = None

    def within(self, age_max: timedelta, now: datetime) -> T:
        """The document, at most so old: the one that is kept, or else a new one. Raises what the fetch raises."""
        with self._lock:
            if self._kept and _is_within(age_max, self._kept[0], now):
                return self._kept[1]
            if self._failed and _is_within(RETRY_AFTER, self._failed[0], now):
                failure = self._failed[1]
                raise type(failure)(*failure.args)
            return self._fetched(now)

    def _fetched(self, now: datetime) -> T:
        try:
            document = self._fetch()
        except (Refused, Unavailable) as failure:
            self._failed = (now, failure)
            raise
        self._kept, self._failed = (now, document), None
        return document


def _is_within(age_max: timedelta, then: datetime, now: datetime) -> bool:
    """A time that lies ahead is none: the clock was set back."""
    return timedelta() <= now - then < age_max
