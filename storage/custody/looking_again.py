"""Looks at ended calls by their rows alone: whether a recording that was agreed to came, and whether it is complete."""

from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import ColumnElement, Connection, select

from policies.asking import LATE, VERY_LATE, look_next
from policies.incidents import IncidentKind
from policies.lifecycle import RecordingState
from storage.custody.workshop import Workshop
from storage.database.tables import call as call_table
from storage.moment import Moment
from storage.rows import calls, permits, recordings
from storage.rows.calls import Call
from storage.rows.incidents import raise_incident

_AT_ONCE = 500


def is_due(now: datetime) -> ColumnElement[bool]:
    return call_table.c.sweep_at <= now


def look(workshop: Workshop) -> None:
    """Look at each call that is due."""
    due = select(call_table.c.id).where(is_due(workshop.now())).order_by(call_table.c.sweep_at).limit(_AT_ONCE)
    with workshop.database.read() as connection:
        call_ids = list(connection.scalars(due))
    for call_id in call_ids:
        workshop.database.write(partial(_look_at, workshop, call_id))


def _look_at(workshop: Workshop, call_id: str, connection: Connection) -> None:
    moment, call = workshop.moment(), calls.existing(connection, call_id)
    _miss(connection, moment, call)
    calls.look_again(connection, call, look_next(call.ended_at, moment.at))


def _miss(connection: Connection, moment: Moment, call: Call) -> None:
    """Raise an incident where a caller agreed to be recorded and no recording is complete well after the call's end."""
    over_for = moment.at - call.ended_at if call.ended_at else timedelta(0)
    if over_for < LATE:
        return
    made = recordings.of_call(connection, call.id)
    if not made and permits.permit_of(connection, call.id):
        detail = "the caller agreed to be recorded, and Twilio has no recording of the call"
        raise_incident(
            connection, moment, IncidentKind.RECORDING_MISSING, about=call.id, call_id=call.id, detail=detail
        )
    for recording in made:
        if recording.state is RecordingState.STARTED and over_for >= VERY_LATE:
            detail = "the call is over for more than an hour, and Twilio has not completed its recording"
            raise_incident(
                connection, moment, IncidentKind.RECORDING_MISSING, about=recording.id, call_id=call.id, detail=detail
            )
