"""Closes incidents for a person."""

from storage.database.engine import Database
from storage.moment import Moment
from storage.rows.incidents import close_incident


def close(database: Database, incident_id: int, *, actor: str, reason: str) -> bool:
    """False where there is no such open incident. Raises Refused for a reason that is empty, or names somebody."""
    moment = Moment.now()
    return database.write(
        lambda connection: close_incident(connection, moment, incident_id, actor=actor, reason=reason)
    )
