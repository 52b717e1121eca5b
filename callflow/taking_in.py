"""Requests that Twilio lists and our log lacks are taken into the log, where they contradict the call's outcome."""

from collections.abc import Sequence
from hashlib import sha256

from sqlalchemy import Connection

from callflow import decide, events
from callflow.conversation import Conversation
from callflow.late_steps import put_through, refuse
from policies import consent, unheard
from policies.consent import RECORDING_OUTCOMES, Answer, Outcome, Suppress, Withdraw
from policies.corroboration import Logged, Request
from policies.hanging_up import UNHEARD
from storage.moment import Moment
from storage.rows.calls import Call

_SAID = "the caller declined, and the service did not hear it"


def take_in(
    conversation: Conversation,
    connection: Connection,
    moment: Moment,
    call: Call,
    seen: Sequence[Request],
    logged: Logged,
    account: bytes,
) -> Call:
    """A refusal counts and is remembered from the moment it was said; recordings made against it are destroyed. Without
    a refusal the caller was not asked.
    """
    facts, said = conversation.facts(connection, moment, call), unheard.refusal(seen, logged)
    if said is None:
        unheard_of = put_through(facts, [], reason=UNHEARD, by="telephone company")
        return conversation.settle(connection, moment, facts, unheard_of)
    if not said.prompt:
        why = consent.withdrawn_by_key(call.standard, keeps=facts.keeps_recording)
        withdrawn = decide.withdrawal(facts, why, said_at=said.at or call.ended_at or moment.at)
        return conversation.settle(connection, moment, facts, withdrawn)
    is_recorded = call.outcome in RECORDING_OUTCOMES
    refused = Withdraw(_SAID, is_declined=True) if is_recorded else Suppress(Outcome.DECLINED, _SAID)
    request_sha256 = sha256(account).hexdigest()  # of Twilio's account of the call: the request never came here
    choice = events.consent_choice(call, said.prompt, "2", Answer.DECLINED, refused, request_sha256)
    refusal = refuse(facts, [choice], reason=_SAID, said_at=said.at or call.ended_at or moment.at)
    return conversation.settle(connection, moment, facts, refusal)
