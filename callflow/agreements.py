"""What a decision leaves behind: the permit of a yes, the memory of a no, and the events that say so."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Connection

from callflow import events
from evidence.events import Event
from policies.consent import REMEMBERED_DECLINE, Outcome, Record, Suppress, Withdraw
from policies.durations import Duration, end_of
from policies.lifecycle import CallEvent
from storage.errors import Broken
from storage.moment import Moment
from storage.rows import calls, declines, permits, recordings
from storage.rows.calls import Call
from storage.rows.incidents import raise_incident
from storage.rows.permits import Permit
from storage.rows.recordings import Jobs
from storage.rows.terms import Terms


def withheld_by_memory(connection: Connection, moment: Moment, known: Call, decision: Record) -> Suppress | None:
    """Staying on is no consent of a number that declined: on another call perhaps, while this one was under way."""
    if decision.outcome is not Outcome.CONSENTED_BY_STAYING or known.caller_hash is None:
        return None
    if declines.remembered(connection, known.caller_hash, moment.at) is None:
        return None
    return Suppress(Outcome.NOT_ASKED, REMEMBERED_DECLINE)


def permit(connection: Connection, moment: Moment, known: Call, decision: Record, first: Sequence[Event]) -> Permit:
    """Settle a yes on the terms that were fixed when the call came in. `first` are the events that it rests on."""
    terms = Terms.read(known.terms)
    if terms.retain_until is None:
        raise Broken(f"call {known.id}: a yes, and nothing that it could cover")
    given = Permit(
        call_id=known.id,
        outcome=decision.outcome,
        purposes=terms.purposes,
        retention=terms.retention,
        retain_until=terms.retain_until,
        decided_at=moment.at,
    )
    told = [*first, events.recording_permitted(known, given, terms.conflicts)]
    if known.remembers_decline and known.caller_hash and declines.forget(connection, known.caller_hash):
        told.append(events.decline_forgotten())
    calls.settle(connection, moment, known, CallEvent.PERMITTED, events=told, outcome=decision.outcome)
    for conflict in terms.conflicts:
        _raise_conflict(connection, moment, known, conflict)
    return permits.give(connection, given)


def suppress(
    connection: Connection,
    moment: Moment,
    known: Call,
    why: Suppress,
    first: Sequence[Event] = (),
    *,
    remember: Duration | None = None,
    said_at: datetime | None = None,
) -> Call:
    """Settle that a call is not recorded; a number that declined is remembered for as long as `remember` says.

    `said_at` is when it did, where that was earlier.
    """
    told = [*first, events.recording_suppressed(known, why)]
    if why.outcome is Outcome.DECLINED:
        told += _remember(connection, moment, known, remember, said_at=said_at)
    return calls.settle(
        connection, moment, known, CallEvent.SUPPRESSED, events=told, outcome=why.outcome, reason=why.reason
    )


def withdraw(
    connection: Connection,
    moment: Moment,
    known: Call,
    why: Withdraw,
    first: Sequence[Event],
    *,
    jobs: Jobs,
    remember: Duration | None,
    said_at: datetime | None = None,
) -> Call:
    """Settle that a consent holds no longer. What was recorded under it is stopped and destroyed."""
    told = [*first, events.consent_withdrawn(known, why)]
    if why.is_declined:
        told += _remember(connection, moment, known, remember, said_at=said_at)
    event = CallEvent.REFUSED if why.ends_call else CallEvent.WITHDRAWN
    moved = calls.settle(connection, moment, known, event, events=told, outcome=Outcome.WITHDRAWN, reason=why.reason)
    return recordings.condemn_all(connection, moment, moved, jobs, why=why.reason)


def _remember(
    connection: Connection, moment: Moment, known: Call, remember: Duration | None, *, said_at: datetime | None
) -> list[Event]:
    """From when the caller said it, which may be before it could be written down."""
    if not (remember and known.caller_hash):
        return []
    forget_at = end_of(said_at or moment.at, remember)
    declines.remember(connection, known.caller_hash, call_id=known.id, at=moment.at, forget_at=forget_at)
    return [events.decline_remembered(forget_at)]


def _raise_conflict(connection: Connection, moment: Moment, known: Call, conflict: str) -> None:
    """Once for each line and conflict: compliance decides it for all its calls."""
    about = sha256(f"{known.line} {conflict}".encode()).hexdigest()[:32]
    detail = f"two laws disagree on how long recordings of this line are kept; {conflict}"
    raise_incident(connection, moment, "policy_conflict", about=about, call_id=known.id, detail=detail)
