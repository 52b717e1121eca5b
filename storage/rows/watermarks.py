"""How far the lists of the provider have been gone through: kept, because who looks may die and be replaced."""

from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from storage.database.tables import watermark

CALLS = "calls"


def reached(connection: Connection, name: str) -> datetime | None:
    """None before the first look."""
    return connection.scalar(select(watermark.c.at).where(watermark.c.name == name))


def advance(connection: Connection, name: str, at: datetime) -> bool:
    """Never goes back: of two who look at once, the one who got further stands. Whether it moved."""
    row = {"name": name, "at": at}
    before = connection.scalar(select(watermark.c.at).where(watermark.c.name == name).with_for_update())
    if before is None:
        connection.execute(insert(watermark), row)
    elif before < at:
        connection.execute(update(watermark).where(watermark.c.name == name).values(at=at))
    return before is None or before < at


def take_back(connection: Connection, name: str, at: datetime) -> None:
    """Where it stands later than that, which it can only where a clock was ahead: nothing is done any more else."""
    late = (watermark.c.name == name) & (watermark.c.at > at)
    connection.execute(update(watermark).where(late).values(at=at))
