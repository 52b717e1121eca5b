"""The outbox of incidents: each turn is noted in its own transaction, and becomes part of a message to people later.

A notice is shared out among the ways of the rulebook first. Each way then has rows of its own, so that one that does
not work holds up no other. Rows are taken by deleting them: of two workers only one gets each.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, delete, exists, insert, select

from policies.incidents import IncidentKind
from policies.telling import Notice, Turn, Way
from storage.database.tables import incident, notice
from storage.moment import Moment

_NOT_SHARED_OUT = ""
_AT_ONCE, _READ_AT_ONCE = 10_000, 500


class _About(NamedTuple):
    kind: IncidentKind
    about: str
    call_id: str | None


def note(connection: Connection, moment: Moment, incident_id: int, turn: Turn) -> None:
    row = {"way": _NOT_SHARED_OUT, "incident_id": incident_id, "turn": turn, "at": moment.at}
    connection.execute(insert(notice), row)


def are_there(connection: Connection) -> bool:
    return bool(connection.scalar(select(exists().where(notice.c.id.is_not(None)))))


def share_out(connection: Connection, ways: Sequence[Way]) -> None:
    """Give some of the notices to each way that wants them. Notices of ways that there are no more go."""
    connection.execute(delete(notice).where(notice.c.way.not_in([_NOT_SHARED_OUT, *(way.name for way in ways)])))
    oldest = select(notice.c.id).where(notice.c.way == _NOT_SHARED_OUT).order_by(notice.c.id).limit(_AT_ONCE)
    taken = connection.execute(delete(notice).where(notice.c.id.in_(oldest)).returning(notice)).all()
    known = _incidents(connection, {row.incident_id for row in taken})
    shared = [
        {"way": way.name, "incident_id": row.incident_id, "turn": row.turn, "at": row.at}
        for row in sorted(taken, key=lambda row: row.id)
        for way in ways
        if way.wants(known[row.incident_id].kind, known[row.incident_id].about)
    ]
    if shared:
        connection.execute(insert(notice), shared)


def take(connection: Connection, way: str) -> list[Notice]:
    """All notices of a way, the oldest first, for the message that the caller makes in the same transaction."""
    taken = connection.execute(delete(notice).where(notice.c.way == way).returning(notice)).all()
    known = _incidents(connection, {row.incident_id for row in taken})
    return [
        Notice(row.incident_id, known[row.incident_id].kind, known[row.incident_id].call_id, Turn(row.turn), row.at)
        for row in sorted(taken, key=lambda row: row.id)
    ]


def _incidents(connection: Connection, ids: Collection[int]) -> Mapping[int, _About]:
    found: dict[int, _About] = {}
    every = sorted(ids)
    for start in range(0, len(every), _READ_AT_ONCE):
        columns = (incident.c.id, incident.c.kind, incident.c.about, incident.c.call_id)
        query = select(*columns).where(incident.c.id.in_(every[start : start + _READ_AT_ONCE]))
        for row in connection.execute(query):
            found[row.id] = _About(IncidentKind(row.kind), row.about, row.call_id)
    return found
