"""Reads many rows without holding up those who write: a page at a time, each in a view of its own."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Column, Connection, Integer, Select, Table, bindparam, literal_column, select, text, tuple_
from sqlalchemy.types import NullType

from storage.database.engine import Views
from storage.database.prepared_statements import Prepared

_FILE = text(
    "SELECT pg_relation_filenode(table_name), pg_relation_size(table_name) / current_setting('block_size')::int "
    "FROM (SELECT CAST(:name AS regclass) AS table_name) AS named"
)

Place = tuple[Any, ...]
"""Where the rows of a page end; empty: before all rows."""
Page = list[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Read:
    """`end` is the place after the page; None where there were no more rows when it was read."""

    page: Page
    end: Place | None


class Pages(Protocol):
    """Rows that are read some at a time."""

    def after(self, connection: Connection, place: Place) -> Read:
        """The next rows after that place."""


class Paged(Pages):
    """The rows of a query, in the order of a unique key: its first columns."""

    def __init__(self, query: Select[Any], *key: Column[Any], at_once: int = 1000) -> None:
        named = {f"after_{column.name}": column.type for column in key}
        after = tuple_(*(bindparam(name, type_=kind) for name, kind in named.items()))
        first = query.order_by(*key).limit(at_once)
        self._names, self._at_once = tuple(named), at_once
        self._first, self._next = Prepared(first), Prepared(first.where(tuple_(*key) > after))

    def after(self, connection: Connection, place: Place) -> Read:
        if place:
            page = self._next.all(connection, dict(zip(self._names, place, strict=True)))
        else:
            page = self._first.all(connection, {})
        is_last = len(page) < self._at_once
        return Read(page, None if is_last else tuple(page[-1][: len(self._names)]))

    def pages(self, views: Views, after: Place = ()) -> Iterator[Page]:
        """All rows after a place, up to a page that is the last when it is read. No view is open while a page is handed
        out.
        """
        place: Place | None = after
        while place is not None:
            with views() as connection:
                read = self.after(connection, place)
            yield read.page
            place = read.end


class Stored(Pages):
    """Columns of a table's rows in the order in which they lie on the disk: a key whose values are random leads to
    another place for each row. For rows that are never changed, which would move them.

    The table can be written anew between two pages, by SQLite's VACUUM or by VACUUM FULL, which can move its rows:
    reading begins again then, so a row may be read twice, and none is left out that was there before.
    """

    def __init__(self, table: Table, *columns: Column[Any], at_once: int = 1000, blocks_at_once: int = 32) -> None:
        self._at_once, self._blocks_at_once, self._name = at_once, blocks_at_once, table.name
        rowid, ctid = literal_column("rowid", Integer()), literal_column("ctid", NullType())
        lines = select(rowid, *columns).select_from(table).order_by(rowid).limit(at_once)
        self._rows = Prepared(lines.where(rowid > bindparam("after")))
        blocks = ctid >= bindparam("first", type_=NullType()), ctid < bindparam("end", type_=NullType())
        self._blocks = Prepared(select(*columns).select_from(table).where(*blocks))

    def after(self, connection: Connection, place: Place) -> Read:
        read_from = self._on_sqlite if connection.dialect.name == "sqlite" else self._on_postgres
        page, end, written = read_from(connection, place[1] if place else 0)
        if place and place[0] != written:
            page, end, written = read_from(connection, 0)
        return Read(page, None if end is None else (written, end))

    def _on_sqlite(self, connection: Connection, after: int) -> tuple[Page, int | None, int]:
        """From a row on. Writing the file anew raises the schema's version."""
        rows = self._rows.all(connection, {"after": after})
        written = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
        return [row[1:] for row in rows], rows[-1][0] if len(rows) == self._at_once else None, written

    def _on_postgres(self, connection: Connection, block: int) -> tuple[Page, int | None, int]:
        """From a block on. Nobody can write the file anew when rows of it have been read in the transaction."""
        end = block + self._blocks_at_once
        page = self._blocks.all(connection, {"first": f"({block},0)", "end": f"({end},0)"})
        written, blocks = connection.execute(_FILE, {"name": self._name}).one()
        return page, end if end < blocks else None, written
