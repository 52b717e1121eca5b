"""One thread that writes for all others: what has queued up meanwhile is committed together, with one sync."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine

T = TypeVar("T")
_GROUP_MAX = 64


@dataclass(frozen=True, slots=True)
class _Waiting:
    work: Callable[[Connection], Any]
    result: "Future[Any]" = field(default_factory=Future)


class GroupCommit:
    """`run` blocks until the transaction its work is part of is on disk, then returns the work's result."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def run(self, work: Callable[[Connection], T]) -> T:
        self._start()
        waiting = _Waiting(work)
        self._queue.put(waiting)
        result: T = waiting.result.result()
        return result

    def close(self) -> None:
        """Let what is queued be committed, then end the thread."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="group-commit", daemon=True)
                self._thread.start()

    def _serve(self) -> None:
        while (first := self._queue.get()) is not None:
            group = [first]
            try:
                self._commit(group)
            except BaseException as error:  # noqa: BLE001  # handed to whoever waits for it
                self._one_by_one(group, error)

    def _commit(self, group: list[_Waiting]) -> None:
        with self._engine.begin() as connection:
            group += self._queued_meanwhile()
            results = [waiting.work(connection) for waiting in group]
        for waiting, result in zip(group, results, strict=True):
            waiting.result.set_result(result)

    def _one_by_one(self, group: list[_Waiting], error: BaseException) -> None:
        """One failure took the group's writes back: give the error to its owner and the others a fresh start."""
        if len(group) == 1:
            group[0].result.set_exception(error)
            return
        for waiting in group:
            try:
                with self._engine.begin() as connection:
                    result = waiting.work(connection)
            except BaseException as own:  # noqa: BLE001  # handed to whoever waits for it
                waiting.result.set_exception(own)
            else:
                waiting.result.set_result(result)

    def _queued_meanwhile(self) -> list[_Waiting]:
        following: list[_Waiting] = []
        while len(following) < _GROUP_MAX:
            try:
                waiting = self._queue.get_nowait()
            except Empty:
                break
            if waiting is None:
                self._queue.put(None)
                break
            following.append(waiting)
        return following
