"""The other legs of our calls and the conferences that they are in, by the provider's sids.

A row is the answer to a question that was asked of the provider once: whose leg it is never changes.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, insert, select

from storage.database.tables import leg
from storage.moment import Moment


class LegKind(StrEnum):
    DIALLED = "dialled"  # a leg to somebody else, dialled from the caller's leg or joined to it in a conference
    CONFERENCE = "conference"


@dataclass(frozen=True, slots=True)
class Leg:
    """A row of `leg`: `sid` is of a call (CA…) or of a conference (CF…)."""

    sid: str
    call_id: str
    kind: LegKind
    noticed_at: datetime


_SELECT = select(leg.c.sid, leg.c.call_id, leg.c.kind, leg.c.noticed_at)


def tie(connection: Connection, moment: Moment, call_id: str, sid: str, kind: LegKind) -> None:
    """Note a leg or a conference of a call. Fine where it is noted already."""
    if call_of(connection, sid) is None:
        connection.execute(insert(leg).values(sid=sid, call_id=call_id, kind=kind, noticed_at=moment.at))


def call_of(connection: Connection, sid: str) -> str | None:
    """Our id of the call that the leg or conference belongs to."""
    return connection.scalar(select(leg.c.call_id).where(leg.c.sid == sid))


def calls_of(connection: Connection, sids: Collection[str]) -> dict[str, str]:
    """Our ids of the calls that these legs and conferences belong to, by sid; other sids are left out."""
    rows = connection.execute(select(leg.c.sid, leg.c.call_id).where(leg.c.sid.in_(sids)))
    return {row.sid: row.call_id for row in rows}


def of_call(connection: Connection, call_id: str) -> list[Leg]:
    rows = connection.execute(_SELECT.where(leg.c.call_id == call_id).order_by(leg.c.noticed_at, leg.c.sid))
    return [Leg(**{**row._asdict(), "kind": LegKind(row.kind)}) for row in rows]
