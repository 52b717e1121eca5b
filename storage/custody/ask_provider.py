"""Asks the provider about calls, since callbacks get lost: about every call that has not ended, and about ended calls
ever more rarely for a day. Recordings that it lists are taken in exactly as from a callback.
"""

import logging
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, select

from policies.asking import ask_next, is_over
from policies.attribution import UNTIMED, Times
from policies.incidents import IncidentKind
from policies.lifecycle import RecordingState
from storage.custody.workshop import Workshop
from storage.database.tables import call as call_table
from storage.errors import Broken, Refused, Unavailable
from storage.moment import Moment
from storage.provider import ClocksApart, ProviderCall
from storage.rows import call_end, calls, news, permits, provider_accounts, recordings
from storage.rows.calls import Call
from storage.rows.incidents import raise_incident
from storage.rows.recordings import Jobs

log = logging.getLogger(__name__)

_AT_ONCE = 50
_FAILURES_MAX = 5
_POSTPONED = timedelta(minutes=1)
_LATE = timedelta(minutes=10)
_VERY_LATE = timedelta(hours=1)
_RESOLUTION = timedelta(seconds=1)  # of Twilio's times


def is_due(now: datetime) -> ColumnElement[bool]:
    return call_table.c.sweep_at <= now


def ask(workshop: Workshop, jobs: Jobs) -> None:
    """Ask about each call that is due. A call that can't be asked about does not hold up the others.

    Raises Refused where the provider refuses to answer at all: a person must see to the reason.
    """
    failures: list[Exception] = []
    for call_id, call_sid in _due(workshop):
        try:
            _ask_about(workshop, jobs, call_id, call_sid)
        except (Unavailable, Refused, Broken) as error:
            failures.append(error)
            _postpone(workshop, call_id, error)
        if len(failures) == _FAILURES_MAX:
            break  # it is the provider that fails, or our way to it
    for failure in failures:
        log.warning("a call could not be asked about: %s", failure)
        if isinstance(failure, Refused):
            raise failure


def _due(workshop: Workshop) -> list[tuple[str, str]]:
    query = (
        select(call_table.c.id, call_table.c.call_sid)
        .where(is_due(workshop.now()))
        .order_by(call_table.c.sweep_at)
        .limit(_AT_ONCE)
    )
    with workshop.database.read() as connection:
        return [(row.id, row.call_sid) for row in connection.execute(query)]


def _ask_about(workshop: Workshop, jobs: Jobs, call_id: str, call_sid: str) -> None:
    """The call's recordings are taken in even where the provider's answer about the call makes no sense."""
    at_provider, broken = _call_there(workshop, call_sid)
    found = workshop.provider.recordings_of(call_sid)
    apart = workshop.provider.clocks_apart()

    def take_in(connection: Connection) -> None:
        moment, call = workshop.moment(), calls.existing(connection, call_id)
        if not broken and is_over(call.received_at, at_provider.ended if at_provider else None, moment.at):
            status = at_provider.status if at_provider else "unknown to Twilio"
            duration_s = at_provider.duration_s if at_provider else None
            call = call_end.end(connection, moment, call, status=status, duration_s=duration_s)
        _tell_unread(connection, moment, call, found.unread)
        times = _times(connection, call, at_provider, apart)
        news.take_in(connection, moment, calls.existing(connection, call_id), found.rows, jobs, times)
        call = calls.existing(connection, call_id)
        _miss(connection, moment, call)
        at = ask_next(call.received_at, call.ended_at, moment.at, is_known=at_provider is not None)
        calls.ask_again(connection, call, at)

    workshop.database.write(take_in)
    if broken:
        raise broken


def _call_there(workshop: Workshop, call_sid: str) -> tuple[ProviderCall | None, Broken | None]:
    try:
        return workshop.provider.call(call_sid), None
    except Broken as error:
        return None, error


def _tell_unread(connection: Connection, moment: Moment, call: Call, unread: int) -> None:
    if unread:
        detail = f"{unread} rows of Twilio's list of its recordings make no sense; the others were taken in"
        raise_incident(
            connection, moment, IncidentKind.LIST_NOT_UNDERSTOOD, about=call.id, call_id=call.id, detail=detail
        )


def _times(connection: Connection, call: Call, at_provider: ProviderCall | None, apart: ClocksApart | None) -> Times:
    """When our recording was ordered, in the provider's own words; else the earliest time by two measures of its clock.

    The first measure is how far apart the clocks were at the provider's newest answer. The second adds the time from
    the call's arrival to the decision, by our clock, to the provider's time of the arrival.
    """
    given = permits.permit_of(connection, call.id)
    if given is None:
        return UNTIMED
    if asked_at := provider_accounts.recording_asked_at(connection, call.id):
        return Times(asked_at=asked_at)
    measured = [given.decided_at - apart.most] if apart else []
    if at_provider and at_provider.came_in_at:
        measured.append(at_provider.came_in_at + (given.decided_at - call.received_at))
    return Times(not_before=min(measured) - _RESOLUTION) if measured else UNTIMED


def _postpone(workshop: Workshop, call_id: str, error: Exception) -> None:
    """Ask about the call again later; an answer that makes no sense is an incident."""
    moment = workshop.moment()

    def put_off(connection: Connection) -> None:
        calls.ask_again(connection, calls.existing(connection, call_id), moment.at + _POSTPONED)
        if isinstance(error, Broken):
            raise_incident(
                connection, moment, IncidentKind.CALL_NOT_UNDERSTOOD, about=call_id, call_id=call_id, detail=str(error)
            )

    workshop.database.write(put_off)


def _miss(connection: Connection, moment: Moment, call: Call) -> None:
    """Raise an incident where a caller agreed to be recorded and no recording is complete well after the call's end."""
    over_for = moment.at - call.ended_at if call.ended_at else timedelta(0)
    if over_for < _LATE:
        return
    made = recordings.of_call(connection, call.id)
    if not made and permits.permit_of(connection, call.id):
        detail = "the caller agreed to be recorded, and Twilio has no recording of the call"
        raise_incident(
            connection, moment, IncidentKind.RECORDING_MISSING, about=call.id, call_id=call.id, detail=detail
        )
    for recording in made:
        if recording.state is RecordingState.STARTED and over_for > _VERY_LATE:
            detail = "the call is over for more than an hour, and Twilio has not completed its recording"
            raise_incident(
                connection, moment, IncidentKind.RECORDING_MISSING, about=recording.id, call_id=call.id, detail=detail
            )
