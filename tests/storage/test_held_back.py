"""Writes that wait for the end of their transaction: whoever reads sees them, and nobody else has to wait for them."""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from sqlalchemy import Connection, bindparam, event, insert, make_url, select, text, update
from sqlalchemy.exc import DBAPIError

from evidence.events import Event
from storage.database.engine import Database
from storage.database.held_back import tables_of
from storage.database.prepared_statements import Prepared
from storage.database.tables import call, log_head, log_leaf, reply, watermark
from storage.errors import Broken, Unavailable
from storage.jobs.queue import JobQueue, create_job_tables
from storage.log import consent_log
from storage.log.tree import KeptTree
from storage.log.verification import verify
from storage.moment import Moment
from storage.row_check import logged_calls
from storage.rows.recordings import INTAKE
from tests.conftest import NOON
from tests.databases import PostgresServer

ADD = Prepared(insert(watermark))
MOVE = Prepared(update(watermark).where(watermark.c.name == bindparam("the_name")).values(at=bindparam("at")))
READ = Prepared(select(watermark.c.name).where(watermark.c.name == bindparam("of")), of_call="of")
LISTED = Prepared(select(watermark.c.name))


def held(connection: Connection, name: str = "one") -> None:
    ADD.hold(connection, {"name": name, "at": NOON}, call_id=name)


def appended(connection: Connection) -> None:
    consent_log.append_events(connection, Moment(NOON, os.urandom), Event("selftest.passed"))


@contextmanager
def executed(database: Database) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(connection: Connection, cursor: object, statement: str, *_: object) -> None:
        statements.append(" ".join(statement.split()))

    event.listen(database.engine, "before_cursor_execute", note)
    yield statements
    event.remove(database.engine, "before_cursor_execute", note)


@pytest.mark.parametrize(
    "read",
    [
        lambda connection: LISTED.first(connection, {}),
        lambda connection: READ.first(connection, {"of": "one"}),
        lambda connection: connection.execute(select(watermark.c.name)).first(),
        lambda connection: connection.execute(select(select(watermark.c.name).subquery())).first(),
        lambda connection: connection.execute(
            select(call.c.id, watermark.c.name)
            .outerjoin_from(watermark, call, call.c.id == watermark.c.name)
            .with_only_columns(watermark.c.name)
        ).first(),
        lambda connection: connection.execute(text("SELECT name FROM watermark")).first(),
        lambda connection: connection.exec_driver_sql("SELECT name FROM watermark").first(),
        lambda connection: connection.execute(update(watermark).values(name="one").returning(watermark.c.name)).first(),
    ],
)
def test_whoever_reads_the_table_in_the_transaction_sees_what_is_held_back(
    database: Database, read: Callable[[Connection], Any]
) -> None:
    def work(connection: Connection) -> None:
        held(connection)
        assert tuple(read(connection)) == ("one",)

    database.write(work)


def test_what_is_of_another_call_and_what_is_of_another_table_goes_on_waiting(database: Database) -> None:
    def work(connection: Connection) -> None:
        held(connection)
        READ.first(connection, {"of": "another"})
        connection.execute(select(reply.c.step)).first()
        assert not [statement for statement in statements if statement.startswith("INSERT")]

    with executed(database) as statements:
        database.write(work)
    assert [statement for statement in statements if statement.startswith("INSERT INTO watermark")]


def test_the_head_of_the_log_is_taken_when_all_else_is_written(database: Database) -> None:
    def work(connection: Connection) -> None:
        appended(connection)
        held(connection)
        connection.execute(insert(watermark).values(name="two", at=NOON))
        appended(connection)

    with executed(database) as statements:
        database.write(work)
    writes = [statement.split(" (")[0].split(" SET")[0] for statement in statements if statement[0] in "IU"]
    assert writes == ["INSERT INTO watermark", "INSERT INTO watermark", "UPDATE log_head", "INSERT INTO log_leaf"]
    assert verify(database.read).size == 2


def test_an_event_can_be_read_in_the_transaction_that_appends_it(database: Database) -> None:
    def work(connection: Connection) -> list[str]:
        appended(connection)
        first = list(consent_log.leaves(connection))
        appended(connection)
        assert consent_log.size(connection) == 2
        return first

    assert len(database.write(work)) == 1
    assert verify(database.read).size == 2


ONE, ANOTHER = "0" * 32, "1" * 32


def event_of(connection: Connection, call_id: str, n: int = 0) -> None:
    events = [Event("call.sent_back")]
    consent_log.append(connection, events, call_id=call_id, first_n=n, at=NOON, random=os.urandom)


@pytest.mark.parametrize(
    "reads",
    [
        lambda connection, _: consent_log.of_call(connection, ANOTHER)[0],
        lambda connection, _: logged_calls.logged_events(connection, ANOTHER)[0],
        lambda connection, _: KeptTree.of(connection).root(2),
        lambda connection, jobs: jobs.enqueue(connection, INTAKE, "one", "one"),
    ],
)
def test_a_step_leaves_the_head_alone_where_it_asks_for_a_job_or_reads_an_event_that_does_not_wait(
    database: Database, reads: Callable[[Connection, JobQueue], Any]
) -> None:
    create_job_tables(database)
    jobs = JobQueue(database)
    for n in range(2):
        database.write(partial(event_of, call_id=ANOTHER, n=n))

    def work(connection: Connection) -> None:
        event_of(connection, ONE)
        reads(connection, jobs)
        assert not [statement for statement in statements if statement.startswith("UPDATE log_head")]

    with executed(database) as statements:
        database.write(work)
    assert [statement for statement in statements if statement.startswith("UPDATE log_head")]


def test_the_events_of_a_call_are_read_with_those_that_wait(database: Database) -> None:
    def work(connection: Connection) -> None:
        event_of(connection, ANOTHER)
        event_of(connection, ONE)
        assert len(consent_log.of_call(connection, ONE)) == 1
        event_of(connection, ONE, n=1)
        assert len(logged_calls.logged_events(connection, ONE)) == 2

    database.write(work)


def test_a_row_that_is_not_met_takes_everything_back(database: Database) -> None:
    def work(connection: Connection) -> None:
        appended(connection)
        held(connection)
        MOVE.hold(connection, {"the_name": "nobody", "at": NOON}, call_id=None)

    with pytest.raises(Broken, match="2 rows were to be written, and 1 were"):
        database.write(work)
    with database.read() as connection:
        assert (verify(database.read).size, LISTED.first(connection, {})) == (0, None)


def test_without_a_head_no_event_and_no_change_is_written(database: Database) -> None:
    database.write(lambda connection: connection.execute(log_head.delete()))

    def work(connection: Connection) -> None:
        held(connection)
        appended(connection)

    with pytest.raises(Broken):
        database.write(work, within_s=3)
    with database.read() as connection:
        assert connection.execute(select(log_leaf.c.idx)).first() is None
        assert LISTED.first(connection, {}) is None


def test_what_a_failed_transaction_held_back_is_not_in_the_next(database: Database) -> None:
    def fails(connection: Connection) -> None:
        held(connection)
        appended(connection)
        raise ValueError

    with pytest.raises(ValueError, match="^$"):
        database.write(fails)
    database.write(appended)
    with database.read() as connection:
        assert (verify(database.read).size, LISTED.first(connection, {})) == (1, None)


def test_the_tables_of_a_statement_are_all_that_it_names() -> None:
    inner = select(reply.c.step).where(reply.c.call_id == call.c.id).exists()
    assert tables_of(update(watermark).where(watermark.c.name.in_(select(call.c.id).where(inner)))) == frozenset(
        {
            "watermark",
            "call",
            "reply",
        }
    )


@pytest.fixture
def on_postgres(postgres: PostgresServer) -> Iterator[str]:
    with postgres.fresh_database(migrated=True) as url:
        yield url


def test_a_row_that_somebody_has_locked_holds_up_nobody_else(on_postgres: str) -> None:
    """The writes of both go to the database together, until it says that one of them has to wait."""
    locked = update(watermark).where(watermark.c.name == "locked").values(at=NOON)
    with closing(Database.open(on_postgres)) as database, ThreadPoolExecutor(2) as threads:
        database.write(partial(held, name="locked"))
        with database.engine.begin() as owner:
            owner.execute(locked)
            waits = threads.submit(database.write, lambda connection: connection.execute(locked), within_s=30)
            for k in range(20):
                database.write(partial(held, name=f"free {k}"), within_s=30)
            assert not waits.done()
        waits.result()


def test_a_write_that_is_given_up_while_it_waits_for_the_head_is_not_written(on_postgres: str) -> None:
    with closing(Database.open(on_postgres)) as database:
        with database.engine.begin() as owner:
            consent_log.lock(owner)
            with pytest.raises(Unavailable):
                database.write(appended, within_s=0.3)
        database.write(appended)
        assert verify(database.read).size == 1


def test_a_write_whose_turn_comes_after_it_is_given_up_is_not_written(on_postgres: str) -> None:
    """It waits behind somebody who waits: together that takes longer than its caller does."""
    is_over = threading.Event()

    def next_before_it() -> None:
        with database.engine.begin() as connection:
            consent_log.lock(connection)
            is_over.wait(30)

    with closing(Database.open(on_postgres)) as database, ThreadPoolExecutor(2) as threads:
        with database.engine.begin() as owner:
            consent_log.lock(owner)
            before_it = threads.submit(next_before_it)
            _wait(database, 1)
            given_up = threads.submit(database.write, appended, within_s=2)
            _wait(database, 2, since_s=1)
        with pytest.raises(Unavailable):
            given_up.result()
        is_over.set()
        before_it.result()
        database.write(appended)
        assert verify(database.read).size == 1


def _wait(database: Database, count: int, *, since_s: float = 0) -> None:
    """Until so many wait for a lock, each for that long."""
    waiting = f"wait_event_type = 'Lock' AND clock_timestamp() - state_change > '{since_s} s'"
    query = text(f"SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND {waiting}")
    late_at = monotonic() + 30
    while database.look(lambda connection: connection.scalar(query), within_s=30) < count:
        assert monotonic() < late_at


def test_the_head_is_held_for_no_answer_of_the_client(on_postgres: str, tmp_path: Path) -> None:
    """Seen on the wire: what takes the head's lock, the event and the commit come to the server in one query."""
    with _tapped(on_postgres, tmp_path) as (url, said), closing(Database.open(url)) as database:
        for _ in range(3):  # the first prepares the statements
            database.write(appended, within_s=30)
        said.clear()
        database.write(appended, within_s=30)
    (message,) = [data for by, data in said if by == "client" and data.endswith(b"; COMMIT\0")]
    assert (message[:1], int.from_bytes(message[1:5])) == (b"Q", len(message) - 1)
    assert message.count(b"selftest.passed") == 1
    assert [by for by, data in said if data == message or b"selftest.passed" in data] == ["client"]


def test_the_head_is_not_held_for_a_client_that_stops_while_it_sends_its_events(
    on_postgres: str, tmp_path: Path
) -> None:
    """However many events: the server has all but the end of the message, and the head is free."""

    def many(connection: Connection) -> None:
        for _ in range(200):
            appended(connection)

    stop = _Stop()
    with (
        closing(Database.open(on_postgres)) as other,
        _tapped(on_postgres, tmp_path, stop) as (url, _),
        closing(Database.open(url)) as database,
        ThreadPoolExecutor(1) as threads,
    ):
        stop.at = b"COMMIT\0"
        stopped = threads.submit(database.write, many, within_s=30)
        assert stop.reached.wait(30)
        other.write(appended, within_s=30)
        stop.over.set()
        with pytest.raises(Unavailable):
            stopped.result()
        assert verify(other.read).size == 1


@pytest.mark.parametrize("within_s", [None, 30])
def test_a_work_that_hides_the_failure_of_a_statement_is_not_told_that_it_is_written(
    on_postgres: str, within_s: float | None
) -> None:
    def hides(connection: Connection) -> None:
        connection.execute(insert(watermark).values(name="one", at=NOON))
        with suppress(DBAPIError):
            connection.execute(text("SELECT 1 / 0"))

    with closing(Database.open(on_postgres)) as database:
        with pytest.raises(Broken, match="failed"):
            database.write(hides, within_s=within_s)
        database.write(partial(held, name="one"), within_s=within_s)


@dataclass
class _Stop:
    """Of a client's message the server gets what comes before `at`, and no more until all is `over`."""

    at: bytes = b""
    reached: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)


@contextmanager
def _tapped(url: str, folder: Path, stop: _Stop | None = None) -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """The server behind a socket that notes who says what."""
    parsed, said = make_url(url), list[tuple[str, bytes]]()
    real = f"{parsed.query['host']}/.s.PGSQL.5432"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"{folder}/.s.PGSQL.5432")
        listening.listen()
        listening.settimeout(30)
        threading.Thread(target=_pass_on, args=(listening, real, said, stop), daemon=True).start()
        yield parsed.set(query={"host": str(folder)}).render_as_string(hide_password=False), said


def _pass_on(listening: socket.socket, real: str, said: list[tuple[str, bytes]], stop: _Stop | None) -> None:
    while True:
        try:
            client, _ = listening.accept()
        except OSError:
            return
        server = socket.socket(socket.AF_UNIX)
        server.connect(real)
        threading.Thread(target=_copy, args=("client", client, server, said, stop), daemon=True).start()
        threading.Thread(target=_copy, args=("server", server, client, said, None), daemon=True).start()


def _copy(
    by: str, source: socket.socket, target: socket.socket, said: list[tuple[str, bytes]], stop: _Stop | None
) -> None:
    with suppress(OSError):  # the other direction has ended it
        while data := source.recv(65536):
            said.append((by, data))
            if stop and stop.at and stop.at in data:
                target.sendall(data[: data.index(stop.at)])
                stop.reached.set()
                stop.over.wait(30)
                break
            target.sendall(data)
    for one in (source, target):
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
    target.close()
