import threading
import traceback
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, text

from storage.database.engine import POSTGRES_PATIENCE_WITH_US, SQLITE_PRAGMAS, Database
from storage.database.schema import SCHEMA_VERSION, check_schema, migrate, newest_version
from storage.database.tables import incident
from storage.errors import Broken, NotMigrated, Refused, Unavailable
from tests.conftest import NOON
from tests.databases import PostgresServer


@pytest.fixture
def numbers(database: Database) -> Database:
    database.write(lambda connection: connection.execute(text("CREATE TABLE number (value INTEGER PRIMARY KEY)")))
    return database


def put(value: int):  # type: ignore[no-untyped-def]  # what `write` takes
    return lambda connection: connection.execute(text("INSERT INTO number VALUES (:value)"), {"value": value})


def values(database: Database) -> list[int]:
    with database.read() as connection:
        return list(connection.scalars(text("SELECT value FROM number ORDER BY value")))


def test_a_write_returns_what_its_work_returned(numbers: Database) -> None:
    assert numbers.write(lambda connection: connection.scalar(text("SELECT 41 + 1"))) == 42


def test_work_that_raises_leaves_nothing_and_its_neighbours_are_kept(numbers: Database) -> None:
    """Writers that arrive together share a transaction; one that fails must not take the others with it."""
    gate = threading.Barrier(21)

    def insert(value: int) -> None:
        def work(connection: Connection) -> None:
            connection.execute(text("INSERT INTO number VALUES (:value)"), {"value": value})
            if value % 7 == 0:
                raise ValueError(value)

        gate.wait()
        try:
            numbers.write(work)
        except ValueError as error:
            failed.append(error.args[0])

    failed: list[int] = []
    threads = [threading.Thread(target=insert, args=(value,)) for value in range(20)]
    for thread in threads:
        thread.start()
    gate.wait()
    for thread in threads:
        thread.join()
    assert sorted(failed) == [0, 7, 14]
    assert values(numbers) == [value for value in range(20) if value % 7]


def test_a_violated_constraint_is_our_bug_and_named(numbers: Database) -> None:
    numbers.write(put(1))
    with pytest.raises(Broken, match="constraint"):
        numbers.write(put(1))


def test_an_error_shows_nothing_of_the_row_it_is_about(database: Database) -> None:
    """What is raised is logged with everything that led to it."""

    def work(connection: Connection) -> None:
        row = {"kind": None, "about": "+15125550111", "detail": "+15125550111", "opened_at": NOON}
        connection.execute(insert(incident), row)

    with pytest.raises(Broken, match="kind") as caught:
        database.write(work)
    assert "5550111" not in "".join(traceback.format_exception(caught.value))


def test_a_reader_does_not_see_what_is_not_committed(numbers: Database) -> None:
    def work(connection: Connection) -> list[int]:
        put(1)(connection)
        return values(numbers)

    assert numbers.write(work) == []


def test_a_database_that_cannot_be_reached_is_unavailable_and_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="DATABASE_URL"):
        Database.open(f"sqlite:///{tmp_path}/no/such/folder/onrecord.db")
    with pytest.raises(Unavailable, match="DATABASE_URL"):
        Database.open("postgresql://127.0.0.1:1/onrecord?connect_timeout=2")


def test_postgres_does_not_wait_for_ever_for_a_client_that_is_gone_or_stopped(postgres: PostgresServer) -> None:
    """Over a Unix socket it says 0 to what is asked of its network, and yet that it was asked by this session."""
    asked = text("SELECT name FROM pg_settings WHERE source = 'session'")
    with postgres.fresh_database() as url, closing(Database.open(url)) as database, database.read() as connection:
        assert set(connection.scalars(asked)) >= set(POSTGRES_PATIENCE_WITH_US)


def test_when_postgres_says_that_it_ends_one_connection_no_other_of_the_pool_is_used_again(
    postgres: PostgresServer,
) -> None:
    """It says so first and closes the connection then: a client that is quick sees only the first."""
    backend = text("SELECT pg_backend_pid()")
    told = text("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '57P01', MESSAGE = 'it stops'; END $$")
    with postgres.fresh_database() as url, closing(Database.open(url)) as database:
        with ExitStack() as stack:
            before = {stack.enter_context(database.read()).scalar(backend) for _ in range(3)}
        with pytest.raises(Unavailable, match="it stops"):
            database.write(lambda connection: connection.execute(told))
        with ExitStack() as stack:
            after = {stack.enter_context(database.read()).scalar(backend) for _ in range(3)}
    assert before & after == set()


@pytest.mark.parametrize("url", ["onrecord.db", "mysql://127.0.0.1/onrecord", "sqlite://", "sqlite:///:memory:", ""])
def test_a_url_that_names_no_lasting_database_is_refused(url: str) -> None:
    with pytest.raises(Refused, match="DATABASE_URL"):
        Database.open(url)


def test_a_connection_that_would_not_sync_its_commits_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SQLITE_PRAGMAS, "synchronous", 7)  # SQLite reads 7 as 3, so the answer differs from the request
    with pytest.raises(Refused, match="synchronous"):
        Database.open(f"sqlite:///{tmp_path}/onrecord.db")


def test_an_empty_database_is_refused_until_it_is_migrated(empty_database_url: str) -> None:
    opened = Database.open(empty_database_url)
    with pytest.raises(NotMigrated, match="the database is empty"):
        check_schema(opened)
    migrate(opened)
    check_schema(opened)
    opened.close()


def test_the_program_needs_the_newest_schema_there_is() -> None:
    assert newest_version() == SCHEMA_VERSION
