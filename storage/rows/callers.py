"""Finds the calls of a number, though no row holds one: by its keyed hash, or by the log's disclosures."""

from sqlalchemy import ColumnElement, Connection, false, select

from evidence.disclosures import read_disclosure
from storage.database.tables import call, disclosure


def called_from(connection: Connection, e164: str, hashed: str | None) -> ColumnElement[bool]:
    """The condition on `call` that it came from a number. `hashed` is None for a number that nobody can have.

    Calls from before there were hashes are found by the caller that they disclose. Erased calls are never found.
    """
    unhashed = call.c.caller_hash.is_(None) & call.c.erased_at.is_(None)
    query = select(call.c.id, disclosure.c.body).join(disclosure, disclosure.c.call_id == call.c.id).where(unhashed)
    disclosed = {row.id for row in connection.execute(query) if read_disclosure(row.body) == ("caller", e164)}
    by_hash = call.c.caller_hash == hashed if hashed is not None else false()  # None would be every withheld number
    return by_hash | call.c.id.in_(disclosed)


def calls_from(connection: Connection, e164: str, hashed: str | None) -> list[str]:
    """The ids of the calls from a number, oldest first."""
    mine = called_from(connection, e164, hashed)
    return list(connection.scalars(select(call.c.id).where(mine).order_by(call.c.received_at, call.c.id)))
