"""No page of the list of calls reads or sorts more because there are more calls: the databases' own plans say so."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import fields
from itertools import combinations, product
from random import Random

import pytest
from sqlalchemy import Select, func, select, tuple_

from policies.permissions import Reach
from storage.database.engine import Database
from storage.database.schema import migrate
from storage.database.tables import call_listing, taken_by
from storage.rows import call_walks
from storage.rows.call_pages import Cursor, Filters, page
from tests.conftest import DIALECTS, NOON
from tests.databases import PostgresServer
from tests.storage import listed_calls, plans
from tests.storage.listed_calls import AGENTS, LINES, some_filters

NAMES = [one.name for one in fields(Filters)]
NONE_ONE_AND_TWO = [(), *((name,) for name in NAMES), *combinations(NAMES, 2)]
REACHES = {
    "everywhere": Reach(everywhere=True),
    "a line": Reach(lines=frozenset(LINES[:1])),
    "lines": Reach(lines=frozenset(LINES)),
    "an agent": Reach(addresses=frozenset(AGENTS[:1])),
    "agents": Reach(addresses=frozenset(AGENTS)),
    "a line and agents": Reach(lines=frozenset(LINES[:1]), addresses=frozenset(AGENTS)),
    "very many agents": Reach(addresses=frozenset(f"client:{n}" for n in range(300))),
}
SECOND_PAGE = Cursor(NOON, "8" * 32)


@pytest.fixture(scope="module", params=DIALECTS)
def listed(
    request: pytest.FixtureRequest, postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    with ExitStack() as stack:
        url = f"sqlite:///{tmp_path_factory.mktemp('plans')}/onrecord.db"
        if request.param == "postgresql":
            url = stack.enter_context(postgres.fresh_database())
        database = stack.enter_context(closing(Database.open(url)))
        migrate(database)
        database.write(lambda connection: listed_calls.write(connection, listed_calls.make(Random(5), 300)))
        yield database


def faults(database: Database, query: Select[tuple[object, ...]]) -> list[str]:
    with database.read() as connection:
        call_walks.stay_in_order(connection)
        with plans.heard(connection) as statements:
            connection.execute(query)
        ((statement, values),) = statements.items()
        return plans.faults(connection, statement, values)


@pytest.mark.parametrize("reach", REACHES.values(), ids=REACHES)
def test_every_page_is_found_along_an_index(listed: Database, reach: Reach) -> None:
    """For no filter, each filter and each pair of filters, on the first page and the next."""
    chance, asked = Random(7), 0
    with listed.read() as connection:
        with plans.heard(connection) as statements:
            for among, after in product(NONE_ONE_AND_TWO, (None, SECOND_PAGE)):
                page(connection, some_filters(chance, among), reach, after, now=NOON, size=5, entries_max=2_000)
                asked += 1
        found = {one: bad for one, values in statements.items() if (bad := plans.faults(connection, one, values))}
    assert found == {}
    assert asked == 2 * (1 + 13 + 78)
    assert len(statements) > 10


@pytest.mark.parametrize(
    "query",
    [
        select(call_listing.c.call_id).where(call_listing.c.recorded_s == 30).limit(50),
        select(call_listing.c.call_id).order_by(call_listing.c.recorded_s).limit(50),
        select(func.count()).select_from(call_listing),
        select(call_listing.c.call_id).order_by(call_listing.c.received_at.desc()).limit(50),
        select(call_listing.c.call_id)
        .where(call_listing.c.line == LINES[0])
        .order_by(call_listing.c.recorded_s)
        .limit(50),
        select(taken_by.c.call_id).where(taken_by.c.taken_at > NOON).limit(50),
    ],
    ids=["filtered", "sorted", "counted", "read in order", "sorted after a filter", "of another table"],
)
def test_a_statement_without_an_index_of_its_own_is_seen(listed: Database, query: Select[tuple[object, ...]]) -> None:
    assert faults(listed, query)


@pytest.mark.parametrize("listed", ["sqlite"], indirect=True)
def test_a_range_that_is_read_from_its_first_entry_is_seen(listed: Database) -> None:
    """SQLite compares only the first columns of two keys, one of which is read from another table."""
    key, last = (taken_by.c.address, taken_by.c.received_at), select(call_listing).limit(1).subquery()
    beyond = select(taken_by.c.call_id).where(tuple_(*key) < tuple_(last.c.line, last.c.received_at)).limit(1)
    assert "address<?" in str(faults(listed, select(beyond.scalar_subquery()).select_from(last)))


def test_a_statement_with_an_index_is_not_taken_for_one_without(listed: Database) -> None:
    by_id = select(call_listing.c.line).where(call_listing.c.call_id.in_(["a" * 32, "b" * 32]))
    due = select(call_listing.c.call_id).where(call_listing.c.retain_until > NOON)
    assert faults(listed, by_id) == faults(listed, due.order_by(call_listing.c.retain_until).limit(50)) == []
