import os
import threading
from collections.abc import Callable

import pytest
from sqlalchemy import Connection, delete, select, text, update

from evidence.events import Event
from evidence.merkle import leaf_hash, root_of
from storage.database.engine import Database
from storage.database.tables import disclosure, log_leaf
from storage.errors import Broken, Unavailable
from storage.log import consent_log
from storage.log.tree import KeptTree
from storage.log.tree_keeper import close_subtrees
from storage.log.verification import verify
from tests.conftest import NOON

CALL = "c" * 32


def appending(*events: Event, call_id: str | None = CALL, first_n: int | None = 0) -> Callable[[Connection], None]:
    return lambda connection: consent_log.append(
        connection, events, call_id=call_id, first_n=first_n, at=NOON, random=os.urandom
    )


def test_events_are_numbered_from_zero_without_gaps(database: Database) -> None:
    database.write(appending(Event("call.received"), Event("disclosure.served")))
    database.write(appending(Event("consent.choice"), first_n=2))
    with database.read() as connection:
        placed = [(row.idx, row.n) for row in connection.execute(select(log_leaf).order_by(log_leaf.c.idx))]
        assert placed == [(0, 0), (1, 1), (2, 2)]
        assert consent_log.size(connection) == 3
        assert verify(database.read).size == 3


def test_a_rollback_takes_the_event_and_its_number_back(database: Database) -> None:
    def work(connection: Connection) -> None:
        appending(Event("call.received"))(connection)
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011  # raised by the test itself
        database.write(work)
    database.write(appending(Event("call.received")))
    with database.read() as connection:
        assert connection.scalars(select(log_leaf.c.idx)).all() == [0]


def test_many_writers_leave_one_unbroken_log(database: Database) -> None:
    def write(worker: int) -> None:
        for n in range(20):
            database.write(appending(Event("call.sent_back", {"round": worker}), call_id=f"{worker:032x}", first_n=n))

    threads = [threading.Thread(target=write, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert verify(database.read).size == 160


def test_the_root_from_kept_subtrees_is_the_root_of_the_leaves(database: Database) -> None:
    for start in range(0, 1100, 100):
        database.write(appending(*(Event("selftest.passed") for _ in range(100)), call_id=None, first_n=None))
        with database.read() as connection:
            leaves = connection.scalars(select(log_leaf.c.leaf).order_by(log_leaf.c.idx)).all()
            assert len(leaves) == start + 100
            assert consent_log.root(connection) == root_of(leaf_hash(leaf.encode()) for leaf in leaves)


@pytest.mark.parametrize("change", [update(log_leaf).values(leaf="{}"), delete(log_leaf)])
def test_the_log_refuses_to_be_changed(database: Database, change: object) -> None:
    database.write(appending(Event("call.received")))
    with pytest.raises((Broken, Unavailable), match="append-only"):
        database.write(lambda connection: connection.execute(change))  # type: ignore[call-overload]  # text or delete()


def disarm(connection: Connection) -> None:
    """What somebody who owns the database can do before changing history."""
    if connection.dialect.name == "sqlite":
        connection.execute(text("DROP TRIGGER log_leaf_no_update"))
        connection.execute(text("DROP TRIGGER log_leaf_no_delete"))
    else:
        connection.execute(text("ALTER TABLE log_leaf DISABLE TRIGGER ALL"))


@pytest.mark.parametrize(
    ("tampering", "found"),
    [
        (update(log_leaf).where(log_leaf.c.idx == 1).values(leaf='{"granted":true}'), "event 1 does not match"),
        (delete(log_leaf).where(log_leaf.c.idx == 1), "event 1 is missing"),
        (delete(log_leaf).where(log_leaf.c.idx == 2), "head says 3"),
        (update(log_leaf).where(log_leaf.c.idx == 2).values(n=7), "event 2 is filed under another call or number"),
    ],
)
def test_history_changed_behind_the_logs_back_is_found(database: Database, tampering: object, found: str) -> None:
    database.write(appending(Event("call.received"), Event("consent.choice"), Event("call.completed")))

    def work(connection: Connection) -> None:
        disarm(connection)
        connection.execute(tampering)  # type: ignore[call-overload]  # as above

    database.write(work)
    with pytest.raises(Broken, match=found):
        verify(database.read)


def test_a_rewritten_leaf_with_a_matching_hash_still_contradicts_the_kept_subtrees(database: Database) -> None:
    database.write(appending(*(Event("selftest.passed") for _ in range(256)), call_id=None, first_n=None))
    close_subtrees(database)
    forged = '{"forged":true}'

    def work(connection: Connection) -> None:
        disarm(connection)
        change = update(log_leaf).where(log_leaf.c.idx == 9).values(leaf=forged, hash=leaf_hash(forged.encode()))
        connection.execute(change)

    database.write(work)
    with pytest.raises(Broken, match="subtrees"):
        verify(database.read)


def test_an_earlier_root_can_be_computed_again_for_whoever_noted_it(database: Database) -> None:
    roots = {}
    for n in range(5):
        database.write(appending(Event("selftest.passed", {"calls": n}), first_n=n))
        with database.read() as connection:
            roots[n + 1] = consent_log.root(connection)
    with database.read() as connection:
        assert {size: KeptTree.of(connection).root(size) for size in roots} == roots
        assert KeptTree.of(connection).root(0) == root_of([])


def test_a_disclosure_that_was_rewritten_is_found(database: Database) -> None:
    database.write(appending(Event("call.received", {}, {"caller": "+14155550100"})))
    database.write(lambda connection: connection.execute(update(disclosure).values(body="QUJD")))
    with pytest.raises(Broken, match="something else than was committed to"):
        verify(database.read)


def test_an_event_filed_under_another_call_is_found(database: Database) -> None:
    database.write(appending(Event("call.received")))

    def work(connection: Connection) -> None:
        disarm(connection)
        connection.execute(update(log_leaf).values(call_id="d" * 32))

    database.write(work)
    with pytest.raises(Broken, match="filed under another call"):
        verify(database.read)


def test_erasing_a_disclosure_leaves_the_log_whole(database: Database) -> None:
    database.write(appending(Event("call.received", {}, {"caller": "+14155550100"})))
    before = verify(database.read)
    database.write(lambda connection: connection.execute(delete(disclosure)))
    assert verify(database.read) == before


def test_an_event_that_only_another_version_knows_is_read_and_verified(database: Database) -> None:
    event = Event("call.unread")
    for name, value in (("type", "call.moved"), ("public", {"to": 7}), ("private", {"reason": "y"})):
        object.__setattr__(event, name, value)
    database.write(appending(event))
    with database.read() as connection:
        assert verify(database.read).size == 1
        (index, leaf), *_ = consent_log.of_call(connection, CALL)
        assert consent_log.read_event(index, leaf)["type"] == "call.moved"
