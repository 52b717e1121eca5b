"""Incidents: what a person must look at. One row each, however often it is found."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select

from storage.calls import Moment
from storage.tables import incident


@dataclass(frozen=True, slots=True)
class Incident:
    kind: str
    about: str
    call_id: str | None
    detail: str
    opened_at: datetime


def raise_incident(
    connection: Connection, moment: Moment, kind: str, *, about: str, call_id: str | None, detail: str
) -> None:
    """Open an incident about one of our ids; nothing is done where it is open or was closed already."""
    known = select(incident.c.id).where(incident.c.kind == kind, incident.c.about == about)
    if connection.execute(known).first() is None:
        row = {"kind": kind, "about": about, "call_id": call_id, "detail": detail, "opened_at": moment.at}
        connection.execute(insert(incident), row)


def open_incidents(connection: Connection, call_id: str | None = None) -> list[Incident]:
    columns = [incident.c[name] for name in Incident.__dataclass_fields__]
    query = select(*columns).where(incident.c.closed_at.is_(None)).order_by(incident.c.id)
    if call_id is not None:
        query = query.where(incident.c.call_id == call_id)
    return [Incident(**row._asdict()) for row in connection.execute(query)]
