"""Callers whose request is Twilio's, and cannot be gone by: put through, unrecorded, and on record as not asked.

The address dialled may be no line of ours, a parameter may have several values or make no sense, the URL may be another
call's. None of it is the caller's doing.
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
from policies.rules import Line
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
        told: IncomingCall,
        step: str,
        call_id: str,
        why: str,
    ) -> bytes:
        """The answer that connects the caller. `step` and `call_id`: those that the URL names, if it names a call.

        `why` is for the log, and says nothing that was sent. The name of another call is left out: nothing there ties
        two calls together.
        """
        why = _ANOTHERS_NAME.sub("", why)
        known = calls.by_sid(connection, told.call_sid) if told.call_sid else calls.by_id(connection, call_id)
        if known is None and not told.call_sid:
            return self._nameless(connection, moment, request_sha256, told, why)
        if known is None:
            known = self.conversation.receive_at(self._line(told.to), connection, moment, request_sha256, told)
        call, has_hung_up = known, told.call_status in FINAL_STATUSES

        def respond() -> bytes:
            return self._settle(connection, moment, call, why, has_hung_up=has_hung_up)

        own_step = step if call_id in ("", call.id) else ""
        return answered_once(connection, moment, call, f"{UNREAD}{own_step}", request_sha256, respond)

    def _settle(self, connection: Connection, moment: Moment, known: Call, why: str, *, has_hung_up: bool) -> bytes:
        """A call that is decided already stays so, unless it is being asked again: who is put through then is put
        through unrecorded.
        """
        facts = self.conversation.facts(connection, moment, known)
        self.conversation.settle(connection, moment, facts, _settlement(facts, why))
        if has_hung_up:
            return twiml.nothing()
        return twiml.connect(
            self._line(known.line), ended_url=self.conversation.urls.ended(known.id), stops=known.is_asked_again
        )

    def _nameless(
        self, connection: Connection, moment: Moment, request_sha256: str, told: IncomingCall, why: str
    ) -> bytes:
        """Of a call without a sid there can be no row, and Twilio cannot be asked about it: a person must look."""
        about = request_sha256[:32]
        if not incidents.was_raised(connection, IncidentKind.CALL_WITHOUT_SID, about):
            consent_log.append_events(connection, moment, events.call_unread(why))
            detail = f"a caller was put through, and nothing of the call is here: {why}"
            raise_incident(connection, moment, IncidentKind.CALL_WITHOUT_SID, about=about, call_id=None, detail=detail)
        return twiml.connect(self._line(told.to))

    def _line(self, dialled: str) -> Line:
        rulebook = self.conversation.rulebook
        return rulebook.line(dialled) or rulebook.lines[0]


def _settlement(facts: Facts, why: str) -> Settlement:
    unread = events.call_unread(why)
    if facts.call.outcome == OPEN:
        return decide.suppression(facts, Suppress(Outcome.NOT_ASKED, why))
    if facts.call.is_asked_again:
        return decide.withdrawal(facts, Withdraw(f"asked again, and {why}", is_declined=False), [unread])
    return Settlement((Move((unread,)),))
