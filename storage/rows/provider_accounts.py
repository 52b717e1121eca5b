"""The provider's accounts of ended calls, kept byte for byte; and the calls whose account is due."""

from datetime import datetime

from sqlalchemy import Connection, insert, select

from storage.database.tables import call, provider_account


def due(connection: Connection, now: datetime, *, limit: int) -> list[str]:
    """Ids of the calls whose account is due, the longest due first. Erased calls are left out."""
    query = select(call.c.id).where(call.c.corroborate_at <= now, call.c.erased_at.is_(None))
    return list(connection.scalars(query.order_by(call.c.corroborate_at).limit(limit)))


def keep(
    connection: Connection, call_id: str, body: bytes, at: datetime, *, recording_asked_at: datetime | None
) -> None:
    """Keep the account of a call, which has only one: the log names the hash of these bytes.

    `recording_asked_at`: when the provider, by its own clock, asked for the document that orders our recording.
    """
    row = {"call_id": call_id, "body": body, "fetched_at": at, "recording_asked_at": recording_asked_at}
    connection.execute(insert(provider_account), row)


def account_of(connection: Connection, call_id: str) -> bytes | None:
    """None where nothing was fetched, or it was erased."""
    body = connection.scalar(select(provider_account.c.body).where(provider_account.c.call_id == call_id))
    return None if body is None else bytes(body)


def recording_asked_at(connection: Connection, call_id: str) -> datetime | None:
    query = select(provider_account.c.recording_asked_at).where(provider_account.c.call_id == call_id)
    return connection.scalar(query)
