"""Commits the writes of many threads together: writes that are queued at the same time share a transaction and a sync.

A thread that waits for a stalled disk gives up after a time, and its work is then taken back.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine

from storage.database.after_commit import transaction
from storage.database.deadline import too_late
from storage.errors import Unavailable
from storage.served import Signal

T = TypeVar("T")
_GROUP_MAX = 64


@dataclass(slots=True, eq=False)
class _Waiting:
    """`is_done` is signalled when there is a result or an error. `until`, by `time.monotonic`, is when it gives up."""

    work: Callable[[Connection], Any]
    until: float | None = None
    signal: Signal = field(default_factory=Signal)
    result: Any = None
    error: BaseException | None = None
    is_done: bool = False
    has_given_up: bool = False

    def done(self, result: Any = None, error: BaseException | None = None) -> None:
        self.result, self.error, self.is_done = result, error, True
        self.signal.give()


class Ungrouped(Exception):
    """The group was taken back: whoever has this work runs it alone. Nothing of it is written, unless the connection
    was lost while the group was committed.
    """


class GroupCommit:
    """`threads` commit at the same time, each a group of its own: one for a database with a single writer.

    `begin` begins a group's transaction. Where one fails, its works are run again one by one. With `hands_back` that is
    up to whoever has them, so that no other group waits: `run` raises Ungrouped then, also for a work that was alone
    with an error for which `hands_back` is true.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        threads: int = 1,
        begin: Callable[[Connection], object] | None = None,
        hands_back: Callable[[BaseException], bool] | None = None,
    ) -> None:
        self._engine, self._begin, self._hands_back = engine, begin, hands_back
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._queueing = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._count = threads
        self._is_closed = False

    def run(self, work: Callable[[Connection], T], within_s: float | None) -> T:
        """Return the work's result once the transaction that it is part of is on disk.

        Raises Unavailable when that takes too long, and after `close`. Nothing was written then, but for one case: the
        disk did confirm the commit, later.
        """
        own = _Waiting(work, None if within_s is None else monotonic() + within_s)
        self._put(own)
        own.signal.wait(within_s)
        if not own.is_done:
            own.has_given_up = True
            raise too_late(within_s)
        if own.error is not None:
            raise own.error
        result: T = own.result
        return result

    def close(self) -> None:
        """Let what is queued be committed, then end the threads. Nothing is queued behind that."""
        with self._queueing:
            self._is_closed = True
            self._queue.put(None)
        for thread in self._threads:
            thread.join()

    def _put(self, waiting: _Waiting) -> None:
        with self._queueing:
            if self._is_closed:
                raise Unavailable("database: it is closed")
            if not self._threads:
                self._start()
            self._queue.put(waiting)

    def _start(self) -> None:
        self._threads = [
            threading.Thread(target=self._serve, name="group-commit", daemon=True) for _ in range(self._count)
        ]
        for thread in self._threads:
            thread.start()

    def _serve(self) -> None:
        while (first := self._queue.get()) is not None:
            if first.has_given_up:
                continue
            group = [first]
            try:
                self._commit(group, self._queued())
            except BaseException as error:  # noqa: BLE001  # handed to whoever waits for it
                self._taken_back(group, error)
        self._queue.put(None)  # for the next thread

    def _taken_back(self, group: list[_Waiting], error: BaseException) -> None:
        """After a failure took the group's writes back: give the error to its owner and the others a fresh start."""
        is_alone = len(group) == 1
        for waiting in group:
            if self._hands_back and not (is_alone and not self._hands_back(error)):
                waiting.done(error=Ungrouped())
            elif is_alone:
                waiting.done(error=error)
            else:
                self._once_more(waiting)

    def _once_more(self, waiting: _Waiting) -> None:
        try:
            self._commit([waiting])
        except BaseException as error:  # noqa: BLE001  # handed to whoever waits for it
            waiting.done(error=error)

    def _commit(self, group: list[_Waiting], more: Iterable[_Waiting] = ()) -> None:
        """Write for the group and for the `more` that join it on the way, all in one transaction."""
        with transaction(self._engine, lambda: self._until(group)) as connection:
            if self._begin:
                self._begin(connection)
            results = [waiting.work(connection) for waiting in group]
            for waiting in more:
                group.append(waiting)
                results.append(waiting.work(connection))
            if any(waiting.has_given_up for waiting in group):
                raise Unavailable("somebody in the group no longer waits")
        for waiting, result in zip(group, results, strict=True):
            waiting.done(result)

    @staticmethod
    def _until(group: Iterable[_Waiting]) -> float | None:
        """When the first of them gives up."""
        return min((waiting.until for waiting in group if waiting.until is not None), default=None)

    def _queued(self) -> Iterator[_Waiting]:
        """The writes that are queued, and those that queue up while the earlier writes run."""
        for _ in range(_GROUP_MAX):
            try:
                waiting = self._queue.get_nowait()
            except Empty:
                return
            if waiting is None:
                self._queue.put(None)
                return
            if not waiting.has_given_up:
                yield waiting
