"""Statements handed to Postgres by its own client library: the driver's work for each takes several times as long.

A statement is prepared once on a connection, its values go as the text or the bytes that they are, and several go in
one message whose answers are read together. The driver reads and writes the same: the tests compare them.
"""

import select
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from storage.errors import Broken

Row = tuple[Any, ...]
_PREPARED = "onrecord_prepared"
_BINARY = 1
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)  # of the binary timestamptz, in microseconds
_OK = 0  # CONNECTION_OK
_IDLE, _IN_ERROR = 0, 3  # PQTRANS_IDLE, PQTRANS_INERROR
_PIPELINE_SYNC = 10  # PGRES_PIPELINE_SYNC
_FAILED = frozenset({5, 7, 11})  # bad response, fatal error, pipeline aborted

_READ: dict[int, Callable[[bytes], Any]] = {
    16: lambda sent: sent == b"\x01",  # bool
    17: bytes,  # bytea
    20: lambda sent: int.from_bytes(sent, signed=True),  # int8
    21: lambda sent: int.from_bytes(sent, signed=True),  # int2
    23: lambda sent: int.from_bytes(sent, signed=True),  # int4
    25: bytes.decode,  # text
    1043: bytes.decode,  # varchar
    1184: lambda sent: _EPOCH + timedelta(microseconds=int.from_bytes(sent, signed=True)),  # timestamptz
}


@dataclass(frozen=True, slots=True)
class Order:
    """A statement with its values, in the order of their numbers; unnamed: it is not prepared."""

    sql: str
    values: Sequence[Any] = ()
    name: bytes = b""


def fetch(connection: Connection, order: Order) -> list[Row]:
    """The rows of its result. Raises the driver's errors."""
    driver = begun(connection)
    _prepare(connection, driver.pgconn, order)
    values, formats = _sent(order.values)
    result = driver.pgconn.exec_prepared(order.name, values, formats, _BINARY)
    _check(result)
    return _rows(result)


def run(connection: Connection, orders: Sequence[Order]) -> list[int]:
    """All of them, which are named, in one message; how many rows each met. After one that fails none is executed."""
    driver = begun(connection)
    for order in orders:
        _prepare(connection, driver.pgconn, order)
    sent = [(order, *_sent(order.values)) for order in orders]
    with _pipeline(driver.pgconn) as pgconn:
        for order, values, formats in sent:
            pgconn.send_query_prepared(order.name, values, formats, _BINARY)
        pgconn.pipeline_sync()
        results = list(_results(pgconn))
    for result in results:
        _check(result)
    return [result.command_tuples or 0 for result in results]


def run_whole(connection: Connection, orders: Sequence[Order]) -> None:
    """All of them in one query, which the server begins when it has the whole of it: a message of several parts is
    executed as they come, and whatever the first locks is held for as long as a client that was stopped sends no more.
    """
    pgconn = begun(connection).pgconn
    for order in orders:
        _prepare(connection, pgconn, order)
    _check(pgconn.exec_(b"; ".join(_written_out(pgconn, order) for order in orders)))


def begun(connection: Connection, also: str = "") -> Any:
    """The driver's connection, in a transaction, begun as the driver would, with `also` in the same message."""
    driver: Any = connection.connection.driver_connection
    if driver.pgconn.transaction_status == _IDLE:
        level = driver.isolation_level
        begin = f"BEGIN ISOLATION LEVEL {level.name.replace('_', ' ')}" if level else "BEGIN"
        _check(driver.pgconn.exec_(f"{begin}; {also}".encode()))
    return driver


def has_failed(connection: Connection) -> bool:
    """Whether a statement of the transaction failed: whatever says COMMIT then, it is rolled back without an error."""
    driver: Any = connection.connection.driver_connection
    return bool(driver.pgconn.transaction_status == _IN_ERROR)


def _prepare(connection: Connection, pgconn: Any, order: Order) -> None:
    prepared = connection.info.setdefault(_PREPARED, set())
    if not order.name or order.name in prepared:
        return
    _check(pgconn.prepare(order.name, order.sql.encode()))
    prepared.add(order.name)


def _sent(values: Sequence[Any]) -> tuple[list[bytes | None], list[int]]:
    return [_text(value) for value in values], [int(isinstance(value, bytes)) for value in values]


def _written_out(pgconn: Any, order: Order) -> bytes:
    if not order.name:
        return order.sql.encode()
    return b"EXECUTE %s(%s)" % (order.name, b", ".join(_literal(pgconn, value) for value in order.values))


def _literal(pgconn: Any, value: Any) -> bytes:
    from psycopg.pq import Escaping

    text = b"\\x" + value.hex().encode() if isinstance(value, bytes) else _text(value)
    return b"NULL" if text is None else bytes(Escaping(pgconn).escape_literal(text))


def _text(value: Any) -> bytes | None:
    if value is None or isinstance(value, bytes):
        return value
    if isinstance(value, datetime):
        return value.isoformat().encode()
    text = str(int(value) if isinstance(value, bool) else value).encode()  # 0 and 1 are a boolean's and a number's text
    if b"\0" in text:
        raise Broken("database: Postgres keeps no text with a NUL in it")
    return text


def _rows(result: Any) -> list[Row]:
    columns = [(column, _reader(result.ftype(column))) for column in range(result.nfields)]
    return [
        tuple(_read(result.get_value(row, column), read) for column, read in columns) for row in range(result.ntuples)
    ]


def _read(sent: bytes | None, read: Callable[[bytes], Any]) -> Any:
    return None if sent is None else read(sent)


def _reader(oid: int) -> Callable[[bytes], Any]:
    found = _READ.get(oid)
    if found is None:
        raise Broken(f"database: a prepared statement gives a column of the type {oid}, which is not read here")
    return found


@contextmanager
def _pipeline(pgconn: Any) -> Iterator[Any]:
    pgconn.enter_pipeline_mode()
    try:
        yield pgconn
    finally:
        if pgconn.status == _OK:
            pgconn.exit_pipeline_mode()


def _results(pgconn: Any) -> Iterator[Any]:
    """The results up to the end of the pipeline. Waiting leaves the other threads their turn."""
    waiting = select.poll()
    waiting.register(pgconn.socket, select.POLLIN)
    while pgconn.flush():
        select.select([], [pgconn.socket], [])
    while True:
        while pgconn.is_busy():
            waiting.poll()
            pgconn.consume_input()
        result = pgconn.get_result()
        if result is None:
            _still(pgconn)
            continue
        if result.status == _PIPELINE_SYNC:
            return
        yield result


def _still(pgconn: Any) -> None:
    if pgconn.status != _OK:
        from psycopg import errors

        raise errors.OperationalError("the connection is lost")


def _check(result: Any) -> None:
    """Raises the driver's error for a result that tells of one. It quotes no row."""
    if result.status not in _FAILED:
        return
    from psycopg import errors, pq

    state = result.error_field(pq.DiagnosticField.SQLSTATE)
    said = result.error_field(pq.DiagnosticField.MESSAGE_PRIMARY) or result.error_message
    text = (said or b"the connection is lost").decode("utf-8", "replace").strip()
    raise errors.lookup(state.decode())(text) if state else errors.OperationalError(text)
