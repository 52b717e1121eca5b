"""Writers that share a transaction: whoever stops waiting for the disk has written nothing."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from storage.database.engine import Database
from storage.database.group_commit import GroupCommit
from storage.errors import Unavailable

AT_ONCE_S, BEGUN_S = 0.001, 0.2
"""The disk is held up until the test lets go of it, so nothing depends on how fast a machine is. In the longer time the
work has usually begun.
"""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(f"sqlite:///{tmp_path}/onrecord.db")
    opened.write(lambda connection: connection.execute(text("CREATE TABLE number (value INTEGER)")))
    yield opened
    opened.close()


@pytest.fixture
def writer(database: Database) -> Iterator[GroupCommit]:
    made = GroupCommit(database.engine)
    yield made
    made.close()


def put(value: int, *, until: threading.Event | None = None) -> Callable[[Connection], None]:
    def work(connection: Connection) -> None:
        connection.execute(text("INSERT INTO number VALUES (:value)"), {"value": value})
        if until is not None:
            until.wait()

    return work


def values(database: Database) -> list[int]:
    with database.read() as connection:
        return list(connection.scalars(text("SELECT value FROM number ORDER BY value")))


def test_work_that_is_given_up_while_it_is_written_is_taken_back(database: Database, writer: GroupCommit) -> None:
    disk = threading.Event()
    with pytest.raises(Unavailable):
        writer.run(put(1, until=disk), BEGUN_S)
    disk.set()
    writer.run(put(2), None)
    assert values(database) == [2]


def test_work_that_is_given_up_while_it_waits_its_turn_is_not_written(database: Database, writer: GroupCommit) -> None:
    disk = threading.Event()
    for value in (1, 2, 3):
        with pytest.raises(Unavailable):
            writer.run(put(value, until=disk), AT_ONCE_S)
    disk.set()
    writer.run(put(4), None)
    assert values(database) == [4]


def test_work_that_is_waited_for_is_written_beside_work_that_is_given_up(
    database: Database, writer: GroupCommit
) -> None:
    disk = threading.Event()
    with pytest.raises(Unavailable):
        writer.run(put(1, until=disk), BEGUN_S)
    patient = [threading.Thread(target=writer.run, args=(put(value), None)) for value in (2, 3)]
    for thread in patient:
        thread.start()
    disk.set()
    for thread in patient:
        thread.join()
    assert values(database) == [2, 3]


def test_work_that_comes_after_the_end_is_refused_at_once(database: Database, writer: GroupCommit) -> None:
    """Nobody would do it, and whoever has no time limit would wait for ever."""
    writer.run(put(1), None)
    writer.close()
    with pytest.raises(Unavailable, match="closed"):
        writer.run(put(2), BEGUN_S)
    assert values(database) == [1]
