"""Work that is done once a day by whichever process finds it due. A watermark says when it was last done."""

from datetime import datetime, timedelta

from storage.database.engine import Database
from storage.rows import watermarks

EVERY = timedelta(days=1)


def is_due(database: Database, watermark: str, now: datetime) -> bool:
    """Whether a day has passed since the work was last done, or since the first look of all, which is noted here."""
    with database.read() as connection:
        last = watermarks.reached(connection, watermark)
    if last is None:
        database.write(lambda connection: watermarks.advance(connection, watermark, now))
    elif last > now:  # the clock was ahead
        database.write(lambda connection: watermarks.take_back(connection, watermark, now))
    return last is not None and now - last >= EVERY
