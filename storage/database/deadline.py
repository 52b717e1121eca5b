"""An answer in time: a caller waits for it, and the provider waits only so long before it gives the call up.

A database that hangs (a lock that nobody releases, a network that swallows packets, a disk that stalls) gives no error.
So the waiting is done by a thread that can be left behind.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from storage.errors import Unavailable

T = TypeVar("T")

# As many as a web process has threads. While all hang, the next caller waits for its own deadline, and no longer.
_THREADS = 16


def too_late(within_s: float | None) -> Unavailable:
    return Unavailable(f"the database took longer than {within_s} s")


class Deadline:
    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="in-time")

    def keep(self, work: Callable[[], T], within_s: float) -> T:
        """The work's result. Raises the work's errors, and Unavailable when it is not done in time.

        Late work goes on in its thread: it must not commit any more.
        """
        task = self._threads.submit(work)
        try:
            return task.result(within_s)
        except TimeoutError as error:
            task.cancel()
            raise too_late(within_s) from error
