"""A database that has stopped answering is asked by one at a time; all others are told at once, and need not wait."""

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
        """Around whatever somebody waits for. Raises Unavailable at once while another finds out whether it answers."""
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
