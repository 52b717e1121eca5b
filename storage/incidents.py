"""Incidents: what a person must look at. One row each, however often it is found."""

import logging
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from storage.calls import Moment
from storage.tables import incident

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Incident:
    id: int
    kind: str
    about: str
    call_id: str | None
    detail: str
    opened_at: datetime


def raise_incident(
    connection: Connection, moment: Moment, kind: str, *, about: str, call_id: str | None, detail: str
) -> None:
    """Open an incident about one of our ids; nothing is done where it is open or was closed already."""
    if not was_raised(connection, kind, about):
        row = {"kind": kind, "about": about, "call_id": call_id, "detail": detail, "opened_at": moment.at}
        connection.execute(insert(incident), row)
        log.error("incident %s about %s: %s", kind, about, detail)


def was_raised(connection: Connection, kind: str, about: str) -> bool:
    """Whether it was ever raised, closed or not."""
    known = select(incident.c.id).where(incident.c.kind == kind, incident.c.about == about)
    return connection.execute(known).first() is not None


def raise_anew(
    connection: Connection, moment: Moment, kind: str, *, about: str, call_id: str | None, detail: str, since: datetime
) -> None:
    """As `raise_incident` for a trouble that has lasted since then: an open incident says this detail from now on, and
    one that was closed before the trouble began is opened again.
    """
    mine = (incident.c.kind == kind) & (incident.c.about == about)
    known = connection.execute(select(incident.c.id, incident.c.closed_at).where(mine)).first()
    if known is None:
        raise_incident(connection, moment, kind, about=about, call_id=call_id, detail=detail)
    elif known.closed_at is None:
        connection.execute(update(incident).where(mine).values(detail=detail))
    elif known.closed_at <= since:
        again = {"detail": detail, "opened_at": moment.at, "closed_at": None}
        connection.execute(update(incident).where(mine).values(again))
        log.error("incident %s about %s, again: %s", kind, about, detail)


def open_incidents(connection: Connection, call_id: str | None = None) -> list[Incident]:
    columns = [incident.c[name] for name in Incident.__dataclass_fields__]
    query = select(*columns).where(incident.c.closed_at.is_(None)).order_by(incident.c.id)
    if call_id is not None:
        query = query.where(incident.c.call_id == call_id)
    return [Incident(**row._asdict()) for row in connection.execute(query)]


def close_incident(connection: Connection, moment: Moment, incident_id: int) -> bool:
    """A person has seen to it. False where there is no such open incident."""
    is_open = (incident.c.id == incident_id) & incident.c.closed_at.is_(None)
    return connection.execute(update(incident).where(is_open).values(closed_at=moment.at)).rowcount == 1
