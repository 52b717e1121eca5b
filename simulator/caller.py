"""The actions of people: the keys at each question, and the caller's hang-up."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol

from simulator.call_clock import CallClock
from simulator.journal import Journal
from simulator.line import Line
from simulator.plans import NOTHING, CallerPlan, Press, SentBack


class CallersCall(Protocol):
    """The call, as far as its caller sees it. `coming` is the rest of the plan, for when the call is sent back."""

    line: Line
    journal: Journal
    clock: CallClock
    acts: CallerPlan
    coming: list[SentBack]

    def send_back(self) -> None:
        """Redirect the caller's leg to where the plan says next."""


KEY_GAP_S = 0.25


class Keypad:
    """The keys of a person: one entry of `presses` for each question, in order. After the last, nothing is pressed."""

    def __init__(self, line: Line, presses: tuple[Press, ...], clock: CallClock, think_s: float) -> None:
        """`think_s` is how long a person takes for an answer, where `presses` does not say it."""
        self._line = line
        self._presses = list(presses)
        self._clock = clock
        self._think_s = think_s
        self._question = 0

    def entered_question(self, lasts_s: float) -> None:
        press = self._presses.pop(0) if self._presses else Press(NOTHING)
        if press.digits == NOTHING:
            return
        asked = self._question
        after_s = lasts_s + self._think_s if press.after_s is None else press.after_s
        for place, key in enumerate(press.digits):
            self._clock.intend(after_s + place * KEY_GAP_S, partial(self._press, key, asked))

    def left_question(self) -> None:
        self._question += 1

    def _press(self, key: str, question: int) -> None:
        """A late key is dropped: an answer to a question does not answer the next question."""
        if question == self._question:
            self._line.press(key)


class Caller:
    """Follows the plan through the moments of a call, and runs the hooks that were hung there."""

    def __init__(self, call: CallersCall, hooks: Mapping[str, Callable[[], None]]) -> None:
        self._call = call
        self._hooks = hooks
        self._seen: set[str] = set()
        self._stage = ""
        self._has_talked = False
        self._times_sent_back = 0

    def begin(self) -> None:
        """The call was picked up, or sent back: everything that is planned by the clock begins to count."""
        plan = self._call.acts
        for press in plan.keys_at:
            self._intend(press.after_s or 0.0, partial(self._call.line.press, press.digits))
        if isinstance(plan.hangs_up, int | float):
            self._intend(plan.hangs_up, self._call.line.hang_up)

    def sent_back(self) -> None:
        """The moments come again, and nothing that was intended before them is done."""
        self._seen, self._stage, self._has_talked = set(), "", False
        self._times_sent_back += 1
        self.begin()

    def entered(self, moment: str, lasts_s: float) -> None:
        """A moment begins. Half-way through its first time, its hook runs and the caller may hang up."""
        self._stage = moment
        if moment == "in_conversation" and not self._has_talked:
            self._has_talked = True
            for press in self._call.acts.presses_in_conversation:
                self._intend(press.after_s or 0.0, partial(self._call.line.press, press.digits))
        self._call.journal.add("stage", {"stage": moment})
        if moment not in self._seen:
            self._seen.add(moment)
            self._intend(lasts_s / 2, lambda: self._reach(moment))

    def entered_disclosure(self, lasts_s: float) -> None:
        if not self._seen:
            self.entered("in_disclosure", lasts_s)

    def left(self) -> None:
        self._stage = ""

    def _reach(self, moment: str) -> None:
        if self._stage != moment:
            return
        if hook := self._hooks.get(moment):
            hook()
        if self._call.acts.hangs_up == moment:
            self._call.line.hang_up()
        elif self._call.coming and self._call.coming[0].moment == moment:
            self._call.send_back()

    def _intend(self, seconds: float, action: Callable[[], None]) -> None:
        """Have something done later, unless the call is over or was sent back by then."""
        times = self._times_sent_back
        self._call.clock.intend(seconds, lambda: action() if times == self._times_sent_back else None)
