"""The time of a call: the seconds since its first ring, and its outstanding actions."""

import threading
from collections.abc import Callable

from simulator.clock import Action, Clock


class CallClock:
    """Counts from the first ring. `went_idle` runs whenever no action of the call is outstanding.

    An action that raises ends no thread: `broke` is given its exception.
    """

    def __init__(self, clock: Clock, went_idle: Action, broke: Callable[[Exception], None]) -> None:
        self._clock = clock
        self._went_idle = went_idle
        self._broke = broke
        self.began = clock.now()
        self._intentions: list[Callable[[], None]] = []
        self._pending = 0
        self._pending_lock = threading.Lock()

    @property
    def is_idle(self) -> bool:
        return not self._pending

    def elapsed(self) -> float:
        """Seconds since the first ring."""
        return (self._clock.now() - self.began).total_seconds()

    def later(self, seconds: float, action: Action) -> None:
        """Run an action of this call later, also after its end."""
        self.hold()
        self._clock.later(seconds, lambda: self._act(action))

    def start(self, action: Action) -> None:
        """Run an action of this call beside it, also beyond its end."""
        self.hold()
        self._clock.start(lambda: self._act(action))

    def hold(self) -> None:
        """Something is outstanding, until `release`."""
        with self._pending_lock:
            self._pending += 1

    def release(self) -> None:
        with self._pending_lock:
            self._pending -= 1
        if self.is_idle:
            self._went_idle()

    def intend(self, seconds: float, action: Action) -> None:
        """Run an action later, unless the call is over by then."""
        self._intentions.append(self._clock.later(seconds, lambda: self._try(action)))

    def drop_intentions(self) -> None:
        """The call is over."""
        for cancel in self._intentions:
            cancel()

    def _act(self, action: Action) -> None:
        try:
            self._try(action)
        finally:
            self.release()

    def _try(self, action: Action) -> None:
        try:
            action()
        except Exception as error:  # noqa: BLE001  # or the thread would die of it
            self._broke(error)
