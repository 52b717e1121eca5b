"""What a request settles that was answered without being settled: not its answer, but that its caller was connected.

Each is settled in one transaction, which keeps the answer that was given. So a repeat of the request finds that answer
and is not settled again, and neither is the request itself. The log says when it had come; its own times are its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from callflow import agreements, events, forms
from callflow.conversation import Conversation
from callflow.repeats import REPEATED_WITHIN, step_of
from callflow.signature import Form
from callflow.turn import Turn
from evidence.events import Event
from policies import consent
from policies.connected import OUR_FAILURE, once_connected
from policies.consent import RECORDING_OUTCOMES, Answer, Mode, Outcome, Suppress, Withdraw
from policies.hanging_up import HUNG_UP, IN_STATE
from storage.errors import Refused
from storage.journal.kept_request import Kept
from storage.moment import Moment
from storage.rows import call_end, calls, replies
from storage.rows.calls import Call
from storage.rows.replies import Reply

ENDPOINTS = frozenset({"answer", "language", "choice", "consent", "ended", "fallback"})
_NOT_ASKED = Suppress(Outcome.NOT_ASKED, OUR_FAILURE)


@dataclass(frozen=True, slots=True)
class LateSteps:
    conversation: Conversation

    def settle(self, connection: Connection, moment: Moment, kept: Kept) -> None:
        """Raises Refused for what no genuine request of a known call says."""
        form = Form.read(kept.body)
        call = self._call(connection, moment, kept, form)
        if call.erased_at:
            return
        turn = self.conversation.turn(connection, moment, call)
        answered = replies.of_step(connection, call.id, step_of(kept.endpoint, kept.path))
        if settled := next((reply for reply in answered if _answers(reply, kept)), None):
            # Its transaction came through after all, and too late for its caller.
            if settled.body != kept.answered and _connects(kept):
                put_through(turn, [_late(kept)])
            return
        try:
            _settle(turn, kept, form)
        except Refused:  # it is genuine, and cannot be gone by
            put_through(turn, [_late(kept)])
        reply = Reply(kept.body_sha256, kept.answered, kept.received_at)
        replies.keep(connection, call.id, step_of(kept.endpoint, kept.path), reply, attempt=len(answered) + 1)

    def _call(self, connection: Connection, moment: Moment, kept: Kept, form: Form) -> Call:
        arrived = forms.IncomingCall.as_told(form)
        if "call_id" in kept.path:
            known = calls.by_id(connection, kept.path["call_id"])
            if known is None or (known.call_sid != arrived.call_sid and not known.erased_at):
                raise Refused(f"call {kept.path['call_id']}: the request is about another call")
            return known
        if not arrived.call_sid:
            raise Refused("form: CallSid: expected CA and 32 hex digits")
        if known := calls.by_sid(connection, arrived.call_sid):
            return known
        rulebook = self.conversation.rulebook
        line = rulebook.line(arrived.to) or rulebook.lines[0]
        return self.conversation.receive_at(line, connection, moment, kept.body_sha256, arrived)


def put_through(turn: Turn, first: Sequence[Event], *, reason: str = OUR_FAILURE, by: str = "service") -> Call:
    """The caller went on without being asked, or asked on: so nobody hung up. What else was decided stays."""
    connection, moment, call = turn.connection, turn.moment, turn.call
    unasked = Suppress(Outcome.NOT_ASKED, reason)
    if call.state in IN_STATE:
        return agreements.suppress(connection, moment, call, unasked, first)
    if call.outcome in HUNG_UP:
        return call_end.correct(connection, moment, call, unasked, by=by, first=first)
    return calls.append_events(connection, moment, call, *first) if first else call


def refuse(turn: Turn, first: Sequence[Event], *, reason: str = "", said_at: datetime) -> Call:
    """A refusal that was said counts whenever it is found, and is remembered from when it was said."""
    connection, moment, call = turn.connection, turn.moment, turn.call
    remember = None if call.mode == Mode.MUST_RECORD else turn.rulebook.remember_declines
    if call.outcome in RECORDING_OUTCOMES:
        withdrawn = Withdraw(reason or "the caller declined after having agreed", is_declined=True)
        return agreements.withdraw(
            connection, moment, call, withdrawn, first, jobs=turn.jobs, remember=remember, said_at=said_at
        )
    declined = Suppress(Outcome.DECLINED, reason)
    if call.outcome in consent.REFUSALS:
        return calls.append_events(connection, moment, call, *first)
    return agreements.suppress(connection, moment, call, declined, first, remember=remember, said_at=said_at)


def _settle(turn: Turn, kept: Kept, form: Form) -> None:
    late = [_late(kept)]
    match kept.endpoint:
        case "ended":
            replace(turn, call=put_through(turn, late)).parts(forms.CallEnded.parse(form))
        case "fallback":
            undecided = turn.call.state in IN_STATE
            told = (
                calls.append_events(turn.connection, turn.moment, turn.call, *late)
                if undecided
                else put_through(turn, late)
            )
            replace(turn, call=told).falls_back(forms.FallbackAsked.parse(form))
        case "consent":
            _answered(turn, kept, forms.Answered.parse(form))
        case "answer":
            put_through(turn, late)
        case _:
            _went_on(turn, late, has_left=forms.Heard.parse(form).has_hung_up)


def _answered(turn: Turn, kept: Kept, heard: forms.Answered) -> None:
    """A no counts to whichever question it was said. A yes permits nothing; of a caller who is recorded it leaves the
    consent as it is.
    """
    call, prompt, late = turn.call, int(kept.path["prompt"]), _late(kept)
    if heard.has_hung_up and not heard.digits:
        _went_on(turn, [late], has_left=True)
        return
    answer, is_recorded = consent.answer_of(heard.digits), call.outcome in RECORDING_OUTCOMES
    decision = consent.decide(answer, call.standard, prompt=max(1, prompt - call.asked_before))
    found = consent.decide_again(decision) if is_recorded else once_connected(decision)
    first = [late, events.consent_choice(call, prompt, heard.digits, answer, found, kept.body_sha256)]
    if answer is Answer.DECLINED:
        refuse(turn, first, reason=found.reason if isinstance(found, Suppress) else "", said_at=kept.received_at)
    elif isinstance(found, Withdraw) and call.is_asked_again:
        agreements.withdraw(turn.connection, turn.moment, call, found, first, jobs=turn.jobs, remember=None)
    elif isinstance(found, Suppress) and call.state in IN_STATE:
        agreements.suppress(turn.connection, turn.moment, call, found, first)
    else:
        put_through(turn, first)


def _went_on(turn: Turn, late: Sequence[Event], *, has_left: bool) -> None:
    """The caller was connected, unless the call was over already."""
    if not has_left:
        put_through(turn, late)
        return
    left = [events.call_hung_up(turn.call)] if turn.call.state in IN_STATE else []
    calls.append_events(turn.connection, turn.moment, turn.call, *late, *left)


def _answers(reply: Reply, kept: Kept) -> bool:
    """Whether it was kept for this very request: when this was settled, or by the transaction that was given up."""
    apart = abs(reply.answered_at - kept.received_at)
    return reply.request_sha256 == kept.body_sha256 and apart <= REPEATED_WITHIN


def _late(kept: Kept) -> Event:
    return events.step_settled_late(kept.endpoint, kept.received_at, was_connected=_connects(kept))


def _connects(kept: Kept) -> bool:
    return b"<Dial" in kept.answered
