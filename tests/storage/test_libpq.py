"""What goes to Postgres past the driver is what the driver would have written, and reads as it would have read it."""

import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Boolean, Column, Connection, Integer, LargeBinary, MetaData, String, Table, insert, select
from sqlalchemy.dialects.postgresql import BIGINT, SMALLINT

from storage.database.column_types import Instant
from storage.database.engine import Database
from storage.database.prepared_statements import Prepared
from storage.errors import Broken
from tests.databases import PostgresServer

KINDS = Table(
    "kinds",
    MetaData(),
    Column("text", String(200)),
    Column("small", SMALLINT),
    Column("number", Integer),
    Column("big", BIGINT),
    Column("claim", Boolean),
    Column("bytes", LargeBinary),
    Column("at", Instant),
)
ADD, READ = Prepared(insert(KINDS)), Prepared(select(KINDS))
CALLER = "+14155550100"
COLUMNS = [column.name for column in KINDS.c]
DAYS = st.integers(-200_000, 200_000).map(lambda days: datetime(2026, 11, 22, tzinfo=UTC) + timedelta(days=days))
ROWS = st.fixed_dictionaries(
    {
        "text": st.none() | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=200),
        "small": st.none() | st.integers(-(2**15), 2**15 - 1),
        "number": st.none() | st.integers(-(2**31), 2**31 - 1),
        "big": st.none() | st.integers(-(2**63), 2**63 - 1),
        "claim": st.none() | st.booleans(),
        "bytes": st.none() | st.binary(max_size=300),
        "at": st.none()
        | st.builds(lambda day, us: day + timedelta(microseconds=us), DAYS, st.integers(0, 86_399_999_999)),
    }
)


@pytest.fixture(scope="module")
def database(postgres: PostgresServer) -> Iterator[Database]:
    with postgres.fresh_database() as url, closing(Database.open(url)) as opened:
        opened.write(KINDS.create)
        yield opened


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(rows=st.lists(ROWS, min_size=1, max_size=4))
def test_what_is_written_past_the_driver_is_what_it_reads_and_the_other_way(
    database: Database, rows: list[dict[str, object]]
) -> None:
    wanted = sorted((tuple(row[name] for name in COLUMNS) for row in rows), key=repr)

    def both(connection: Connection) -> None:
        for write in (lambda: ADD.run(connection, *rows), lambda: connection.execute(insert(KINDS), rows)):
            connection.execute(KINDS.delete())
            write()
            plainly = [tuple(row) for row in connection.execute(select(KINDS))]
            assert sorted(plainly, key=repr) == sorted(READ.all(connection, {}), key=repr) == wanted

    database.write(both)


def _plainly(connection: Connection, row: dict[str, object]) -> None:
    connection.execute(insert(KINDS), row)


@pytest.mark.parametrize("row", [{"text": "a\0b"}, {"text": "x" * 201}, {"small": 2**20}, {"text": "\ud800"}])
def test_what_postgres_cannot_keep_is_refused_whole(database: Database, row: dict[str, object]) -> None:
    empty = dict.fromkeys(COLUMNS)
    before = database.write(lambda connection: len(READ.all(connection, {})))
    with pytest.raises((Broken, UnicodeEncodeError)):
        database.write(lambda connection: ADD.run(connection, {**empty, "number": 1}, {**empty, **row}))
    assert database.write(lambda connection: len(READ.all(connection, {}))) == before


@pytest.mark.parametrize("write", [ADD.run, _plainly])
def test_a_value_that_is_refused_is_not_quoted(database: Database, write: Callable[..., object]) -> None:
    with pytest.raises(Broken) as refused:
        database.write(lambda connection: write(connection, {**dict.fromkeys(COLUMNS), "number": CALLER}))
    assert CALLER not in "".join(traceback.format_exception(refused.value))
