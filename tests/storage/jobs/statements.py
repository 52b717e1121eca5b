"""Counts what goes to a database."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, event

from storage.database.engine import Database


@dataclass
class Count:
    """The statements but for those that begin a transaction, and the commits."""

    statements: list[str] = field(default_factory=list)
    commits: int = 0

    def executed(self, _connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith("BEGIN"):
            self.statements.append(statement)

    def committed(self, _connection: Connection) -> None:
        self.commits += 1


@contextmanager
def counted(database: Database) -> Iterator[Count]:
    count = Count()
    listeners: list[tuple[str, Callable[..., Any]]] = [
        ("before_cursor_execute", count.executed),
        ("commit", count.committed),
    ]
    for name, listener in listeners:
        event.listen(database.engine, name, listener)
    try:
        yield count
    finally:
        for name, listener in listeners:
            event.remove(database.engine, name, listener)
