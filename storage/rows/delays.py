"""Why recordings stand still: the last failure of the work on each, kept until its state changes.

To write here, hold the locks of the call's and the recording's rows.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, or_, select, update

from policies.incidents import IncidentKind
from policies.lifecycle import RecordingState
from storage.database.prepared_statements import Prepared
from storage.database.tables import delay, incident, recording
from storage.moment import Moment
from storage.rows.incidents import close_incident

# The incidents of a recording that stands still; the incident of a failed job is about "KIND:RECORDING".
STAYS = {
    RecordingState.COMPLETED: IncidentKind.RECORDING_STAYS_COMPLETED,
    RecordingState.STORED: IncidentKind.RECORDING_STAYS_STORED,
    RecordingState.CONDEMNED: IncidentKind.RECORDING_STAYS_CONDEMNED,
}
JOBS = ("intake", "destroy", "expire", "delete_again")  # by the names of their kinds
_ABOUT_RECORDING = (IncidentKind.RECORDING_WAITS, *STAYS.values())


@dataclass(frozen=True, slots=True)
class Delay:
    """`tries` is how often the work failed since it began to, `failures` how many jobs have given it up.

    No new job begins before `again_at`. `media` identifies the odd audio that came last, `media_since` is when it
    first came.
    """

    recording_id: str
    job: str
    reason: str
    since: datetime
    tried_at: datetime
    tries: int = 1
    failures: int = 0
    again_at: datetime | None = None
    media: str | None = None
    media_since: datetime | None = None


_SELECT = select(*[delay.c[name] for name in Delay.__dataclass_fields__])
_CLEAR = Prepared(delete(delay).where(delay.c.recording_id == bindparam("id")))
_WAITS = (incident.c.about == bindparam("id")) & or_(*(incident.c.kind == kind for kind in _ABOUT_RECORDING))
_FAILED = (incident.c.kind == IncidentKind.JOB_FAILED) & or_(*(incident.c.about == bindparam(job) for job in JOBS))
_RESOLVED = Prepared(select(incident.c.id).where(incident.c.closed_at.is_(None), _WAITS | _FAILED))


def of(connection: Connection, recording_id: str) -> Delay | None:
    return _read(connection.execute(_SELECT.where(delay.c.recording_id == recording_id)).first())


def of_call(connection: Connection, call_id: str) -> dict[str, Delay]:
    """By the recording's id."""
    mine = select(recording.c.id).where(recording.c.call_id == call_id)
    rows = connection.execute(_SELECT.where(delay.c.recording_id.in_(mine)))
    return {row.recording_id: Delay(**row._asdict()) for row in rows}


def latest(connection: Connection) -> Delay | None:
    return _read(connection.execute(_SELECT.order_by(delay.c.tried_at.desc()).limit(1)).first())


def note(connection: Connection, moment: Moment, recording_id: str, job: str, reason: str, **more: Any) -> Delay:
    """Keep why a try failed; `more` are other fields of the row."""
    before = of(connection, recording_id)
    if before is None:
        fresh = Delay(recording_id, job, reason, since=moment.at, tried_at=moment.at, **more)
        connection.execute(insert(delay), {name: getattr(fresh, name) for name in Delay.__dataclass_fields__})
        return fresh
    changed = {"job": job, "reason": reason, "tried_at": moment.at, "tries": before.tries + 1, **more}
    connection.execute(update(delay).where(delay.c.recording_id == recording_id).values(changed))
    return Delay(**{name: changed.get(name, getattr(before, name)) for name in Delay.__dataclass_fields__})


def came_before(connection: Connection, moment: Moment, recording_id: str, media: str, *, apart: timedelta) -> bool:
    """Whether the same odd audio came at least `apart` ago, and no other since. It is remembered for the next time."""
    before = of(connection, recording_id)
    since = before.media_since if before and before.media == media and before.media_since else moment.at
    since = min(since, moment.at)  # a clock that was put back must not delay it for ever
    if moment.at - since >= apart:
        return True
    if before is None:
        note(connection, moment, recording_id, "", "", tries=0)
    mine = delay.c.recording_id == recording_id
    connection.execute(update(delay).where(mine).values(media=media, media_since=since))
    return False


def clear(connection: Connection, moment: Moment, recording_id: str) -> None:
    """The recording's state has changed: delete the reason, and close the incidents about the delay."""
    _CLEAR.run(connection, {"id": recording_id})
    failed = {job: f"{job}:{recording_id}" for job in JOBS}
    for (incident_id,) in _RESOLVED.all(connection, {"id": recording_id, **failed}):
        close_incident(connection, moment, incident_id, actor="onrecord", reason="the work went on")


def _read(row: Row[Any] | None) -> Delay | None:
    return None if row is None else Delay(**row._asdict())
