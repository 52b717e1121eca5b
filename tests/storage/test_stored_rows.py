"""Rows read in the order in which they lie: each of them, whatever is added, deleted or moved between two pages."""

from collections import Counter
from collections.abc import Callable

import pytest
from sqlalchemy import delete, insert, text

from storage.database.engine import Database
from storage.database.pages import Page, Place, Stored
from storage.database.tables import disclosure
from storage.database.wipe import wipe
from tests.storage.plans import faults, heard

ROWS = 600
BODIES = Stored(disclosure, disclosure.c.digest, disclosure.c.body, at_once=50, blocks_at_once=1)
Act = Callable[[Database], object]


def put(database: Database, first: int, end: int) -> None:
    rows = [{"digest": name(number), "body": f"{number:0100}"} for number in range(first, end)]
    database.write(lambda connection: connection.execute(insert(disclosure), rows))


def take(database: Database, first: int, end: int) -> None:
    taken = delete(disclosure).where(disclosure.c.digest.in_([name(number) for number in range(first, end)]))
    database.write(lambda connection: connection.execute(taken))


def name(number: int) -> str:
    """In another order than they are added."""
    return f"{number * 7919 % 100_003:043}"


def write_anew(database: Database) -> None:
    if database.dialect == "sqlite":
        wipe(database, [disclosure])
        return
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM FULL disclosure"))


def read_all(database: Database, act: Act = lambda _: None, *, after: int = 3) -> tuple[list[Page], Counter[str]]:
    """With something that happens after so many pages."""
    pages: list[Page] = []
    place: Place | None = ()
    while place is not None:
        with database.read() as connection:
            read = BODIES.after(connection, place)
        pages.append(read.page)
        place = read.end
        if len(pages) == after:
            act(database)
    return pages, Counter(digest for page in pages for digest, _ in page)


@pytest.fixture
def filled(database: Database) -> Database:
    put(database, 0, ROWS)
    return database


def test_every_row_is_read_once_in_the_order_of_the_disk(filled: Database) -> None:
    pages, found = read_all(filled)
    assert found == Counter(name(number) for number in range(ROWS))
    assert len(pages) > 10
    assert [body for page in pages for _, body in page] == [f"{number:0100}" for number in range(ROWS)]


@pytest.mark.parametrize("taken", [(0, 300), (200, 500), (500, ROWS), (0, ROWS)])
def test_deleted_rows_end_no_reading_early(filled: Database, taken: tuple[int, int]) -> None:
    take(filled, *taken)
    _, found = read_all(filled)
    assert found == Counter(name(number) for number in range(ROWS) if not taken[0] <= number < taken[1])


def test_rows_added_behind_are_read(filled: Database) -> None:
    _, found = read_all(filled, lambda database: put(database, ROWS, 2 * ROWS))
    assert found == Counter(name(number) for number in range(2 * ROWS))


@pytest.mark.parametrize("after", [1, 3, 6])
def test_reading_begins_again_when_the_table_is_written_anew(filled: Database, after: int) -> None:
    """Its rows may move to where others were deleted, before the place that was reached."""
    take(filled, 0, 200)
    _, found = read_all(filled, write_anew, after=after)
    assert set(found) == set(map(name, range(200, ROWS)))
    assert filled.dialect == "postgresql" or found.most_common()[0][1] == 2


def test_of_no_rows_there_is_one_page(database: Database) -> None:
    assert read_all(database)[0] == [[]]


def test_a_page_looks_at_no_rows_but_its_own(filled: Database) -> None:
    with filled.read() as connection, heard(connection) as statements:
        BODIES.after(connection, BODIES.after(connection, ()).end or ())
    (asked,) = (statement for statement in statements if "FROM disclosure" in statement)
    with filled.read() as connection:
        if filled.dialect == "sqlite":
            assert faults(connection, asked, None) == []
        else:
            assert faults(connection, asked, ["(1,0)", "(2,0)"]) == ["Tid Range Scan disclosure"]
