"""Core statements compiled once and handed to the driver as they are, for the steps that a caller waits for.

SQLAlchemy's own work for each execution (cache key, context, events, result) takes several times as long as SQLite's.
Here it is done once. Each execution then only puts the values in order and converts those of columns such as `Instant`.
"""

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Self

from sqlalchemy import Connection, Dialect, Select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.dml import UpdateBase

from storage.database.lost_connections import leave_where_lost
from storage.database.row_errors import leave_the_row_out

Values = Mapping[str, Any]
_Convert = Callable[[Any], Any]


class Prepared:
    """A statement whose values are all named: by `bindparam`, or by the columns of an insert.

    Begins the connection's transaction where none has begun, fails, and tells the listeners of `before_cursor_execute`,
    as an execution by SQLAlchemy does.
    """

    def __init__(self, statement: Select[Any] | UpdateBase) -> None:
        self._statement = statement
        self._compiled: dict[str, _Compiled] = {}

    def run(self, connection: Connection, *rows: Values) -> int:
        """Once for each of `rows`; returns how many rows of the table it changed."""
        changed: int = self._execute(connection, rows, lambda cursor: cursor.rowcount)
        return changed

    def first(self, connection: Connection, values: Values) -> tuple[Any, ...] | None:
        """The first row of the result, its columns as the statement lists them."""
        row = self._execute(connection, (values,), lambda cursor: cursor.fetchone())
        return None if row is None else self._for(connection.dialect).read(row)

    def all(self, connection: Connection, values: Values) -> list[tuple[Any, ...]]:
        """Every row of the result, as `first` gives one."""
        rows = self._execute(connection, (values,), lambda cursor: cursor.fetchall())
        read = self._for(connection.dialect).read
        return [read(row) for row in rows]

    def _execute(self, connection: Connection, rows: tuple[Values, ...], result: Callable[[Any], Any]) -> Any:
        compiled, driver = self._for(connection.dialect), connection.dialect.loaded_dbapi
        if not connection.in_transaction():
            connection.begin()
        with closing(connection.connection.cursor()) as cursor:
            try:
                for listener in connection.dispatch.before_cursor_execute:
                    listener(connection, cursor, compiled.sql, rows, None, len(rows) > 1)
                if len(rows) == 1:
                    cursor.execute(compiled.sql, compiled.parameters(rows[0]))
                else:
                    cursor.executemany(compiled.sql, [compiled.parameters(values) for values in rows])
                return result(cursor)
            except driver.Error as error:
                leave_the_row_out(error)
                is_lost = leave_where_lost(connection, error, cursor)
                raise DBAPIError.instance(
                    compiled.sql, None, error, driver.Error, connection_invalidated=is_lost, dialect=connection.dialect
                ) from error

    def _for(self, dialect: Dialect) -> "_Compiled":
        found = self._compiled.get(dialect.name)
        if found is None:
            found = self._compiled[dialect.name] = _Compiled.of(self._statement, dialect)
        return found


@dataclass(frozen=True, slots=True)
class _Compiled:
    """The SQL in a dialect, the order of its parameters (None: they go by name), and the converters of its columns."""

    sql: str
    order: tuple[str, ...] | None
    constants: Values
    converted: tuple[tuple[str, _Convert], ...]
    read_as: tuple[tuple[int, _Convert], ...]

    @classmethod
    def of(cls, statement: Select[Any] | UpdateBase, dialect: Dialect) -> Self:
        compiled: Any = statement.compile(dialect=dialect)
        bound = {name: bind.type.dialect_impl(dialect).bind_processor(dialect) for name, bind in compiled.binds.items()}
        columns = [
            column.type.dialect_impl(dialect).result_processor(dialect, None) for column in statement.exported_columns
        ]
        return cls(
            sql=compiled.string,
            order=tuple(compiled.positiontup) if compiled.positional else None,
            constants={name: bind.value for name, bind in compiled.binds.items() if not bind.required},
            converted=tuple((name, convert) for name, convert in bound.items() if convert),
            read_as=tuple((place, convert) for place, convert in enumerate(columns) if convert),
        )

    def parameters(self, values: Values) -> Any:
        given = {**self.constants, **values}
        for name, convert in self.converted:
            given[name] = convert(given[name])
        return given if self.order is None else [given[name] for name in self.order]

    def read(self, row: Any) -> tuple[Any, ...]:
        values = list(row)
        for place, convert in self.read_as:
            values[place] = convert(values[place])
        return tuple(values)
