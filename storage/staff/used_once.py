"""Challenges and states that have let somebody in, so that they let in nobody a second time.

Only a success is noted: whoever is turned away leaves nothing here.
"""

from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import Connection, delete, insert, select

from storage.database.tables import used_once

# Longer than any of them is good for.
KEPT_FOR = timedelta(days=1)


def use(connection: Connection, what: bytes, now: datetime) -> bool:
    """Note that it has let somebody in. False where it has done so before: then it must not.

    Raises `IntegrityError` where two do so at once; `Database.write` then runs again, and the other's row is found.
    """
    connection.execute(delete(used_once).where(used_once.c.used_at < now - KEPT_FOR))
    mine = sha256(what).hexdigest()
    if connection.execute(select(used_once.c.sha256).where(used_once.c.sha256 == mine)).first() is not None:
        return False
    connection.execute(insert(used_once).values(sha256=mine, used_at=now))
    return True
