"""Recordings as rows: what Twilio says of one is checked against the permit, once, and the verdict is frozen.

News of a recording comes from a callback or from asking Twilio; both end here, in any order and number. A recording
that no permit covers is condemned the moment it is heard of: the incident is raised and the job that stops and destroys
it is queued in the same transaction.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import ColumnElement, Connection, Row, func, insert, select, update

from evidence.events import Event, Value
from policies.consent import RECORDING_OUTCOMES
from policies.lifecycle import RecordingEvent, RecordingState, after, first
from storage import calls, delays, permits
from storage.calls import Call, Moment
from storage.errors import Broken, Refused
from storage.incidents import raise_incident
from storage.job_queue import JobKind, Lane
from storage.logged_calls import check_outcome
from storage.tables import recording

# How far Twilio's clock, which gives whole seconds, may be behind ours.
_CLOCKS_APART = timedelta(seconds=5)

INTAKE = JobKind("intake", Lane.BULK)
DESTROY = JobKind("destroy", Lane.PROMPT)
DELETE_AGAIN = JobKind("delete_again", Lane.PROMPT)
EXPIRE = JobKind("expire", Lane.BULK)  # the same work, of which a whole day's recordings may fall due at once


class Jobs(Protocol):
    """Durable work, asked for in the caller's transaction. The same kind and id twice is one job."""

    def enqueue(self, connection: Connection, kind: JobKind, job_id: str, argument: str) -> None: ...


@dataclass(frozen=True, slots=True)
class News:
    """What Twilio says of a recording. `ours`: it can be the one that our record.xml started."""

    recording_sid: str
    event: RecordingEvent
    source: str
    ours: bool
    duration_s: int | None = None
    channels: int | None = None
    started_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Recording:
    """A row of `recording`. `permit` is the call's id where a permit covers it, and never changes."""

    id: str
    recording_sid: str
    call_id: str
    permit: str | None
    state: RecordingState
    source: str
    duration_s: int | None
    channels: int | None
    noticed_at: datetime
    moved_at: datetime
    object_key: str | None = None
    retain_until: datetime | None = None
    destroyed_at: datetime | None = None


_PEEK = select(*[recording.c[name] for name in Recording.__dataclass_fields__])
_SELECT = _PEEK.with_for_update()


def by_sid(connection: Connection, recording_sid: str) -> Recording | None:
    """The row, locked until the transaction ends (as with `by_id`)."""
    return _read(connection.execute(_SELECT.where(recording.c.recording_sid == recording_sid)).first())


def by_id(connection: Connection, recording_id: str) -> Recording | None:
    return _read(connection.execute(_SELECT.where(recording.c.id == recording_id)).first())


def peek(connection: Connection, recording_id: str) -> Recording | None:
    """As `by_id`, without a lock: for those who only read."""
    return _read(connection.execute(_PEEK.where(recording.c.id == recording_id)).first())


def peek_sid(connection: Connection, recording_sid: str) -> Recording | None:
    return _read(connection.execute(_PEEK.where(recording.c.recording_sid == recording_sid)).first())


def some(connection: Connection, condition: ColumnElement[bool], *, limit: int) -> list[Recording]:
    """Any of them, not locked: in an order, those that fail time and again would keep the others from their turn."""
    rows = connection.execute(_PEEK.where(condition).order_by(func.random()).limit(limit))
    return [known for row in rows if (known := _read(row)) is not None]


def of_call(connection: Connection, call_id: str) -> list[Recording]:
    rows = connection.execute(_PEEK.where(recording.c.call_id == call_id).order_by(recording.c.noticed_at))
    return [known for row in rows if (known := _read(row)) is not None]


def hear(connection: Connection, moment: Moment, known: Call, news: News, jobs: Jobs) -> Recording:
    """Take news of a recording in: move its row, tell the log, and queue what must follow.

    Raises Refused when the recording is another call's, whose row is not locked here.
    """
    before = by_sid(connection, news.recording_sid)
    if before is None:
        return _hear_first(connection, moment, known, news, jobs)
    if before.call_id != known.id:
        raise Refused(f"recording {before.id}: the news is of call {known.id}, and it belongs to another")
    moved = _save(connection, moment, before, after(before.state, news.event), news)
    if moved.state is not before.state:
        calls.tell(connection, moment, known, _event(moved))
    elif moved != before:
        corrected = {"recording": moved.id, "duration_s": moved.duration_s}
        calls.tell(connection, moment, known, Event("recording.corrected", corrected))
    _follow_up(connection, moment, moved, before.state, jobs)
    return moved


def condemn(connection: Connection, moment: Moment, known: Call, condemned: Recording, jobs: Jobs, *, why: str) -> None:
    """Stop and destroy a recording that must not be, and raise the incident."""
    moved = _save(connection, moment, condemned, after(condemned.state, RecordingEvent.CONDEMNED), None)
    if moved.state is condemned.state:
        return
    _condemned(connection, moment, known, moved, jobs, why=why)


def condemn_all(connection: Connection, moment: Moment, known: Call, jobs: Jobs, *, why: str) -> Call:
    """Stop and destroy whatever was recorded of a call whose consent holds no longer. That is no incident."""
    for made in connection.execute(_SELECT.where(recording.c.call_id == known.id).order_by(recording.c.id)).all():
        before = _read(made)
        if before is None or after(before.state, RecordingEvent.CONDEMNED) is before.state:
            continue
        moved = _save(connection, moment, before, after(before.state, RecordingEvent.CONDEMNED), None)
        known = calls.tell(connection, moment, known, _condemnation(moved, why))
        jobs.enqueue(connection, DESTROY, moved.id, moved.id)
    return known


def has_ended(connection: Connection, call_id: str) -> bool:
    """Whether the recording that the call's permit covers is known to run no more."""
    return any(made.permit and made.state is not RecordingState.STARTED for made in of_call(connection, call_id))


def advance(
    connection: Connection,
    moment: Moment,
    known: Call,
    before: Recording,
    event: RecordingEvent,
    *events: Event,
    object_key: str | None = None,
    retain_until: datetime | None = None,
) -> Recording:
    """Move a recording that a job worked on, with the events that say so. Does nothing where it moved already."""
    state = after(before.state, event)
    if state is before.state:
        return before
    moved = replace(
        before,
        state=state,
        moved_at=moment.at,
        object_key=object_key or before.object_key,
        retain_until=retain_until or before.retain_until,
        destroyed_at=moment.at if state is RecordingState.DESTROYED else before.destroyed_at,
    )
    _update(connection, moment, before, moved)
    calls.tell(connection, moment, known, *events)
    return moved


def with_call(connection: Connection, recording_id: str) -> tuple[Call, Recording]:
    """Both rows, locked, the call's first: the order in which everybody locks them. Raises Broken if there are none."""
    call_id = connection.scalar(select(recording.c.call_id).where(recording.c.id == recording_id))
    owner = calls.by_id(connection, call_id) if call_id else None
    known = by_id(connection, recording_id)
    if owner is None or known is None:
        raise Broken(f"recording {recording_id}: there is no such row")
    return owner, known


def _hear_first(connection: Connection, moment: Moment, known: Call, news: News, jobs: Jobs) -> Recording:
    permitted = news.ours and _permit_covers(connection, known, news)
    heard = Recording(
        id=moment.new_id(),
        recording_sid=news.recording_sid,
        call_id=known.id,
        permit=known.id if permitted else None,
        state=first(news.event) if permitted else RecordingState.CONDEMNED,
        source=news.source,
        duration_s=news.duration_s,
        channels=news.channels,
        noticed_at=moment.at,
        moved_at=moment.at,
    )
    connection.execute(insert(recording), {name: getattr(heard, name) for name in Recording.__dataclass_fields__})
    if not permitted:
        _condemned(connection, moment, known, heard, jobs, why="no permit covers it")
        return heard
    calls.tell(connection, moment, known, _event(heard))
    _follow_up(connection, moment, heard, None, jobs)
    return heard


def _permit_covers(connection: Connection, known: Call, news: News) -> bool:
    """One permit covers one recording: a second one on the same call started by other means, perhaps too early.

    A permit that was withdrawn covers none, also where the withdrawal overtook the first news of the recording; and
    none covers what began before it was given. The self-test agrees to being recorded, and nobody is there to record.
    """
    if known.synthetic:
        return False
    check_outcome(connection, known.id, known.outcome)
    given = permits.permit_of(connection, known.id)
    if known.outcome not in RECORDING_OUTCOMES or given is None:
        return False
    if news.started_at is not None and news.started_at < given.decided_at - _CLOCKS_APART:
        return False
    taken = select(recording.c.id).where(recording.c.permit == known.id)
    return connection.execute(taken).first() is None


def _condemned(
    connection: Connection, moment: Moment, known: Call, condemned: Recording, jobs: Jobs, *, why: str
) -> None:
    calls.tell(connection, moment, known, _condemnation(condemned, why))
    raise_incident(connection, moment, "recording_without_permit", about=condemned.id, call_id=known.id, detail=why)
    jobs.enqueue(connection, DESTROY, condemned.id, condemned.id)


def _condemnation(condemned: Recording, why: str) -> Event:
    public: dict[str, Value] = {"recording": condemned.id, "source": condemned.source, "why": why}
    return Event("recording.condemned", public, {"provider_recording_id": condemned.recording_sid})


def _follow_up(
    connection: Connection, moment: Moment, moved: Recording, before: RecordingState | None, jobs: Jobs
) -> None:
    if moved.state is before:
        return
    if moved.state is RecordingState.COMPLETED:
        jobs.enqueue(connection, INTAKE, moved.id, moved.id)
    if moved.state is RecordingState.ABSENT:
        detail = "Twilio made no recording although the caller had agreed to one"
        raise_incident(connection, moment, "recording_absent", about=moved.id, call_id=moved.call_id, detail=detail)


def _event(moved: Recording) -> Event:
    public: dict[str, Value] = {"recording": moved.id, "source": moved.source}
    if moved.duration_s is not None:
        public["duration_s"] = moved.duration_s
    return Event(f"recording.{moved.state}", public, {"provider_recording_id": moved.recording_sid})


def _save(
    connection: Connection, moment: Moment, before: Recording, state: RecordingState, news: News | None
) -> Recording:
    if state is before.state and not _corrects(news, before):
        return before
    moved = replace(before, state=state, moved_at=before.moved_at if state is before.state else moment.at)
    if news is not None:
        moved = replace(
            moved,
            duration_s=before.duration_s if news.duration_s is None else news.duration_s,
            channels=before.channels if news.channels is None else news.channels,
        )
    _update(connection, moment, before, moved)
    return moved


def _corrects(news: News | None, before: Recording) -> bool:
    """A length that Twilio tells anew counts until the audio is stored; after that the audio itself says it."""
    if news is None or news.duration_s is None or news.event is not RecordingEvent.COMPLETED:
        return False
    return before.state is RecordingState.COMPLETED and news.duration_s != before.duration_s


def _update(connection: Connection, moment: Moment, before: Recording, moved: Recording) -> None:
    changed = {
        name: getattr(moved, name)
        for name in Recording.__dataclass_fields__
        if getattr(moved, name) != getattr(before, name)
    }
    saved = connection.execute(
        update(recording).where(recording.c.id == before.id, recording.c.state == before.state).values(changed)
    )
    if saved.rowcount != 1:
        raise Broken(f"recording {before.id}: its row changed while it was locked")
    if moved.state is not before.state:
        delays.clear(connection, moment, before.id)


def _read(row: Row[tuple[object, ...]] | None) -> Recording | None:
    return None if row is None else Recording(**{**row._asdict(), "state": RecordingState(row.state)})
