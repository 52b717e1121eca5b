"""A line: sounds go onto it, keys come from it, and it can be cut at any moment."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from simulator.clock import Clock
from simulator.sound import Samples, key_tone
from simulator.tape import CALLER, HEARD, Tape, Utterance

if TYPE_CHECKING:
    from simulator.documents import Step


class Interruption(Exception):
    """The line was taken away from the running document."""

    def __init__(self, line: "Line") -> None:
        super().__init__(type(self).__name__)
        self.line = line


class HungUp(Interruption):
    """The person on this line has hung up, or the leg was ended: `why` is hung_up, rest, time_limit or simulator."""

    def __init__(self, line: "Line", why: str = "hung_up") -> None:
        super().__init__(line)
        self.why = why


class Redirected(Interruption):
    """REST has sent the leg to another document."""

    def __init__(self, line: "Line", step: "Step") -> None:
        super().__init__(line)
        self.step = step


class TakenOut(Interruption):
    """The leg was taken out of the conference or the queue that it is in, or out of its waiting or ringing."""


class Line:
    """The line of a person. Interruptions of the line it was dialled from reach it too.

    Every wait is in `wait`; keys, hang-ups and redirects may come from any thread.
    """

    def __init__(
        self,
        clock: Clock,
        elapsed: Callable[[], float],
        log: Callable[[str, dict[str, object]], None],
        *,
        parent: "Line | None" = None,
        keeps_keys: bool = False,
        tape: Tape | None = None,
    ) -> None:
        self.tape = tape or Tape()
        self.passed_s = 0.0  # of all waits together
        self.ends_at_s = float("inf")  # the moment at which the leg is ended, however long it would go on
        self._listen: Callable[[Utterance], None] | None = None
        self._clock = clock
        self._elapsed = elapsed
        self._log = log
        self._keeps_keys = keeps_keys
        self._keys: deque[str] = deque()
        self._interruption: Interruption | None = None
        self._signal: threading.Event = parent._signal if parent else threading.Event()
        self._watched = [parent, self] if parent else [self]

    def press(self, keys: str) -> None:
        """The person presses keys. They are heard on the line, and kept for the next wait for a key."""
        for key in keys:
            self._log("key", {"key": key})
            self._share(self.tape.add("caller", "key", key, CALLER, self._elapsed(), key_tone(key)))
            self._keys.append(key)
        self._signal.set()

    def hang_up(self) -> None:
        """The person hangs up."""
        self._log("hung_up", {})
        self.interrupt(HungUp(self))

    def interrupt(self, interruption: Interruption) -> None:
        """Take the line away. A hang-up is final."""
        if not isinstance(self._interruption, HungUp):
            self._interruption = interruption
        self._signal.set()

    def forget_keys(self) -> None:
        """Earlier keys do not answer the next question, unless this line keeps its keys."""
        if not self._keeps_keys:
            self._keys.clear()

    def bridge(self, other: "Line | None") -> None:
        """From now on, interruptions of the other line interrupt this line, and speech is heard there; with None, no
        longer."""
        self.share(partial(_hear_across, other.tape) if other else None)
        self._watched = [self, other] if other else [self]

    def share(self, listen: Callable[[Utterance], None] | None) -> None:
        """From now on, sounds that begin on this line are given to `listen` too; with None, no longer."""
        self._listen = listen

    def take_out(self) -> None:
        """Take the line out of its conference or its queue, unless something else has interrupted it."""
        if self._interruption is None:
            self._interruption = TakenOut(self)
        self._signal.set()

    def forget_taking_out(self) -> None:
        """The line is in no conference and in no queue any more."""
        if isinstance(self._interruption, TakenOut):
            self._interruption = None

    def leave(self) -> None:
        """Interruptions of the line that this line was dialled from no longer reach it."""
        self._signal = threading.Event()
        self._watched = [self]

    def check(self) -> None:
        """Raises the interruption of this line or of a watched line; only a hang-up more than once."""
        for line in self._watched:
            if self._elapsed() > line.ends_at_s - 1e-5:
                line.interrupt(HungUp(line, "time_limit"))
            interruption = line._interruption
            if isinstance(interruption, Redirected | TakenOut):
                line._interruption = None
            if interruption:
                raise interruption

    def wait(self, seconds: float, *, for_key: bool = False) -> str | None:
        """Let time pass; a key ends it, if one is waited for. Raises HungUp or Redirected."""
        end = self._elapsed() + seconds
        self.passed_s += seconds
        while True:
            self._signal.clear()
            self.check()
            if for_key and self._keys:
                return self._keys.popleft()
            remaining = end - self._elapsed()
            if remaining < 1e-5:
                return None
            limit = min(line.ends_at_s for line in self._watched) - self._elapsed()
            self._clock.wait(self._signal, min(remaining, limit))

    def play(self, who: str, kind: str, text: str, samples: Samples, *, until_key: bool = False) -> str | None:
        """A sound, for as long as it lasts. A key that cuts it is returned, if keys may do that."""
        track = CALLER if who == "caller" else HEARD
        utterance = self.tape.add(who, kind, text, track, self._elapsed(), samples)
        self._share(utterance)
        self._log("heard", utterance.to_json())
        try:
            return self.wait(utterance.duration_s, for_key=until_key)
        finally:
            self._settle(utterance)

    @contextmanager
    def sounding(self, who: str, kind: str, samples: Samples) -> Iterator[None]:
        """A sound in the background, for as long as the block lasts."""
        utterance = self.tape.add(who, kind, "", HEARD, self._elapsed(), samples)
        self._log("heard", utterance.to_json())
        try:
            yield
        finally:
            self._settle(utterance)

    def _share(self, utterance: Utterance) -> None:
        if self._listen:
            self._listen(utterance)

    def _settle(self, utterance: Utterance) -> None:
        """Note how much of the sound was really played."""
        elapsed = self._elapsed() - utterance.at_s
        if elapsed < utterance.duration_s - 0.001:
            utterance.played_s = max(0.0, elapsed)
            self._log("cut", {"n": utterance.number, "played_s": round(utterance.played_s, 3)})


def _hear_across(tape: Tape, utterance: Utterance) -> None:
    """The other end of a bridge says the agent's words, and hears the caller's."""
    tape.overhear(utterance, CALLER if utterance.track == HEARD else HEARD, utterance.at_s)
