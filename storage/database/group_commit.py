"""Commits the writes of all threads in a single thread: writes that are queued together share a transaction and a sync.

A thread that waits for a stalled disk gives up after a time, and its work is then taken back.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine

from storage.database.after_commit import transaction
from storage.database.deadline import too_late
from storage.errors import Unavailable

T = TypeVar("T")
_GROUP_MAX = 64


def _closed() -> threading.Lock:
    gate = threading.Lock()
    gate.acquire()
    return gate


@dataclass(slots=True, eq=False)
class _Waiting:
    """`gate` opens when there is a result or an error."""

    work: Callable[[Connection], Any]
    gate: threading.Lock = field(default_factory=_closed)
    result: Any = None
    error: BaseException | None = None
    is_done: bool = False
    has_given_up: bool = False

    def done(self, result: Any = None, error: BaseException | None = None) -> None:
        self.result, self.error, self.is_done = result, error, True
        self.gate.release()


class GroupCommit:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def run(self, work: Callable[[Connection], T], within_s: float | None) -> T:
        """Return the work's result once the transaction that it is part of is on disk.

        Raises Unavailable when that takes too long. Nothing was written then, but for one case: the disk did confirm
        the commit, later.
        """
        self._start()
        own = _Waiting(work)
        self._queue.put(own)
        own.gate.acquire(timeout=-1 if within_s is None else within_s)
        if not own.is_done:
            own.has_given_up = True
            raise too_late(within_s)
        if own.error is not None:
            raise own.error
        result: T = own.result
        return result

    def close(self) -> None:
        """Let what is queued be committed, then end the thread."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()

    def _start(self) -> None:
        if self._thread is None:
            with self._starting:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._serve, name="group-commit", daemon=True)
                    self._thread.start()

    def _serve(self) -> None:
        while (first := self._queue.get()) is not None:
            if first.has_given_up:
                continue
            group = [first]
            try:
                self._commit(group, self._queued())
            except BaseException as error:  # noqa: BLE001  # handed to whoever waits for it
                self._one_by_one(group, error)

    def _one_by_one(self, group: list[_Waiting], error: BaseException) -> None:
        """After a failure took the group's writes back: give the error to its owner and the others a fresh start."""
        if len(group) == 1:
            group[0].done(error=error)
            return
        for waiting in group:
            try:
                self._commit([waiting])
            except BaseException as own:  # noqa: BLE001  # handed to whoever waits for it
                waiting.done(error=own)

    def _commit(self, group: list[_Waiting], more: Iterable[_Waiting] = ()) -> None:
        """Write for the group and for the `more` that join it on the way, all in one transaction."""
        with transaction(self._engine) as connection:
            results = [waiting.work(connection) for waiting in group]
            for waiting in more:
                group.append(waiting)
                results.append(waiting.work(connection))
            if any(waiting.has_given_up for waiting in group):
                raise Unavailable("somebody in the group no longer waits")
        for waiting, result in zip(group, results, strict=True):
            waiting.done(result)

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
