"""The tree above the leaves is closed apart from appending: whatever is closed yet, roots and proofs are the same."""

import logging
import os
import random
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from hashlib import sha256
from threading import Barrier, Thread
from typing import Any

import pytest
from sqlalchemy import Connection, delete, func, insert, select, text, update

from evidence.events import Event
from evidence.merkle import root_of
from evidence.merkle_proofs import consistency_path, inclusion_path, root_of_range
from storage.database.engine import Database
from storage.database.tables import log_head, log_leaf, log_node
from storage.errors import Broken
from storage.log import checkpoints, consent_log
from storage.log.checkpoints import Signing
from storage.log.tree import FAN_OUT, KeptTree
from storage.log.tree_keeper import TreeKeeper, close_subtrees, full_subtrees, keep
from storage.log.verification import verify
from storage.moment import Moment
from tests.conftest import NOON

MOMENT = Moment(NOON, os.urandom)
LONG = 65_536 + 2 * FAN_OUT + 7


def append(database: Database, count: int) -> None:
    events = [Event("selftest.passed", {"calls": n}) for n in range(count)]
    database.write(lambda connection: consent_log.append_events(connection, MOMENT, *events))


def kept(database: Database) -> list[tuple[int, int]]:
    with database.read() as connection:
        query = select(log_node.c.lvl, log_node.c.n).order_by(log_node.c.lvl, log_node.c.n)
        return [(row.lvl, row.n) for row in connection.execute(query)]


def close_some(database: Database, count: int) -> None:
    """One transaction of a keeper that is killed after it."""
    with database.read() as connection:
        full = full_subtrees(connection, count)
    if full:
        database.write(lambda connection: keep(connection, full))


def fill(database: Database, size: int) -> list[bytes]:
    """A log of made-up hashes, which is all that the tree is made of."""
    hashes = [sha256(b"%d" % index).digest() for index in range(size)]
    rows = [{"idx": index, "leaf": "{}", "hash": digest} for index, digest in enumerate(hashes)]
    database.write(lambda connection: connection.execute(insert(log_leaf), rows))
    database.write(lambda connection: connection.execute(update(log_head).values(size=size)))
    return hashes


def require_same(database: Database, hashes: Sequence[bytes], sizes: Sequence[int], dice: random.Random) -> None:
    """Roots and proofs at these sizes, each from what is kept and from nothing but the leaves."""

    def subtree(start: int, height: int) -> bytes:
        return root_of(hashes[start : start + (1 << height)])

    with database.read() as connection:
        shared = KeptTree.of(connection)
        for size in sizes:
            index, old = dice.randrange(size), dice.randrange(size)
            for tree in (KeptTree.of(connection), shared):
                assert tree.root(size) == root_of_range(0, size, subtree)
                assert tree.inclusion(index, size) == inclusion_path(index, size, subtree)
                assert tree.consistency(old, size) == consistency_path(old, size, subtree)


def test_a_long_log_has_the_same_roots_and_proofs_whatever_is_closed(database: Database) -> None:
    dice, hashes = random.Random(13), fill(database, LONG)
    sizes = [LONG, 65_535]
    for closed in (0, 700, LONG):
        close_some(database, closed)
        require_same(database, hashes, sizes, dice)
    close_subtrees(database)
    require_same(database, hashes, sizes, dice)
    assert kept(database)[-1] == (max(level for level in range(1, 9) if FAN_OUT**level <= LONG), 0)


def test_a_log_of_every_small_size_has_the_same_roots_and_proofs_whatever_is_closed(database: Database) -> None:
    dice, hashes = random.Random(31), fill(database, 3 * FAN_OUT + 1)
    for closed in (0, 1, 2):
        close_some(database, closed)
        require_same(database, hashes, range(1, len(hashes) + 1), dice)


def test_appending_closes_nothing(database: Database) -> None:
    append(database, 2 * FAN_OUT)
    assert kept(database) == []
    assert verify(database.read).size == 2 * FAN_OUT


def test_every_full_subtree_is_closed_a_few_in_a_transaction(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(database, FAN_OUT * FAN_OUT + FAN_OUT + 1)
    written, write = [], Database.write

    def counting(self: Database, work: Callable[[Connection], Any], **more: Any) -> Any:
        before = len(kept(database))
        result = write(self, work, **more)
        written.append(len(kept(database)) - before)
        return result

    monkeypatch.setattr(Database, "write", counting)
    close_subtrees(database, at_once=5)
    assert kept(database) == [*((1, n) for n in range(FAN_OUT + 1)), (2, 0)]
    assert max(written) == 5
    assert sum(written) == FAN_OUT + 2


def test_two_who_close_the_same_subtrees_leave_each_once(database: Database) -> None:
    append(database, 3 * FAN_OUT)
    with database.read() as connection:
        first, second = full_subtrees(connection, 2), full_subtrees(connection, 9)
    database.write(lambda connection: keep(connection, first))
    database.write(lambda connection: keep(connection, second))
    assert kept(database) == [(1, 0), (1, 1), (1, 2)]


def test_keepers_at_once_and_somebody_who_appends_leave_a_whole_tree(database: Database) -> None:
    append(database, 10 * FAN_OUT)
    together, failed = Barrier(3), []

    def run(act: Callable[[], object]) -> None:
        together.wait()
        try:
            act()
        except Exception as error:  # noqa: BLE001  # shown by the test's own thread
            failed.append(error)

    def grow() -> None:
        for _ in range(5):
            append(database, FAN_OUT)

    close = partial(close_subtrees, database, at_once=1)
    threads = [Thread(target=run, args=(act,)) for act in (close, close, grow)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    close_subtrees(database)
    assert failed == []
    assert [n for level, n in kept(database) if level == 1] == list(range(15))
    assert verify(database.read).size == 15 * FAN_OUT


def test_what_a_killed_keeper_leaves_undone_the_next_one_does(database: Database) -> None:
    append(database, 6 * FAN_OUT)
    close_some(database, 2)

    def killed(connection: Connection) -> None:
        keep(connection, full_subtrees(connection, 2))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        database.write(killed)
    assert kept(database) == [(1, 0), (1, 1)]
    assert verify(database.read).size == 6 * FAN_OUT
    TreeKeeper(database).look()
    assert [n for level, n in kept(database) if level == 1] == list(range(6))


def test_subtrees_are_closed_while_somebody_else_holds_the_head(database: Database) -> None:
    """On SQLite, which has one writer, they are read and hashed meanwhile, and written after."""
    append(database, 2 * FAN_OUT)
    with database.engine.connect() as appending:
        consent_log.append_events(appending, MOMENT, Event("selftest.passed"))
        with database.read() as connection:
            full = full_subtrees(connection, 9)
        if database.dialect == "postgresql":
            database.write(lambda connection: hurried(connection, full))
        appending.rollback()
    close_subtrees(database)
    assert kept(database) == [(1, 0), (1, 1)]
    assert [(row["lvl"], row["n"]) for row in full] == [(1, 0), (1, 1)]


def hurried(connection: Connection, full: Sequence[Mapping[str, Any]]) -> None:
    connection.execute(text("SET LOCAL lock_timeout = '1s'"))
    keep(connection, full)


def test_a_checkpoint_over_unclosed_subtrees_is_the_one_over_closed_ones(database: Database) -> None:
    append(database, 5 * FAN_OUT)
    close_some(database, 1)
    signed = database.write(lambda connection: checkpoints.sign(connection, MOMENT, Signing("x.example", [b"s" * 32])))
    close_subtrees(database)
    with database.read() as connection:
        assert KeptTree.of(connection).root(signed.size) == signed.checkpoint.root == verify(database.read).root


def disarm(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        for what in ("update", "delete"):
            connection.execute(text(f"DROP TRIGGER log_node_no_{what}"))
    else:
        connection.execute(text("ALTER TABLE log_node DISABLE TRIGGER ALL"))


TAMPERING = {
    "a hole": delete(log_node).where(log_node.c.lvl == 1, log_node.c.n == 1),
    "a lost beginning": delete(log_node).where(log_node.c.lvl == 1, log_node.c.n == 0),
    "another hash": update(log_node).where(log_node.c.lvl == 1, log_node.c.n == 1).values(hash=b"\x05" * 32),
    "another place": update(log_node).where(log_node.c.lvl == 1, log_node.c.n == 2).values(n=7),
    "a subtree that is not full": insert(log_node).values(lvl=1, n=3, hash=b"\x05" * 32),
    "a level that nothing fills": insert(log_node).values(lvl=3, n=0, hash=b"\x05" * 32),
}


@pytest.mark.parametrize("tampering", TAMPERING.values(), ids=TAMPERING)
def test_a_kept_subtree_that_is_wrong_or_missing_before_another_is_found(database: Database, tampering: Any) -> None:
    append(database, 3 * FAN_OUT + 1)
    close_subtrees(database)
    database.write(disarm)
    database.write(lambda connection: connection.execute(tampering))
    with pytest.raises(Broken, match="subtrees"):
        verify(database.read)


def test_the_newest_subtrees_may_be_lost_and_are_closed_again(database: Database) -> None:
    append(database, 3 * FAN_OUT)
    close_subtrees(database)
    database.write(disarm)
    database.write(lambda connection: connection.execute(delete(log_node).where(log_node.c.n == 2)))
    with database.read() as connection:
        root = verify(database.read).root
        assert KeptTree.of(connection).root(3 * FAN_OUT) == root
    close_subtrees(database)
    assert kept(database) == [(1, 0), (1, 1), (1, 2)]


def test_a_hole_in_what_is_kept_gives_no_proof(database: Database) -> None:
    append(database, 3 * FAN_OUT)
    close_subtrees(database)
    database.write(disarm)
    database.write(lambda connection: connection.execute(TAMPERING["a hole"]))
    with database.read() as connection, pytest.raises(Broken, match="what is kept of their hashes"):
        KeptTree.of(connection).root(3 * FAN_OUT)


def test_a_log_that_lost_an_event_is_told_of_once_and_does_not_stop_the_keeper(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    append(database, FAN_OUT - 1)
    database.write(lambda connection: connection.execute(update(log_head).values(size=FAN_OUT)))
    keeper = TreeKeeper(database)
    with caplog.at_level(logging.ERROR):
        keeper.look()
        keeper.look()
    (told,) = (record.getMessage() for record in caplog.records)
    assert told.startswith("subtrees of the log are not closed: consent log: events from 0 on are missing")
    with database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(log_node)) == 0
