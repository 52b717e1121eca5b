"""One call's steps up to the conversation: parse, decide, settle, render. Each runs in one transaction.

The first delivery of a request decides; its answer is kept and is what every repeat gets. Nothing here talks to
anything but the database, and nothing decides: `policies` does.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from sqlalchemy import Connection

from callflow import agreements, arrivals, events, receiving, twiml
from callflow.deliveries import once
from callflow.forms import Answered, CallEnded, FallbackAsked, Heard, IncomingCall
from callflow.rules_in_force import kept_wording, rules_of
from callflow.terms import Terms
from callflow.urls import Urls
from evidence.events import Event
from policies import consent
from policies.consent import Answer, Ask, Decision, EndCall, Mode, Outcome, Record, Suppress
from policies.demands import END_CALL
from policies.law import Law, packaged_law
from policies.lifecycle import CallEvent, CallState
from policies.rules import Line, Rulebook
from policies.wording import Wording
from storage import calls
from storage.calls import OPEN, Call, Moment
from storage.errors import Refused

log = logging.getLogger(__name__)

# Speech is only estimated at 150 words a minute, so nothing but a request in under half that time is proof of a cut.
# A recording plays as long as it is, but for a moment at either end.
_TOLD_SHARE_MIN, _PLAYED_SHARE_MIN = 0.5, 0.95


@dataclass(frozen=True, slots=True)
class Conversation:
    """`number_key` is what callers' numbers are hashed with."""

    rulebook: Rulebook
    urls: Urls
    number_key: bytes = field(repr=False)
    law: Law = field(default_factory=packaged_law)
    kept: Wording | None = None
    """The words that the call was disclosed with, where the program has others by now."""

    def answer(self, connection: Connection, moment: Moment, request_sha256: str, heard: IncomingCall) -> bytes:
        """The call arrives: settle under which standard it is asked, and say the disclosure."""
        known = calls.by_sid(connection, heard.call_sid)
        if known is None:
            known = self.receive(connection, moment, request_sha256, heard)
        then = self.of(connection, known)
        return once(connection, known, "answer", request_sha256, lambda: then._greet(connection, moment, known))

    def choice(self, connection: Connection, moment: Moment, request_sha256: str, call_id: str, heard: Heard) -> bytes:
        """The disclosure has played, which this request is the proof of: ask, or go on where staying is consent."""
        known = _known(connection, call_id, heard.call_sid)
        then = self.of(connection, known)

        def respond() -> bytes:
            return twiml.nothing() if heard.has_hung_up else then._told(connection, moment, known)

        return once(connection, known, "choice", request_sha256, respond)

    def consent(
        self, connection: Connection, moment: Moment, request_sha256: str, call_id: str, prompt: int, heard: Answered
    ) -> bytes:
        """The caller's answer to playing number `prompt` of the question."""
        known = _known(connection, call_id, heard.call_sid)
        then = self.of(connection, known)

        def respond() -> bytes:
            if heard.has_hung_up and not heard.digits:
                return twiml.nothing()  # hanging up is not silence, which may be consent; the call's end settles it
            return then._answered(connection, moment, request_sha256, known, prompt, heard.digits)

        return once(connection, known, f"consent:{prompt}", request_sha256, respond)

    def ended(
        self, connection: Connection, moment: Moment, request_sha256: str, call_id: str, heard: CallEnded
    ) -> bytes:
        """The conversation with the agents is over, or there was none. Never makes or changes a consent."""
        known = _known(connection, call_id, heard.call_sid)
        then = self.of(connection, known)
        return once(connection, known, "ended", request_sha256, lambda: then._part(connection, moment, known, heard))

    def fallback(self, connection: Connection, moment: Moment, request_sha256: str, heard: FallbackAsked) -> bytes:
        """Twilio could not fetch or carry out an answer of ours: connect the caller, unrecorded."""
        known = calls.by_sid(connection, heard.arrived.call_sid)
        if known is None:
            known = self.receive(connection, moment, request_sha256, heard.arrived)
        step, then = f"fallback:{request_sha256[:16]}", self.of(connection, known)
        return once(connection, known, step, request_sha256, lambda: then._fall_back(connection, moment, known, heard))

    def language(
        self, connection: Connection, moment: Moment, request_sha256: str, call_id: str, heard: Answered
    ) -> bytes:
        """The caller's key in the language menu, or none: say the disclosure."""
        known = _known(connection, call_id, heard.call_sid)
        then = self.of(connection, known)

        def respond() -> bytes:
            return twiml.nothing() if heard.has_hung_up else then._choose_language(connection, moment, known, heard)

        return once(connection, known, "language", request_sha256, respond)

    def of(self, connection: Connection, known: Call) -> "Conversation":
        """This conversation under the rules that the call came in under: they may have been edited since."""
        then = replace(self, rulebook=rules_of(connection, known, self.rulebook), kept=None)
        if then.wording(known).sha256 == known.wording_sha256:
            return then
        return replace(then, kept=kept_wording(connection, known))

    def receive(self, connection: Connection, moment: Moment, request_sha256: str, heard: IncomingCall) -> Call:
        """Write down a call that was not known, with the standard that holds for it."""
        synthetic = self.urls.check("selftest", heard.call_sid, heard.to, heard.self_test)
        key = None if synthetic else self.number_key
        arrival = arrivals.arrive(
            connection, moment, heard, self.line(heard.to), rulebook=self.rulebook, law=self.law, number_key=key
        )
        return receiving.add(connection, moment, heard, arrival, request_sha256, synthetic=synthetic)

    def line(self, number: str) -> Line:
        found = self.rulebook.line(number)
        if found is None:
            raise Refused("call: the number dialled is not a line of the rulebook")
        return found

    def _greet(self, connection: Connection, moment: Moment, known: Call) -> bytes:
        if known.state is not CallState.DISCLOSING:
            return self._go_on(known)
        if consent.before_disclosure(known.standard):
            unasked = Suppress(Outcome.NOT_ASKED, known.reason)
            wording = self.wording(known)
            return self._suppress(
                connection, moment, known, unasked, text=wording.disclosure, audio=wording.disclosure_audio
            )
        line = self.line(known.line)
        if line.has_menu:
            calls.tell(connection, moment, known, events.language_asked(line.languages))
            return twiml.menu(line.languages, language_url=self.urls.language(known.id))
        return self._disclose(connection, moment, known, self.wording(known))

    def _choose_language(self, connection: Connection, moment: Moment, known: Call, heard: Answered) -> bytes:
        if known.state is not CallState.DISCLOSING or known.served_at:
            return self._go_on(known)
        languages = self.line(known.line).languages
        place = languages[int(heard.digits) - 1 : int(heard.digits)] if heard.digits in _MENU_KEYS else ()
        language = place[0] if place else known.language
        wording = self._words(known, language)
        told = calls.tell(connection, moment, known, events.language_chosen(language, by_key=bool(place)))
        return self._disclose(connection, moment, calls.speak(connection, told, wording), wording)

    def _disclose(self, connection: Connection, moment: Moment, known: Call, wording: Wording) -> bytes:
        calls.serve(connection, moment, known, events.disclosure_served(wording))
        return twiml.disclose(wording, self.urls, choice_url=self.urls.choice(known.id))

    def _told(self, connection: Connection, moment: Moment, known: Call) -> bytes:
        if known.state is not CallState.DISCLOSING:
            return self._go_on(known)
        # What was never served has not played, whatever asks for the next step.
        elapsed = moment.at - known.served_at if known.served_at else timedelta(0)
        share = _PLAYED_SHARE_MIN if self.wording(known).disclosure_audio else _TOLD_SHARE_MIN
        if elapsed < timedelta(milliseconds=known.disclosure_length_ms) * share:
            cut = Suppress(Outcome.DISCLOSURE_CUT_SHORT, "the next request came before the disclosure can have played")
            return self._suppress(connection, moment, known, cut, text=self.wording(known).not_recorded)
        completed = [events.disclosure_completed(elapsed)]
        told = calls.settle(connection, moment, known, CallEvent.DISCLOSURE_COMPLETED, events=completed)
        return self._carry_out(connection, moment, told, consent.after_disclosure(told.standard))

    def _answered(
        self, connection: Connection, moment: Moment, request_sha256: str, known: Call, prompt: int, digits: str
    ) -> bytes:
        if known.state is not CallState.CHOOSING or known.prompt != prompt:
            return self._go_on(known)
        answer = consent.answer_of(digits)
        decision = consent.decide(answer, known.standard, prompt=prompt)
        choice = events.consent_choice(known, prompt, digits, answer, decision, request_sha256)
        again = answer is Answer.REPEAT
        return self._carry_out(connection, moment, known, decision, first=[choice], again=again)

    def _carry_out(
        self,
        connection: Connection,
        moment: Moment,
        known: Call,
        decision: Decision,
        *,
        first: Sequence[Event] = (),
        again: bool = False,
    ) -> bytes:
        """Settle a decision and say it. `first` are the events it rests on: they are logged with it, in front.

        `again`: the caller asked to hear it all again, the disclosure too.
        """
        wording = self.wording(known)
        match decision:
            case Ask(prompt):
                calls.settle(connection, moment, known, CallEvent.ASKED_AGAIN, events=first, prompt=prompt)
                return twiml.choose(wording, self.urls, consent_url=self.urls.consent(known.id, prompt), again=again)
            case Record():
                remember = self.rulebook.remember_declines
                if remember and (withheld := agreements.withheld_by_memory(connection, moment, known, decision)):
                    return self._suppress(connection, moment, known, withheld, text=wording.not_recorded, first=first)
                permit = agreements.permit(connection, moment, known, decision, first)
                return twiml.record(permit, self.line(known.line), wording, self.urls)
            case Suppress():
                text = _said_of(decision.outcome, wording)
                return self._suppress(connection, moment, known, decision, text=text, first=first)
            case EndCall(outcome, reason):
                refused = [*first, events.call_refused(known, decision)]
                calls.settle(
                    connection, moment, known, CallEvent.REFUSED, events=refused, outcome=outcome, reason=reason
                )
                ends = known.on_refusal == END_CALL
                return twiml.refuse(wording, text=wording.refused_end_call if ends else wording.refused_other_channel)

    def _suppress(
        self,
        connection: Connection,
        moment: Moment,
        known: Call,
        why: Suppress,
        *,
        text: str,
        audio: str = "",
        first: Sequence[Event] = (),
    ) -> bytes:
        agreements.suppress(connection, moment, known, why, first, remember=self.rulebook.remember_declines)
        return twiml.suppress(known.id, self.line(known.line), self.wording(known), self.urls, text=text, audio=audio)

    def _part(self, connection: Connection, moment: Moment, known: Call, heard: CallEnded) -> bytes:
        known = self._own_up(connection, moment, known)
        calls.tell(connection, moment, known, events.conversation_ended(heard))
        if heard.was_cut:
            return twiml.connect(self.line(known.line))  # without a whisper, and without coming here again
        wording = self.wording(known)
        said = {"busy": wording.agent_busy, "completed": "", "answered": ""}
        return twiml.ended(wording, text=said.get(heard.dial_call_status, wording.agent_unavailable))

    def _own_up(self, connection: Connection, moment: Moment, known: Call) -> Call:
        """A conversation without a decision is one that was connected because a step of ours failed: say so now."""
        if known.outcome != OPEN:
            return known
        ours = Suppress(Outcome.NOT_ASKED, "a step of ours failed, and the caller was connected")
        return agreements.suppress(connection, moment, known, ours)

    def _fall_back(self, connection: Connection, moment: Moment, known: Call, heard: FallbackAsked) -> bytes:
        told = events.call_fell_back(heard)
        if known.state in {CallState.DISCLOSING, CallState.CHOOSING}:
            disclosing = known.state is CallState.DISCLOSING
            outcome = Outcome.DISCLOSURE_FAILED if disclosing else Outcome.NOT_ASKED
            why = Suppress(outcome, f"Twilio reported error {heard.error_code}")
            agreements.suppress(connection, moment, known, why, [told])
        else:
            calls.tell(connection, moment, known, told)
        return twiml.hangup() if heard.was_parting else self._connect(known)

    def _go_on(self, known: Call) -> bytes:
        """The answer to a step that the call has passed by another way: decide nothing any more."""
        return twiml.nothing() if known.state is CallState.ENDED else self._connect(known)

    def _connect(self, known: Call) -> bytes:
        return twiml.connect(self.line(known.line), ended_url=self.urls.ended(known.id))

    def wording(self, known: Call) -> Wording:
        return self.kept or self._words(known, known.language)

    def whispered(self, known: Call) -> Wording:
        """What agents hear is in the line's first language, whatever the caller speaks."""
        return self._words(known, self.line(known.line).languages[0])

    def _words(self, known: Call, language: str) -> Wording:
        return arrivals.words(
            self.rulebook,
            self.line(known.line),
            Mode(known.mode),
            language,
            Terms.read(known.terms).names,
            silence_is_consent=known.silence_is_consent,
            remembered=known.remembers_decline,
        )


_MENU_KEYS = frozenset("123456789")


def _known(connection: Connection, call_id: str, call_sid: str) -> Call:
    known = calls.by_id(connection, call_id)
    if known is None or known.call_sid != call_sid:
        raise Refused(f"call {call_id}: the request is about another call")
    return known


def _said_of(outcome: Outcome, wording: Wording) -> str:
    said = {Outcome.DECLINED: wording.declined, Outcome.SILENT: wording.no_answer, Outcome.UNCLEAR: wording.unclear}
    return said.get(outcome, wording.not_recorded)
