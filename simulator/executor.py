"""Runs documents on one leg, verb by verb."""

from collections.abc import Callable, Mapping
from typing import Protocol

from simulator.call_clock import CallClock
from simulator.call_setting import Network
from simulator.conference import Conference
from simulator.deliveries import Deliveries
from simulator.documents import Document, Step
from simulator.errors import CallError, Endless, NotSimulated, SimulatorFailure, TwimlRejected
from simulator.fetcher import Fetcher
from simulator.journal import Journal
from simulator.legs import Leg
from simulator.line import Line
from simulator.plans import AgentPlan, CallerPlan, CallPlan
from simulator.recorder import Recorder
from simulator.recordings import Recording
from simulator.simulated_twiml import Part, check
from simulator.tape import Tape
from simulator.twiml import Verb

VerbFunction = Callable[["Executor", Verb], Step | None]

# The verbs that do not pick up the call: <Reject> never does, and a <Pause> at the beginning lets it ring.
UNANSWERED = frozenset({"Reject", "Pause"})
STILL_MAX = 100  # documents in a row that neither play anything nor wait; Twilio's own bound is not published


class CallNetwork(Network, Protocol):
    """The part of the exchange that verbs use."""

    def conference(self, name: str) -> Conference:
        """The conference of this name that is not over, or a new conference."""


class RunningCall(Protocol):
    """The call that documents are run on, as far as verbs use it."""

    plan: CallPlan
    acts: CallerPlan
    agent: AgentPlan
    journal: Journal
    fetcher: Fetcher
    recorder: Recorder
    deliveries: Deliveries
    clock: CallClock
    conferences: list[Conference]
    language: str
    is_connected: bool
    is_outgoing: bool

    @property
    def exchange(self) -> CallNetwork: ...

    def elapsed(self) -> float: ...

    def answer(self, leg: Leg) -> None: ...

    def end(self, status: str, why: str) -> None: ...

    def end_leg(self, leg: Leg, status: str, why: str) -> None: ...

    def move(self, leg: Leg, line: Line, step: Step, ended: Callable[[str], None]) -> None: ...

    def report(
        self, leg: Leg, kind: str, url: str, method: str, sequence: int, recording: Recording | None = None
    ) -> None: ...

    def new_leg(self, to_number: str, caller_id: str) -> Leg: ...

    def dialled_line(self, leg: Leg, tape: Tape) -> Line: ...

    def entered_disclosure(self, line: Line, lasts_s: float) -> None: ...

    def entered_question(self, line: Line, lasts_s: float) -> None: ...

    def left_question(self, line: Line) -> None: ...

    def entered_conversation(self, lasts_s: float) -> None: ...


class Finished(Exception):
    """A verb has ended the leg."""

    def __init__(self, status: str = "completed") -> None:
        super().__init__(status)
        self.status = status


class Executor:
    """`verbs` has the function of each verb that can run on this leg."""

    def __init__(self, call: RunningCall, leg: Leg, line: Line, verbs: Mapping[str, VerbFunction]) -> None:
        self.call = call
        self.leg = leg
        self.line = line
        self.document = Document(None, ())
        self._verbs = verbs
        self._still, self._passed_s = 0, 0.0

    def run(self, step: Step | None) -> None:
        """Run documents until a document leads to no other.

        Raises Interruption, Finished, CallError or SimulatorFailure.
        """
        while step:
            step = self.take(step)

    def take(self, step: Step) -> Step | None:
        """Fetch and run a document; returns the step that it leads to, if any."""
        self._check_that_time_passes(step)
        self.document = self.call.fetcher.document(step, self.leg)
        try:
            return self._perform_all()
        except SimulatorFailure as failure:
            failure.url = failure.url or self.document.url or ""
            raise

    def _check_that_time_passes(self, step: Step) -> None:
        self._still = self._still + 1 if self.line.passed_s == self._passed_s else 0
        self._passed_s = self.line.passed_s
        if self._still > STILL_MAX:
            raise Endless(f"{STILL_MAX} documents in a row play nothing and wait for nothing", step.url or "")

    def _perform_all(self) -> Step | None:
        for verb in self.document.verbs:
            self.line.check()
            if following := self.perform(verb):
                return following
        self.line.check()
        return None

    def perform(self, verb: Verb) -> Step | None:
        if verb.name == "Dial" and verb.name not in self._verbs and self.leg.parent_sid:
            raise TwimlRejected(13201, "<Dial> on a leg that is being dialled", self.document.url or "")
        if verb.name not in self._verbs:
            raise NotSimulated(f"<{verb.name}> in this document")
        check(verb, self._ignore)
        rings_on = verb.name in UNANSWERED or (verb.name == "Dial" and verb.is_on("answerOnBridge"))
        if not rings_on and self.leg.answered is None:
            self.call.answer(self.leg)
        try:
            return self._verbs[verb.name](self, verb)
        except TwimlRejected as warning:
            self.call.fetcher.warn(warning)
            return None

    def _ignore(self, part: Part) -> None:
        element, attribute = part
        self.call.journal.add_once("ignored", {"element": element, "attribute": attribute})

    def step(self, verb: Verb, reference: str, params: Mapping[str, str] | None = None) -> Step:
        """The request that a verb leads to, by its `method`."""
        return Step(self.document.absolute(reference), verb.get("method", "POST"), params or {})


def ask_in_passing(run: Executor, verb: Verb, params: Mapping[str, str]) -> None:
    """Ask the `action` of a verb that was interrupted, and throw its answer away."""
    if action := verb.get("action"):
        try:
            run.call.fetcher.document(run.step(verb, action, params), run.leg)
        except CallError as error:
            run.call.journal.note(error)
