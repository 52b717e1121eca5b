"""Time on the line: the wall clock, or a virtual clock that tests move.

The whole exchange takes the time, waits and delayed actions from a clock alone. With a `VirtualClock` a call of
minutes runs in milliseconds, on one thread, in an order that never varies.
"""

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

Action = Callable[[], None]


class Clock(Protocol):
    def now(self) -> datetime:
        """The time, aware, in UTC."""

    def sleep(self, seconds: float) -> None: ...

    def wait(self, signal: threading.Event, seconds: float) -> bool:
        """Wait until the signal is set or the time is over; true if it was set."""

    def later(self, seconds: float, action: Action) -> Action:
        """Run the action after so many seconds, without waiting for it. The returned function cancels it."""

    def start(self, action: Action) -> None:
        """Run an action beside the caller of this method, from now on. It may wait."""

    def settle(self) -> None:
        """Return once no delayed action and no started action is outstanding."""


class RealClock:
    """The wall clock. A delayed action runs on a thread of its own."""

    def __init__(self) -> None:
        self._outstanding = 0
        self._idle = threading.Condition()

    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(max(0.0, seconds))

    def wait(self, signal: threading.Event, seconds: float) -> bool:
        return signal.wait(max(0.0, seconds))

    def later(self, seconds: float, action: Action) -> Action:
        once = _Once(action)
        with self._idle:
            self._outstanding += 1
        timer = threading.Timer(max(0.0, seconds), self._act, [once])
        timer.daemon = True
        timer.start()

        def cancel() -> None:
            if once.take():
                timer.cancel()
                self._finish()

        return cancel

    def start(self, action: Action) -> None:
        self.later(0, action)

    def settle(self) -> None:
        with self._idle:
            self._idle.wait_for(lambda: self._outstanding == 0)

    def _act(self, once: "_Once") -> None:
        if not once.take():
            return
        try:
            once.action()
        finally:
            self._finish()

    def _finish(self) -> None:
        with self._idle:
            self._outstanding -= 1
            self._idle.notify_all()


class VirtualClock:
    """A clock that stands still until a thread waits, and then jumps.

    The waiting thread runs every action that falls due meanwhile, in order of time. A started action has a thread of
    its own, which runs only while the waiting thread lends it the time: from its start, or from the end of one of its
    waits, to its next wait. Safe to use from several threads; a signal that another thread would set later in real
    time is not waited for.
    """

    def __init__(self, start: datetime = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)) -> None:
        self._now = start
        self._due: list[tuple[datetime, int, _Once]] = []
        self._order = itertools.count()
        self._lock = threading.Lock()
        self._thread = threading.local()
        self._waiting: list[tuple[threading.Event, _Once]] = []  # started actions, with the signals of their waits

    def now(self) -> datetime:
        with self._lock:
            return self._now

    def sleep(self, seconds: float) -> None:
        self.wait(threading.Event(), seconds)

    def wait(self, signal: threading.Event, seconds: float) -> bool:
        if fiber := getattr(self._thread, "fiber", None):
            return self._wait_beside(fiber, signal, seconds)
        deadline = self.now() + timedelta(seconds=max(0.0, seconds))
        while not signal.is_set() and (action := self._take_due(deadline)):
            action()
        if not signal.is_set():
            self._advance_to(deadline)
        return signal.is_set()

    def later(self, seconds: float, action: Action) -> Action:
        return self._later(seconds, action).cancel

    def start(self, action: Action) -> None:
        fiber = _Fiber()

        def run() -> None:
            self._thread.fiber = fiber
            action()

        fiber.start(run)
        self.later(0, fiber.resume)

    def settle(self) -> None:
        while action := self._take_due(datetime.max.replace(tzinfo=UTC)):
            action()

    def _later(self, seconds: float, action: Action) -> "_Once":
        once = _Once(action)
        with self._lock:
            due = self._now + timedelta(seconds=max(0.0, seconds))
            heapq.heappush(self._due, (due, next(self._order), once))
        return once

    def _wait_beside(self, fiber: "_Fiber", signal: threading.Event, seconds: float) -> bool:
        """The wait of a started action: the time goes back to the thread that lent it."""
        waiting = (signal, self._later(seconds, fiber.resume))
        with self._lock:
            self._waiting.append(waiting)
        fiber.give_back()
        with self._lock:
            self._waiting.remove(waiting)
        return signal.is_set()

    def _take_due(self, deadline: datetime) -> Action | None:
        """The next action that falls due, with the time moved to its moment; a cancelled action moves nothing.

        A started action whose signal was set is due at once.
        """
        with self._lock:
            for signal, once in self._waiting:
                if signal.is_set() and once.take():
                    return once.action
            while self._due and self._due[0][0] <= deadline:
                due, _, once = heapq.heappop(self._due)
                if once.take():
                    self._now = max(self._now, due)
                    return once.action
            return None

    def _advance_to(self, deadline: datetime) -> None:
        with self._lock:
            self._now = max(self._now, deadline)


class _Once:
    """An action that is either done or cancelled, whichever comes first."""

    def __init__(self, action: Action) -> None:
        self.action = action
        self._is_taken = False
        self._lock = threading.Lock()

    def take(self) -> bool:
        with self._lock:
            was_taken, self._is_taken = self._is_taken, True
            return not was_taken

    def cancel(self) -> None:
        self.take()


class _Fiber:
    """A thread that runs only while another thread lends it the time, and waits meanwhile."""

    def __init__(self) -> None:
        self._turn = threading.Semaphore(0)
        self._back = threading.Semaphore(0)

    def start(self, action: Action) -> None:
        def run() -> None:
            self._turn.acquire()
            try:
                action()
            finally:
                self._back.release()

        threading.Thread(target=run, daemon=True).start()

    def resume(self) -> None:
        """Lend the time, until the thread waits or ends."""
        self._turn.release()
        self._back.acquire()

    def give_back(self) -> None:
        """Wait for the next turn."""
        self._back.release()
        self._turn.acquire()
