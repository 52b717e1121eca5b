"""Legal holds: rows that keep a call, its recording and its personal data from retention's end and from erasure.

A call may have many holds, each released by itself; a released hold stays, with the name of its releaser. A recording
that no permit covers is not kept by any: it must not be heard, so there is nothing to hold.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, exists, insert, select, update

from evidence.events import Event
from storage.database.tables import legal_hold
from storage.errors import Refused
from storage.moment import Moment
from storage.rows import calls, staff_words
from storage.rows.calls import Call


@dataclass(frozen=True, slots=True)
class Hold:
    """A row of `legal_hold`. `released_at` is None while it holds."""

    id: int
    call_id: str
    reason: str
    placed_by: str
    placed_at: datetime
    released_by: str | None
    released_at: datetime | None


_SELECT = select(*[legal_hold.c[name] for name in Hold.__dataclass_fields__]).order_by(legal_hold.c.id)


def place(connection: Connection, moment: Moment, call: Call, *, reason: str, actor: str) -> int:
    """Hold a call, whose row must be locked, and log it; returns the hold's number.

    Raises Refused where the reason is empty or names somebody, or nothing is left to be held.
    """
    reason = staff_words.reason("reason", reason)
    if call.erased_at is not None:
        raise Refused(f"call {call.id}: it was erased, and there is nothing left to hold")
    row = {"call_id": call.id, "reason": reason, "placed_by": actor, "placed_at": moment.at}
    hold_id: int = connection.execute(insert(legal_hold).returning(legal_hold.c.id), row).scalar_one()
    event = Event("privacy.hold", {"hold": hold_id}, {"actor": actor, "reason": reason})
    calls.append_events(connection, moment, call, event)
    return hold_id


def release(connection: Connection, moment: Moment, hold_id: int, *, reason: str, actor: str) -> Hold:
    """Raises Refused where there is no such hold, it is released already, or the reason is empty or names somebody."""
    reason = staff_words.reason("reason", reason)
    row = connection.execute(_SELECT.where(legal_hold.c.id == hold_id)).first()
    if row is None:
        raise Refused(f"hold {hold_id}: there is none of that number")
    call = calls.existing(connection, row.call_id)
    holds = (legal_hold.c.id == hold_id) & legal_hold.c.released_at.is_(None)
    released = {"released_by": actor, "released_at": moment.at}
    if connection.execute(update(legal_hold).where(holds).values(released)).rowcount != 1:
        raise Refused(f"hold {hold_id}: it is released already")
    event = Event("privacy.released", {"hold": hold_id}, {"actor": actor, "reason": reason})
    calls.append_events(connection, moment, call, event)
    return Hold(**{**row._asdict(), **released})


def all_holds(connection: Connection) -> list[Hold]:
    """Every hold, released ones included, in the order in which they were placed."""
    return [Hold(**row._asdict()) for row in connection.execute(_SELECT)]


def holding(connection: Connection, call_id: str) -> list[int]:
    """The numbers of the holds that keep a call."""
    return list(connection.scalars(select(legal_hold.c.id).where(_keeps(call_id)).order_by(legal_hold.c.id)))


def is_held(call_id: ColumnElement[str]) -> ColumnElement[bool]:
    """The condition that a call is held, on a column of calls' ids."""
    return exists().where(_keeps(call_id))


def _keeps(call_id: str | ColumnElement[str]) -> ColumnElement[bool]:
    return (legal_hold.c.call_id == call_id) & legal_hold.c.released_at.is_(None)
