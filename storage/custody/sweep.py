"""The job *sweep*: finds rows that stand still, recordings whose time is over, and recordings that never came.

Rows that wait too long are handed to a job again, recordings whose retention has ended and that are not held are
destroyed, and ended calls are looked at again (`storage.custody.looking_again`). It asks the provider nothing.
"""

import re
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from sqlalchemy import ColumnElement, Connection, Select, exists, or_, select

from policies.disposition import NOT_STORED_YET, STORED_HERE, is_given_up
from policies.incidents import IncidentKind
from policies.lifecycle import RecordingState
from storage.custody import looking_again
from storage.custody.intake import clear_spool
from storage.custody.workshop import Workshop
from storage.database.tables import call as call_table
from storage.database.tables import delay, incident, permit
from storage.database.tables import recording as recording_table
from storage.jobs.contract import JobKind, Lane
from storage.jobs.steps import Steps
from storage.moment import Moment
from storage.row_check.logged_calls import Contradicted, logged
from storage.rows import delays, holds, permits, recordings
from storage.rows.delays import STAYS
from storage.rows.incidents import raise_anew, raise_incident
from storage.rows.recordings import DESTROY, EXPIRE, INTAKE, Jobs, Recording

SWEEP = JobKind("sweep", Lane.PROMPT)
_AT_ONCE = 50
_LATE = timedelta(minutes=10)
_VERY_LATE = timedelta(hours=1)
_AFTER_INTAKE = (RecordingState.COMPLETED, RecordingState.STORED)
_RECORDING_ID = re.compile(r"[0-9a-f]{32}")


class KnownJobs(Jobs, Protocol):
    """A job's id begins with that of the row it is about."""

    def under_way(self, kind: JobKind) -> frozenset[str]:
        """The ids of the jobs that are waiting or running."""
        ...


def ask_for_one(workshop: Workshop, jobs: KnownJobs) -> None:
    """Queue a sweep where there is something to sweep and none is under way."""
    now = workshop.now()
    with workshop.database.read() as connection:
        waits = any(connection.execute(query.limit(1)).first() for query in _whats_due(now))
    if waits and not jobs.under_way(SWEEP):
        workshop.database.write(lambda connection: jobs.enqueue(connection, SWEEP, f"{now:%Y%m%dT%H%M%S}", ""))


def _whats_due(now: datetime) -> list[Select[tuple[str]]]:
    return [
        select(call_table.c.id).where(looking_again.is_due(now)),
        select(recording_table.c.id).where(_chased(now) | still_condemned(now)),
        select(recording_table.c.id).where(expired(now)),
        select(recording_table.c.id).where(never_stored(now)),
    ]


def sweep(workshop: Workshop, jobs: KnownJobs, steps: Steps) -> None:
    steps("chase", lambda: _chase(workshop, jobs))
    steps("expire", lambda: _push(workshop, jobs, EXPIRE, expired(workshop.now())))
    steps("give up", lambda: _give_up(workshop, jobs))
    steps("complain", lambda: _complain(workshop))
    steps("ask", lambda: looking_again.look(workshop))


def tidy(workshop: Workshop) -> None:
    """Delete audio in the clear from this machine's spool once its recording has moved on."""
    for folder in workshop.spool.iterdir() if workshop.spool.is_dir() else ():
        if not _RECORDING_ID.fullmatch(folder.name):
            continue  # nothing of ours: a spool in the wrong place must not cost what else lies there
        with workshop.database.read() as connection:
            recording = recordings.peek(connection, folder.name)
        if recording is None or recording.state is not RecordingState.COMPLETED:
            clear_spool(workshop, folder.name)


def _chase(workshop: Workshop, jobs: KnownJobs) -> None:
    """Queue jobs for rows that stand still: their job failed for good, or was never queued."""
    _push(workshop, jobs, INTAKE, _chased(workshop.now()))
    _push(workshop, jobs, DESTROY, still_condemned(workshop.now()))


def _push(workshop: Workshop, jobs: KnownJobs, kind: JobKind, condition: ColumnElement[bool]) -> None:
    """Queue a job for each of these recordings that has none under way, at most once an hour."""
    busy = {job_id.partition(":")[0] for job_id in jobs.under_way(kind)}
    with workshop.database.read() as connection:
        found = recordings.some(connection, condition, limit=len(busy) + _AT_ONCE)
    ids = {recording.id for recording in found}
    idle = sorted(ids - busy)  # in one order, or two sweeps could deadlock
    hour = f"{workshop.now():%Y%m%d%H}"

    def ask(connection: Connection) -> None:
        for recording_id in idle:
            jobs.enqueue(connection, kind, f"{recording_id}:{hour}", recording_id)

    if idle:
        workshop.database.write(ask)


def _give_up(workshop: Workshop, jobs: KnownJobs) -> None:
    """Condemn recordings that were never stored here before their time ended: the provider's copy must go too."""
    due = select(recording_table.c.id).where(never_stored(workshop.now())).limit(_AT_ONCE)
    with workshop.database.read() as connection:
        proposed = list(connection.scalars(due))
    for recording_id in proposed:
        workshop.database.write(partial(_give_one_up, workshop, jobs, recording_id))


def _give_one_up(workshop: Workshop, jobs: KnownJobs, recording_id: str, connection: Connection) -> None:
    """Judge once more under the call's lock: the recording may have been stored meanwhile, or be held."""
    moment = workshop.moment()
    call, recording = recordings.with_call(connection, recording_id)
    try:
        is_due = _is_given_up(connection, recording, moment.at)
    except Contradicted as error:  # a row alone gives up nothing, and the other recordings go on
        raise_incident(
            connection, moment, IncidentKind.ROWS_CONTRADICT_LOG, about=call.id, call_id=call.id, detail=str(error)
        )
        return
    if not is_due:
        return
    detail = f"its time ended before it was stored here; {_last_reason(delays.of(connection, recording.id))}"
    raise_incident(
        connection,
        moment,
        IncidentKind.RECORDING_NEVER_STORED,
        about=recording.id,
        call_id=recording.call_id,
        detail=detail,
    )
    recordings.condemn(connection, moment, call, recording, jobs, why="its time ended before it was stored")


def _is_given_up(connection: Connection, recording: Recording, now: datetime) -> bool:
    """Judged by its events. Raises Contradicted where the permit's row differs from them."""
    given = permits.permit_of(connection, recording.call_id)
    by_events = logged(connection, recording.call_id)
    if given is None or recording.id not in by_events.recordings:
        return False
    is_held = by_events.is_held or bool(holds.holding(connection, recording.call_id))
    return is_given_up(by_events.recordings[recording.id].state, given.retain_until, is_held=is_held, at=now)


def _complain(workshop: Workshop) -> None:
    """Raise an incident for each recording that has waited for long, even while a job is at it."""
    moment = workshop.moment()
    unmoved = or_(*[_waits(moment.at, state, longer_than=_VERY_LATE) & ~_told(kind) for state, kind in STAYS.items()])
    unbegun = _waits(moment.at, RecordingState.COMPLETED, RecordingState.CONDEMNED) & ~_told(
        IncidentKind.RECORDING_WAITS
    )
    with workshop.database.read() as connection:
        found = recordings.some(connection, unmoved, limit=_AT_ONCE)
        idle = recordings.some(connection, unbegun & ~_tried(), limit=_AT_ONCE)
    if found or idle:
        workshop.database.write(lambda connection: _raise_all(connection, moment, found, idle))


def _raise_all(connection: Connection, moment: Moment, found: list[Recording], idle: list[Recording]) -> None:
    for recording in found:
        reason = _last_reason(delays.of(connection, recording.id))
        detail = f"the recording has been {recording.state} for more than an hour; {reason}"
        _raise(connection, moment, STAYS[recording.state], recording, detail)
    if (of_another := delays.latest(connection)) is None:
        return  # nothing fails: there is much to do
    for recording in idle:
        detail = f"the work on it has not begun; of another recording, {_last_reason(of_another)}"
        _raise(connection, moment, IncidentKind.RECORDING_WAITS, recording, detail)


def _raise(connection: Connection, moment: Moment, kind: IncidentKind, recording: Recording, detail: str) -> None:
    """Reopens an incident that was closed before the recording entered its present state."""
    raise_anew(
        connection, moment, kind, about=recording.id, call_id=recording.call_id, detail=detail, since=recording.moved_at
    )


def _last_reason(last: delays.Delay | None) -> str:
    return f"{last.job} failed last because: {last.reason}" if last else "no failure is known"


def _told(kind: IncidentKind) -> ColumnElement[bool]:
    """The incident is open, or was closed since the recording entered its present state."""
    is_of_now = or_(incident.c.closed_at.is_(None), incident.c.closed_at > recording_table.c.moved_at)
    return exists().where(incident.c.about == recording_table.c.id, incident.c.kind == kind, is_of_now)


def _tried() -> ColumnElement[bool]:
    return exists().where(delay.c.recording_id == recording_table.c.id)


def _chased(now: datetime) -> ColumnElement[bool]:
    """To be taken in again, unless the last job that failed set a later time for the next."""
    rests = exists().where(delay.c.recording_id == recording_table.c.id, delay.c.again_at > now)
    return _waits(now, *_AFTER_INTAKE) & ~rests


def _waits(now: datetime, *states: RecordingState, longer_than: timedelta = _LATE) -> ColumnElement[bool]:
    return recording_table.c.state.in_(states) & (recording_table.c.moved_at < now - longer_than)


# Recordings that may have to be destroyed, by their rows. These conditions propose, and miss none that
# `policies.disposition` would destroy; the rule itself is applied where a recording is destroyed or given up.


def still_condemned(now: datetime) -> ColumnElement[bool]:
    """Leaves out recordings condemned in the last minutes, whose first job is still at work."""
    return _waits(now, RecordingState.CONDEMNED)


def expired(now: datetime) -> ColumnElement[bool]:
    is_not_held = ~holds.is_held(recording_table.c.call_id)
    return recording_table.c.state.in_(STORED_HERE) & (recording_table.c.retain_until <= now) & is_not_held


def never_stored(now: datetime) -> ColumnElement[bool]:
    has_ended = exists().where(permit.c.call_id == recording_table.c.call_id, permit.c.retain_until <= now)
    return recording_table.c.state.in_(NOT_STORED_YET) & has_ended & ~holds.is_held(recording_table.c.call_id)
