"""Page by page the list of calls is what it is when it is filtered by hand, and never more than the viewer may see."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import fields
from datetime import timedelta
from itertools import combinations
from random import Random

import pytest
from sqlalchemy import Connection, delete

from policies.permissions import Reach
from storage.database.engine import Database
from storage.database.schema import migrate
from storage.database.tables import call_listing
from storage.rows.call_pages import Cursor, Filters, Page, page
from storage.rows.listing import Listed
from tests.conftest import DIALECTS, NOON
from tests.databases import PostgresServer
from tests.storage import listed_calls
from tests.storage.listed_calls import AGENTS, LINES, Calls, some_filters, some_reach

EVERYWHERE = Reach(everywhere=True)
NAMES = [one.name for one in fields(Filters)]
MADE = listed_calls.make(Random(12), 400)


@pytest.fixture(scope="module", params=DIALECTS)
def listed(
    request: pytest.FixtureRequest, postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    """A database with the calls of `MADE`, which no test changes."""
    with ExitStack() as stack:
        url = f"sqlite:///{tmp_path_factory.mktemp('listed')}/onrecord.db"
        if request.param == "postgresql":
            url = stack.enter_context(postgres.fresh_database())
        database = stack.enter_context(closing(Database.open(url)))
        migrate(database)
        database.write(lambda connection: listed_calls.write(connection, MADE))
        yield database


def pages(
    connection: Connection, filters: Filters, reach: Reach, *, size: int = 50, entries_max: int = 50_000
) -> Iterator[Page]:
    after: Cursor | None = None
    while True:
        found = page(connection, filters, reach, after, now=NOON, size=size, entries_max=entries_max)
        yield found
        if found.next is None:
            return
        assert found.next != after, "it would never end"
        after = found.next


def ids(rows: list[Listed]) -> list[str]:
    return [row.call_id for row in rows]


def assert_as_by_hand(
    database: Database, made: Calls, filters: Filters, reach: Reach, size: int, entries_max: int
) -> None:
    with database.read() as connection:
        turned = list(pages(connection, filters, reach, size=size, entries_max=entries_max))
    rows = [row for one in turned for row in one.rows]
    assert rows == made.asked_for(filters, reach, NOON), (filters, reach, size, entries_max)
    for one in turned:
        assert len(one.rows) <= size
        is_searched_on = len(one.rows) < size and one.next is not None
        assert one.searched_until == (one.next.at if is_searched_on and one.next else None)


@pytest.mark.parametrize("seed", range(10))
def test_page_by_page_the_list_is_as_it_is_when_filtered_by_hand(listed: Database, seed: int) -> None:
    chance = Random(seed)
    for _ in range(12):
        among = chance.sample(NAMES, chance.choice([0, 1, 1, 2, 2, 3]))
        size, entries_max = chance.choice([3, 7, 7, 50, 700]), chance.choice([1, 200, 2_000, 50_000])
        assert_as_by_hand(listed, MADE, some_filters(chance, among), some_reach(chance), size, entries_max)


@pytest.mark.parametrize("name", NAMES)
def test_each_filter_alone_is_as_by_hand(listed: Database, name: str) -> None:
    chance = Random(name)
    for _ in range(3):
        assert_as_by_hand(listed, MADE, some_filters(chance, [name]), EVERYWHERE, 20, 1)


def test_each_pair_of_filters_is_as_by_hand(listed: Database) -> None:
    chance = Random(66)
    for pair in combinations(NAMES, 2):
        assert_as_by_hand(listed, MADE, some_filters(chance, pair), some_reach(chance), 20, chance.choice([1, 50_000]))


@pytest.mark.parametrize("name", NAMES)
def test_a_list_that_ends_with_the_page_has_no_next(listed: Database, name: str) -> None:
    chance = Random(name)
    with listed.read() as connection:
        for reach in (EVERYWHERE, Reach(lines=frozenset(LINES[:2]), addresses=frozenset(AGENTS[:2]))):
            found = page(connection, some_filters(chance, [name, "outcome"]), reach, now=NOON, size=700)
            assert (found.next, found.searched_until) == (None, None)


def test_a_line_out_of_reach_is_not_even_searched(listed: Database) -> None:
    with listed.read() as connection:
        found = page(connection, Filters(line=LINES[0]), Reach(lines=frozenset(LINES[1:])), now=NOON, entries_max=1)
    assert found == Page()


def test_the_calls_of_one_moment_are_each_found_once(listed: Database) -> None:
    """Pages end in the midst of them."""
    moments = [row.received_at for row in MADE.rows]
    assert len(moments) > 5 * len({*moments})
    with listed.read() as connection:
        rows = [row for one in pages(connection, Filters(line=LINES[2]), EVERYWHERE, size=1) for row in one.rows]
    assert sorted(ids(rows)) == sorted(row.call_id for row in MADE.rows if row.line == LINES[2])


def test_a_viewer_without_lines_and_agents_finds_nothing(listed: Database) -> None:
    with listed.read() as connection:
        for filters in (Filters(), Filters(line=LINES[0]), Filters(due_within_days=30), Filters(caller_hash="a" * 64)):
            assert page(connection, filters, Reach(), now=NOON) == Page()


@pytest.mark.parametrize("name", NAMES)
def test_a_viewer_of_one_line_finds_only_its_calls_whatever_is_asked_for(listed: Database, name: str) -> None:
    chance = Random(name)
    reach = Reach(lines=frozenset({LINES[1]}))
    with listed.read() as connection:
        for _ in range(4):
            for one in pages(connection, some_filters(chance, [name]), reach):
                assert {row.line for row in one.rows} <= {LINES[1]}


@pytest.mark.parametrize("name", NAMES)
def test_an_agent_finds_only_their_own_calls_whatever_is_asked_for(listed: Database, name: str) -> None:
    chance = Random(name)
    with listed.read() as connection:
        for _ in range(4):
            for one in pages(connection, some_filters(chance, [name]), Reach(addresses=frozenset({AGENTS[0]}))):
                assert all(AGENTS[0] in MADE.takers[row.call_id] for row in one.rows)


def test_a_call_on_a_line_and_of_an_agent_within_reach_is_found_once(listed: Database) -> None:
    reach = Reach(lines=frozenset(LINES), addresses=frozenset(AGENTS))
    with listed.read() as connection:
        rows = [row for one in pages(connection, Filters(), reach) for row in one.rows]
    assert sorted(ids(rows)) == sorted(ids(list(MADE.rows)))


def test_an_agents_call_that_is_not_listed_yet_is_left_out(listed: Database) -> None:
    mine = [row for row in MADE.rows if AGENTS[0] in MADE.takers[row.call_id]]
    reach, newest = Reach(addresses=frozenset(AGENTS[:1])), max(mine, key=lambda row: (row.received_at, row.call_id))
    with listed.engine.connect() as connection, connection.begin() as unfinished:
        connection.execute(delete(call_listing).where(call_listing.c.call_id == newest.call_id))
        for filters in (Filters(), Filters(outcome=newest.outcome)):
            rows = [row for one in pages(connection, filters, reach, size=9) for row in one.rows]
            assert rows == [row for row in MADE.asked_for(filters, reach, NOON) if row != newest]
        unfinished.rollback()


def test_a_reach_of_very_many_agents_is_searched_as_well(listed: Database) -> None:
    many = frozenset({AGENTS[1], *(f"client:{n}" for n in range(600))})
    assert_as_by_hand(listed, MADE, Filters(outcome="declined"), Reach(addresses=many), 20, 50_000)


def test_a_page_that_was_not_searched_to_the_end_says_how_far_it_was(listed: Database) -> None:
    """And the next goes on from there: nothing is found twice, and nothing is missed."""
    wanted = Filters(place="DE")  # nobody calls from there
    with listed.read() as connection:
        (alone,) = pages(connection, wanted, EVERYWHERE)
        both = list(
            pages(connection, Filters(outcome="consented", mode="notice", place="US-TX"), EVERYWHERE, entries_max=1)
        )
    assert alone == Page()
    *short, last = both
    assert short
    assert [one.searched_until for one in short] == sorted(
        (one.searched_until for one in short if one.searched_until), reverse=True
    )
    assert (last.next, last.searched_until) == (None, None)


def test_a_rare_value_is_found_at_once_beside_a_common_one(listed: Database) -> None:
    """Whichever of the two is asked for first: the rarer leads, so the page need not be searched on."""
    rare = Filters(caller_hash=None, audio="in_doubt", line=LINES[0], place="US-TX", language="es-US", reviewed=True)
    with listed.read() as connection:
        found = page(connection, rare, EVERYWHERE, now=NOON, entries_max=150)
    assert found.next is None
    assert list(found.rows) == MADE.asked_for(rare, EVERYWHERE, NOON)


def test_what_is_due_is_listed_soonest_first_and_what_has_no_end_never(listed: Database) -> None:
    with listed.read() as connection:
        rows = [row for one in pages(connection, Filters(due_within_days=3), EVERYWHERE, size=9) for row in one.rows]
    ends = [row.retain_until for row in rows]
    assert ends == sorted(end for end in ends if end)
    assert NOON + timedelta(days=3) in ends  # the edge
    assert max(end for end in ends if end) <= NOON + timedelta(days=3)
    assert min(end for end in ends if end) < NOON  # what should be gone already


@pytest.mark.parametrize("listed", ["postgresql"], indirect=True)
def test_a_page_does_not_change_how_the_next_transaction_is_planned(listed: Database) -> None:
    for _ in range(3):
        with listed.read() as connection:
            page(connection, Filters(), EVERYWHERE, now=NOON)
            assert connection.exec_driver_sql("SHOW enable_seqscan").scalar() == "off"
        with listed.read() as connection:
            assert connection.exec_driver_sql("SHOW enable_seqscan").scalar() == "on"
