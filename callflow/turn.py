"""One request of a call: decided by `policies`, settled in the request's transaction, and said in TwiML.

All of it under the rules that the call came in under, which may have been edited since.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from sqlalchemy import Connection

from callflow import agreements, events, twiml
from callflow.forms import Answered, CallEnded, FallbackAsked
from callflow.urls import Urls
from evidence.events import Event
from policies import consent
from policies.consent import (
    RECORDING_OUTCOMES,
    REFUSALS,
    Answer,
    Ask,
    Decision,
    EndCall,
    Mode,
    Outcome,
    Record,
    Suppress,
    Withdraw,
)
from policies.demands import END_CALL
from policies.lifecycle import CallEvent, CallState
from policies.rules import Line, Rulebook
from policies.wording import Wording
from policies.wording_of_call import words
from storage.errors import Refused
from storage.moment import Moment
from storage.rows import calls, recordings
from storage.rows.calls import OPEN, Call
from storage.rows.recordings import Jobs
from storage.rows.terms import Terms

# Speech is only estimated at 150 words a minute, so nothing but a request in under half that time is proof of a cut.
# A recording plays as long as it is, but for a moment at either end.
_TOLD_SHARE_MIN, _PLAYED_SHARE_MIN = 0.5, 0.95
_MENU_KEYS = frozenset("123456789")


@dataclass(frozen=True, slots=True)
class Turn:
    """`kept` are the words that the call was disclosed with, where the program has others by now.

    Every method is the answer to a request, and settles what it decides before it returns.
    """

    connection: Connection = field(repr=False)
    moment: Moment
    call: Call
    rulebook: Rulebook
    urls: Urls
    jobs: Jobs
    kept: Wording | None = None

    def greets(self) -> bytes:
        """The call arrives: say the disclosure, or first ask for the language."""
        if self.call.state is not CallState.DISCLOSING:
            return self._connects()
        if consent.before_disclosure(self.call.standard):
            unasked, wording = Suppress(Outcome.NOT_ASKED, self.call.reason), self.wording
            return self._suppresses(unasked, text=wording.disclosure, audio=wording.disclosure_audio)
        if self.line.has_menu and not self.call.served_at:
            calls.append_events(self.connection, self.moment, self.call, events.language_asked(self.line.languages))
            return twiml.menu(self.line.languages, language_url=self.urls.language(self.call.id))
        return self._discloses(self.wording)

    def greets_again(self) -> bytes:
        """The call was sent back. Whoever has not said no is told and asked again; a no is kept, and said."""
        told = events.call_sent_back(self.call)
        again = self._at(calls.settle(self.connection, self.moment, self.call, CallEvent.SENT_BACK, events=[told]))
        match again.call.state:
            case CallState.DISCLOSING:
                return again.greets()
            case CallState.RECORDING:
                return again._discloses(again.wording)
            case CallState.ENDING:
                return again._refuses()
            case CallState.ENDED:  # a sid that Twilio uses once more: whatever records it is looked for
                calls.ask_again(self.connection, again.call, self.moment.at)
                return again._goes_on_unrecorded(text=again.wording.not_recorded)
            case _:
                return again._goes_on_unrecorded(text=_said_of(Outcome(again.call.outcome), again.wording))

    def language_chosen(self, heard: Answered) -> bytes:
        if self.call.state is not CallState.DISCLOSING:
            return self._connects()
        languages = self.line.languages
        place = languages[int(heard.digits) - 1 : int(heard.digits)] if heard.digits in _MENU_KEYS else ()
        language = place[0] if place else self.call.language
        wording, chosen = self._words(language), events.language_chosen(language, by_key=bool(place))
        told = calls.append_events(self.connection, self.moment, self.call, chosen)
        return self._at(calls.speak(self.connection, told, wording))._discloses(wording)

    def told(self, round_: int) -> bytes:
        """The disclosure of that round has played: ask, or go on where staying is consent."""
        call = self.call
        is_awaited = call.state is CallState.DISCLOSING or (call.is_asked_again and call.prompt == call.asked_before)
        if round_ != call.round or not is_awaited:
            return self._connects()
        # What was never served has not played, whatever asks for the next step.
        elapsed = self.moment.at - call.served_at if call.served_at else timedelta(0)
        if not call.is_asked_again and elapsed < self._played_after():
            cut = Suppress(Outcome.DISCLOSURE_CUT_SHORT, "the next request came before the disclosure can have played")
            return self._suppresses(cut, text=self.wording.not_recorded)
        completed = [events.disclosure_completed(elapsed)]
        told = calls.settle(self.connection, self.moment, call, CallEvent.DISCLOSURE_COMPLETED, events=completed)
        return self._at(told)._carries_out(consent.after_disclosure(call.standard))

    def answered(self, request_sha256: str, prompt: int, digits: str) -> bytes:
        """A yes counts for the question that is being asked. A no counts whenever it comes, to whichever question."""
        call, answer = self.call, consent.answer_of(digits)
        is_asked = call.state is CallState.CHOOSING or call.is_asked_again
        if is_asked and prompt == call.prompt > call.asked_before:
            decision = consent.decide(answer, call.standard, prompt=prompt - call.asked_before)
        elif answer is Answer.DECLINED and 0 < prompt <= call.prompt and call.outcome not in REFUSALS:
            decision = consent.decide(answer, call.standard, prompt=1)
        else:
            return self._connects()
        if call.outcome in RECORDING_OUTCOMES:
            decision = consent.decide_again(decision)
        choice = events.consent_choice(call, prompt, digits, answer, decision, request_sha256)
        return self._carries_out(decision, first=[choice], again=answer is Answer.REPEAT)

    def parts(self, heard: CallEnded) -> bytes:
        """The conversation with the agents is over, or there was none."""
        turn = self._own_up()
        calls.append_events(turn.connection, turn.moment, turn.call, events.conversation_ended(heard))
        if heard.was_cut:
            return twiml.connect(turn.line)  # without a whisper, and without coming here again
        return twiml.ended(turn.wording, text=parting_text(turn.wording, heard.dial_call_status))

    def falls_back(self, heard: FallbackAsked) -> bytes:
        told = events.call_fell_back(heard)
        if self.call.state in {CallState.DISCLOSING, CallState.CHOOSING}:
            disclosing = self.call.state is CallState.DISCLOSING
            outcome = Outcome.DISCLOSURE_FAILED if disclosing else Outcome.NOT_ASKED
            why = Suppress(outcome, f"Twilio reported error {heard.error_code}")
            agreements.suppress(self.connection, self.moment, self.call, why, [told])
        else:
            calls.append_events(self.connection, self.moment, self.call, told)
        return twiml.hangup() if heard.was_parting else self._connects()

    @property
    def line(self) -> Line:
        return line_of(self.rulebook, self.call.line)

    @property
    def wording(self) -> Wording:
        return self.kept or self._words(self.call.language)

    @property
    def whispered(self) -> Wording:
        """What agents hear is in the line's first language, whatever the caller speaks."""
        return self._words(self.line.languages[0])

    def _at(self, call: Call) -> "Turn":
        return replace(self, call=call)

    def _discloses(self, wording: Wording) -> bytes:
        calls.serve(self.connection, self.moment, self.call, events.disclosure_served(wording))
        return twiml.disclose(wording, self.urls, choice_url=self.urls.choice(self.call.id, self.call.round))

    def _played_after(self) -> timedelta:
        share = _PLAYED_SHARE_MIN if self.wording.disclosure_audio else _TOLD_SHARE_MIN
        return timedelta(milliseconds=self.call.disclosure_length_ms) * share

    def _carries_out(self, decision: Decision, *, first: Sequence[Event] = (), again: bool = False) -> bytes:
        """Settle a decision and say it. `first` are the events it rests on: they are logged with it, in front.

        `again`: the caller asked to hear it all again, the disclosure too.
        """
        wording = self.wording
        match decision:
            case Ask():
                return self._asks(self.call.asked_before + decision.prompt, first=first, again=again)
            case Record():
                return self._records(decision, first=first)
            case Suppress():
                return self._suppresses(decision, text=_said_of(decision.outcome, wording), first=first)
            case EndCall():
                refused = [*first, events.call_refused(self.call, decision)]
                calls.settle(
                    self.connection,
                    self.moment,
                    self.call,
                    CallEvent.REFUSED,
                    events=refused,
                    outcome=decision.outcome,
                    reason=decision.reason,
                )
                return self._refuses()
            case Withdraw():
                agreements.withdraw(
                    self.connection,
                    self.moment,
                    self.call,
                    decision,
                    first,
                    jobs=self.jobs,
                    remember=self.rulebook.remember_declines,
                )
                if decision.ends_call:
                    return self._refuses(stops=True)
                return self._goes_on_unrecorded(text=wording.declined, stops=True)

    def _asks(self, prompt: int, *, first: Sequence[Event], again: bool) -> bytes:
        calls.settle(self.connection, self.moment, self.call, CallEvent.ASKED_AGAIN, events=first, prompt=prompt)
        url = self.urls.consent(self.call.id, prompt)
        return twiml.choose(self.wording, self.urls, consent_url=url, again=again)

    def _records(self, decision: Record, *, first: Sequence[Event]) -> bytes:
        connection, moment, call, wording = self.connection, self.moment, self.call, self.wording
        if call.is_asked_again:
            calls.settle(connection, moment, call, CallEvent.PERMITTED, events=first)
            return self._goes_on_recorded()
        if self.rulebook.remember_declines and (
            withheld := agreements.withheld_by_memory(connection, moment, call, decision)
        ):
            return self._suppresses(withheld, text=wording.not_recorded, first=first)
        permit = agreements.permit(connection, moment, call, decision, first)
        return twiml.record(permit, self.line, wording, self.urls)

    def _goes_on_recorded(self) -> bytes:
        """The recording of an earlier round goes on, if it still does: only what runs is said to run. It is not begun
        once more: where nothing was heard of it, it may well run.
        """
        match recordings.is_running(self.connection, self.call.id):
            case True:
                return twiml.recorded(self.call.id, self.line, self.wording, self.urls)
            case False:
                return self._goes_on_unrecorded(text=self.wording.not_recorded)
            case None:
                return self._connects()

    def _suppresses(self, why: Suppress, *, text: str, audio: str = "", first: Sequence[Event] = ()) -> bytes:
        agreements.suppress(
            self.connection, self.moment, self.call, why, first, remember=self.rulebook.remember_declines
        )
        return self._goes_on_unrecorded(text=text, audio=audio)

    def _goes_on_unrecorded(self, *, text: str, audio: str = "", stops: bool = False) -> bytes:
        """`stops`: a recording runs, which ends before anything is said about it."""
        return twiml.suppress(self.call.id, self.line, self.wording, self.urls, text=text, audio=audio, stops=stops)

    def _refuses(self, *, stops: bool = False) -> bytes:
        ends, wording = self.call.on_refusal == END_CALL, self.wording
        text = wording.refused_end_call if ends else wording.refused_other_channel
        return twiml.refuse(wording, text=text, stops=stops)

    def _own_up(self) -> "Turn":
        """A conversation without a decision is one that was connected because a step of ours failed: say so now."""
        if self.call.outcome != OPEN:
            return self
        ours = Suppress(Outcome.NOT_ASKED, "a step of ours failed, and the caller was connected")
        return self._at(agreements.suppress(self.connection, self.moment, self.call, ours))

    def _connects(self) -> bytes:
        """The answer to a step that the call has passed by another way: decide nothing any more."""
        return twiml.connect(self.line, ended_url=self.urls.ended(self.call.id))

    def _words(self, language: str) -> Wording:
        return words(
            self.rulebook,
            self.line,
            Mode(self.call.mode),
            language,
            Terms.read(self.call.terms).names,
            silence_is_consent=self.call.silence_is_consent,
            remembered=self.call.remembers_decline,
        )


def parting_text(wording: Wording, dial_call_status: str) -> str:
    """Nothing after a conversation; else that nobody was free."""
    said = {"busy": wording.agent_busy, "completed": "", "answered": ""}
    return said.get(dial_call_status, wording.agent_unavailable)


def line_of(rulebook: Rulebook, number: str) -> Line:
    """The first line for a call to what is no line. Raises Refused for a number that is no line of the rulebook."""
    found = rulebook.line(number) if number else rulebook.lines[0]
    if found is None:
        raise Refused("call: what was dialled is no line of the rulebook")
    return found


def _said_of(outcome: Outcome, wording: Wording) -> str:
    said = {
        Outcome.DECLINED: wording.declined,
        Outcome.WITHDRAWN: wording.declined,
        Outcome.SILENT: wording.no_answer,
        Outcome.UNCLEAR: wording.unclear,
    }
    return said.get(outcome, wording.not_recorded)
