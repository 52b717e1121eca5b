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
from storage.database.tables import call
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
    return call.c.sweep_at <= now


def ask(shop: Workshop, jobs: Jobs) -> None:
    """Ask about each call that is due. A call that can't be asked about does not hold up the others.

    Raises Refused where the provider refuses to answer at all: a person must see to the reason.
    """
    failures: list[Exception] = []
    for call_id, call_sid in _due(shop):
        try:
            _ask_about(shop, jobs, call_id, call_sid)
        except (Unavailable, Refused, Broken) as error:
            failures.append(error)
            _postpone(shop, call_id, error)
        if len(failures) == _FAILURES_MAX:
            break  # it is the provider that fails, or our way to it
    for failure in failures:
        log.warning("a call could not be asked about: %s", failure)
        if isinstance(failure, Refused):
            raise failure


def _due(shop: Workshop) -> list[tuple[str, str]]:
    query = select(call.c.id, call.c.call_sid).where(is_due(shop.now())).order_by(call.c.sweep_at).limit(_AT_ONCE)
    with shop.database.read() as connection:
        return [(row.id, row.call_sid) for row in connection.execute(query)]


def _ask_about(shop: Workshop, jobs: Jobs, call_id: str, call_sid: str) -> None:
    """The call's recordings are taken in even where the provider's answer about the call makes no sense."""
    at_provider, broken = _call_there(shop, call_sid)
    found = shop.provider.recordings_of(call_sid)
    apart = shop.provider.clocks_apart()

    def take_in(connection: Connection) -> None:
        moment, known = shop.moment(), calls.existing(connection, call_id)
        if not broken and is_over(known.received_at, at_provider.ended if at_provider else None, moment.at):
            status = at_provider.status if at_provider else "unknown to Twilio"
            duration_s = at_provider.duration_s if at_provider else None
            known = call_end.end(connection, moment, known, status=status, duration_s=duration_s)
        _tell_unread(connection, moment, known, found.unread)
        times = _times(connection, known, at_provider, apart)
        news.take_in(connection, moment, calls.existing(connection, call_id), found.rows, jobs, times)
        known = calls.existing(connection, call_id)
        _miss(connection, moment, known)
        at = ask_next(known.received_at, known.ended_at, moment.at, is_known=at_provider is not None)
        calls.ask_again(connection, known, at)

    shop.database.write(take_in)
    if broken:
        raise broken


def _call_there(shop: Workshop, call_sid: str) -> tuple[ProviderCall | None, Broken | None]:
    try:
        return shop.provider.call(call_sid), None
    except Broken as error:
        return None, error


def _tell_unread(connection: Connection, moment: Moment, known: Call, unread: int) -> None:
    if unread:
        detail = f"{unread} rows of Twilio's list of its recordings make no sense; the others were taken in"
        raise_incident(
            connection, moment, IncidentKind.LIST_NOT_UNDERSTOOD, about=known.id, call_id=known.id, detail=detail
        )


def _times(connection: Connection, known: Call, at_provider: ProviderCall | None, apart: ClocksApart | None) -> Times:
    """When our recording was ordered, in the provider's own words; else the earliest time by two measures of its clock.

    The first measure is how far apart the clocks were at the provider's newest answer. The second adds the time from
    the call's arrival to the decision, by our clock, to the provider's time of the arrival.
    """
    given = permits.permit_of(connection, known.id)
    if given is None:
        return UNTIMED
    if asked_at := provider_accounts.recording_asked_at(connection, known.id):
        return Times(asked_at=asked_at)
    measured = [given.decided_at - apart.most] if apart else []
    if at_provider and at_provider.came_in_at:
        measured.append(at_provider.came_in_at + (given.decided_at - known.received_at))
    return Times(not_before=min(measured) - _RESOLUTION) if measured else UNTIMED


def _postpone(shop: Workshop, call_id: str, error: Exception) -> None:
    """Ask about the call again later; an answer that makes no sense is an incident."""
    moment = shop.moment()

    def put_off(connection: Connection) -> None:
        calls.ask_again(connection, calls.existing(connection, call_id), moment.at + _POSTPONED)
        if isinstance(error, Broken):
            raise_incident(
                connection, moment, IncidentKind.CALL_NOT_UNDERSTOOD, about=call_id, call_id=call_id, detail=str(error)
            )

    shop.database.write(put_off)


def _miss(connection: Connection, moment: Moment, known: Call) -> None:
    """Raise an incident where a caller agreed to be recorded and no recording is complete well after the call's end."""
    over_for = moment.at - known.ended_at if known.ended_at else timedelta(0)
    if over_for < _LATE:
        return
    heard = recordings.of_call(connection, known.id)
    if not heard and permits.permit_of(connection, known.id):
        detail = "the caller agreed to be recorded, and Twilio has no recording of the call"
        raise_incident(
            connection, moment, IncidentKind.RECORDING_MISSING, about=known.id, call_id=known.id, detail=detail
        )
    for one in heard:
        if one.state is RecordingState.STARTED and over_for > _VERY_LATE:
            detail = "the call is over for more than an hour, and Twilio has not completed its recording"
            raise_incident(
                connection, moment, IncidentKind.RECORDING_MISSING, about=one.id, call_id=known.id, detail=detail
            )
