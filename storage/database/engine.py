"""The database, SQLite or Postgres, with a promise: when `write` returns, its rows survive a power cut.

SQLite has one writer at a time. Writers that wait inside SQLite sleep and starve one another (p99 of 700 ms was
measured), so they queue here instead: in a process one thread commits together what is queued, and between processes an
flock on a file beside the database passes the turn on.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

from pysqlite3 import dbapi2 as sqlite
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from storage.database import libpq
from storage.database.after_commit import transaction
from storage.database.circuit_breaker import CircuitBreaker
from storage.database.deadline import Deadline
from storage.database.driver_errors import translating
from storage.database.group_commit import GroupCommit, Ungrouped
from storage.database.held_back import on_statement
from storage.database.lost_connections import on_lost
from storage.database.row_errors import on_error
from storage.errors import Broken, Refused, Unavailable

T = TypeVar("T")
Views = Callable[[], AbstractContextManager[Connection]]
"""Opens a consistent view of the committed rows, as `Database.read` does. A view keeps alive what is changed meanwhile,
dead rows on Postgres and the write-ahead log on SQLite: whoever reads for long opens one for each page."""

# Below 3.51.3 a reset of the write-ahead log can lose commits or corrupt the file (sqlite.org, "WAL-reset bug").
SQLITE_VERSION_MIN = (3, 51, 3)
# Settings that are read back from each connection: commits are synced, references checked, deleted bytes wiped.
SQLITE_PRAGMAS = {
    "journal_mode": "wal",
    "synchronous": 2,
    "foreign_keys": 1,
    "secure_delete": 1,
    "mmap_size": 0,
    "busy_timeout": 5000,
}
POSTGRES_SETTINGS = {"synchronous_commit": "on", "fsync": "on", "full_page_writes": "on"}
# How long a server may be silent before it counts as gone: without these a dead network is waited for for hours.
POSTGRES_PATIENCE = {
    "connect_timeout": 5,  # s
    "tcp_user_timeout": 10_000,  # ms
    "keepalives_idle": 10,  # s
    "keepalives_interval": 5,
    "keepalives_count": 3,
}
# The same for the server, whose clients hold locks: a process that was stopped in the middle of a transaction, or whose
# machine is gone in the middle of a message, must not hold up everybody else for ever.
POSTGRES_PATIENCE_WITH_US = {
    "idle_in_transaction_session_timeout": "60s",
    "tcp_user_timeout": "10s",
    "tcp_keepalives_idle": "10s",
    "tcp_keepalives_interval": "5s",
    "tcp_keepalives_count": "3",
}
# The driver, which would have all statements forgotten at some rollbacks: also those that `libpq` has prepared.
_PREPARES_NOTHING: dict[str, None] = {"prepare_threshold": None}
# A row that somebody has locked for longer is waited for by the one who wants it, and by none of their group.
_GROUP_LOCK_MS = 200
_GROUPS = 2  # one is put together while the other is on its way to the disk
_LOCK_NOT_AVAILABLE = "55P03"
_RACES = 5
_READING = "onrecord_reading"


class Database:
    """Use `Database.open`. Safe to share between threads; make one per process, after any fork."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.dialect = engine.dialect.name
        snapshot = {} if self.dialect == "sqlite" else {"isolation_level": "REPEATABLE READ"}
        self._reading = engine.execution_options(**{_READING: True}, **snapshot)
        self._writer = (
            GroupCommit(engine)
            if self.dialect == "sqlite"
            else GroupCommit(engine, threads=_GROUPS, begin=_begin_group, hands_back=_is_better_alone)
        )
        self._deadline = Deadline()
        self._stall = CircuitBreaker()

    @classmethod
    def later(cls, url: str) -> "Database":
        """A database that may be away for now: the first use raises then. Raises Refused for a malformed URL."""
        return cls(_engine(url))

    @classmethod
    def open(cls, url: str) -> "Database":
        """Connect and read the durability settings back. Raises Refused or Unavailable, naming DATABASE_URL."""
        database = cls.later(url)
        try:
            with database.read():
                return database
        except BaseException:
            database.close()
            raise

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent view of the committed rows; nothing is written."""
        with _translated(), self._reading.connect() as connection:
            yield connection

    def write(self, work: Callable[[Connection], T], *, within_s: float | None = None) -> T:
        """Run `work` in one transaction; when this returns its result, the transaction is on disk.

        `work` may run more than once (a lost race, a neighbour's failure), so it does nothing but talk to the
        connection; a log line waits for the commit (`storage.database.after_commit`). Any error in it takes all of its
        writes back. With a time limit it may run again after it was committed, where the connection was lost just then:
        its rows tell it so, as they do for a request that is delivered twice. Raises Unavailable when it takes longer
        than `within_s`: its writes are taken back then, unless the disk does confirm their commit, but too late.
        """
        if within_s is None:
            return self._write(work, None)
        with self._stall.watched():
            return self._write(work, within_s)

    def _write(self, work: Callable[[Connection], T], within_s: float | None) -> T:
        with _translated():
            if self.dialect == "sqlite":
                return self._writer.run(work, within_s)
            if within_s is None:
                return _write_postgres(self.engine, work, None)
            until = monotonic() + within_s
            with suppress(Ungrouped):
                return self._writer.run(work, within_s)
            left_s = max(0.0, until - monotonic())
            return self._deadline.keep(lambda: _write_postgres(self.engine, work, until), left_s)

    def look(self, work: Callable[[Connection], T], *, within_s: float) -> T:
        """The result of `work` in a `read`. Raises Unavailable when it takes longer than `within_s`."""

        def look() -> T:
            with self.read() as connection:
                return work(connection)

        return self._deadline.keep(look, within_s)

    def close(self) -> None:
        self._writer.close()
        self.engine.dispose()


def _write_postgres(engine: Engine, work: Callable[[Connection], T], until: float | None) -> T:
    """Two first deliveries of one request race on a unique key; the loser runs again and finds the winner's row."""
    for attempt in range(_RACES):
        try:
            with transaction(engine, lambda: until) as connection:
                return work(connection)
        except DBAPIError as error:
            if attempt == _RACES - 1 or not _is_race(error):
                raise
    raise AssertionError("unreachable")


def _begin_group(connection: Connection) -> None:
    with translating(connection, ""):
        libpq.begun(connection, f"SET LOCAL lock_timeout = {_GROUP_LOCK_MS}")


def _is_race(error: DBAPIError) -> bool:
    return isinstance(error, IntegrityError) or getattr(error.orig, "sqlstate", "") in {"40001", "40P01"}


def _is_better_alone(error: BaseException) -> bool:
    """A lost race is run again, and a locked row waited for, by whoever has the work."""
    if not isinstance(error, DBAPIError):
        return False
    return _is_race(error) or getattr(error.orig, "sqlstate", "") == _LOCK_NOT_AVAILABLE


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise Refused("DATABASE_URL is not a database URL; expected sqlite:///FILE or postgresql://…") from None
    match parsed.get_backend_name():
        case "sqlite":
            return _sqlite_engine(url, parsed.database)
        case "postgresql":
            return _postgres_engine(url)
        case other:
            raise Refused(f"DATABASE_URL names {other}; expected sqlite:///FILE or postgresql://…")


def _sqlite_engine(url: str, file: str | None) -> Engine:
    if not file or file == ":memory:":
        raise Refused("DATABASE_URL names no file; an in-memory database would forget every call")
    if sqlite.sqlite_version_info < SQLITE_VERSION_MIN:
        raise Refused(f"SQLite {sqlite.sqlite_version} can lose commits; install pysqlite3 with 3.51.3 or newer")
    engine = create_engine(url, module=sqlite, pool_size=20, max_overflow=20, hide_parameters=True)
    event.listen(engine, "do_connect", lambda *_: _keep_to_ourselves(Path(file)))
    turn = Path(f"{file}.turn")
    event.listen(engine, "connect", lambda connection, record: _open_sqlite(connection, record, turn))
    event.listen(engine, "begin", _begin_sqlite)
    event.listen(engine, "before_cursor_execute", on_statement)
    event.listen(engine, "checkin", lambda _, record: _pass_turn_on(record.info))
    event.listen(engine, "close", lambda _, record: os.close(record.info.pop("turn")))
    return engine


def _keep_to_ourselves(file: Path) -> None:
    """A new database is made closed to all but its owner; SQLite gives the files beside it the same mode."""
    with suppress(FileExistsError, FileNotFoundError, PermissionError):
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _open_sqlite(connection: Any, record: Any, turn: Path) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves; pysqlite's own would be DEFERRED
    for pragma, value in SQLITE_PRAGMAS.items():
        connection.execute(f"PRAGMA {pragma}={value}")
        answer = connection.execute(f"PRAGMA {pragma}").fetchone()
        if answer is not None and answer[0] != value:
            raise Refused(f"SQLite says {pragma}={answer[0]!r} where {value!r} is needed; is the disk a network share?")
    record.info["turn"] = os.open(turn, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _begin_sqlite(connection: Connection) -> None:
    if connection.get_execution_options().get(_READING):
        connection.exec_driver_sql("BEGIN")
        return
    fcntl.flock(connection.info["turn"], fcntl.LOCK_EX)
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _pass_turn_on(info: dict[Any, Any]) -> None:
    if "turn" in info:
        fcntl.flock(info["turn"], fcntl.LOCK_UN)


def _postgres_engine(url: str) -> Engine:
    try:
        engine = create_engine(
            make_url(url).set(drivername="postgresql+psycopg"),
            pool_size=5,
            max_overflow=15,  # two processes of each kind stay well under the 100 that Postgres allows by default
            hide_parameters=True,
            connect_args={**POSTGRES_PATIENCE, **_PREPARES_NOTHING},
        )
    except NoSuchModuleError as error:
        raise Refused(f"DATABASE_URL: {error}") from None
    event.listen(engine, "connect", _open_postgres)
    event.listen(engine, "before_cursor_execute", on_statement)
    event.listen(engine, "handle_error", on_error)
    event.listen(engine, "handle_error", on_lost)
    return engine


def _open_postgres(connection: Any, record: Any) -> None:
    for setting, value in POSTGRES_SETTINGS.items():
        answer = connection.execute(f"SHOW {setting}").fetchone()[0]
        if answer != value:
            raise Refused(f"Postgres says {setting}={answer} where {value} is needed: a commit would not survive")
    connection.execute("; ".join(f"SET {name} = '{limit}'" for name, limit in POSTGRES_PATIENCE_WITH_US.items()))
    connection.commit()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except IntegrityError as error:
        raise Broken(f"database: a constraint refused the write: {error.orig}") from error
    except DataError as error:
        raise Broken(f"database: it can't keep what was to be written: {error.orig}") from error
    except DBAPIError as error:
        raise Unavailable(f"database (DATABASE_URL): {error.orig}") from error
    except PoolTimeout as error:
        raise Unavailable("database: every connection is in use") from error
    except SQLAlchemyError as error:
        raise Broken(f"database: {error}") from error
