"""Reviews of calls: a row for each member of staff who has reviewed a call, and an event."""

from datetime import datetime

from sqlalchemy import Connection, insert, select

from evidence.events import Event
from storage.database.tables import review
from storage.moment import Moment
from storage.rows import calls


def mark(connection: Connection, moment: Moment, call_id: str, *, staff_id: str, actor: str) -> bool:
    """Note that a member of staff has reviewed a call, and log it under the name `actor`. False where it was noted
    before. Raises Broken where there is no such call.
    """
    call = calls.existing(connection, call_id)
    mine = (review.c.call_id == call_id) & (review.c.staff_id == staff_id)
    if connection.execute(select(review.c.call_id).where(mine)).first() is not None:
        return False
    connection.execute(insert(review).values(call_id=call_id, staff_id=staff_id, reviewed_at=moment.at))
    calls.append_events(connection, moment, call, Event("call.reviewed", {}, {"actor": actor}))
    return True


def of_call(connection: Connection, call_id: str) -> dict[str, datetime]:
    """When each member of staff, by their id, first reviewed the call."""
    rows = connection.execute(select(review.c.staff_id, review.c.reviewed_at).where(review.c.call_id == call_id))
    return {row.staff_id: row.reviewed_at for row in rows}
