"""Callers who said no, so that they are not asked again for a while. Callers who agreed are asked each time.

A number is stored only as its keyed hash, and a row no longer than until its `forget_at`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from storage.database.prepared_statements import Prepared
from storage.database.tables import remembered_decline


@dataclass(frozen=True, slots=True)
class RememberedDecline:
    """A row of `remembered_decline`: the number's last no, and the call on which it was said."""

    number_hash: str
    call_id: str
    declined_at: datetime
    forget_at: datetime


def _later_stands(insert: postgresql.Insert | sqlite.Insert) -> postgresql.Insert | sqlite.Insert:
    """Keep the later no of each number, in one statement: a caller's two calls may end at once, in either order."""
    new, kept = insert.excluded, remembered_decline.c
    return insert.on_conflict_do_update(
        index_elements=[kept.number_hash],
        set_={"call_id": new.call_id, "declined_at": new.declined_at, "forget_at": new.forget_at},
        where=kept.declined_at <= new.declined_at,
    )


_COLUMNS = [remembered_decline.c[name] for name in RememberedDecline.__dataclass_fields__]
_REMEMBERED = Prepared(
    select(*_COLUMNS).where(
        remembered_decline.c.number_hash == bindparam("hashed"), remembered_decline.c.forget_at > bindparam("at")
    )
)
_REMEMBER: Mapping[str, Prepared] = {
    "sqlite": Prepared(_later_stands(sqlite.insert(remembered_decline))),
    "postgresql": Prepared(_later_stands(postgresql.insert(remembered_decline))),
}


def remembered(connection: Connection, number_hash: str, at: datetime) -> RememberedDecline | None:
    """The no that still holds at that time."""
    row = _REMEMBERED.first(connection, {"hashed": number_hash, "at": at})
    return None if row is None else RememberedDecline(*row)


def remember(connection: Connection, number_hash: str, *, call_id: str, at: datetime, forget_at: datetime) -> None:
    """A later no takes the place of an earlier one, also where its `forget_at` comes sooner."""
    row = {"number_hash": number_hash, "call_id": call_id, "declined_at": at, "forget_at": forget_at}
    _REMEMBER[connection.dialect.name].run(connection, row)


def forget(connection: Connection, number_hash: str) -> bool:
    """Forget a number at its owner's wish. False where nothing of it was remembered."""
    known = remembered_decline.c.number_hash == number_hash
    return connection.execute(delete(remembered_decline).where(known)).rowcount == 1


def forget_expired(connection: Connection, at: datetime, *, limit: int) -> int:
    """Delete some expired rows, the oldest first; 0 when none are left."""
    is_over = remembered_decline.c.forget_at <= at
    some = select(remembered_decline.c.number_hash).where(is_over).order_by(remembered_decline.c.forget_at).limit(limit)
    # The condition stands twice: a caller who says no again in this moment must not be forgotten.
    mine = remembered_decline.c.number_hash.in_(some) & is_over
    return connection.execute(delete(remembered_decline).where(mine)).rowcount
