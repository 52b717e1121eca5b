"""The decision on one request of a call: facts in, a `Settlement` out. No I/O.

Every decision follows the rules and words in force when the call came in, which may have been edited since. The rules
of consent themselves are in `policies.consent`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from callflow import events
from callflow.forms import Answered, CallEnded, FallbackAsked
from callflow.settlement import Move, Settlement
from callflow.twiml import (
    NOTHING,
    Connection,
    Disclosure,
    Document,
    HangUp,
    Meeting,
    Menu,
    OngoingRecording,
    Parting,
    Question,
    Refusal,
    StartOfRecording,
    Unrecorded,
    WithdrawalMenu,
)
from callflow.urls import Stay
from evidence.events import Event
from policies import connected, consent, disclosure
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
from policies.hanging_up import IN_STATE
from policies.lifecycle import CallEvent, CallState
from policies.rules import Line, OnWithdrawal, Rulebook
from policies.withdrawal import WithdrawnBy, remembered_until
from policies.wording import Wording
from policies.wording_of_call import words
from policies.wording_pack import texts_of
from policies.words_after import parting_text, refusal_text, unrecorded_text
from storage.errors import Broken, Refused
from storage.rows.calls import OPEN, Call
from storage.rows.handoffs import Handoff
from storage.rows.permits import Permit
from storage.rows.terms import Terms
from storage.rows.withdrawing import Follow, consent_withdrawn, decline_remembered, recording_suppressed

_MENU_KEYS = frozenset("123456789")


@dataclass(frozen=True, slots=True)
class Facts:
    """A call as a request finds it, the rules it is held to, and the time.

    `kept` are the words of the call's disclosure, which the program may have changed since; None: its words of today,
    made anew each time. `is_recording`: whether the recording of an earlier round still runs; None where no callback
    has come about it; `is_paused`: whether a pause of it is open. `has_declined`: whether the caller's number is
    remembered for a no. `agent`: the agent's leg that is in the conference with the caller, or on its way there.
    """

    call: Call
    rulebook: Rulebook
    at: datetime
    kept: Wording | None = None
    is_recording: bool | None = None
    has_declined: bool = False
    is_paused: bool = False
    agent: Handoff | None = None

    @property
    def line(self) -> Line:
        return line_of(self.rulebook, self.call.line)

    @property
    def can_withdraw(self) -> bool:
        """Whether a star means anything: the call is recorded with a consent."""
        return self.line.withdrawal_key and self.call.outcome in RECORDING_OUTCOMES

    @property
    def keeps_recording(self) -> bool:
        return self.line.on_withdrawal is OnWithdrawal.KEEP

    @property
    def wording(self) -> Wording:
        return self.kept or self.words_in(self.call.language)

    @property
    def whispered(self) -> Wording:
        """Agents hear the line's first language, whatever the caller speaks."""
        return self.words_in(self.line.languages[0])

    def words_in(self, language: str) -> Wording:
        return words(
            self.rulebook,
            self.line,
            Mode(self.call.mode),
            language,
            Terms.read(self.call.terms).names,
            silence_is_consent=self.call.silence_is_consent,
            remembered=self.call.remembers_decline,
        )

    def after(self, *moves: Move) -> "Facts":
        call = self.call
        for move in moves:
            call = move.of(call, self.at)
        return replace(self, call=call)


def greeting(facts: Facts) -> Settlement:
    """The call arrives: say the disclosure, or first ask for the language."""
    call, wording = facts.call, facts.wording
    if call.state is not CallState.DISCLOSING:
        return Settlement(document=Connection())
    if consent.before_disclosure(call.standard):
        unasked = Suppress(Outcome.NOT_ASKED, call.reason)
        said = Unrecorded(wording, wording.disclosure, wording.disclosure_audio)
        return suppression(facts, unasked, document=said)
    if facts.line.has_menu and not call.served_at:
        languages = facts.line.languages
        return Settlement((Move((events.language_asked(languages),)),), Menu(tuple(languages)))
    return _disclosure(facts, wording)


def greeting_again(facts: Facts) -> Settlement:
    """The call was sent back. A caller who declined stays declined, and hears so; any other is asked again."""
    sent_back = Move((events.call_sent_back(facts.call),), CallEvent.SENT_BACK)
    return _greeting_in_state(facts.after(sent_back)).after(sent_back)


def language_chosen(facts: Facts, heard: Answered) -> Settlement:
    """The caller's key in the language menu, or none: say the disclosure."""
    if facts.call.state is not CallState.DISCLOSING:
        return Settlement(document=Connection())
    languages = facts.line.languages
    place = languages[int(heard.digits) - 1 : int(heard.digits)] if heard.digits in _MENU_KEYS else ()
    language = place[0] if place else facts.call.language
    wording = facts.words_in(language)
    chosen = Move((events.language_chosen(language, by_key=bool(place)),), speaks=wording)
    return _disclosure(facts, wording).after(chosen)


def disclosure_played(facts: Facts, round_: int) -> Settlement:
    """The disclosure of that round has played: ask, or go on where staying is consent."""
    call = facts.call
    is_awaited = call.state is CallState.DISCLOSING or (call.is_asked_again and call.prompt == call.asked_before)
    if round_ != call.round or not is_awaited:
        return Settlement(document=Connection())
    # A disclosure that was never served has not played, whatever asks for the next step.
    elapsed = facts.at - call.served_at if call.served_at else timedelta(0)
    length, is_recorded = timedelta(milliseconds=call.disclosure_length_ms), bool(facts.wording.disclosure_audio)
    if not call.is_asked_again and not disclosure.can_have_played(elapsed, length, is_recorded=is_recorded):
        cut = disclosure.CUT_SHORT
        return suppression(facts, cut, document=Unrecorded(facts.wording, facts.wording.not_recorded))
    completed = Move((events.disclosure_completed(elapsed),), CallEvent.DISCLOSURE_COMPLETED)
    return _carried_out(facts.after(completed), consent.after_disclosure(call.standard)).after(completed)


def answered(facts: Facts, request_sha256: str, prompt: int, digits: str) -> Settlement:
    """A yes counts for the question that is being asked. A no counts whenever it comes, to whichever question."""
    call, answer = facts.call, consent.answer_of(digits)
    is_asked = call.state is CallState.CHOOSING or call.is_asked_again
    if is_asked and prompt == call.prompt > call.asked_before:
        decision = consent.decide(answer, call.standard, prompt=prompt - call.asked_before)
    elif answer is Answer.DECLINED and 0 < prompt <= call.prompt and call.outcome not in REFUSALS:
        decision = consent.decide(answer, call.standard, prompt=1)
    else:
        return Settlement(document=Connection())
    if call.outcome in RECORDING_OUTCOMES:
        decision = consent.decide_again(decision)
    choice = events.consent_choice(call, prompt, digits, answer, decision, request_sha256)
    return _carried_out(facts, decision, [choice], again=answer is Answer.REPEAT)


def left(facts: Facts) -> Settlement:
    """The caller has hung up, which is neither an answer nor silence. The call's end settles the question."""
    undecided = facts.call.state in IN_STATE
    return Settlement((Move((events.call_hung_up(facts.call),)),) if undecided else (), NOTHING)


def parting(facts: Facts, heard: CallEnded) -> Settlement:
    """The conversation with the agents is over, or there was none. A call without a decision was connected because a
    step of ours failed: the log says so now.
    """
    text = parting_text(facts.wording, heard.dial_call_status)
    # A conversation that was cut goes on without a whisper, and without coming here again.
    document: Document = Connection(reports_end=False) if heard.was_cut else Parting(facts.wording, text)
    ended = Settlement((Move((events.conversation_ended(heard),)),), document)
    if facts.call.outcome != OPEN:
        return ended
    return ended.after(*suppression(facts, connected.UNDECIDED).moves)


def dial_ended(facts: Facts, heard: CallEnded) -> Settlement:
    """The <Dial> to the agents is over. Where the agent's leg was sent into a conference, the caller follows."""
    if facts.agent and not heard.has_hung_up:
        return Settlement(document=meeting(facts, facts.agent))
    return parting(facts, heard)


def star_pressed(facts: Facts, stay: Stay, heard: CallEnded) -> Settlement:
    """The caller is out of the conference: by a star, unless the agent is known to have left, which ends it too."""
    if facts.agent is None or heard.has_hung_up:
        return parting(facts, heard)
    if not facts.can_withdraw:  # withdrawn since, in another way
        return Settlement(document=meeting(facts, facts.agent))
    said = texts_of(facts.wording.language).withdrawal_key
    ends_call = facts.call.mode == Mode.MUST_RECORD
    text = said.menu(keeps=facts.keeps_recording, ends_call=ends_call)
    return Settlement(document=WithdrawalMenu(facts.wording, text, stay))


def menu_answered(facts: Facts, heard: Answered) -> Settlement:
    """The caller's key in the menu, or none. The withdrawal counts whenever it comes."""
    if heard.digits == consent.WITHDRAWAL_DIGIT and facts.call.outcome in RECORDING_OUTCOMES:
        return _withdrawn_by_key(facts, has_hung_up=heard.has_hung_up)
    if heard.has_hung_up:
        return Settlement()
    if facts.agent is None:
        return Settlement(document=Parting(facts.wording, ""))
    return Settlement(document=meeting(facts, facts.agent))


def meeting(facts: Facts, agent: Handoff, *, text: str = "") -> Meeting:
    """The next stay in the conference. `text` is said after a withdrawal: from then on a star means nothing."""
    stay = Stay(agent.round, agent.stays + 1)
    heeds_star = facts.can_withdraw and not text
    return Meeting(facts.wording, stay, heeds_star, text, stops=bool(text))


def left_alone(facts: Facts, *, has_talked: bool) -> Settlement:
    """The agent's leg is gone, and the caller was taken out of the conference with nobody in it."""
    return Settlement(document=Parting(facts.wording, "" if has_talked else facts.wording.agent_unavailable))


def fallback(facts: Facts, heard: FallbackAsked) -> Settlement:
    """Twilio could not fetch or carry out a document of ours: connect the caller, unrecorded. An agent who waits in the
    conference is the agent to be connected with.
    """
    fell_back = events.call_fell_back(heard)
    document: Document = HangUp() if heard.was_parting else Connection()
    if facts.agent:
        document = meeting(facts, facts.agent)
    decision = connected.fallen_back(facts.call.state, heard.error_code)
    if decision is None:
        return Settlement((Move((fell_back,)),), document)
    return suppression(facts, decision, [fell_back], document=document)


def suppression(
    facts: Facts,
    why: Suppress,
    first: Sequence[Event] = (),
    *,
    document: Document = NOTHING,
    said_at: datetime | None = None,
) -> Settlement:
    """The call is not recorded. `first` are the events behind the decision; `said_at` is when the caller said no, where
    earlier than now.
    """
    logged, remember_until = [*first, recording_suppressed(facts.call, why.outcome, why.reason)], None
    if why.outcome is Outcome.DECLINED:
        remember_until = _remember_until(facts, said_at)
    if remember_until:
        logged.append(decline_remembered(remember_until))
    move = Move(tuple(logged), CallEvent.SUPPRESSED, why.outcome, why.reason)
    return Settlement((move,), document, remember_until=remember_until)


def withdrawal(
    facts: Facts,
    why: Withdraw,
    first: Sequence[Event] = (),
    *,
    document: Document = NOTHING,
    said_at: datetime | None = None,
) -> Settlement:
    """An earlier consent holds no longer. Recordings under it are stopped, and destroyed unless `why` keeps them."""
    said = consent_withdrawn(facts.call, why.reason, by=WithdrawnBy.CALLER, keeps=why.keeps, ends_call=why.ends_call)
    logged = [*first, said]
    remember_until = _remember_until(facts, said_at) if why.is_declined else None
    if remember_until:
        logged.append(decline_remembered(remember_until))
    event = CallEvent.REFUSED if why.ends_call else CallEvent.WITHDRAWN
    move = Move(tuple(logged), event, Outcome.WITHDRAWN, why.reason)
    follows = Follow(why.reason, keeps=why.keeps)
    return Settlement((move,), document, remember_until=remember_until, follows=follows)


def line_of(rulebook: Rulebook, number: str) -> Line:
    """The line of that number, the first one for a call to no line. Raises Refused for a number of no line."""
    found = rulebook.line(number) if number else rulebook.lines[0]
    if found is None:
        raise Refused("call: what was dialled is no line of the rulebook")
    return found


def _greeting_in_state(facts: Facts) -> Settlement:
    wording = facts.wording
    match facts.call.state:
        case CallState.DISCLOSING:
            return greeting(facts)
        case CallState.RECORDING:
            return _disclosure(facts, wording)
        case CallState.ENDING:
            return Settlement(document=_refusal(facts))
        case CallState.ENDED:  # a sid that Twilio uses once more: whatever records it is looked for
            return Settlement(document=Unrecorded(wording, wording.not_recorded), asks_provider=True)
        case _:
            return Settlement(document=Unrecorded(wording, unrecorded_text(wording, Outcome(facts.call.outcome))))


def _disclosure(facts: Facts, wording: Wording) -> Settlement:
    served = Move((events.disclosure_served(wording),), serves=True)
    return Settlement((served,), Disclosure(wording, facts.call.round))


def _carried_out(facts: Facts, decision: Decision, first: Sequence[Event] = (), *, again: bool = False) -> Settlement:
    """`first` are the events behind the decision, logged in front of it. `again`: the caller asked to hear the
    disclosure and the question again.
    """
    call, wording = facts.call, facts.wording
    match decision:
        case Ask():
            prompt = call.asked_before + decision.prompt
            asked = Move(tuple(first), CallEvent.ASKED_AGAIN, prompt=prompt)
            return Settlement((asked,), Question(wording, prompt, again))
        case Record():
            return _recording(facts, decision, first)
        case Suppress():
            document = Unrecorded(wording, unrecorded_text(wording, decision.outcome))
            return suppression(facts, decision, first, document=document)
        case EndCall():
            refused = (*first, events.call_refused(call, decision))
            move = Move(refused, CallEvent.REFUSED, decision.outcome, decision.reason)
            return Settlement((move,), _refusal(facts))
        case Withdraw():
            said: Document = Unrecorded(wording, wording.declined, stops=True)
            if decision.ends_call:
                said = _refusal(facts, stops=True)
            return withdrawal(facts, decision, first, document=said)


def _recording(facts: Facts, decision: Record, first: Sequence[Event]) -> Settlement:
    if facts.call.is_asked_again:
        return Settlement((Move(tuple(first), CallEvent.PERMITTED),), _ongoing(facts))
    heeded = consent.heeding_memory(decision, has_declined=facts.has_declined)
    if isinstance(heeded, Suppress):
        document = Unrecorded(facts.wording, facts.wording.not_recorded)
        return suppression(facts, heeded, first, document=document)
    return _permission(facts, decision, first)


def _permission(facts: Facts, decision: Record, first: Sequence[Event]) -> Settlement:
    """A yes, on the terms that were fixed when the call came in."""
    call, terms = facts.call, Terms.read(facts.call.terms)
    if terms.retain_until is None:
        raise Broken(f"call {call.id}: a yes, and nothing that it could cover")
    permit = Permit(
        call_id=call.id,
        outcome=decision.outcome,
        purposes=terms.purposes,
        retention=terms.retention,
        retain_until=terms.retain_until,
        decided_at=facts.at,
    )
    logged, forgets = [*first, events.recording_permitted(call, permit, terms.conflicts)], False
    if call.remembers_decline and facts.has_declined:
        logged, forgets = [*logged, events.decline_forgotten()], True
    return Settlement(
        (Move(tuple(logged), CallEvent.PERMITTED, decision.outcome),),
        StartOfRecording(facts.wording, permit),
        permit=permit,
        forgets_decline=forgets,
        conflicts=tuple(terms.conflicts),
    )


def _ongoing(facts: Facts) -> Document:
    """The recording of an earlier round is announced only if it runs for certain, and never started again: without a
    callback about it, it may well run. While it is paused nothing is said: "is being recorded" would be wrong now.
    """
    if facts.is_paused:
        return Connection()
    match facts.is_recording:
        case True:
            return OngoingRecording(facts.wording)
        case False:
            return Unrecorded(facts.wording, facts.wording.not_recorded)
        case None:
            return Connection()


def _withdrawn_by_key(facts: Facts, *, has_hung_up: bool) -> Settlement:
    why = consent.withdrawn_by_key(facts.call.standard, keeps=facts.keeps_recording)
    text = texts_of(facts.wording.language).withdrawal_key.done(keeps=why.keeps)
    said: Document = Refusal(facts.wording, text, stops=True)
    if has_hung_up:
        said = NOTHING
    elif why.ends_call:
        said = _refusal(facts, stops=True)
    elif facts.agent:
        said = meeting(facts, facts.agent, text=text)
    return withdrawal(facts, why, document=said)


def _refusal(facts: Facts, *, stops: bool = False) -> Refusal:
    return Refusal(facts.wording, refusal_text(facts.wording, facts.call.on_refusal), stops)


def _remember_until(facts: Facts, said_at: datetime | None) -> datetime | None:
    """Counted from the moment the caller said no, which may be earlier than now. A must-record line asks again."""
    until = remembered_until(facts.rulebook, facts.call.mode, said_at or facts.at)
    return until if facts.call.caller_hash else None
