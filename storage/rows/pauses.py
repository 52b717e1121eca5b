"""Pauses of a call's recording, as rows: asked for, begun at the provider, ended. At most one of a call is open.

The call's row must be locked. A pause that is forgotten is ended by a job, and never by recording on.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from evidence.events import Event, Value
from policies.pausing import AtLimit, PauseEnd
from storage.database.prepared_statements import Prepared
from storage.database.tables import pause
from storage.errors import Refused
from storage.moment import Moment
from storage.rows import calls
from storage.rows.calls import Call


@dataclass(frozen=True, slots=True)
class Pause:
    """A row of `pause`. Times are ours; `begun_at` is None until the provider was seen to have paused the recording."""

    id: int
    call_id: str
    recording_id: str | None
    asked_at: datetime
    asked_by: str
    limit_at: datetime
    at_limit: AtLimit
    begun_at: datetime | None = None
    resume_asked_at: datetime | None = None
    resume_asked_by: str | None = None
    ended_at: datetime | None = None
    how: str = ""


_SELECT = select(*[pause.c[name] for name in Pause.__dataclass_fields__])
_OPEN_OF = Prepared(_SELECT.where(pause.c.call_id == bindparam("id"), pause.c.ended_at.is_(None)))


def ask(
    connection: Connection, moment: Moment, call: Call, *, actor: str, limit: timedelta, at_limit: AtLimit
) -> Pause:
    """Ask for a pause, and log it. Raises Refused where one is open."""
    if open_of(connection, call.id) is not None:
        raise Refused(f"call {call.id}: its recording is paused already")
    row = {
        "call_id": call.id,
        "asked_at": moment.at,
        "asked_by": actor,
        "limit_at": moment.at + limit,
        "at_limit": at_limit,
    }
    number: int = connection.execute(insert(pause).returning(pause.c.id), row).scalar_one()
    public: dict[str, Value] = {"pause": number, "limit_s": int(limit.total_seconds()), "at_limit": at_limit}
    calls.append_events(connection, moment, call, Event("pause.asked", public, {"actor": actor}))
    return _existing(connection, number)


def ask_to_resume(connection: Connection, moment: Moment, asked: Pause, *, actor: str) -> Pause:
    return _save(connection, replace(asked, resume_asked_at=moment.at, resume_asked_by=actor))


def begun(
    connection: Connection, moment: Moment, call: Call, asked: Pause, recording_id: str, at_ms: int | None
) -> Pause:
    """The provider was seen to have paused the recording, `at_ms` milliseconds into it."""
    calls.append_events(connection, moment, call, _event("recording.paused", asked, recording_id, at_ms))
    return _save(connection, replace(asked, begun_at=moment.at, recording_id=recording_id))


def end(
    connection: Connection,
    moment: Moment,
    call: Call,
    asked: Pause,
    how: PauseEnd,
    *,
    goes_on: bool = False,
    at_ms: int | None = None,
) -> Call:
    """The pause is over. `goes_on`: the provider was seen to record again, `at_ms` milliseconds into the recording."""
    events = []
    if goes_on and asked.recording_id:
        events.append(_event("recording.resumed", asked, asked.recording_id, at_ms))
    private: dict[str, Value] = {"actor": asked.resume_asked_by} if asked.resume_asked_by else {}
    events.append(Event("pause.ended", {"pause": asked.id, "how": how}, private))
    after = calls.append_events(connection, moment, call, *events)
    _save(connection, replace(asked, ended_at=moment.at, how=how))
    return after


def close(connection: Connection, moment: Moment, call: Call, how: PauseEnd) -> Call:
    """End an open pause with the call or its consent. Fine where none is open."""
    asked = open_of(connection, call.id)
    if asked is None:
        return call
    return end(connection, moment, call, asked, how if asked.begun_at else PauseEnd.NEVER_BEGUN)


def by_id(connection: Connection, number: int) -> Pause | None:
    row = connection.execute(_SELECT.where(pause.c.id == number)).first()
    return None if row is None else _read(row)


def open_of(connection: Connection, call_id: str) -> Pause | None:
    row = _OPEN_OF.first(connection, {"id": call_id})
    return None if row is None else _read(row)


def open_pauses(connection: Connection, *, limit: int) -> list[Pause]:
    """Pauses that are not over, the first to reach its limit first."""
    rows = connection.execute(_SELECT.where(pause.c.ended_at.is_(None)).order_by(pause.c.limit_at).limit(limit))
    return [_read(row) for row in rows]


def of_call(connection: Connection, call_id: str) -> list[Pause]:
    rows = connection.execute(_SELECT.where(pause.c.call_id == call_id).order_by(pause.c.id))
    return [_read(row) for row in rows]


def _event(name: str, asked: Pause, recording_id: str, at_ms: int | None) -> Event:
    public: dict[str, Value] = {"pause": asked.id, "recording": recording_id}
    return Event(name, public if at_ms is None else {**public, "at_ms": at_ms})


def _existing(connection: Connection, number: int) -> Pause:
    row = connection.execute(_SELECT.where(pause.c.id == number)).one()
    return _read(row)


def _save(connection: Connection, changed: Pause) -> Pause:
    row = {name: getattr(changed, name) for name in Pause.__dataclass_fields__ if name != "id"}
    connection.execute(update(pause).where(pause.c.id == changed.id).values(row))
    return changed


def _read(row: Row[Any] | tuple[Any, ...]) -> Pause:
    made = Pause(*row)
    return replace(made, at_limit=AtLimit(made.at_limit))
