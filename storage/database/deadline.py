"""An answer in time: a caller waits for it, and the provider waits only so long before it gives the call up.

A database that hangs (a lock that nobody releases, a network that swallows packets, a disk that stalls) gives no error.
So the waiting is done by a thread that can be left behind.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TypeVar

from storage.errors import Unavailable

T = TypeVar("T")

IsLate = Callable[[], bool]
# As many as a web process has threads. While all hang, the next caller waits for its own deadline, and no longer.
_THREADS = 16


def too_late(within_s: float | None) -> Unavailable:
    return Unavailable(f"the database took longer than {within_s} s")


class Deadline:
    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="in-time")

    def keep(self, work: Callable[[IsLate], T], within_s: float) -> T:
        """The work's result. Raises the work's errors, and Unavailable when it is not done in time.

        Late work goes on in its thread: it must ask `is_late` before it commits.
        """
        given_up = Event()
        task = self._threads.submit(work, given_up.is_set)
        try:
            return task.result(within_s)
        except TimeoutError as error:
            given_up.set()
            task.cancel()
            raise too_late(within_s) from error
