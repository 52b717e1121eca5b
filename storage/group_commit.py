"""Whoever comes first writes for all who come meanwhile: their work shares one transaction, and with it one sync.

There is no thread of its own. One of those who wait leads: it runs the work of all that are queued, its own first,
commits, gives each its result and passes the lead to the first that queued since. Somebody alone waits for nobody.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine

T = TypeVar("T")
_GROUP_MAX = 64


def _closed() -> Lock:
    gate = Lock()
    gate.acquire()
    return gate


@dataclass(slots=True)
class _Waiting:
    """`gate` opens when the work is done, or when it is its owner's turn to lead."""

    work: Callable[[Connection], Any]
    gate: Lock = field(default_factory=_closed)
    is_done: bool = False
    result: Any = None
    error: BaseException | None = None

    def done(self, result: Any = None, error: BaseException | None = None) -> None:
        self.result, self.error, self.is_done = result, error, True
        self.gate.release()


class GroupCommit:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._queue: deque[_Waiting] = deque()
        self._joining = Lock()
        self._is_led = False

    def run(self, work: Callable[[Connection], T]) -> T:
        """Return the work's result once the transaction that it is part of is on disk."""
        own = _Waiting(work)
        with self._joining:
            self._queue.append(own)
            follows, self._is_led = self._is_led, True
        if follows:
            own.gate.acquire()
        if not own.is_done:
            self._lead()
        if own.error is not None:
            raise own.error
        result: T = own.result
        return result

    def _lead(self) -> None:
        group: list[_Waiting] = []
        try:
            self._commit(group)
        except BaseException as error:  # noqa: BLE001  # handed to whoever waits for it
            self._one_by_one(group or [self._queue.popleft()], error)
        finally:
            self._pass_on()

    def _commit(self, group: list[_Waiting]) -> None:
        results = []
        with self._engine.begin() as connection:
            while self._queue and len(group) < _GROUP_MAX:
                group.append(self._queue.popleft())
                results.append(group[-1].work(connection))
        for waiting, result in zip(group, results, strict=True):
            waiting.done(result)

    def _one_by_one(self, group: list[_Waiting], error: BaseException) -> None:
        """One failure took the group's writes back: give the error to its owner and the others a fresh start."""
        if len(group) == 1:
            group[0].done(error=error)
            return
        for waiting in group:
            try:
                with self._engine.begin() as connection:
                    result = waiting.work(connection)
            except BaseException as own:  # noqa: BLE001  # handed to whoever waits for it
                waiting.done(error=own)
            else:
                waiting.done(result)

    def _pass_on(self) -> None:
        with self._joining:
            self._is_led = bool(self._queue)
            if self._queue:
                self._queue[0].gate.release()
