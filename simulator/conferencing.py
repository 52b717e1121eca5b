"""<Dial><Conference>: a leg waits for the conference to start, takes part, and leaves."""

from collections.abc import Iterator

from simulator import speech
from simulator.conference import Callback, Conference, Participant
from simulator.documents import Step
from simulator.errors import TwimlRejected
from simulator.executor import Executor, VerbFunction, ask_in_passing
from simulator.line import HungUp, Interruption, TakenOut
from simulator.plans import AFTER_TALK
from simulator.recordings import Terms
from simulator.sentences import conversation
from simulator.sound import RATE, tone
from simulator.talking import GAP_S, wanted_s
from simulator.twiml import Verb
from simulator.verbs import SPOKEN

TICK_S = 0.25  # how often a silent participant looks round
GOODBYE_S = 2.0  # from the agents' leaving to the hang-up of a caller who is left alone
WAITING: dict[str, VerbFunction] = {name: SPOKEN[name] for name in ("Say", "Play", "Pause", "Redirect")}


def confer(run: Executor, verb: Verb) -> Step | None:
    """Take part in a conference. `action` is asked however it ends, even by a hang-up or by a redirect."""
    (noun,) = verb.children if len(verb.children) == 1 else (None,)
    if noun is None or not noun.text:
        raise TwimlRejected(13215, "a conference needs a name, and stands alone", run.document.url or "")
    try:
        Stay(run, verb, noun).take_part()
    except Interruption as interruption:
        if isinstance(interruption, HungUp) and not run.leg.parent_sid:
            run.call.end("completed", interruption.why)
        ask_in_passing(run, verb, {"DialCallStatus": "completed"})
        raise
    finally:
        if run.leg.acts_by_plan:
            run.call.is_connected = False
    return run.step(verb, verb.get("action"), {"DialCallStatus": "answered"}) if verb.get("action") else None


class Stay:
    """A leg's time in a conference."""

    def __init__(self, run: Executor, verb: Verb, noun: Verb) -> None:
        self._run, self._call, self._line = run, run.call, run.line
        self._noun = noun
        self._takes_star = verb.is_on("hangupOnStar")
        self._conference: Conference = run.call.exchange.conference(noun.text)
        self._me = Participant(
            run.call,
            run.leg,
            run.line,
            label=noun.get("participantLabel"),
            starts_conference=noun.get("startConferenceOnEnter") != "false",
            ends_conference=noun.is_on("endConferenceOnExit"),
            is_muted=noun.is_on("muted"),
            coaches=noun.get("coach"),
        )

    def take_part(self) -> None:
        """From joining to leaving. Raises Interruption when the leg is taken away."""
        with self._conference.taking_in(self._me, self._callback(), self._terms()):
            if not self._conference.is_started:
                self._wait_for_start()
            self._line.forget_keys()
            steps = self._as_caller() if self._me.is_caller else self._as_agent()
            while not self._me.is_out and self._takes(steps):
                pass

    def _takes(self, steps: Iterator[str | None]) -> bool:
        """A step of the stay; false when a star has ended it."""
        key = next(steps)
        return not (self._takes_star and key == "*")

    def _wait_for_start(self) -> None:
        """Hear the music or the documents of `waitUrl`. A person who has waited for too long hangs up."""
        waits_s = self._call.acts.waits_s if self._me.is_caller else self._call.agent.waits_s
        try:
            self._wait(self._call.elapsed() + waits_s)
        except TakenOut:
            return
        self._hang_up()

    def _wait(self, end_s: float) -> None:
        url = self._noun.get("waitUrl")
        if not url:
            silent = "waitUrl" in self._noun.attributes
            with self._line.sounding("line", "waiting", tone((392.0,), 600, 0 if silent else 800)):
                self._line.wait(end_s - self._call.elapsed())
            return
        run = Executor(self._call, self._run.leg, self._line, WAITING)
        while (before := self._call.elapsed()) < end_s:
            run.run(Step(self._run.document.absolute(url), self._noun.get("waitMethod", "POST")))
            self._line.wait(1.0 if self._call.elapsed() - before < TICK_S else 0.0)

    def _as_caller(self) -> Iterator[str | None]:
        """Talk in turns until the plan says that it is enough; then the caller or the agents leave."""
        lasts_s = wanted_s(self._call)
        end_s = self._call.elapsed() + lasts_s
        self._call.entered_conversation(lasts_s)
        sentences = conversation(self._call.language)
        while (left_s := end_s - self._call.elapsed()) > 0.001:
            if self._conference.speaker() is self._me:
                yield self._say(*next(sentences), left_s)
                left_s = max(0.0, end_s - self._call.elapsed())
                yield self._pause(min(GAP_S, left_s))
            else:
                yield self._pause(min(TICK_S, left_s))
        if self._call.acts.hangs_up != AFTER_TALK:
            self._let_agents_go()
            yield self._pause(GOODBYE_S)
        self._hang_up()

    def _as_agent(self) -> Iterator[str | None]:
        """Stay for as long as a caller is there, or may come back."""
        seen_s = self._call.elapsed()
        while self._call.elapsed() - seen_s < self._call.agent.waits_s:
            yield self._pause(TICK_S)
            seen_s = self._call.elapsed() if self._conference.has_caller else seen_s
        self._hang_up()

    def _say(self, who: str, text: str, left_s: float) -> str | None:
        words = speech.say(text, self._call.language, who)[: round(left_s * RATE)]
        try:
            return self._line.play(who, "speech", text, words, until_key=self._takes_star)
        except TakenOut:
            return None

    def _pause(self, seconds: float) -> str | None:
        try:
            return self._line.wait(seconds, for_key=self._takes_star)
        except TakenOut:
            return None

    def _let_agents_go(self) -> None:
        """The agents hang up, unless another caller is there."""
        others = [other for other in self._conference.participants if other is not self._me]
        if not any(other.is_caller for other in others):
            for agent in others:
                agent.line.hang_up()

    def _hang_up(self) -> None:
        self._line.hang_up()
        self._line.check()

    def _callback(self) -> Callback:
        url = self._noun.get("statusCallback")
        return Callback(
            self._run.document.absolute(url) if url else "",
            self._noun.get("statusCallbackMethod", "POST"),
            frozenset(self._noun.get("statusCallbackEvent").split()),
        )

    def _terms(self) -> Terms | None:
        if self._noun.get("record") != "record-from-start":
            return None
        return Terms(
            source="Conference",
            trim=self._noun.get("trim", "trim-silence"),
            callback=self._noun.get("recordingStatusCallback"),
            callback_method=self._noun.get("recordingStatusCallbackMethod", "POST"),
            callback_events=tuple(self._noun.get("recordingStatusCallbackEvent", "completed").split()),
        )
