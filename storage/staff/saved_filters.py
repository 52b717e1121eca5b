"""Filters of the calls' list that a person saved under a name, as rows."""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select

from storage.database.tables import saved_filter
from storage.errors import Refused
from storage.moment import Moment

NAME_MAX, _QUERY_MAX, MOST = 64, 1000, 50


@dataclass(frozen=True, slots=True)
class SavedFilter:
    """`query` is of the list's URL."""

    id: str
    name: str
    query: str


def save(connection: Connection, moment: Moment, account_id: str, name: str, query: str) -> None:
    """A filter of the same name is replaced. Raises Refused for a name that is none, or one filter too many."""
    if not name.isprintable() or not 0 < len(name) <= NAME_MAX or len(query) > _QUERY_MAX:
        raise Refused(f"the name of a filter is of 1 to {NAME_MAX} printable characters")
    mine = saved_filter.c.staff_id == account_id
    connection.execute(delete(saved_filter).where(mine, saved_filter.c.name == name))
    if (connection.scalar(select(func.count()).select_from(saved_filter).where(mine)) or 0) >= MOST:
        raise Refused(f"a person has {MOST} filters at most")
    row = {"id": moment.new_id(), "staff_id": account_id, "name": name, "query": query, "made_at": moment.at}
    connection.execute(insert(saved_filter).values(row))


def of(connection: Connection, account_id: str) -> list[SavedFilter]:
    """In the order of their names."""
    query = select(saved_filter.c.id, saved_filter.c.name, saved_filter.c.query)
    rows = connection.execute(query.where(saved_filter.c.staff_id == account_id).order_by(saved_filter.c.name))
    return [SavedFilter(**row._asdict()) for row in rows]


def forget(connection: Connection, account_id: str, filter_id: str) -> bool:
    """False where the person has no such filter."""
    mine = (saved_filter.c.id == filter_id) & (saved_filter.c.staff_id == account_id)
    return connection.execute(delete(saved_filter).where(mine)).rowcount == 1
