"""While the database does not answer, a single caller tries it at a time; all others fail at once and need not wait."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from storage.errors import Unavailable


class CircuitBreaker:
    def __init__(self) -> None:
        self._is_stalled = False
        self._asking = Lock()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Around a call to the database. Raises Unavailable at once while another caller finds out if it answers."""
        asks = self._is_stalled
        if asks and not self._asking.acquire(blocking=False):
            raise Unavailable("database: it has stopped answering")
        try:
            yield
            self._is_stalled = False
        except Unavailable:
            self._is_stalled = True
            raise
        finally:
            if asks:
                self._asking.release()
