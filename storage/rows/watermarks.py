"""How far the provider's lists have been read: kept, because the reading process may die and be replaced."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from policies.copies import CopyKind
from storage.database.tables import watermark

CALLS = "calls"


def copies(kind: CopyKind) -> str:
    """The name for the account's list of copies of that kind."""
    return f"copies:{kind}"


def reached(connection: Connection, name: str) -> datetime | None:
    """None before the first reading."""
    return connection.scalar(select(watermark.c.at).where(watermark.c.name == name))


def reached_each(connection: Connection, names: Collection[str]) -> dict[str, datetime]:
    """The watermarks of these names, in one query; a list that was never read has none."""
    rows = connection.execute(select(watermark.c.name, watermark.c.at).where(watermark.c.name.in_(names)))
    return {row.name: row.at for row in rows}


def advance(connection: Connection, name: str, at: datetime) -> bool:
    """Move the watermark forward, never back: of two processes the further counts. True where it moved."""
    row = {"name": name, "at": at}
    before = connection.scalar(select(watermark.c.at).where(watermark.c.name == name).with_for_update())
    if before is None:
        connection.execute(insert(watermark), row)
    elif before < at:
        connection.execute(update(watermark).where(watermark.c.name == name).values(at=at))
    return before is None or before < at


def take_back(connection: Connection, name: str, at: datetime) -> None:
    """Move a watermark that is later than `at` back to it: after a clock was ahead, no news would be read any more."""
    late = (watermark.c.name == name) & (watermark.c.at > at)
    connection.execute(update(watermark).where(late).values(at=at))
