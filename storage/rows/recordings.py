"""Recordings as rows: found, moved along `policies.lifecycle`, condemned. `storage.rows.news` takes in news of them.

A recording is condemned together with the job that stops and destroys it, and with the incident that says so unless a
withdrawal asked for it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Connection, Row, bindparam, func, insert, select, update

from evidence.events import Event, Value
from policies.incidents import IncidentKind
from policies.lifecycle import RecordingEvent, RecordingState, after
from storage.database.prepared_statements import Prepared
from storage.database.tables import call, recording
from storage.errors import Broken
from storage.jobs.contract import JobKind, Lane
from storage.moment import Moment
from storage.rows import calls, delays
from storage.rows.calls import Call
from storage.rows.incidents import raise_incident, resolve

INTAKE = JobKind("intake", Lane.BULK)
DESTROY = JobKind("destroy", Lane.PROMPT)
DELETE_AGAIN = JobKind("delete_again", Lane.PROMPT)
PAUSE = JobKind("pause", Lane.PROMPT)
RESUME = JobKind("resume", Lane.PROMPT)  # or another end of a pause
# Open while it is unclear which of a call's recordings is ours: meanwhile none of them may be played.
IN_DOUBT = IncidentKind.RECORDING_IN_DOUBT
EXPIRE = JobKind("expire", Lane.BULK)  # the same work, of which a whole day's recordings may fall due at once


class Jobs(Protocol):
    """Durable jobs, enqueued in the caller's transaction. The same kind and id twice is the same job."""

    def enqueue(self, connection: Connection, kind: JobKind, job_id: str, argument: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Recording:
    """A row of `recording`. `permit` is the call's id where its permit covers this recording.

    `started_at` is by the provider's clock. `reported_at` is when it was first reported at the address that only
    our document names: from then on it is ours for certain. `under_sid` is of the leg or conference that the provider
    has it under; None is the caller's leg.
    """

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
    track: str | None = None
    started_at: datetime | None = None
    reported_at: datetime | None = None
    under_sid: str | None = None


_PEEK = select(*[recording.c[name] for name in Recording.__dataclass_fields__])
_SELECT = _PEEK.with_for_update()
_WITH_ID = recording.c.id == bindparam("id")
_PEEK_ID, _BY_ID = Prepared(_PEEK.where(_WITH_ID)), Prepared(_SELECT.where(_WITH_ID))
_PEEK_SID = Prepared(_PEEK.where(recording.c.recording_sid == bindparam("sid")))
_OF_CALL = Prepared(
    _PEEK.where(recording.c.call_id == bindparam("call_id")).order_by(recording.c.noticed_at), of_call="call_id"
)
_ADD = Prepared(insert(recording))
_WITH_CALL_SID = _PEEK.add_columns(call.c.call_sid.label("of_call_sid")).join(call, call.c.id == recording.c.call_id)


def by_id(connection: Connection, recording_id: str) -> Recording | None:
    """The row, locked until the transaction ends."""
    return _read(_BY_ID.first(connection, {"id": recording_id}))


def peek(connection: Connection, recording_id: str) -> Recording | None:
    """As `by_id`, without a lock, for reading only."""
    return _read(_PEEK_ID.first(connection, {"id": recording_id}))


def peek_sid(connection: Connection, recording_sid: str) -> Recording | None:
    return _read(_PEEK_SID.first(connection, {"sid": recording_sid}))


def with_sids(connection: Connection, recording_sids: Collection[str]) -> dict[str, tuple[Recording, str]]:
    """The recordings with these sids, by sid, each with the sid of its call; not locked."""
    rows = connection.execute(_WITH_CALL_SID.where(recording.c.recording_sid.in_(recording_sids)))
    fields = [row._asdict() for row in rows]
    return {row["recording_sid"]: (_made(row), call_sid) for row in fields for call_sid in [row.pop("of_call_sid")]}


def oldest_moving(connection: Connection, since: datetime) -> datetime | None:
    """When the oldest recording began that was noticed since then and is not complete yet; None where there is none."""
    moving = recording.c.state.in_((RecordingState.STARTED, RecordingState.COMPLETED))
    began = func.min(func.coalesce(recording.c.started_at, recording.c.noticed_at))
    return connection.scalar(select(began).where(moving, recording.c.noticed_at >= since))


def some(connection: Connection, condition: ColumnElement[bool], *, limit: int) -> list[Recording]:
    """Random matching rows, not locked: in a fixed order, recordings that keep failing would hold up the others."""
    rows = connection.execute(_PEEK.where(condition).order_by(func.random()).limit(limit))
    return [found for row in rows if (found := _read(row)) is not None]


def of_call(connection: Connection, call_id: str) -> list[Recording]:
    rows = _OF_CALL.all(connection, {"call_id": call_id})
    return [found for row in rows if (found := _read(row)) is not None]


def add(connection: Connection, new: Recording) -> None:
    _ADD.run(connection, {name: getattr(new, name) for name in Recording.__dataclass_fields__})


def save(connection: Connection, moment: Moment, before: Recording, moved: Recording) -> None:
    changed = {
        name: getattr(moved, name)
        for name in Recording.__dataclass_fields__
        if getattr(moved, name) != getattr(before, name)
    }
    if _change(frozenset(changed)).run(connection, {"of": before.id, "seen": before.state, **changed}) != 1:
        raise Broken(f"recording {before.id}: its row changed while it was locked")
    if moved.state is not before.state:
        delays.clear(connection, moment, before.id)


@cache
def _change(columns: frozenset[str]) -> Prepared:
    """It changes these columns of the row with the id `of`, unless that has another state than `seen` by now."""
    as_seen = recording.c.id == bindparam("of"), recording.c.state == bindparam("seen")
    return Prepared(update(recording).where(*as_seen).values({name: bindparam(name) for name in sorted(columns)}))


def condemn(connection: Connection, moment: Moment, call: Call, condemned: Recording, jobs: Jobs, *, why: str) -> None:
    """Queue the destruction of a recording that must not be, and raise the incident."""
    if _give_up(connection, moment, condemned):
        without_permit(connection, moment, condemned, why)
        calls.append_events(connection, moment, call, condemned_for(connection, moment, condemned, jobs, why=why))


def condemn_all(connection: Connection, moment: Moment, call: Call, jobs: Jobs, *, why: str) -> Call:
    """Queue the destruction of all recordings of a call whose consent was withdrawn. This raises no incident."""
    for made in connection.execute(_SELECT.where(recording.c.call_id == call.id).order_by(recording.c.id)).all():
        condemned = _read(made)
        if condemned is not None and _give_up(connection, moment, condemned):
            told = condemned_for(connection, moment, condemned, jobs, why=why)
            call = calls.append_events(connection, moment, call, told)
    return call


def _give_up(connection: Connection, moment: Moment, condemned: Recording) -> bool:
    """False where the recording was condemned before."""
    state = after(condemned.state, RecordingEvent.CONDEMNED)
    if state is condemned.state:
        return False
    save(connection, moment, condemned, replace(condemned, state=state, moved_at=moment.at))
    return True


def without_permit(connection: Connection, moment: Moment, condemned: Recording, why: str) -> None:
    about, call_id = condemned.id, condemned.call_id
    raise_incident(connection, moment, IncidentKind.RECORDING_WITHOUT_PERMIT, about=about, call_id=call_id, detail=why)


def condemned_for(connection: Connection, moment: Moment, condemned: Recording, jobs: Jobs, *, why: str) -> Event:
    """Queue the destruction of a condemned recording, and return the event. Its incident of doubt is resolved."""
    resolve(connection, moment, IN_DOUBT, condemned.id)
    jobs.enqueue(connection, DESTROY, condemned.id, condemned.id)
    public: dict[str, Value] = {"recording": condemned.id, "source": condemned.source, "why": why}
    return Event("recording.condemned", public, {"provider_recording_id": condemned.recording_sid})


def stopped(connection: Connection, moment: Moment, call: Call, recording_id: str, *, seen: str) -> Call:
    """Log that a recording was seen not to run any more; `seen` is its status at the provider, or "gone"."""
    event = Event("recording.stopped", {"recording": recording_id, "seen": seen})
    return calls.append_events(connection, moment, call, event)


def is_running(connection: Connection, call_id: str) -> bool | None:
    """Whether the recording that the call's permit covers runs, by its row; None where there is none."""
    made = [row for row in of_call(connection, call_id) if row.permit]
    return any(row.state is RecordingState.STARTED for row in made) if made else None


def advance(
    connection: Connection,
    moment: Moment,
    call: Call,
    before: Recording,
    event: RecordingEvent,
    *events: Event,
    object_key: str | None = None,
    retain_until: datetime | None = None,
) -> Recording:
    """Move a recording that a job worked on, with the events that say so. Does nothing where it moved before."""
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
    save(connection, moment, before, moved)
    calls.append_events(connection, moment, call, *events)
    return moved


def with_call(connection: Connection, recording_id: str) -> tuple[Call, Recording]:
    """Both rows, locked, the call's first: everybody locks them in this order. Raises Broken if there are none."""
    call_id = connection.scalar(select(recording.c.call_id).where(recording.c.id == recording_id))
    call = calls.by_id(connection, call_id) if call_id else None
    row = by_id(connection, recording_id)
    if call is None or row is None:
        raise Broken(f"recording {recording_id}: there is no such row")
    return call, row


def of_row(row: Row[Any]) -> Recording:
    """The recording in a whole row of `recording`."""
    return _made(row._asdict())


def _read(row: Sequence[Any] | None) -> Recording | None:
    """The columns in the order of `Recording`'s fields."""
    return None if row is None else _made(dict(zip(Recording.__dataclass_fields__, row, strict=True)))


def _made(fields: Mapping[str, Any]) -> Recording:
    return Recording(**{**fields, "state": RecordingState(fields["state"])})
