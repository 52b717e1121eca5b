"""Callers behind a genuine request that cannot be acted on: connected, unrecorded, and logged as not asked.

The dialled address may be no line of ours, a parameter may have several values or make no sense, the URL may belong to
another call. None of it is the caller's fault.
"""

import re
from dataclasses import dataclass

from sqlalchemy import Connection

from callflow import decide, events, twiml
from callflow.conversation import Conversation
from callflow.decide import Facts
from callflow.forms import IncomingCall
from callflow.repeats import answered_once
from callflow.settlement import Move, Settlement
from policies.consent import Outcome, Suppress, Withdraw
from policies.incidents import IncidentKind
from storage.log import consent_log
from storage.moment import Moment
from storage.provider import FINAL_STATUSES
from storage.rows import calls, incidents
from storage.rows.calls import OPEN, Call
from storage.rows.incidents import raise_incident
from storage.rows.replies import UNREAD

_ANOTHERS_NAME = re.compile(r"^call [0-9a-f]+: ")


@dataclass(frozen=True, slots=True)
class Unasked:
    conversation: Conversation

    def put_through(
        self,
        connection: Connection,
        moment: Moment,
        request_sha256: str,
        arrived: IncomingCall,
        step: str,
        call_id: str,
        why: str,
    ) -> bytes:
        """The answer that connects the caller. `step` and `call_id` come from the URL, and are empty where it has none.

        `why` is for the log, and holds nothing from the request. The name of another call is struck out, since the log
        never ties two calls together.
        """
        why = _ANOTHERS_NAME.sub("", why)
        found = calls.by_sid(connection, arrived.call_sid) if arrived.call_sid else calls.by_id(connection, call_id)
        if found is None and not arrived.call_sid:
            return self._nameless(connection, moment, request_sha256, arrived, why)
        if found is None:
            found = self.conversation.receive_anyhow(connection, moment, request_sha256, arrived)
        call, has_hung_up = found, arrived.call_status in FINAL_STATUSES

        def respond() -> bytes:
            return self._settle(connection, moment, call, why, has_hung_up=has_hung_up)

        own_step = step if call_id in ("", call.id) else ""
        return answered_once(connection, moment, call, f"{UNREAD}{own_step}", request_sha256, respond)

    def _settle(self, connection: Connection, moment: Moment, call: Call, why: str, *, has_hung_up: bool) -> bytes:
        """An earlier decision stays, unless the caller is being asked again: such a caller is connected unrecorded."""
        facts = self.conversation.facts(connection, moment, call)
        self.conversation.settle(connection, moment, facts, _settlement(facts, why))
        if has_hung_up:
            return twiml.nothing()
        line = facts.rulebook.line_or_first(call.line)
        return twiml.connect(line, ended_url=self.conversation.urls.ended(call.id), stops=call.is_asked_again)

    def _nameless(
        self, connection: Connection, moment: Moment, request_sha256: str, arrived: IncomingCall, why: str
    ) -> bytes:
        """A call without a sid has no row, and Twilio cannot be asked about it: a person must look."""
        about = request_sha256[:32]
        if not incidents.was_raised(connection, IncidentKind.CALL_WITHOUT_SID, about):
            consent_log.append_events(connection, moment, events.call_unread(why))
            detail = f"a caller was put through, and nothing of the call is here: {why}"
            raise_incident(connection, moment, IncidentKind.CALL_WITHOUT_SID, about=about, call_id=None, detail=detail)
        return twiml.connect(self.conversation.rules.read(connection).line_or_first(arrived.to))


def _settlement(facts: Facts, why: str) -> Settlement:
    unread = events.call_unread(why)
    if facts.call.outcome == OPEN:
        return decide.suppression(facts, Suppress(Outcome.NOT_ASKED, why))
    if facts.call.is_asked_again:
        return decide.withdrawal(facts, Withdraw(f"asked again, and {why}", is_declined=False), [unread])
    return Settlement((Move((unread,)),))
