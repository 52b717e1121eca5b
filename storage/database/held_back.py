"""Writes that wait for the end of their transaction, where those of several callers go to the database together.

A row that nothing in the transaction reads need not go out alone. Each reader names its tables first, and rows that
wait for one of them are written before it reads; so are those that another row is going to refer to. The end of the
consent log, at which all processes have to take turns, is written last of all, and on Postgres in one message with the
commit: no client can hold it up.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Table, TextClause
from sqlalchemy.sql import visitors
from sqlalchemy.sql.dml import UpdateBase

from storage.database import libpq
from storage.database.driver_errors import translating
from storage.database.libpq import Order
from storage.errors import Broken, Unavailable

Row = Mapping[str, Any]
_HELD = "onrecord_held_back"
# A limit on locks would begin anew behind each of those who are before it.
_PATIENCE = "SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = {}"
_ON_THE_WAY_MS = 50  # to the server, whose patience ends before that of whoever waits here
_TABLES_OF: WeakKeyDictionary[Any, frozenset[str] | None] = WeakKeyDictionary()


class Statement(Protocol):
    """A `prepared_statements.Prepared`."""

    tables: frozenset[str]
    adds_to: frozenset[str]
    refers_to: frozenset[str]

    def send(self, connection: Connection, rows: Sequence[Row]) -> list[int]: ...
    def orders(self, connection: Connection, rows: Sequence[Row]) -> list[Order]: ...


Asked = list[tuple[Statement, list[Row]]]
Place = Callable[[list[Any]], Asked]


@dataclass(slots=True)
class _Held:
    """`calls` are the ids of the calls that the `rows` are of, `added_to` the tables of the new ones among them;
    `last`, of `last_tables` and `last_calls`, come behind all of them.
    """

    rows: dict[Statement, list[Row]] = field(default_factory=dict)
    tables: set[str] = field(default_factory=set)
    calls: set[str] = field(default_factory=set)
    added_to: set[str] = field(default_factory=set)
    last: list[Any] = field(default_factory=list)
    last_tables: frozenset[str] = frozenset()
    last_calls: set[str] = field(default_factory=set)
    place: Place | None = None

    def taken(self) -> Asked:
        rows, self.rows, self.tables, self.calls, self.added_to = self.rows, {}, set(), set(), set()
        return list(rows.items())

    def taken_last(self) -> Asked:
        last, self.last, self.last_tables, self.last_calls = self.last, [], frozenset(), set()
        return self.place(last) if last and self.place else []

    def asked_for(
        self, tables: Collection[str] | None, call_id: str | None, refers_to: Set[str]
    ) -> tuple[Asked, Asked]:
        """The rows to be written before somebody reads these tables, or refers to a row of those, and what comes last
        of them; None: any.
        """
        is_last = bool(self.last) and _reads(self.last_tables, self.last_calls, tables, call_id)
        is_due = is_last or _reads(self.tables, self.calls, tables, call_id) or self.adds_what(refers_to)
        return self.taken() if is_due else [], self.taken_last() if is_last else []

    def adds_what(self, refers_to: Set[str]) -> bool:
        """Whether one of the rows is new in a table that another row refers to."""
        return not self.added_to.isdisjoint(refers_to)


def _reads(written: Set[str], of: Set[str], tables: Collection[str] | None, call_id: str | None) -> bool:
    """Whether what is written to tables, of calls, is among what somebody reads."""
    return tables is None or not (written.isdisjoint(tables) or (call_id is not None and call_id not in of))


def hold(connection: Connection, statement: Statement, row: Row, *, call_id: str | None) -> None:
    """Execute the statement with that row before anything reads its tables, and at the end at the latest.

    It must meet one row: raises Broken then where it does not. Outside of a `Database.write` it is executed at once.
    """
    held: _Held | None = connection.info.get(_HELD)
    if held is None:
        _execute(connection, [(statement, [row])])
        return
    if statement in held.rows and held.adds_what(statement.refers_to):
        _execute(connection, held.taken())  # its rows go out together, and would come before the one referred to
    held.rows.setdefault(statement, []).append(row)
    held.tables |= statement.tables
    held.added_to |= statement.adds_to
    held.calls.add(call_id or "")


def hold_last(
    connection: Connection, rows: Sequence[Any], place: Place, tables: Collection[str], *, call_id: str | None
) -> None:
    """The same for rows that come behind everything else; `place` makes the statements of all of them together."""
    held: _Held | None = connection.info.get(_HELD)
    if held is None:
        _execute_last(connection, place(list(rows)))
        return
    held.last += rows
    held.last_tables, held.place = frozenset(tables), place
    held.last_calls.add(call_id or "")


def before_reading(
    connection: Connection,
    tables: Collection[str] | None,
    *,
    call_id: str | None = None,
    refers_to: Set[str] = frozenset(),
) -> None:
    """Write what waits for these tables; None: for any. `call_id`: what is read of them is of that call alone.
    `refers_to`: a row that is going to be written may refer to a row of these.
    """
    held: _Held | None = connection.info.get(_HELD)
    if held is not None and (held.rows or held.last):
        rows, last = held.asked_for(tables, call_id, refers_to)
        _execute(connection, rows)
        _execute_last(connection, last)


def on_statement(connection: Connection, cursor: Any, sql: str, given: Any, context: Any, many: bool) -> None:
    """A `before_cursor_execute` listener: what SQLAlchemy executes reads the tables that its statement names."""
    if context is not None and context.compiled is not None:
        statement = context.compiled.statement
        before_reading(connection, tables_of(statement), refers_to=referred_to_by(statement))
    elif context is not None:
        before_reading(connection, None)


@contextmanager
def reading_nothing(connection: Connection) -> Iterator[None]:
    """The statements inside read no table that rows wait for, though they may be plain text."""
    info = connection.info
    held = info.pop(_HELD, None)
    try:
        yield
    finally:
        if held is not None:
            info[_HELD] = held


def tables_of(statement: Any) -> frozenset[str] | None:
    """The tables that a statement reads or writes; None where a part of it is plain text."""
    if statement not in _TABLES_OF:
        parts = list(visitors.iterate(statement))
        is_plain = any(isinstance(part, TextClause) for part in parts)
        names = frozenset(part.name for part in parts if isinstance(part, Table))
        _TABLES_OF[statement] = None if is_plain else names
    return _TABLES_OF[statement]


def referred_to_by(statement: Any) -> frozenset[str]:
    """The tables to whose rows those that it writes may refer."""
    if not isinstance(statement, UpdateBase) or statement.is_delete:
        return frozenset()
    return frozenset(key.column.table.name for key in statement.table.foreign_keys)


@contextmanager
def holding_back(connection: Connection) -> Iterator[None]:
    """Writes can be held back inside; at its end all but the last are written."""
    info, held = connection.info, _Held()
    info[_HELD] = held
    try:
        yield
        _execute(connection, held.taken())
    except BaseException:
        info.pop(_HELD, None)
        raise


def commit(connection: Connection, until: float | None) -> None:
    """Write what comes last, and commit: on Postgres as one query, so that its locks are held for no answer of ours.

    `until`, by `time.monotonic`: whoever waits for it has gone by then, so the server does not wait for a lock any
    longer. Raises Unavailable where that is past, and Broken where a statement failed and nobody said so.
    """
    held: _Held = connection.info.pop(_HELD)
    last, left_ms = held.taken_last(), None if until is None else round((until - monotonic()) * 1000) - _ON_THE_WAY_MS
    if left_ms is not None and left_ms <= 0:
        raise Unavailable("nobody waits for this write any more")
    is_postgres = connection.dialect.name == "postgresql"
    if is_postgres and libpq.has_failed(connection):
        raise Broken("database: a statement failed, and the work went on; nothing of it is written")
    if last and is_postgres:
        patience = [] if left_ms is None else [Order(_PATIENCE.format(left_ms))]
        _run_whole(connection, [*patience, *_orders(connection, last), Order("COMMIT")])
    else:
        _execute(connection, last)
    connection.commit()


def run_at_once(connection: Connection, orders: Sequence[Order]) -> list[int]:
    """All of them in one message to Postgres; how many rows each met."""
    with translating(connection, ""):
        return libpq.run(connection, orders)


def _execute(connection: Connection, asked: Asked) -> None:
    if not asked:
        return
    due = sum(len(rows) for _, rows in asked)
    if connection.dialect.name == "postgresql":
        met = run_at_once(connection, _orders(connection, asked))
    else:
        met = [count for statement, rows in asked for count in statement.send(connection, rows)]
    if sum(met) != due:
        raise Broken(f"database: {due} rows were to be written, and {sum(met)} were: one changed while it was locked")


def _execute_last(connection: Connection, asked: Asked) -> None:
    if asked and connection.dialect.name == "postgresql":
        _run_whole(connection, _orders(connection, asked))
    else:
        _execute(connection, asked)


def _orders(connection: Connection, asked: Asked) -> list[Order]:
    return [order for statement, rows in asked for order in statement.orders(connection, rows)]


def _run_whole(connection: Connection, orders: Sequence[Order]) -> None:
    with translating(connection, ""):
        libpq.run_whole(connection, orders)
