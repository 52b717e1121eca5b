"""Core statements compiled once and handed to the driver as they are, for the steps that a caller waits for.

SQLAlchemy's own work for each execution (cache key, context, events, result) takes several times as long as SQLite's.
Here it is done once. Each execution then only puts the values in order and converts those of columns such as `Instant`.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from typing import Any, Self, TypeVar

from sqlalchemy import Connection, Dialect, Select
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.sql.dml import UpdateBase

from storage.database.driver_errors import translating
from storage.database.held_back import before_reading, hold, referred_to_by, run_at_once, tables_of
from storage.database.libpq import Order, fetch

R = TypeVar("R")

Values = Mapping[str, Any]
_Convert = Callable[[Any], Any]
_NUMBERS = count()


class Prepared:
    """A statement whose values are all named: by `bindparam`, or by the columns of an insert.

    Begins the connection's transaction where none has begun, fails, and tells the listeners of `before_cursor_execute`,
    as an execution by SQLAlchemy does. `of_call` is the parameter with the id of the call that all it reads is of.
    `is_of_past`: it reads only rows that are written for certain, whatever waits for its tables.
    """

    def __init__(self, statement: Select[Any] | UpdateBase, *, of_call: str = "", is_of_past: bool = False) -> None:
        self._statement, self._of_call, self._is_of_past = statement, of_call, is_of_past
        self._name = b"onrecord_%d" % next(_NUMBERS)
        self.tables = tables_of(statement) or frozenset()
        self.adds_to = self.tables if statement.is_insert else frozenset()
        self.refers_to = referred_to_by(statement)
        self._compiled: dict[str, _Compiled] = {}

    def run(self, connection: Connection, *rows: Values) -> int:
        """Once for each of `rows`; returns how many rows of the table it changed."""
        self._before(connection, rows[0])
        return sum(self.send(connection, rows))

    def first(self, connection: Connection, values: Values) -> tuple[Any, ...] | None:
        """The first row of the result, its columns as the statement lists them."""
        rows = self._rows(connection, values, lambda cursor: cursor.fetchmany(1))
        return rows[0] if rows else None

    def all(self, connection: Connection, values: Values) -> list[tuple[Any, ...]]:
        """Every row of the result, as `first` gives one."""
        return self._rows(connection, values, lambda cursor: cursor.fetchall())

    def hold(self, connection: Connection, row: Values, *, call_id: str | None) -> None:
        """Run it with that row, which it must meet, at the end of the transaction, or before somebody reads its tables
        (`held_back`). `call_id`: the call that the row is of.
        """
        hold(connection, self, row, call_id=call_id)

    def send(self, connection: Connection, rows: Sequence[Values]) -> list[int]:
        """Execute it, whatever is held back, for each of `rows`. On Postgres it says how many rows of the table each
        changed, on SQLite how many all did.
        """
        if connection.dialect.name == "postgresql":
            return run_at_once(connection, self.orders(connection, rows))
        return [self._sent(connection, rows, lambda cursor: cursor.rowcount)]

    def orders(self, connection: Connection, rows: Sequence[Values]) -> list[Order]:
        """It with each of `rows`, for Postgres; the listeners are told as if it were executed now."""
        compiled = self._for(connection.dialect)
        given = [compiled.parameters(values) for values in rows]
        self._tell(connection, None, compiled.sql, given)
        return [Order(compiled.sql, values, self._name) for values in given]

    def _rows(
        self, connection: Connection, values: Values, fetched: Callable[[Any], list[Any]]
    ) -> list[tuple[Any, ...]]:
        self._before(connection, values)
        compiled = self._for(connection.dialect)
        if connection.dialect.name == "postgresql":
            (order,) = self.orders(connection, [values])
            with translating(connection, order.sql):
                rows = fetch(connection, order)
        else:
            rows = self._sent(connection, [values], fetched)
        return [compiled.read(row) for row in rows] if compiled.read_as else rows

    def _before(self, connection: Connection, values: Values) -> None:
        """Begins its transaction, and writes first the rows that wait for its tables."""
        if not connection.in_transaction():
            connection.begin()
        if not self._is_of_past:
            call_id = str(values[self._of_call]) if self._of_call else None
            before_reading(connection, self.tables, call_id=call_id, refers_to=self.refers_to)

    def _sent(self, connection: Connection, rows: Sequence[Values], result: Callable[[Any], R]) -> R:
        compiled = self._for(connection.dialect)
        with closing(connection.connection.cursor()) as cursor, translating(connection, compiled.sql):
            given = [compiled.parameters(values) for values in rows]
            self._tell(connection, cursor, compiled.sql, given)
            if len(given) == 1:
                cursor.execute(compiled.sql, given[0])
            else:
                cursor.executemany(compiled.sql, given)
            return result(cursor)

    def _tell(self, connection: Connection, cursor: Any, sql: str, given: Sequence[list[Any]]) -> None:
        for listener in connection.dispatch.before_cursor_execute:
            listener(connection, cursor, sql, given, None, len(given) > 1)

    def _for(self, dialect: Dialect) -> "_Compiled":
        found = self._compiled.get(dialect.name)
        if found is None:
            if dialect.name == "postgresql":
                dialect = psycopg.dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]  # as libpq has it
            found = self._compiled[dialect.name] = _Compiled.of(self._statement, dialect)
        return found


@dataclass(frozen=True, slots=True)
class _Compiled:
    """The SQL in a dialect, the order of its parameters, and the converters of its columns."""

    sql: str
    order: tuple[str, ...]
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
            order=tuple(compiled.positiontup),
            constants={name: bind.value for name, bind in compiled.binds.items() if not bind.required},
            converted=tuple((name, convert) for name, convert in bound.items() if convert),
            read_as=tuple((place, convert) for place, convert in enumerate(columns) if convert),
        )

    def parameters(self, values: Values) -> list[Any]:
        given = {**self.constants, **values}
        for name, convert in self.converted:
            given[name] = convert(given[name])
        return [given[name] for name in self.order]

    def read(self, row: Any) -> tuple[Any, ...]:
        values = list(row)
        for place, convert in self.read_as:
            values[place] = convert(values[place])
        return tuple(values)
