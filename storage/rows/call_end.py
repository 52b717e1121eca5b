"""The end of a call: settled at its first report, a callback or an answer of the provider's, and corrected where the
outcome was wrong.

The field `events` of `call.completed` is the number of the call's events, itself included, so that none can be left
out unseen.
"""

import json
from collections.abc import Sequence

from sqlalchemy import Connection, select

from evidence.events import Event
from policies.asking import look_next
from policies.consent import Outcome, Suppress
from policies.corroboration import CORROBORATED_AFTER
from policies.hanging_up import HUNG_UP, UNHEARD, Served, undecided
from policies.incidents import IncidentKind
from policies.lifecycle import CallEvent, CallState
from policies.pausing import PauseEnd
from policies.wording import spoken_length_s
from storage.database.tables import wording_version
from storage.errors import Broken
from storage.log import consent_log
from storage.moment import Moment
from storage.rows import calls, pauses
from storage.rows.calls import OPEN, Call
from storage.rows.incidents import raise_incident

# The length of a question whose words are not kept. Ours take half of that.
_QUESTION_S = 20.0


def end(connection: Connection, moment: Moment, call: Call, *, status: str, duration_s: int | None) -> Call:
    """End a call, by a callback or by an answer of the provider, by whose clock `duration_s` is."""
    if call.state is CallState.ENDED:
        return call
    call = pauses.close(connection, moment, call, PauseEnd.CALL_ENDED)
    found = _undecided(connection, call, status, duration_s) if call.outcome == OPEN else None
    public = {
        "status": status,
        "duration_s": duration_s,
        "outcome": found.outcome if found else call.outcome,
        "reason": found.reason if found else call.reason,
        "events": call.events + 1,
    }
    booked = calls.look_again(connection, call, look_next(moment.at, moment.at))
    if not (call.synthetic or call.erased_at):
        booked = calls.corroborate(connection, booked, moment.at + CORROBORATED_AFTER)
    if found and found.reason == UNHEARD:
        raise_incident(connection, moment, IncidentKind.STEPS_NOT_HEARD, about=call.id, call_id=call.id, detail=UNHEARD)
    return calls.settle(
        connection,
        moment,
        booked,
        CallEvent.ENDED,
        events=[Event("call.completed", public)],
        outcome=found.outcome if found else None,
        reason=found.reason if found else "",
    )


def correct(
    connection: Connection, moment: Moment, call: Call, found: Suppress, *, by: str, first: Sequence[Event] = ()
) -> Call:
    """Correct a hang-up: the caller was not asked. `first` are the events that prove it, `by` is the source.

    Raises Broken for any other correction: none leads towards consent, or to an act that nobody saw.
    """
    if call.outcome not in HUNG_UP or found.outcome is not Outcome.NOT_ASKED:
        raise Broken(f"call {call.id}: {call.outcome} can't be corrected to {found.outcome}")
    public = {"was": call.outcome, "outcome": found.outcome, "reason": found.reason, "by": by}
    corrected = calls.append_events(connection, moment, call, *first, Event("outcome.corrected", public))
    return calls.conclude(connection, corrected, found.outcome, found.reason)


def _undecided(connection: Connection, call: Call, status: str, duration_s: int | None) -> Suppress:
    return undecided(call.state, _served(connection, call), status=status, duration_s=duration_s)


def _served(connection: Connection, call: Call) -> Served:
    """Counts the steps served, by the call's events; a question or repeat counts once its caller was sent to it."""
    events = [event for _, event in consent_log.events_of_call(connection, call.id)]
    of = [str(event["type"]) for event in events]
    choices = [event for event in events if event["type"] == "consent.choice"]
    return Served(
        disclosure_s=call.disclosure_length_ms / 1000,
        question_s=_question_s(connection, call.wording_sha256),
        languages=max((len(event["languages"]) for event in events if event["type"] == "language.asked"), default=0),
        disclosures=of.count("disclosure.served") + sum(event["answer"] == "repeat" for event in choices),
        questions=of.count("disclosure.completed") + sum(event["action"] == "ask" for event in choices),
        has_left="call.hung_up" in of,
    )


def _question_s(connection: Connection, wording_sha256: str) -> float:
    text = connection.scalar(select(wording_version.c.text).where(wording_version.c.sha256 == wording_sha256))
    return _QUESTION_S if text is None else spoken_length_s(str(json.loads(text)["question"]))
