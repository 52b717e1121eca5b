"""An answer in time: a caller waits for it, and the provider waits only so long before it gives the call up.

A database that hangs (a lock that nobody releases, a network that swallows packets, a disk that stalls) gives no error.
So the waiting is done by a thread that can be left behind. The time counts from when it is asked for, whether or not a
thread is free: however many wait, none of them waits for longer.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from storage.errors import Unavailable
from storage.served import Signal

T = TypeVar("T")

# Fewer than Postgres gives a process connections.
_THREADS = 16


def too_late(within_s: float | None, what: str = "the database") -> Unavailable:
    return Unavailable(f"{what} took longer than {within_s and round(within_s, 3)} s")


class Deadline:
    """`what` takes too long, in the errors."""

    def __init__(self, what: str = "the database", *, threads: int = _THREADS) -> None:
        self._what = what
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="in-time")

    def keep(self, work: Callable[[], T], within_s: float, *, or_later: bool = False) -> T:
        """The work's result. Raises the work's errors, and Unavailable when it is not done in time.

        Late work goes on in its thread: it must not commit any more. Where it had no thread yet it is never begun, or,
        with `or_later`, before this process ends.
        """
        ended = Signal()
        task = self._threads.submit(work)
        task.add_done_callback(lambda _: ended.give())
        ended.wait(within_s)
        is_given_up = not or_later and task.cancel()
        if is_given_up or not task.done():
            raise too_late(within_s, self._what)
        return task.result()
