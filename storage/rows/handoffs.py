"""Agents' legs that are to meet their callers in a conference, on lines whose callers can withdraw by key.

A row is noted when the agent answers, and read under the lock of the call's row. Its times say how far the meeting got:
`asked_at` is on disk before the provider is asked for anything.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from storage.database.prepared_statements import Prepared
from storage.database.tables import handoff
from storage.jobs.contract import JobKind, Lane
from storage.moment import Moment
from storage.rows import legs
from storage.rows.calls import Call
from storage.rows.legs import LegKind
from storage.rows.recordings import Jobs

JOIN = JobKind("join", Lane.PROMPT)  # the agent's leg into the conference
ACCOMPANY = JobKind("accompany", Lane.PROMPT)  # nobody waits in the conference for an agent who has left
RELEASE = JobKind("release", Lane.PROMPT)  # the agent's leg, once its caller has hung up


@dataclass(frozen=True, slots=True)
class Handoff:
    """A row of `handoff`. `round` is the call's; `stays` counts how often the caller was sent into the conference."""

    id: str
    leg_sid: str
    call_id: str
    round: int
    noticed_at: datetime
    asked_at: datetime | None = None
    joined_at: datetime | None = None
    met_at: datetime | None = None
    stays: int = 0
    left_at: datetime | None = None

    @property
    def is_on(self) -> bool:
        """Whether the agent is in the conference, or on the way, as far as is known."""
        return self.asked_at is not None and self.left_at is None


_SELECT = select(*[handoff.c[name] for name in Handoff.__dataclass_fields__])
_ASKED = _SELECT.where(
    handoff.c.call_id == bindparam("id"), handoff.c.asked_at.is_not(None), handoff.c.left_at.is_(None)
)
_ON_THE_WAY = Prepared(_ASKED)
_OF_ROUND = Prepared(_ASKED.where(handoff.c.round == bindparam("number")).order_by(handoff.c.asked_at))


def note(connection: Connection, moment: Moment, call: Call, leg_sid: str, jobs: Jobs) -> None:
    """An agent answered a call that is recorded: note the leg, and queue its way into the conference. Fine where it is
    noted already.
    """
    if of_leg(connection, call.id, leg_sid) is not None:
        return
    legs.tie(connection, moment, call.id, leg_sid, LegKind.DIALLED)
    noted = Handoff(moment.new_id(), leg_sid, call.id, call.round, moment.at)
    connection.execute(insert(handoff), {name: getattr(noted, name) for name in Handoff.__dataclass_fields__})
    jobs.enqueue(connection, JOIN, noted.id, noted.id)


def by_id(connection: Connection, handoff_id: str) -> Handoff | None:
    """None also for the handoff of a call that was erased."""
    return _read(connection.execute(_SELECT.where(handoff.c.id == handoff_id)).first())


def of_leg(connection: Connection, call_id: str, leg_sid: str) -> Handoff | None:
    found = _SELECT.where(handoff.c.leg_sid == leg_sid, handoff.c.call_id == call_id)
    return _read(connection.execute(found).first())


def of_round(connection: Connection, call: Call) -> Handoff | None:
    """The agent who is in the conference of the call's present round, or on the way there."""
    return _read(_OF_ROUND.first(connection, {"id": call.id, "number": call.round}))


def has_joined(connection: Connection, call_id: str) -> bool:
    """Whether an agent of the call ever was in the conference."""
    joined_legs = handoff.c.call_id == call_id, handoff.c.joined_at.is_not(None)
    return connection.execute(select(handoff.c.id).where(*joined_legs)).first() is not None


def asked(connection: Connection, moment: Moment, noted: Handoff) -> Handoff:
    return _save(connection, replace(noted, asked_at=noted.asked_at or moment.at))


def called_off(connection: Connection, noted: Handoff) -> Handoff:
    """The provider will not have it: caller and agent stay as they are."""
    return _save(connection, replace(noted, asked_at=None))


def joined(connection: Connection, moment: Moment, noted: Handoff) -> Handoff:
    return _save(connection, replace(noted, joined_at=noted.joined_at or moment.at))


def met(connection: Connection, moment: Moment, noted: Handoff) -> Handoff:
    """The caller is sent into the conference."""
    return _save(connection, replace(noted, met_at=moment.at, stays=noted.stays + 1))


def apart(connection: Connection, noted: Handoff) -> Handoff:
    """The caller is elsewhere than in the conference."""
    return _save(connection, replace(noted, met_at=None))


def left(connection: Connection, moment: Moment, noted: Handoff) -> Handoff:
    return _save(connection, replace(noted, left_at=noted.left_at or moment.at))


def accompany(connection: Connection, noted: Handoff, jobs: Jobs, why: str) -> None:
    """Queue a look after the caller, who was sent into the conference; `why` tells one look from another."""
    jobs.enqueue(connection, ACCOMPANY, f"{noted.id}:{why}", noted.id)


def release(connection: Connection, call_id: str, jobs: Jobs) -> None:
    """The caller has gone: queue the end of the legs that would stay behind in the conference."""
    for row in _ON_THE_WAY.all(connection, {"id": call_id}):
        noted = Handoff(*row)
        jobs.enqueue(connection, RELEASE, noted.id, noted.id)


def _save(connection: Connection, changed: Handoff) -> Handoff:
    row = {name: getattr(changed, name) for name in Handoff.__dataclass_fields__ if name != "id"}
    connection.execute(update(handoff).where(handoff.c.id == changed.id).values(row))
    return changed


def _read(row: Row[Any] | tuple[Any, ...] | None) -> Handoff | None:
    return None if row is None else Handoff(*row)
