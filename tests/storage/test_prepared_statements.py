from contextlib import ExitStack, closing
from datetime import datetime, timedelta, timezone

import pytest
from sqlalchemy import Connection, bindparam, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from storage.database.engine import Database
from storage.database.prepared_statements import Prepared
from storage.database.tables import log_head, worker
from storage.errors import Broken, Unavailable
from tests.conftest import NOON
from tests.databases import PostgresServer

HALF_PAST = datetime(2026, 11, 22, 19, 0, tzinfo=timezone(timedelta(hours=6, minutes=30)))  # 12:30 in UTC
ADD = Prepared(insert(worker))
BEATEN = Prepared(select(worker.c.executor_id, worker.c.beat_at).where(worker.c.beat_at == bindparam("at")))


def row(executor_id: str, beat_at: datetime = NOON) -> dict[str, object]:
    return {"executor_id": executor_id, "started_at": NOON, "beat_at": beat_at}


def test_what_is_written_is_read_alike_with_and_without_preparation(database: Database) -> None:
    database.write(lambda connection: ADD.run(connection, row("w1", HALF_PAST)))
    with database.read() as connection:
        plainly = connection.execute(
            select(worker.c.executor_id, worker.c.beat_at).where(worker.c.beat_at == HALF_PAST)
        ).one()
        assert BEATEN.first(connection, {"at": HALF_PAST}) == tuple(plainly) == ("w1", HALF_PAST)


def test_what_is_not_there_is_none(database: Database) -> None:
    with database.read() as connection:
        assert BEATEN.first(connection, {"at": NOON}) is None


def test_several_rows_are_written_at_once(database: Database) -> None:
    database.write(lambda connection: ADD.run(connection, row("w1"), row("w2"), row("w3")))
    with database.read() as connection:
        assert len(connection.execute(select(worker)).all()) == 3


def test_a_change_says_how_many_rows_it_met_and_keeps_its_constants(database: Database) -> None:
    grow = Prepared(update(log_head).where(log_head.c.id == 1).values(size=log_head.c.size + bindparam("more")))
    nowhere = Prepared(update(log_head).where(log_head.c.id == 2).values(size=bindparam("more")))
    assert database.write(lambda connection: grow.run(connection, {"more": 3})) == 1
    assert database.write(lambda connection: nowhere.run(connection, {"more": 3})) == 0


def test_a_refused_row_is_the_error_that_sqlalchemy_would_raise_and_shows_no_value(database: Database) -> None:
    def work(connection: Connection) -> None:
        ADD.run(connection, row("w-secret"))
        with pytest.raises(IntegrityError) as refused:
            ADD.run(connection, row("w-secret"))
        assert refused.value.params is None
        raise refused.value

    with pytest.raises(Broken, match="constraint"):
        database.write(work)


def test_a_read_sees_one_moment_from_its_first_statement_on(database: Database) -> None:
    with database.read() as connection:
        assert BEATEN.first(connection, {"at": NOON}) is None
        database.write(lambda other: ADD.run(other, row("w1")))
        assert BEATEN.first(connection, {"at": NOON}) is None


def test_when_postgres_says_that_it_ends_one_connection_no_other_of_the_pool_is_used_again(
    postgres: PostgresServer,
) -> None:
    """It says so first and closes the connection then: a client that is quick sees only the first."""
    backend, stops = text("SELECT pg_backend_pid()"), Prepared(select(func.stops()))
    body = "BEGIN RAISE EXCEPTION USING ERRCODE = '57P01', MESSAGE = 'it stops'; END"
    with postgres.fresh_database() as url, closing(Database.open(url)) as database:
        database.write(
            lambda connection: connection.execute(
                text(f"CREATE FUNCTION stops() RETURNS int LANGUAGE plpgsql AS $${body}$$")
            )
        )
        with ExitStack() as stack:
            before = {stack.enter_context(database.read()).scalar(backend) for _ in range(3)}
        with pytest.raises(Unavailable, match="it stops"):
            database.write(lambda connection: stops.first(connection, {}))
        with ExitStack() as stack:
            after = {stack.enter_context(database.read()).scalar(backend) for _ in range(3)}
    assert before & after == set()
