"""Recordings of the account that belong to none of our lines: they are left alone, and counted."""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, insert, select, update

from storage.database.tables import stranger
from storage.moment import Moment

_NOTED_AGAIN_AFTER = timedelta(days=1)
_FORGOTTEN_AFTER = timedelta(days=40)


def seen(connection: Connection, recording_sids: Collection[str]) -> dict[str, datetime]:
    """The strangers among these recordings, each with the time at which it was last noted as listed."""
    rows = connection.execute(
        select(stranger.c.recording_sid, stranger.c.seen_at).where(stranger.c.recording_sid.in_(recording_sids))
    )
    return {row.recording_sid: row.seen_at for row in rows}


def is_due(seen_at: datetime, now: datetime) -> bool:
    """Whether a stranger that is listed is to be noted as listed again: once a day, lest each look writes."""
    return now - seen_at > _NOTED_AGAIN_AFTER


def note(connection: Connection, moment: Moment, recording_sids: Collection[str]) -> None:
    """Note strangers, or that they are still listed."""
    noted = seen(connection, recording_sids)
    still = update(stranger).where(stranger.c.recording_sid.in_(noted)).values(seen_at=moment.at)
    connection.execute(still)
    new = [sid for sid in recording_sids if sid not in noted]
    if new:
        rows = [{"recording_sid": sid, "noticed_at": moment.at, "seen_at": moment.at} for sid in new]
        connection.execute(insert(stranger), rows)


def forget(connection: Connection, now: datetime) -> None:
    """Forget the strangers that have not been listed for as long as the provider keeps a deleted recording's data."""
    connection.execute(delete(stranger).where(stranger.c.seen_at < now - _FORGOTTEN_AFTER))


def count(connection: Connection, begin: datetime, end: datetime) -> int:
    """How many were first listed in that time."""
    noticed = select(func.count()).where(stranger.c.noticed_at >= begin, stranger.c.noticed_at < end)
    return connection.scalar(noticed) or 0
