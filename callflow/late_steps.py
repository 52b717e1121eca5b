"""Late settlement of a request that was only answered: its caller was connected, whatever the request asked.

Each request is settled in one transaction, which keeps the answer already given. So neither the request nor a repeat is
settled twice. The log says when the request came; the times of the events are their own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from callflow import decide, events, forms
from callflow.conversation import Conversation
from callflow.decide import Facts
from callflow.repeats import REPEATED_WITHIN, step_of
from callflow.settlement import Correction, Move, Settlement
from callflow.signature import Form
from evidence.events import Event
from policies import consent
from policies.connected import OUR_FAILURE, once_connected
from policies.consent import RECORDING_OUTCOMES, Answer, Outcome, Suppress, Withdraw
from policies.hanging_up import HUNG_UP, IN_STATE
from storage.errors import Refused
from storage.journal.kept_request import Kept
from storage.moment import Moment
from storage.rows import calls, replies
from storage.rows.calls import Call
from storage.rows.replies import Reply

ENDPOINTS = frozenset({"answer", "language", "choice", "consent", "ended", "star", "withdraw", "alone", "fallback"})


@dataclass(frozen=True, slots=True)
class LateSteps:
    conversation: Conversation

    def settle(self, connection: Connection, moment: Moment, kept: Kept) -> None:
        """Raises Refused for a form that is about another call or names no call."""
        form = Form.read(kept.body)
        call = self._call(connection, moment, kept, form)
        if call.erased_at:
            return
        facts, late = self.conversation.facts_of_meeting(connection, moment, call), _late(kept)
        answered = replies.of_step(connection, call.id, step_of(kept.endpoint, kept.path))
        settled = [reply for reply in answered if _answers(reply, kept)]
        if any(reply.body == kept.answered for reply in settled) or (settled and not _connects(kept)):
            return
        if settled:  # the first transaction was committed after all, too late for the caller
            self._settle(connection, moment, kept, facts, put_through(facts, [late]), attempt=len(answered) + 1)
            return
        try:
            settlement = _settlement(facts, kept, form)
        except Refused:  # genuine, and cannot be acted on
            settlement = put_through(facts, [late])
        if facts.agent and _meets(kept):
            settlement = replace(settlement, document=decide.meeting(facts, facts.agent))
        self._settle(connection, moment, kept, facts, settlement, attempt=len(answered) + 1)

    def _settle(
        self, connection: Connection, moment: Moment, kept: Kept, facts: Facts, settlement: Settlement, *, attempt: int
    ) -> None:
        """With the answer that the caller got, by which the same request is recognised if it is settled again."""
        self.conversation.settle(connection, moment, facts, settlement)
        reply = Reply(kept.body_sha256, kept.answered, kept.received_at)
        replies.keep(connection, facts.call.id, step_of(kept.endpoint, kept.path), reply, attempt=attempt)

    def _call(self, connection: Connection, moment: Moment, kept: Kept, form: Form) -> Call:
        arrived = forms.IncomingCall.read_leniently(form)
        if "call_id" in kept.path:
            call = calls.by_id(connection, kept.path["call_id"])
            if call is None or (call.call_sid != arrived.call_sid and not call.erased_at):
                raise Refused(f"call {kept.path['call_id']}: the request is about another call")
            return call
        if not arrived.call_sid:
            raise Refused("form: CallSid: expected CA and 32 hex digits")
        if call := calls.by_sid(connection, arrived.call_sid):
            return call
        return self.conversation.receive_anyhow(connection, moment, kept.body_sha256, arrived)


def put_through(facts: Facts, first: Sequence[Event], *, reason: str = OUR_FAILURE, by: str = "service") -> Settlement:
    """The caller was connected without an answer, and so did not hang up. Any other decision stays."""
    unasked = Suppress(Outcome.NOT_ASKED, reason)
    if facts.call.state in IN_STATE:
        return decide.suppression(facts, unasked, first)
    if facts.call.outcome in HUNG_UP:
        return Settlement((Move(tuple(first), correction=Correction(unasked, by)),))
    return Settlement((Move(tuple(first)),) if first else ())


def refuse(facts: Facts, first: Sequence[Event], *, reason: str = "", said_at: datetime) -> Settlement:
    """A refusal counts whenever it is found, and is remembered from the moment it was said."""
    if facts.call.outcome in RECORDING_OUTCOMES:
        withdrawn = Withdraw(reason or "the caller declined after having agreed", is_declined=True)
        return decide.withdrawal(facts, withdrawn, first, said_at=said_at)
    if facts.call.outcome in consent.REFUSALS:
        return Settlement((Move(tuple(first)),))
    return decide.suppression(facts, Suppress(Outcome.DECLINED, reason), first, said_at=said_at)


def _settlement(facts: Facts, kept: Kept, form: Form) -> Settlement:  # one for each step
    """Raises Refused for a form that cannot be read."""
    late = [_late(kept)]
    match kept.endpoint:
        case "withdraw":
            return _withdraws(facts, kept, forms.Answered.parse(form))
        case "ended" if not _meets(kept):
            moves = put_through(facts, late).moves
            return decide.parting(facts.after(*moves), forms.CallEnded.parse(form)).after(*moves)
        case "fallback":
            undecided = facts.call.state in IN_STATE
            moves = (Move(tuple(late)),) if undecided else put_through(facts, late).moves
            return decide.fallback(facts.after(*moves), forms.FallbackAsked.parse(form)).after(*moves)
        case "consent":
            return _answered(facts, kept, forms.Answered.parse(form))
        case "answer" | "ended" | "star" | "alone":
            return put_through(facts, late)
        case _:
            return _went_on(facts, late, has_left=forms.Heard.parse(form).has_hung_up)


def _answered(facts: Facts, kept: Kept, heard: forms.Answered) -> Settlement:
    """A no counts, whichever question it answers. A yes permits nothing now; where a recording runs, it leaves the
    consent as it is.
    """
    call, prompt, late = facts.call, int(kept.path["prompt"]), _late(kept)
    if heard.has_hung_up and not heard.digits:
        return _went_on(facts, [late], has_left=True)
    answer, is_recorded = consent.answer_of(heard.digits), call.outcome in RECORDING_OUTCOMES
    decision = consent.decide(answer, call.standard, prompt=max(1, prompt - call.asked_before))
    found = consent.decide_again(decision) if is_recorded else once_connected(decision)
    first = [late, events.consent_choice(call, prompt, heard.digits, answer, found, kept.body_sha256)]
    if answer is Answer.DECLINED:
        reason = found.reason if isinstance(found, Suppress) else ""
        return refuse(facts, first, reason=reason, said_at=kept.received_at)
    if isinstance(found, Withdraw) and call.is_asked_again:
        return decide.withdrawal(facts, found, first)
    if isinstance(found, Suppress) and call.state in IN_STATE:
        return decide.suppression(facts, found, first)
    return put_through(facts, first)


def _withdraws(facts: Facts, kept: Kept, heard: forms.Answered) -> Settlement:
    """The key of the menu after a star; any other changes nothing."""
    if heard.digits != consent.WITHDRAWAL_DIGIT or facts.call.outcome not in RECORDING_OUTCOMES:
        return put_through(facts, [_late(kept)])
    why = consent.withdrawn_by_key(facts.call.standard, keeps=facts.keeps_recording)
    return decide.withdrawal(facts, why, [_late(kept)], said_at=kept.received_at)


def _went_on(facts: Facts, late: Sequence[Event], *, has_left: bool) -> Settlement:
    """The caller was connected, unless the call was over already."""
    if not has_left:
        return put_through(facts, late)
    return decide.left(facts).after(Move(tuple(late)))


def _answers(reply: Reply, kept: Kept) -> bool:
    """Whether the reply was kept for this very request: when it was settled, or by the transaction that timed out."""
    apart = abs(reply.answered_at - kept.received_at)
    return reply.request_sha256 == kept.body_sha256 and apart <= REPEATED_WITHIN


def _late(kept: Kept) -> Event:
    return events.step_settled_late(kept.endpoint, kept.received_at, was_connected=_connects(kept))


def _meets(kept: Kept) -> bool:
    """Whether the caller was sent into the conference with the agent."""
    return b"<Conference" in kept.answered


def _connects(kept: Kept) -> bool:
    return b"<Dial" in kept.answered
