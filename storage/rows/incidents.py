"""Incidents: troubles that a person must look at. Each has one row, however often found; the log has every turn."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, bindparam, insert, select, true, update

from evidence.events import Event, Value, without_names
from policies.incidents import IncidentKind
from policies.telling import Turn
from storage.database.after_commit import after_commit
from storage.database.prepared_statements import Prepared
from storage.database.tables import incident
from storage.log import consent_log
from storage.moment import Moment
from storage.rows import notices, staff_words

log = logging.getLogger(__name__)

# Lasting facts of an ended call, found again and again while Twilio is asked: once closed, they stay closed.
_ONCE = frozenset({IncidentKind.RECORDING_MISSING})
_OPEN_ABOUT = Prepared(
    select(incident.c.id).where(
        incident.c.kind == bindparam("kind"), incident.c.about == bindparam("about"), incident.c.closed_at.is_(None)
    )
)


@dataclass(frozen=True, slots=True)
class Incident:
    id: int
    kind: IncidentKind
    about: str
    call_id: str | None
    detail: str
    opened_at: datetime


def raise_incident(
    connection: Connection, moment: Moment, kind: IncidentKind, *, about: str, call_id: str | None, detail: str
) -> None:
    """Open an incident about one of our ids, log it, and note that people are to be told. Nothing is done where it is
    open.

    A closed incident is opened again, unless its kind is in `_ONCE`.
    """
    mine = (incident.c.kind == kind) & (incident.c.about == about)
    existing = connection.execute(select(incident.c.id, incident.c.closed_at).where(mine)).first()
    if existing is not None and (existing.closed_at is None or kind in _ONCE):
        return
    row = {"call_id": call_id, "detail": detail, "opened_at": moment.at}
    again = update(incident).where(mine).values(closed_at=None, closed_by=None, closed_because=None, **row)
    opened = insert(incident).values(kind=kind, about=about, **row) if existing is None else again
    incident_id: int = connection.execute(opened.returning(incident.c.id)).scalar_one()
    after_commit(connection, lambda: log.error("incident %s about %s: %s", kind, about, detail))
    notices.note(connection, moment, incident_id, Turn.OPENED if existing is None else Turn.OPENED_AGAIN)
    public: dict[str, Value] = {
        "incident": incident_id,
        "kind": kind,
        "about": without_names(about),
        "about_call": call_id,
    }
    consent_log.append_events(connection, moment, Event("incident.opened", public))


def was_raised(connection: Connection, kind: IncidentKind, about: str) -> bool:
    """Whether the incident was ever raised, closed or not."""
    existing = select(incident.c.id).where(incident.c.kind == kind, incident.c.about == about)
    return connection.execute(existing).first() is not None


def raise_anew(
    connection: Connection,
    moment: Moment,
    kind: IncidentKind,
    *,
    about: str,
    call_id: str | None,
    detail: str,
    since: datetime,
) -> None:
    """As `raise_incident` for a trouble that has lasted since `since`: an open incident gets this detail, and an
    incident that was closed while the trouble lasted stays closed.
    """
    mine = (incident.c.kind == kind) & (incident.c.about == about)
    existing = connection.execute(select(incident.c.closed_at).where(mine)).first()
    if existing is not None and existing.closed_at is None:
        connection.execute(update(incident).where(mine).values(detail=detail))
    elif existing is None or existing.closed_at <= since:
        raise_incident(connection, moment, kind, about=about, call_id=call_id, detail=detail)


def is_open_of_call(connection: Connection, kind: IncidentKind, call_id: str) -> bool:
    mine = (incident.c.kind == kind) & (incident.c.call_id == call_id) & incident.c.closed_at.is_(None)
    return connection.execute(select(incident.c.id).where(mine)).first() is not None


def opened_since(connection: Connection, kind: IncidentKind, about: str) -> datetime | None:
    """When an open incident was opened; None where none is open."""
    mine = (incident.c.kind == kind) & (incident.c.about == about) & incident.c.closed_at.is_(None)
    return connection.scalar(select(incident.c.opened_at).where(mine))


def open_incidents(connection: Connection, call_id: str | None = None) -> list[Incident]:
    return _open(connection, true() if call_id is None else incident.c.call_id == call_id)


def open_concerning(connection: Connection, call_id: str, kind: IncidentKind) -> list[Incident]:
    """The open incidents of a call, and those of that kind that are of no call."""
    mine = (incident.c.call_id == call_id) | (incident.c.call_id.is_(None) & (incident.c.kind == kind))
    return _open(connection, mine)


def _open(connection: Connection, some: ColumnElement[bool]) -> list[Incident]:
    columns = [incident.c[name] for name in Incident.__dataclass_fields__]
    query = select(*columns).where(incident.c.closed_at.is_(None), some).order_by(incident.c.id)
    return [Incident(**{**row._asdict(), "kind": IncidentKind(row.kind)}) for row in connection.execute(query)]


def close_incident(connection: Connection, moment: Moment, incident_id: int, *, actor: str, reason: str) -> bool:
    """Close an incident, and log by whom and why. False where there is no such open incident.

    Raises Refused for a reason that is empty or names somebody.
    """
    reason = staff_words.reason("reason", reason)
    is_open = (incident.c.id == incident_id) & incident.c.closed_at.is_(None)
    closed = update(incident).where(is_open).values(closed_at=moment.at, closed_by=actor, closed_because=reason)
    if connection.execute(closed).rowcount != 1:
        return False
    notices.note(connection, moment, incident_id, Turn.CLOSED)
    event = Event("incident.closed", {"incident": incident_id}, {"actor": actor, "reason": reason})
    consent_log.append_events(connection, moment, event)
    return True


def resolve(connection: Connection, moment: Moment, kind: IncidentKind, *about: str) -> None:
    """Close incidents that have resolved themselves. Fine where none was open."""
    for each in about:
        for (incident_id,) in _OPEN_ABOUT.all(connection, {"kind": kind, "about": each}):
            _resolved(connection, moment, incident_id)


def resolve_each(
    connection: Connection, moment: Moment, kind: IncidentKind, is_over: Callable[[str], bool] = lambda _: True
) -> None:
    """As `resolve`, for all incidents of a kind, or for those about whose subjects `is_over` says so."""
    of_kind = select(incident.c.id, incident.c.about).where(incident.c.kind == kind, incident.c.closed_at.is_(None))
    for incident_id, about in connection.execute(of_kind).all():
        if is_over(about):
            _resolved(connection, moment, incident_id)


def _resolved(connection: Connection, moment: Moment, incident_id: int) -> None:
    close_incident(connection, moment, incident_id, actor="onrecord", reason="it has resolved itself")
