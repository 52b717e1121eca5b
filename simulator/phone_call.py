"""A phone call to one of the account's numbers, from the first ring to its last callback."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from simulator import parameters, speech
from simulator.call_clock import CallClock
from simulator.call_setting import CallSetting
from simulator.caller import Caller, Keypad
from simulator.conference import Conference
from simulator.config import Number
from simulator.deliveries import Deliveries
from simulator.dialing import dial
from simulator.documents import Step
from simulator.errors import CallError
from simulator.executor import CallNetwork, Executor, Finished, VerbFunction
from simulator.faults import Faults
from simulator.fetcher import Fetcher
from simulator.gathering import gather
from simulator.journal import Journal
from simulator.legs import Leg, new_sid
from simulator.line import HungUp, Interruption, Line, Redirected, TakenOut
from simulator.plans import AgentPlan, CallPlan, Press
from simulator.queueing import enqueue
from simulator.recorder import Recorder
from simulator.recordings import Recording, Terms
from simulator.redirected_leg import run_apart
from simulator.ringing import ring
from simulator.sound import key_tones
from simulator.tape import Tape
from simulator.verbs import INBOUND

Hook = Callable[["PhoneCall"], None]

VERBS: dict[str, VerbFunction] = {**INBOUND, "Gather": gather, "Dial": dial, "Enqueue": enqueue}
APART: dict[str, VerbFunction] = {verb: VERBS[verb] for verb in VERBS if verb not in ("Reject", "Enqueue")}
APOLOGY = "We are sorry. An application error has occurred. Goodbye."
CALL_MAX_S = 14_400  # after the answer, as at Twilio unless an account has asked for more
FALLBACKS_MAX = 5  # a fallback that leads back to the failure is not followed for ever


class CallExchange(CallNetwork, Protocol):
    """The exchange that a call comes through."""

    faults: Faults
    lines: dict[str, Line]

    def add_leg(self, leg: Leg, call: "PhoneCall") -> None: ...

    def call_ended(self, call: "PhoneCall") -> None:
        """Hand an ended call to the services of the account."""


@dataclass(frozen=True)
class Outgoing:
    """A call that REST makes: the document for the person who answers, and the terms of its recording, if any.

    `events` are those that its status callback is told of. With `is_agent` the person acts as an agent in a conference.
    """

    from_number: str
    to_number: str
    first: Step
    record: Terms | None = None
    answers: AgentPlan = field(default_factory=AgentPlan)
    timeout_s: float = 60.0
    time_limit_s: float = CALL_MAX_S
    send_digits: str = ""
    events: frozenset[str] = frozenset({"completed"})
    is_agent: bool = False


class PhoneCall:
    """The caller's leg and its parts. `run` takes as long as the call does.

    On an `outgoing` call the leg is that of the person who is called, and the plan's caller is that person.
    """

    def __init__(
        self,
        exchange: CallExchange,
        number: Number,
        plan: CallPlan,
        hooks: Mapping[str, Hook],
        outgoing: Outgoing | None = None,
    ) -> None:
        self.exchange = exchange
        self.number = number
        self.plan = plan
        self.faults = plan.faults or exchange.faults
        self.clock = CallClock(exchange.clock, self._close_journal, self.fail)
        self.failure: Exception | None = None  # the first of the simulator's own
        sid, dialled = plan.call_sid or new_sid("CA"), plan.dialled or plan.to_number
        number_sid = None if plan.dialled else number.sid
        self.leg = Leg(sid, plan.from_number, dialled, "inbound", self.clock.began, phone_number_sid=number_sid)
        self.leg.acts_by_plan = not (outgoing and outgoing.is_agent)
        self._outgoing = outgoing
        self.is_outgoing = outgoing is not None
        if outgoing:
            self.leg.direction, self.leg.status, self.leg.phone_number_sid = "outbound-api", "queued", None
        self._own_recording: Recording | None = None  # that of an outgoing call, asked for with the call
        self.conferences: list[Conference] = []
        self.acts, self.agent, self.coming = plan.caller, plan.agent, [*plan.sent_back]
        self.children: list[Leg] = []
        self.journal = Journal(self.clock.elapsed)
        self.line = Line(exchange.clock, self.clock.elapsed, self.journal.add, keeps_keys=exchange.config.type_ahead)
        self.language = "en-US"
        self.is_connected = False
        self.was_connected = False
        self.ended = threading.Event()
        setting = CallSetting(exchange, self.faults, self.journal, self.clock)
        self.deliveries = Deliveries(setting)
        self.recorder = Recorder(setting, sid, self.line.tape, self.deliveries)
        self.fetcher = Fetcher(setting, self.params)
        self._caller = Caller(self, {moment: partial(hook, self) for moment, hook in hooks.items()})
        self._keypads = {self.line: self._keypad(self.line, () if plan.is_manual else plan.caller.presses)}
        self._fallbacks = 0

    @property
    def sid(self) -> str:
        return self.leg.sid

    def elapsed(self) -> float:
        """Seconds since the first ring."""
        return self.clock.elapsed()

    @property
    def duration_s(self) -> float:
        """From the first ring to the end, or until now."""
        return ((self.leg.ended or self.exchange.clock.now()) - self.clock.began).total_seconds()

    @property
    def is_settled(self) -> bool:
        """Ended, with no callback or recording outstanding."""
        return self.ended.is_set() and self.clock.is_idle

    @property
    def recordings(self) -> list[Recording]:
        """The recordings of all its legs, and of the conferences that a leg of it was in."""
        shared = [recording for conference in self.conferences for recording in conference.recordings]
        return list({recording.sid: recording for recording in (*self.recorder.recordings, *shared)}.values())

    def run(self) -> None:
        """The whole call, to the hang-up. Callbacks may still be on their way afterwards.

        Raises nothing: `failure` has an exception that ended the call.
        """
        try:
            self.end(*self._live())
        except Exception as error:  # noqa: BLE001  # somebody waits for the call
            self.fail(error)
        finally:
            self.end("failed", "simulator")
            self._drop_children()
            self.clock.drop_intentions()
            self.fetcher.close()
            self.deliveries.release()
            self.exchange.call_ended(self)
            self.ended.set()
            self._close_journal()

    def fail(self, error: Exception) -> None:
        """A failure of the simulator is told wherever the call is shown; the first ends the call."""
        self.journal.fail(error)
        if self.failure is None:
            self.failure = error
            self.line.interrupt(HungUp(self.line, "simulator"))

    def _drop_children(self) -> None:
        """After a failure, dialled legs end with the call, unless REST took them out of it."""
        for leg in self.children:
            if self.failure and not (leg.is_over or leg.redirected):
                self.end_leg(leg, "failed", "simulator")

    def _live(self) -> tuple[str, str]:
        """Run documents until the call is over; returns its final status, and why it ended."""
        run = Executor(self, self.leg, self.line, VERBS)
        step: Step | None = Step(self.number.voice_url, self.number.voice_method)
        try:
            if self._outgoing:
                step = self._ring_out(self._outgoing)
            while step:
                step = self._advance(run, step)
        except HungUp as hung_up:
            return self._final_status(hung_up.why), hung_up.why
        except Finished as finished:
            return finished.status, "document_ended"
        return self._final_status(), "document_ended"

    def _ring_out(self, outgoing: Outgoing) -> Step:
        """Ring until somebody answers, and dial the digits that were asked for. Raises Finished if nobody does."""
        for event in ("initiated", "ringing"):
            self.leg.status = event
            self._progress(event)
        status = self._answers(outgoing)
        if status != "answered":
            raise Finished(status)
        self.answer(self.leg)
        self.limit(outgoing.time_limit_s)
        self._progress("answered")
        if outgoing.record:
            self._own_recording = self.recorder.start(outgoing.record)
        if outgoing.send_digits:
            self.line.play("line", "play", "", key_tones(outgoing.send_digits))
        return outgoing.first

    def _answers(self, outgoing: Outgoing) -> str:
        """answered, busy, no-answer or failed. A person in the browser takes the line out of its ringing."""
        if not self.plan.is_manual:
            return ring(self.line, outgoing.answers, self.exchange.config.timing.ring_s, outgoing.timeout_s)
        try:
            self.line.wait(outgoing.timeout_s)
        except TakenOut:
            return "answered"
        return "no-answer"

    def _progress(self, event: str) -> None:
        """Send a status callback of an outgoing call. Sequence numbers count every event, asked for or not."""
        sequence = self.leg.next_sequence()
        if self._outgoing is None or event in self._outgoing.events:
            url, method = self.number.status_callback, self.number.status_callback_method
            self.report(self.leg, "call", url, method, sequence, self._own_recording)

    def limit(self, seconds: float) -> None:
        """End the call so many seconds after its answer."""
        if self.leg.answered:
            began_s = (self.leg.answered - self.clock.began).total_seconds()
            self.line.ends_at_s = began_s + min(seconds, CALL_MAX_S)

    def _final_status(self, why: str = "") -> str:
        if self.leg.answered:
            return "completed"
        return {"rest": "canceled", "hung_up": "busy"}.get(why, "no-answer") if self.is_outgoing else "no-answer"

    def _advance(self, run: Executor, step: Step) -> Step | None:
        """Run one document, or the apology for it; what follows it, or the redirect that ended it."""
        try:
            return self._take(run, step)
        except Redirected as redirected:
            return self._sent_back(redirected.step)

    def _take(self, run: Executor, step: Step) -> Step | None:
        try:
            return run.take(step)
        except CallError as error:
            return self._fall_back(error, step)

    def _sent_back(self, step: Step) -> Step:
        """The call was sent back: from here on people follow the next part of the plan, if there is one."""
        self.journal.add("sent_back", {"url": step.url, "method": step.method})
        self.is_connected = False
        self._note_redirect(self.leg)
        if self.coming:
            following = self.coming.pop(0)
            self.acts, self.agent = following.caller, following.agent
            self._keypads[self.line] = self._keypad(self.line, following.caller.presses)
            self._caller.sent_back()
        return step

    def _fall_back(self, error: CallError, failed: Step) -> Step:
        """The step to the fallback URL; without one, or where it fails itself, an apology and the end."""
        self.journal.note(error)
        self._fallbacks += 1
        number, is_hopeless = self.number, failed.url == self.number.voice_fallback_url
        if is_hopeless or not number.voice_fallback_url or self._fallbacks > FALLBACKS_MAX:
            self.answer(self.leg)
            self.line.play("line", "say", APOLOGY, speech.say(APOLOGY))
            raise Finished
        params = {"ErrorCode": str(error.code), "ErrorUrl": error.url or failed.url or ""}
        return Step(number.voice_fallback_url, number.voice_fallback_method, params)

    def answer(self, leg: Leg) -> None:
        """The exchange picks up, once."""
        if leg.answered is None:
            leg.answer(self.exchange.clock.now())
            if leg is self.leg:
                self.limit(CALL_MAX_S)
            self.journal.add("status", {"status": leg.status})
            if terms := self.exchange.account.default_terms():
                self.recorder.start(terms)
            self._caller.begin()

    def end(self, status: str, why: str) -> None:
        """The caller's leg is over, once: recordings stop, and the number's status callback is sent."""
        if self.leg.is_over:
            return
        status = "failed" if self.failure else status
        self.end_leg(self.leg, status, why)
        self.journal.add("status", {"status": status})
        self._progress("completed")

    def end_leg(self, leg: Leg, status: str, why: str) -> None:
        """A leg of the call is over, and its recordings stop."""
        leg.end(status, self.exchange.clock.now(), why)
        self.journal.add("leg", {"call_sid": leg.sid, "event": "ended", "why": why})
        self.recorder.stop_of(leg.sid)

    def move(self, leg: Leg, line: Line, step: Step, ended: Callable[[str], None]) -> None:
        """A dialled leg leaves its <Dial> for a document of its own, beside the call. `ended` is told why it ended."""
        line.leave()
        self._note_redirect(leg)

        def run() -> None:
            why = "simulator"
            try:
                why = run_apart(Executor(self, leg, line, APART), step)
            finally:
                ended(why)

        self.clock.start(run)

    def _note_redirect(self, leg: Leg) -> None:
        leg.redirected.append(self.exchange.clock.now())
        self.journal.add("leg", {"call_sid": leg.sid, "event": "redirected", "why": "redirected"})

    def report(
        self, leg: Leg, kind: str, url: str, method: str, sequence: int, recording: Recording | None = None
    ) -> None:
        """Send a status callback about a leg as it is now. Its last has the recording that began with it, if any."""
        status = parameters.of_status(leg, sequence, self.exchange.date_text(self.exchange.clock.now()) or "")
        if recording and leg.is_over:
            status |= parameters.of_recording(recording.sid, self.recorder.url(recording), recording.length_s)
        self.deliveries.deliver(kind, url, method, self.params(leg) | status, leg.status)

    def params(self, leg: Leg) -> dict[str, str]:
        own = parameters.place(self.number)
        away = parameters.geography(leg.from_number) | dict(self.plan.geo)
        places = {"From": away, "To": own if leg is self.leg else parameters.geography(leg.to_number)}
        if self.is_outgoing and leg is self.leg:
            places = {"From": own, "To": parameters.geography(leg.to_number) | dict(self.plan.geo)}
        return parameters.of_call(self.exchange.config, leg, places)

    def new_leg(self, to_number: str, caller_id: str) -> Leg:
        """A leg to somebody else, as a child of this one."""
        leg = Leg(
            new_sid("CA"),
            caller_id or self.leg.from_number,
            to_number,
            "outbound-dial",
            self.exchange.clock.now(),
            status="queued",
            parent_sid=self.sid,
        )
        self.children.append(leg)
        self.exchange.add_leg(leg, self)
        return leg

    def dialled_line(self, leg: Leg, tape: Tape) -> Line:
        """The line of the agent who answered a dialled leg. Sounds on it alone are noted as a whisper."""

        def log(kind: str, about: dict[str, Any]) -> None:
            self.journal.add("whisper" if kind == "heard" else f"whisper_{kind}", about)

        line = Line(self.exchange.clock, self.clock.elapsed, log, parent=self.line, tape=tape)
        self._keypads[line] = self._keypad(line, self.agent.presses)
        self.exchange.lines[leg.sid] = line
        return line

    def take_away(self, interruption: Interruption) -> None:
        """End or redirect a leg as REST does, a moment after it has answered."""
        line = interruption.line
        soon = self.clock.intend if line is self.line else self.clock.later  # a dialled leg may outlive the caller's
        soon(self.exchange.config.timing.update_s, lambda: line.interrupt(interruption))

    def send_back(self) -> None:
        """Redirect the caller's leg to the next URL of the plan, or else to the number's voice URL."""
        url, method = (self.coming[0].url, self.coming[0].method) if self.coming else ("", "")
        step = Step(url or self.number.voice_url, method or self.number.voice_method)
        self.take_away(Redirected(self.line, step))

    def entered_disclosure(self, line: Line, lasts_s: float) -> None:
        """Speech before the first question counts as the disclosure."""
        if line is self.line:
            self._caller.entered_disclosure(lasts_s)

    def entered_question(self, line: Line, lasts_s: float) -> None:
        if line is self.line:
            self._caller.entered("at_question", max(lasts_s, 0.5))
        self._keypads[line].entered_question(lasts_s)

    def left_question(self, line: Line) -> None:
        self._keypads[line].left_question()
        if line is self.line:
            self._caller.left()

    def entered_conversation(self, lasts_s: float) -> None:
        self.is_connected = self.was_connected = True
        self._caller.entered("in_conversation", lasts_s)

    def _keypad(self, line: Line, presses: tuple[Press, ...]) -> Keypad:
        return Keypad(line, presses, self.clock, self.exchange.config.timing.think_s)

    def _close_journal(self) -> None:
        if self.is_settled:
            self.journal.close()
