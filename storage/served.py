"""Requests that are served on an event loop, each in a greenlet: whoever waits there gives way to the others.

A thread for each would cost more than the request itself, since threads take turns at the interpreter. The code of a
step reads as if it had a thread of its own, and in a thread it waits like any other code. Work that may block is done
by another thread (`storage.database.deadline`), and only the signal of its end is waited for.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar, cast

from greenlet import getcurrent, greenlet

T = TypeVar("T")


class _Served(greenlet):  # type: ignore[misc]  # the library tells no types
    """The greenlet of a request on a loop. In a thread there is none."""


async def serve(work: Callable[[], T]) -> T:
    """The result of `work`, which runs on this loop."""
    served: Any = _Served(work)
    awaited = served.switch()
    while not served.dead:
        try:
            value = await awaited
        except BaseException as error:  # noqa: BLE001  # raised where it was waited for
            awaited = served.throw(error)
        else:
            awaited = served.switch(value)
    return cast(T, awaited)


def _gives_way(awaited: Awaitable[T]) -> T:
    return cast(T, getcurrent().parent.switch(awaited))


class Signal:
    """Given once, by any thread, to whoever made it."""

    def __init__(self) -> None:
        self._is_served = isinstance(getcurrent(), _Served)
        if self._is_served:
            self._loop = asyncio.get_running_loop()
            self._given = self._loop.create_future()
        else:
            self._gate = threading.Lock()
            self._gate.acquire()

    def give(self) -> None:
        if self._is_served:
            with suppress(RuntimeError):  # a loop that has ended since serves nobody any more
                self._loop.call_soon_threadsafe(self._arrives)
        else:
            self._gate.release()

    def wait(self, within_s: float | None) -> None:
        """Until it is given, or for that long."""
        if not self._is_served:
            self._gate.acquire(timeout=-1 if within_s is None else within_s)
            return
        timer = None if within_s is None else self._loop.call_later(within_s, self._arrives)
        try:
            _gives_way(self._given)
        finally:
            if timer is not None:
                timer.cancel()

    def _arrives(self) -> None:
        if not self._given.done():
            self._given.set_result(None)
