"""Reads many rows without holding up those who write: a page at a time, each in a view of its own."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Column, Connection, Select, bindparam, tuple_

from storage.database.engine import Views
from storage.database.prepared_statements import Prepared

Place = tuple[Any, ...]
"""The key of a row; empty: before all rows."""
Page = list[tuple[Any, ...]]


class Paged:
    """A query whose rows are read some at a time, in the order of a unique key: its first columns."""

    def __init__(self, query: Select[Any], *key: Column[Any], at_once: int = 1000) -> None:
        named = {f"after_{column.name}": column.type for column in key}
        after = tuple_(*(bindparam(name, type_=kind) for name, kind in named.items()))
        first = query.order_by(*key).limit(at_once)
        self._names, self._at_once = tuple(named), at_once
        self._first, self._next = Prepared(first), Prepared(first.where(tuple_(*key) > after))

    def after(self, connection: Connection, place: Place) -> Page:
        """The next rows after that place."""
        if not place:
            return self._first.all(connection, {})
        return self._next.all(connection, dict(zip(self._names, place, strict=True)))

    def place_of(self, row: Sequence[Any]) -> Place:
        return tuple(row[: len(self._names)])

    def is_last(self, page: Page) -> bool:
        """Whether there were no more rows when it was read."""
        return len(page) < self._at_once

    def pages(self, views: Views, after: Place = ()) -> Iterator[Page]:
        """All rows after a place, up to a page that is the last when it is read. No view is open while a page is handed
        out.
        """
        while True:
            with views() as connection:
                page = self.after(connection, after)
            yield page
            if self.is_last(page):
                return
            after = self.place_of(page[-1])
