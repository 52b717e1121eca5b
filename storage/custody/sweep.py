"""The job *sweep*: finds rows that stand still, recordings whose time is over, and news that never arrived.

Rows that wait too long are handed to a job again, recordings whose retention has ended and that are not held are
destroyed, and the provider is asked about calls (`storage.custody.ask_provider`).
"""

import re
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from sqlalchemy import ColumnElement, Connection, Select, exists, or_, select

from policies.disposition import NOT_STORED_YET, STORED_HERE, is_given_up
from policies.incidents import IncidentKind
from policies.lifecycle import RecordingState
from storage.custody import ask_provider
from storage.custody.intake import clear_spool
from storage.custody.workshop import Workshop
from storage.database.tables import call, delay, incident, permit, recording
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


def ask_for_one(shop: Workshop, jobs: KnownJobs) -> None:
    """Queue a sweep where there is something to sweep and none is under way."""
    now = shop.now()
    with shop.database.read() as connection:
        waits = any(connection.execute(query.limit(1)).first() for query in _whats_due(now))
    if waits and not jobs.under_way(SWEEP):
        shop.database.write(lambda connection: jobs.enqueue(connection, SWEEP, f"{now:%Y%m%dT%H%M%S}", ""))


def _whats_due(now: datetime) -> list[Select[tuple[str]]]:
    return [
        select(call.c.id).where(ask_provider.is_due(now)),
        select(recording.c.id).where(_chased(now) | still_condemned(now)),
        select(recording.c.id).where(expired(now)),
        select(recording.c.id).where(never_stored(now)),
    ]


def sweep(shop: Workshop, jobs: KnownJobs, steps: Steps) -> None:
    """The provider is asked last: no answer of its may delay a destruction."""
    steps("chase", lambda: _chase(shop, jobs))
    steps("expire", lambda: _push(shop, jobs, EXPIRE, expired(shop.now())))
    steps("give up", lambda: _give_up(shop, jobs))
    steps("complain", lambda: _complain(shop))
    steps("ask", lambda: ask_provider.ask(shop, jobs))


def tidy(shop: Workshop) -> None:
    """Delete audio in the clear from this machine's spool once its recording has moved on."""
    for folder in shop.spool.iterdir() if shop.spool.is_dir() else ():
        if not _RECORDING_ID.fullmatch(folder.name):
            continue  # nothing of ours: a spool in the wrong place must not cost what else lies there
        with shop.database.read() as connection:
            known = recordings.peek(connection, folder.name)
        if known is None or known.state is not RecordingState.COMPLETED:
            clear_spool(shop, folder.name)


def _chase(shop: Workshop, jobs: KnownJobs) -> None:
    """Queue jobs for rows that stand still: their job failed for good, or was never queued."""
    _push(shop, jobs, INTAKE, _chased(shop.now()))
    _push(shop, jobs, DESTROY, still_condemned(shop.now()))


def _push(shop: Workshop, jobs: KnownJobs, kind: JobKind, condition: ColumnElement[bool]) -> None:
    """Queue a job for each of these recordings that has none under way, at most once an hour."""
    busy = {job_id.partition(":")[0] for job_id in jobs.under_way(kind)}
    with shop.database.read() as connection:
        found = recordings.some(connection, condition, limit=len(busy) + _AT_ONCE)
    idle = sorted(known.id for known in found if known.id not in busy)  # in one order, or two sweeps could deadlock
    hour = f"{shop.now():%Y%m%d%H}"

    def ask(connection: Connection) -> None:
        for recording_id in idle:
            jobs.enqueue(connection, kind, f"{recording_id}:{hour}", recording_id)

    if idle:
        shop.database.write(ask)


def _give_up(shop: Workshop, jobs: KnownJobs) -> None:
    """Condemn recordings that were never stored here before their time ended: the provider's copy must go too."""
    due = select(recording.c.id).where(never_stored(shop.now())).limit(_AT_ONCE)
    with shop.database.read() as connection:
        proposed = list(connection.scalars(due))
    for recording_id in proposed:
        shop.database.write(partial(_give_one_up, shop, jobs, recording_id))


def _give_one_up(shop: Workshop, jobs: KnownJobs, recording_id: str, connection: Connection) -> None:
    """Judge once more under the call's lock: the recording may have been stored meanwhile, or be held."""
    moment = shop.moment()
    owner, known = recordings.with_call(connection, recording_id)
    try:
        is_due = _is_given_up(connection, known, moment.at)
    except Contradicted as error:  # a row alone gives up nothing, and the other recordings go on
        raise_incident(
            connection, moment, IncidentKind.ROWS_CONTRADICT_LOG, about=owner.id, call_id=owner.id, detail=str(error)
        )
        return
    if not is_due:
        return
    detail = f"its time ended before it was stored here; {_last_reason(delays.of(connection, known.id))}"
    raise_incident(
        connection, moment, IncidentKind.RECORDING_NEVER_STORED, about=known.id, call_id=known.call_id, detail=detail
    )
    recordings.condemn(connection, moment, owner, known, jobs, why="its time ended before it was stored")


def _is_given_up(connection: Connection, known: Recording, now: datetime) -> bool:
    """Judged by its events. Raises Contradicted where the permit's row differs from them."""
    given = permits.permit_of(connection, known.call_id)
    by_events = logged(connection, known.call_id)
    if given is None or known.id not in by_events.recordings:
        return False
    is_held = by_events.is_held or bool(holds.holding(connection, known.call_id))
    return is_given_up(by_events.recordings[known.id].state, given.retain_until, is_held=is_held, at=now)


def _complain(shop: Workshop) -> None:
    """Raise an incident for each recording that has waited for long, even while a job is at it."""
    moment = shop.moment()
    unmoved = or_(*[_waits(moment.at, state, longer_than=_VERY_LATE) & ~_told(kind) for state, kind in STAYS.items()])
    unbegun = _waits(moment.at, RecordingState.COMPLETED, RecordingState.CONDEMNED) & ~_told(
        IncidentKind.RECORDING_WAITS
    )
    with shop.database.read() as connection:
        found = recordings.some(connection, unmoved, limit=_AT_ONCE)
        idle = recordings.some(connection, unbegun & ~_tried(), limit=_AT_ONCE)
    if found or idle:
        shop.database.write(lambda connection: _raise_all(connection, moment, found, idle))


def _raise_all(connection: Connection, moment: Moment, found: list[Recording], idle: list[Recording]) -> None:
    for known in found:
        reason = _last_reason(delays.of(connection, known.id))
        detail = f"the recording has been {known.state} for more than an hour; {reason}"
        _raise(connection, moment, STAYS[known.state], known, detail)
    if (of_another := delays.latest(connection)) is None:
        return  # nothing fails: there is much to do
    for known in idle:
        detail = f"the work on it has not begun; of another recording, {_last_reason(of_another)}"
        _raise(connection, moment, IncidentKind.RECORDING_WAITS, known, detail)


def _raise(connection: Connection, moment: Moment, kind: IncidentKind, known: Recording, detail: str) -> None:
    """Reopens an incident that was closed before the recording entered its present state."""
    raise_anew(connection, moment, kind, about=known.id, call_id=known.call_id, detail=detail, since=known.moved_at)


def _last_reason(known: delays.Delay | None) -> str:
    return f"{known.job} failed last because: {known.reason}" if known else "no failure is known"


def _told(kind: IncidentKind) -> ColumnElement[bool]:
    return exists().where(incident.c.about == recording.c.id, incident.c.kind == kind)


def _tried() -> ColumnElement[bool]:
    return exists().where(delay.c.recording_id == recording.c.id)


def _chased(now: datetime) -> ColumnElement[bool]:
    """To be taken in again, unless the last job that failed set a later time for the next."""
    rests = exists().where(delay.c.recording_id == recording.c.id, delay.c.again_at > now)
    return _waits(now, *_AFTER_INTAKE) & ~rests


def _waits(now: datetime, *states: RecordingState, longer_than: timedelta = _LATE) -> ColumnElement[bool]:
    return recording.c.state.in_(states) & (recording.c.moved_at < now - longer_than)


# Recordings that may have to be destroyed, by their rows. These conditions propose, and miss none that
# `policies.disposition` would destroy; the rule itself is applied where a recording is destroyed or given up.


def still_condemned(now: datetime) -> ColumnElement[bool]:
    """Leaves out recordings condemned in the last minutes, whose first job is still at work."""
    return _waits(now, RecordingState.CONDEMNED)


def expired(now: datetime) -> ColumnElement[bool]:
    is_not_held = ~holds.is_held(recording.c.call_id)
    return recording.c.state.in_(STORED_HERE) & (recording.c.retain_until <= now) & is_not_held


def never_stored(now: datetime) -> ColumnElement[bool]:
    has_ended = exists().where(permit.c.call_id == recording.c.call_id, permit.c.retain_until <= now)
    return recording.c.state.in_(NOT_STORED_YET) & has_ended & ~holds.is_held(recording.c.call_id)
