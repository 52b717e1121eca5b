"""Makes deleted rows unreadable in the database's own files, as far as a program can.

On SQLite `secure_delete` wipes a row where it lies. But pages that were split before still hold old copies of what
moved out of them (measured: 1 in 100 sids of 3,000 calls), so the file is written anew; and the bytes lie in the
write-ahead log until that is cut. On Postgres the rows' room is given free, and lies there until it is used again.
"""

import fcntl
import time
from collections.abc import Iterable
from contextlib import closing
from typing import Any

from pysqlite3 import dbapi2 as sqlite
from sqlalchemy import Engine, Table, text
from sqlalchemy.exc import DBAPIError

from storage.database.engine import SQLITE_PRAGMAS, Database
from storage.errors import Unavailable

PATIENCE_S = 30.0
_PAUSE_S = 0.1
_BUSY_MS = 100  # a longer wait inside SQLite would hold up those who write, and a caller with them


def wipe(database: Database, tables: Iterable[Table], *, patience_s: float | None = None) -> None:
    """Call it when the deletion is committed. Writers wait while it runs; readers do not.

    Raises Unavailable where a reader has held it back for `patience_s`: the bytes are still there then.
    """
    if database.dialect == "sqlite":
        _wipe_sqlite(database.engine, PATIENCE_S if patience_s is None else patience_s)
    else:
        _vacuum_postgres(database.engine, tables)


def _wipe_sqlite(engine: Engine, patience_s: float) -> None:
    late_at = time.monotonic() + patience_s
    try:
        with closing(engine.raw_connection()) as raw:
            _in_turn(raw, "VACUUM")
            raw.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
            try:
                while _in_turn(raw, "PRAGMA wal_checkpoint(TRUNCATE)")[0]:
                    if time.monotonic() >= late_at:
                        raise Unavailable(
                            "database: what was erased is still in its write-ahead log: somebody reads; run it again"
                        )
                    time.sleep(_PAUSE_S)
            finally:
                raw.execute(f"PRAGMA busy_timeout={SQLITE_PRAGMAS['busy_timeout']}")
    except sqlite.Error as error:
        raise Unavailable(f"database: what was erased may still be in its file: {error}") from error


def _in_turn(raw: Any, statement: str) -> Any:
    """The first row of what the statement answers; no transaction of ours runs beside it."""
    turn = raw.info["turn"]
    fcntl.flock(turn, fcntl.LOCK_EX)
    try:
        return raw.execute(statement).fetchone()
    finally:
        fcntl.flock(turn, fcntl.LOCK_UN)


def _vacuum_postgres(engine: Engine, tables: Iterable[Table]) -> None:
    name = engine.dialect.identifier_preparer.format_table
    statement = text(f"VACUUM {', '.join(name(table) for table in tables)}")
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(statement)
    except DBAPIError as error:
        raise Unavailable(f"database: the room of what was erased is not free yet: {error.orig}") from error
