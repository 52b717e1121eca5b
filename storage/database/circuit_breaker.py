"""While the database does not answer, a single caller tries it at a time; all others fail at once and need not wait."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from threading import Lock
from time import monotonic

from storage.errors import Unavailable


class CircuitBreaker:
    def __init__(self) -> None:
        self._is_stalled, self._answered_at = False, -inf
        self._asking = Lock()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Around a call to the database. Raises Unavailable at once while another caller finds out if it answers.

        A call that fails while the database answers others, by a row that somebody has locked, says nothing of these.
        """
        asks = self._is_stalled
        if asks and not self._asking.acquire(blocking=False):
            raise Unavailable("database: it has stopped answering")
        began = monotonic()
        try:
            yield
            self._is_stalled, self._answered_at = False, monotonic()
        except Unavailable:
            if self._answered_at < began:
                self._is_stalled = True
            raise
        finally:
            if asks:
                self._asking.release()
