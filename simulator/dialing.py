"""<Dial>: other phones ring, an agent answers, hears the whisper, and is joined to the caller."""

from functools import partial

from simulator.addresses import e164_of
from simulator.conferencing import confer
from simulator.documents import Step
from simulator.errors import CallError, NotSimulated, TwimlRejected
from simulator.executor import Executor, Finished, VerbFunction, ask_in_passing
from simulator.gathering import gather
from simulator.legs import Leg
from simulator.line import HungUp, Interruption, Line, Redirected
from simulator.recorder import Recorded
from simulator.recordings import Recording, Terms
from simulator.ringing import TIMEOUT_MAX_S, ring
from simulator.sound import ringing
from simulator.talking import converse
from simulator.tape import Tape
from simulator.twiml import Verb
from simulator.verbs import SPOKEN

BUFFER_S = 5.0  # what Twilio always adds to the timeout of a <Dial>
WHISPER: dict[str, VerbFunction] = {**SPOKEN, "Gather": gather}


def dial(run: Executor, verb: Verb) -> Step | None:
    """Connect the caller. `action` is asked however it ends, even by the caller's hang-up or by a redirect."""
    if any(noun.name == "Conference" for noun in verb.children):
        return confer(run, verb)
    if run.leg.parent_sid:
        raise NotSimulated("<Dial> from a dialled leg, but into a conference")
    dialling = Dialling(run, verb)
    try:
        dialling.connect()
    except Interruption as interruption:
        dialling.break_off(interruption)
        raise
    return run.step(verb, verb.get("action"), dialling.params()) if verb.get("action") else None


class Dialling:
    """A <Dial>, from the first ring to the end of the conversation."""

    def __init__(self, run: Executor, verb: Verb) -> None:
        self._run = run
        self._call = run.call
        self._verb = verb
        self._legs = [(run.call.new_leg(noun.text, verb.get("callerId")), noun) for noun in _nouns(verb)]
        self._status = "failed"
        self._why = "dial_ended"
        self._moved: Leg | None = None
        self._is_bridged = False
        self._recording: Recording | None = None
        self._tapes = {leg.sid: Tape() for leg, _ in self._legs}

    def connect(self) -> None:
        """Ring, and talk if somebody answers. Raises Interruption when the caller's leg is taken away."""
        for leg, noun in self._legs:
            self._report(leg, noun, "initiated")
            self._report(leg, noun, "ringing")
            self._record_trunk(leg, "ringing")
        self._status = self._ring()
        if self._status == "answered":
            self._status = self._answered(*self._legs[0])
        else:
            self._why = "not_answered"
        self._close(self._status)

    def break_off(self, interruption: Interruption) -> None:
        """The caller hung up, or REST redirected the call: `action` is asked, and its answer thrown away."""
        self._status = "completed" if self._legs[0][0].answered else "canceled"
        self._close(self._status)
        if isinstance(interruption, HungUp):
            self._call.end("completed", interruption.why)
        ask_in_passing(self._run, self._verb, self.params())

    def params(self) -> dict[str, str]:
        """The parameters of the request to `action`."""
        leg = self._legs[0][0]
        params = {
            "DialCallStatus": self._status,
            "DialCallSid": leg.sid,
            "DialBridged": str(self._is_bridged).lower(),
        }
        if leg.answered and not self._moved:
            params["DialCallDuration"] = str(leg.duration_s)
        if self._recording:
            params["RecordingUrl"] = self._call.recorder.url(self._recording)
        return params

    def _ring(self) -> str:
        """answered, busy, no-answer or failed."""
        agent, patience_s = self._call.agent, min(self._verb.number("timeout", 30), TIMEOUT_MAX_S) + BUFFER_S
        self._record("record-from-ringing")
        with self._run.line.sounding("line", "ringing", ringing(patience_s)):
            return ring(self._run.line, agent, self._call.exchange.config.timing.ring_s, patience_s)

    def _answered(self, leg: Leg, noun: Verb) -> str:
        """An agent has answered, and the other phones stop ringing. After the whisper caller and agent are joined."""
        leg.answer(self._call.exchange.clock.now())
        self._report(leg, noun, "answered")
        for other, other_noun in self._legs[1:]:
            self._end(other, other_noun, "canceled", "not_answered")
        self._record("record-from-answer", "true")
        self._record_trunk(leg, "answer")
        line = self._call.dialled_line(leg, self._tapes[leg.sid])
        try:
            if noun.get("url") and not self._whisper(leg, noun, line):
                return "completed"
            return self._bridge(line)
        except Interruption as interruption:
            if interruption.line is not line:
                raise
            self._lose(leg, noun, interruption)
            return "completed"

    def _lose(self, leg: Leg, noun: Verb, interruption: Interruption) -> None:
        """The agent has hung up, or REST took the agent's leg: out of this <Dial>, or to its end."""
        if isinstance(interruption, Redirected):
            self._moved = leg
            self._call.move(leg, interruption.line, interruption.step, partial(self._end, leg, noun, "completed"))
        elif isinstance(interruption, HungUp):
            self._why = interruption.why

    def _whisper(self, leg: Leg, noun: Verb, line: Line) -> bool:
        """Run the agent's own document while the caller still hears ringing; false if the agent's leg ended there.

        A whisper that fails ends the agent's leg: there is no fallback for it.
        """
        run = Executor(self._call, leg, line, WHISPER)
        url = self._run.document.absolute(noun.get("url"))
        try:
            with self._run.line.sounding("line", "ringing", ringing(60)):
                run.run(Step(url, noun.get("method", "POST")))
        except CallError as error:
            self._call.journal.note(error)
            self._why = "failed"
            return False
        except Finished:
            self._why = "document_ended"
            return False
        return True

    def _bridge(self, line: Line) -> str:
        self._is_bridged = True
        self._call.answer(self._run.leg)
        self._run.line.bridge(line)
        try:
            status = converse(self._call, self._run.line, self._verb)
            self._why = "hung_up" if status == "completed" else self._why
            return status
        finally:
            self._run.line.bridge(None)
            self._call.is_connected = False

    def _record(self, *when: str) -> None:
        """Start the recording that `record` asks for, if it begins now."""
        asked = self._verb.get("record")
        if self._recording or asked.removesuffix("-dual") not in when:
            return
        terms = Terms(
            source="DialVerb",
            channels=2 if asked.endswith("-dual") else 1,
            track=self._verb.get("recordingTrack", "both"),
            trim=self._verb.get("trim", "do-not-trim"),
            callback=self._verb.get("recordingStatusCallback"),
            callback_method=self._verb.get("recordingStatusCallbackMethod", "POST"),
            callback_events=tuple(self._verb.get("recordingStatusCallbackEvent", "completed").split()),
        )
        self._recording = self._call.recorder.start(terms)

    def _record_trunk(self, leg: Leg, moment: str) -> None:
        if terms := self._call.exchange.account.trunk_terms(moment):
            self._call.recorder.start(terms, Recorded(leg.sid, self._tapes[leg.sid]))

    def _close(self, status: str) -> None:
        if self._recording:
            self._call.recorder.stop(self._recording)
        for leg, noun in self._legs:
            if leg is not self._moved:
                self._end(leg, noun, "completed" if leg.answered else status, self._why)

    def _end(self, leg: Leg, noun: Verb, status: str, why: str) -> None:
        if not leg.is_over:
            self._call.end_leg(leg, status, why)
            self._report(leg, noun, "completed")

    def _report(self, leg: Leg, noun: Verb, event: str) -> None:
        """Send a status callback of the dialled leg. Sequence numbers count every event, asked for or not."""
        leg.status = {"initiated": "initiated", "ringing": "ringing"}.get(event, leg.status)
        sequence = leg.next_sequence()
        if event in noun.get("statusCallbackEvent", "completed").split():
            url = noun.get("statusCallback")
            recording = self._recording if leg.answered else None
            self._call.report(leg, "dial", self._run.document.absolute(url) if url else "",
                              noun.get("statusCallbackMethod", "POST"), sequence, recording)  # fmt: skip


def _nouns(verb: Verb) -> list[Verb]:
    """The nouns to dial; plain text is a number. Raises TwimlRejected, or NotSimulated for a national number."""
    nouns = [*verb.children, *([Verb("Number", text=verb.text)] if verb.text else [])]
    if not nouns:
        raise TwimlRejected(13215, "nobody to dial")
    return [_addressed(noun) for noun in nouns]


def _addressed(noun: Verb) -> Verb:
    match noun.name:
        case "Number":
            address = _number(noun.text)
        case "Client":
            name = noun.text or _text_of(noun, "Identity")
            address = name if name.startswith("client:") else f"client:{name}"
        case _:
            address = noun.text or _text_of(noun, "Uri")
    return Verb(noun.name, noun.attributes, address, noun.children)


def _number(text: str) -> str:
    """In E.164. Raises TwimlRejected, or NotSimulated for a national spelling."""
    number = e164_of(text, "<Dial> of a number")
    if number is None:
        raise TwimlRejected(13223, "a number that is none")
    return number


def _text_of(noun: Verb, name: str) -> str:
    """The text of the child of this name. Raises TwimlRejected where there is none."""
    for child in noun.children:
        if child.name == name and child.text:
            return child.text
    raise TwimlRejected(13215, f"a <{noun.name}> without an address")
