"""One call's steps up to the conversation: parse, decide, settle, render. Each runs in one transaction.

The first delivery of a request decides; its answer is kept and is what every repeat gets. Nothing here talks to
anything but the database, and nothing decides: `policies` does.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy import Connection

from callflow import events, twiml
from callflow.forms import Answered, CallEnded, FallbackAsked, Heard, IncomingCall
from callflow.rules_in_force import rules_of
from callflow.urls import Urls
from evidence.events import Event
from policies import consent
from policies.consent import Answer, Ask, Decision, EndCall, Mode, Outcome, Record, Suppress
from policies.jurisdictions import place_of, standard_for
from policies.lifecycle import CallEvent, CallState
from policies.purposes import Granted
from policies.retention import retain_until
from policies.rules import Line, Rulebook
from policies.spoken_languages import language_for
from policies.wording import Wording, spoken_length_s, wording_for
from storage import calls
from storage.calls import OPEN, Call, Moment, Permit, Reply
from storage.errors import Refused

log = logging.getLogger(__name__)

ASKED_ABOUT_AFTER = timedelta(seconds=5)
# Speech is only estimated at 150 words a minute, so nothing but a request in under half that time is proof of a cut.
_TOLD_SHARE_MIN = 0.5


@dataclass(frozen=True, slots=True)
class Conversation:
    rulebook: Rulebook
    urls: Urls

    def answer(self, connection: Connection, moment: Moment, request_sha256: str, heard: IncomingCall) -> bytes:
        """The call arrives: settle under which standard it is asked, and say the disclosure."""
        known = calls.by_sid(connection, heard.call_sid)
        if known is None:
            known = self.receive(connection, moment, request_sha256, heard)
        then = self.of(connection, known)
        return self._once(connection, known, "answer", request_sha256, lambda: then._greet(connection, moment, known))

    def choice(self, connection: Connection, moment: Moment, request_sha256: str, call_id: str, heard: Heard) -> bytes:
        """The disclosure has played, which this request is the proof of: ask, or go on where staying is consent."""
        known = _known(connection, call_id, heard.call_sid)
        then = self.of(connection, known)

        def respond() -> bytes:
            return twiml.nothing() if heard.has_hung_up else then._told(connection, moment, known)

        return self._once(connection, known, "choice", request_sha256, respond)

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

        return self._once(connection, known, f"consent:{prompt}", request_sha256, respond)

    def ended(
        self, connection: Connection, moment: Moment, request_sha256: str, call_id: str, heard: CallEnded
    ) -> bytes:
        """The conversation with the agents is over, or there was none. Never makes or changes a consent."""
        known = _known(connection, call_id, heard.call_sid)
        then = self.of(connection, known)
        return self._once(
            connection, known, "ended", request_sha256, lambda: then._part(connection, moment, known, heard)
        )

    def fallback(self, connection: Connection, moment: Moment, request_sha256: str, heard: FallbackAsked) -> bytes:
        """Twilio could not fetch or carry out an answer of ours: connect the caller, unrecorded."""
        known = calls.by_sid(connection, heard.arrived.call_sid)
        if known is None:
            known = self.receive(connection, moment, request_sha256, heard.arrived)
        step, then = f"fallback:{request_sha256[:16]}", self.of(connection, known)
        return self._once(
            connection, known, step, request_sha256, lambda: then._fall_back(connection, moment, known, heard)
        )

    def of(self, connection: Connection, known: Call) -> "Conversation":
        """This conversation under the rules that the call came in under: they may have been edited since."""
        return replace(self, rulebook=rules_of(connection, known, self.rulebook))

    def receive(self, connection: Connection, moment: Moment, request_sha256: str, heard: IncomingCall) -> Call:
        """Write down a call that was not known, with the standard that holds for it."""
        line = self.line(heard.to)
        place = place_of(heard.from_)
        demand = standard_for(line, self.rulebook.business, place)
        language = language_for(place, line.languages)
        standard = demand.standard
        wording = self._wording(line, standard.mode, language, silence_is_consent=standard.silence_is_consent)
        new = Call(
            id=moment.new_id(),
            call_sid=heard.call_sid,
            line=line.number,
            mode=standard.mode,
            silence_is_consent=standard.silence_is_consent,
            prompts_max=standard.prompts_max,
            language=wording.language,
            wording_sha256=wording.sha256,
            rules_sha256=self.rulebook.sha256,
            state=CallState.DISCLOSING,
            outcome=OPEN,
            reason="",
            prompt=0,
            events=0,
            received_at=moment.at,
            disclosure_length_ms=round(spoken_length_s(wording.disclosure) * 1000),
            sweep_at=moment.at + ASKED_ABOUT_AFTER,
        )
        calls.add(connection, new)
        return calls.tell(connection, moment, new, events.call_received(new, demand, heard, request_sha256))

    def line(self, number: str) -> Line:
        found = self.rulebook.line(number)
        if found is None:
            raise Refused("call: the number dialled is not a line of the rulebook")
        return found

    def _greet(self, connection: Connection, moment: Moment, known: Call) -> bytes:
        wording = self.wording(known)
        if known.state is not CallState.DISCLOSING:
            return self._go_on(known)
        early = consent.before_disclosure(known.standard)
        if early is not None:
            return self._suppress(connection, moment, known, early, text=wording.disclosure)
        calls.tell(connection, moment, known, events.disclosure_served(wording))
        return twiml.disclose(wording, choice_url=self.urls.choice(known.id))

    def _told(self, connection: Connection, moment: Moment, known: Call) -> bytes:
        if known.state is not CallState.DISCLOSING:
            return self._go_on(known)
        elapsed = moment.at - known.received_at
        if elapsed < timedelta(milliseconds=known.disclosure_length_ms) * _TOLD_SHARE_MIN:
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
        choice = events.consent_choice(prompt, digits, answer, decision, known.mode, request_sha256)
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
                return twiml.choose(wording, consent_url=self.urls.consent(known.id, prompt), again=again)
            case Record():
                permit = self._permit(connection, moment, known, decision, first)
                return twiml.record(permit, self.line(known.line), wording, self.urls)
            case Suppress():
                text = _said_of(decision.outcome, wording)
                return self._suppress(connection, moment, known, decision, text=text, first=first)
            case EndCall(outcome, reason):
                refused = [*first, events.call_refused(decision)]
                calls.settle(
                    connection, moment, known, CallEvent.REFUSED, events=refused, outcome=outcome, reason=reason
                )
                return twiml.refuse(wording, text=wording.refused_other_channel)

    def _permit(
        self, connection: Connection, moment: Moment, known: Call, decision: Record, first: Sequence[Event]
    ) -> Permit:
        line = self.line(known.line)
        rule = self.rulebook.retention[line.retention]
        until = retain_until(known.received_at, rule)
        permit = Permit(
            call_id=known.id,
            outcome=decision.outcome,
            purposes=tuple(Granted(purpose, until) for purpose in line.purposes),
            retention=rule.name,
            retain_until=until,
            decided_at=moment.at,
        )
        told = [*first, events.recording_permitted(permit)]
        calls.settle(connection, moment, known, CallEvent.PERMITTED, events=told, outcome=decision.outcome)
        return calls.give_permit(connection, permit)

    def _suppress(
        self,
        connection: Connection,
        moment: Moment,
        known: Call,
        why: Suppress,
        *,
        text: str,
        first: Sequence[Event] = (),
    ) -> bytes:
        told = [*first, events.recording_suppressed(why)]
        calls.settle(
            connection, moment, known, CallEvent.SUPPRESSED, events=told, outcome=why.outcome, reason=why.reason
        )
        return twiml.suppress(known.id, self.line(known.line), self.wording(known), self.urls, text=text)

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
        told = [events.recording_suppressed(ours)]
        return calls.settle(
            connection, moment, known, CallEvent.SUPPRESSED, events=told, outcome=ours.outcome, reason=ours.reason
        )

    def _fall_back(self, connection: Connection, moment: Moment, known: Call, heard: FallbackAsked) -> bytes:
        told = events.call_fell_back(heard)
        if known.state in {CallState.DISCLOSING, CallState.CHOOSING}:
            disclosing = known.state is CallState.DISCLOSING
            outcome = Outcome.DISCLOSURE_FAILED if disclosing else Outcome.NOT_ASKED
            reason = f"Twilio reported error {heard.error_code}"
            calls.settle(connection, moment, known, CallEvent.SUPPRESSED, events=[told], outcome=outcome, reason=reason)
        else:
            calls.tell(connection, moment, known, told)
        return twiml.hangup() if heard.was_parting else self._connect(known)

    def _go_on(self, known: Call) -> bytes:
        """The answer to a step that the call has passed by another way: decide nothing any more."""
        return twiml.nothing() if known.state is CallState.ENDED else self._connect(known)

    def _connect(self, known: Call) -> bytes:
        return twiml.connect(self.line(known.line), ended_url=self.urls.ended(known.id))

    def wording(self, known: Call) -> Wording:
        return self._wording(
            self.line(known.line), Mode(known.mode), known.language, silence_is_consent=known.silence_is_consent
        )

    def _wording(self, line: Line, mode: Mode, language: str, *, silence_is_consent: bool) -> Wording:
        name = self.rulebook.business.name
        return wording_for(mode, language, name, line.purposes, silence_is_consent=silence_is_consent)

    def _once(
        self, connection: Connection, known: Call, step: str, request_sha256: str, respond: Callable[[], bytes]
    ) -> bytes:
        kept = calls.reply_to(connection, known.id, step)
        if kept is None:
            kept = Reply(request_sha256, respond())
            calls.keep_reply(connection, known.id, step, kept)
        elif kept.request_sha256 != request_sha256:
            log.warning("call %s: %s came again with other parameters; the first answer stands", known.id, step)
        return kept.body


def _known(connection: Connection, call_id: str, call_sid: str) -> Call:
    known = calls.by_id(connection, call_id)
    if known is None or known.call_sid != call_sid:
        raise Refused(f"call {call_id}: the request is about another call")
    return known


def _said_of(outcome: Outcome, wording: Wording) -> str:
    said = {Outcome.DECLINED: wording.declined, Outcome.SILENT: wording.no_answer, Outcome.UNCLEAR: wording.unclear}
    return said.get(outcome, wording.not_recorded)
