import json
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select, text, update

from evidence.anchor_levels import Level
from evidence.checkpoints import Checkpoint, TlogProof
from evidence.events import Event
from evidence.merkle import leaf_hash, root_of
from evidence.merkle_proofs import NotProven
from evidence.notes import Note, Signer, verified
from storage.database.engine import Database
from storage.database.tables import log_checkpoint, log_head, log_leaf
from storage.errors import Broken, Unavailable
from storage.log import anchors, checkpoints, consent_log
from storage.log.checkpoints import SignedCheckpoint, Signing
from storage.log.followed_log import Held
from storage.log.proofs import Prover
from storage.log.verification import verify
from storage.moment import Moment
from tests.conftest import NOON

SEED, NEXT_SEED = b"\x07" * 32, b"\x08" * 32
SIGNING = Signing("support.example", [SEED])


def moment(minutes: float = 0) -> Moment:
    return Moment(NOON + timedelta(minutes=minutes), os.urandom)


def append(database: Database, count: int = 1) -> None:
    events = [Event("selftest.passed", {"calls": n}) for n in range(count)]
    database.write(lambda connection: consent_log.append_events(connection, moment(), *events))


def sign(database: Database, signing: Signing = SIGNING, minutes: float = 0) -> SignedCheckpoint:
    return database.write(lambda connection: checkpoints.sign(connection, moment(minutes), signing))


def types(database: Database) -> list[str]:
    with database.read() as connection:
        return [json.loads(leaf)["type"] for leaf in consent_log.leaves(connection)]


def test_a_checkpoint_is_signed_in_the_logs_name_over_the_root_of_every_leaf(database: Database) -> None:
    append(database, 700)
    signed = sign(database)
    with database.read() as connection:
        hashes = [leaf_hash(leaf.encode()) for leaf in consent_log.leaves(connection)]
        (vkey,) = checkpoints.vkeys(connection)
        assert checkpoints.newest(connection) == signed
    assert Checkpoint.of(signed.note) == Checkpoint(vkey.name, 702, root_of(hashes))
    assert vkey.name.startswith("support.example/onrecord/")
    assert [one.vkey for one in verified(signed.note, [vkey])] == [vkey]
    assert vkey.key == Signer("", SEED).vkey.key


def test_the_log_says_its_name_and_key_before_it_signs_in_it(database: Database) -> None:
    sign(database)
    assert types(database) == ["log.named", "key.introduced"]


def test_of_two_who_sign_at_once_one_waits_and_neither_takes_the_other_for_a_forger(database: Database) -> None:
    def append_and_sign(_: int) -> None:
        for _ in range(30):
            append(database)
            sign(database)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(append_and_sign, range(4)))
    with database.read() as connection:
        assert len(checkpoints.origins(connection)) == 1
        newest = checkpoints.newest(connection)
        assert newest
        assert newest.size == consent_log.size(connection) == 122


def test_signing_again_without_news_gives_the_same_checkpoint(database: Database) -> None:
    assert sign(database) == sign(database, minutes=5)


def test_a_checkpoint_is_due_with_news_and_once_a_minute(database: Database) -> None:
    def due(minutes: float) -> bool:
        with database.read() as connection:
            return checkpoints.is_due(connection, moment(minutes).at)

    assert not due(0)
    append(database)
    assert due(0)
    sign(database)
    assert not due(2)
    append(database)
    assert not due(0.9)
    assert due(1)


def test_a_rotated_key_is_told_and_both_sign_for_a_while(database: Database) -> None:
    first = sign(database)
    rotated = sign(database, Signing("support.example", [NEXT_SEED, SEED]), minutes=1)
    with database.read() as connection:
        old, new = checkpoints.vkeys(connection)
    assert types(database)[-1] == "key.rotated"
    assert [one.vkey for one in verified(rotated.note, [old, new])] == [new, old]
    assert [one.vkey for one in verified(first.note, [old, new])] == [old]
    append(database)
    alone = sign(database, Signing("support.example", [NEXT_SEED]))
    assert [one.vkey for one in verified(alone.note, [old, new])] == [new]


@pytest.mark.parametrize("table", ["log_checkpoint", "log_anchor", "log_origin", "log_key"])
def test_what_was_signed_refuses_to_be_changed(database: Database, table: str) -> None:
    signed = sign(database)
    database.write(lambda connection: anchors.add(connection, moment(), signed, "file", "anchors.txt", b"line"))
    column = {"log_checkpoint": "note", "log_anchor": "place", "log_origin": "origin", "log_key": "vkey"}[table]
    for change in (f"UPDATE {table} SET {column} = 'x'", f"DELETE FROM {table}"):
        with pytest.raises((Broken, Unavailable), match="append-only"):
            database.write(lambda connection, change=change: connection.execute(text(change)))  # type: ignore[misc]  # mypy and defaults


def disarm(connection: Connection) -> None:
    """What somebody who owns the database can do before changing history."""
    if connection.dialect.name == "sqlite":
        for name in ("log_leaf_no_update", "log_leaf_no_delete", "log_node_no_update", "log_node_no_delete"):
            connection.execute(text(f"DROP TRIGGER {name}"))
    else:
        for table in ("log_leaf", "log_node"):
            connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))


def forge(connection: Connection, index: int = 3) -> None:
    """One event is another, and the tree above it is as if it had always been."""
    disarm(connection)
    line = '{"forged":true,"ts":"2026-11-22T12:00:00.000Z","type":"self.test","v":1}'
    changed: dict[str, Any] = {"leaf": line, "hash": leaf_hash(line.encode())}
    connection.execute(update(log_leaf).where(log_leaf.c.idx == index).values(changed))


def test_a_log_that_was_rewritten_is_not_signed_again(database: Database) -> None:
    append(database, 10)
    signed = sign(database)
    append(database)
    database.write(forge)
    with pytest.raises(Broken, match="not those that were signed at 2026-"):
        sign(database, minutes=2)
    assert verify(database.read).size == 13  # by itself it looks whole
    with pytest.raises(Broken, match=r"first 12 events are not those of the checkpoint in a drawer"):
        verify(database.read, [Held(signed.checkpoint, "in a drawer")])


def test_a_log_that_lost_its_end_is_told_from_one_that_was_rewritten(database: Database) -> None:
    append(database, 10)
    signed = sign(database)

    def cut(connection: Connection) -> None:
        disarm(connection)
        connection.execute(log_leaf.delete().where(log_leaf.c.idx >= 10))
        connection.execute(update(log_head).values(size=10))

    database.write(cut)
    with pytest.raises(Broken, match="it has 10 events, and 12 when .* was signed"):
        verify(database.read, [Held(signed.checkpoint, "in a drawer")])
    with pytest.raises(Broken, match="not those that were signed"):
        sign(database)


def test_checkpoints_of_every_size_hold_of_the_log_they_were_made_of(database: Database) -> None:
    for _ in range(6):
        append(database, 50)
        sign(database)
    held = [Held(Checkpoint.of(note), "here") for note in checkpoints.all_notes(database.read)]
    assert verify(database.read, [*held[::-1], Held(Checkpoint("x", 0, root_of([])), "of nothing")]).checkpoints == 7


def test_after_a_restored_backup_the_log_goes_on_under_a_name_of_its_own(database: Database) -> None:
    append(database, 3)
    before = sign(database)
    elsewhere = Note.parse(str(before.note).replace(f"\n{before.size}\n", "\n900\n"))
    resumed = database.write(lambda connection: checkpoints.resume(connection, moment(), SIGNING, elsewhere))
    assert resumed.checkpoint.origin != before.checkpoint.origin
    assert types(database)[-3:] == ["backup.restored", "log.named", "key.introduced"]
    with database.read() as connection:
        told = json.loads(list(consent_log.leaves(connection))[-3])
        origin = checkpoints.current_origin(connection)
        assert [vkey.name for vkey in checkpoints.vkeys(connection)] == [
            before.checkpoint.origin,
            resumed.checkpoint.origin,
        ]
    assert (told["over_size"], told["restored_size"], told["over_origin"]) == (900, 5, before.checkpoint.origin)
    assert origin
    assert origin.resumed_over == str(elsewhere)


def test_an_event_is_proven_once_a_checkpoint_covers_it(database: Database) -> None:
    append(database, 300)
    with database.read() as connection:
        assert Prover(connection).proof(7) is None
    signed = sign(database)
    append(database)
    with database.read() as connection:
        assert Prover(connection).proof(302) is None
        for index in (0, 7, 255, 256, 301):
            leaf = connection.scalar(select(log_leaf.c.leaf).where(log_leaf.c.idx == index))
            assert leaf
            proof = TlogProof.parse(str(Prover(connection).proof(index)))
            assert proof.check(leaf_hash(leaf.encode())) == signed.checkpoint
            with pytest.raises(NotProven):
                proof.check(leaf_hash(b"another"))


def test_an_anchor_counts_for_what_came_before_it_and_not_for_what_came_after(database: Database) -> None:
    first = sign(database)
    append(database)
    second = sign(database)
    database.write(lambda connection: anchors.add(connection, moment(), second, "s3", "s3://b/p", b"{}"))
    append(database)
    third = sign(database)
    with database.read() as connection:
        levels = [anchors.level_of(connection, one.size) for one in (first, second, third)]
    assert levels == [Level.S3, Level.S3, Level.SELF_SIGNED]
    database.write(lambda connection: anchors.add(connection, moment(), third, "file", "anchors.txt", b"line"))
    with database.read() as connection:
        assert [anchors.level_of(connection, one.size) for one in (second, third)] == [Level.S3, Level.FILE]


def test_anchors_alone_are_no_news(database: Database) -> None:
    append(database)
    signed = sign(database)
    database.write(lambda connection: anchors.add(connection, moment(), signed, "file", "anchors.txt", b"line"))
    with database.read() as connection:
        assert not anchors.has_news_since(connection, signed.size)
        assert anchors.has_news_since(connection, signed.size - 1)
    append(database)
    with database.read() as connection:
        assert anchors.has_news_since(connection, signed.size)


def test_nothing_signed_says_who_holds_it(database: Database) -> None:
    assert "proves nothing against the operator" in str(Level.SELF_SIGNED)
    with database.read() as connection:
        assert checkpoints.newest(connection) is None
        assert connection.execute(select(log_checkpoint)).first() is None


def test_no_checkpoint_covers_an_event_that_can_still_vanish(database: Database) -> None:
    """Whoever signs leaves out what others have placed and not committed: on Postgres at once, on SQLite when it is
    known what becomes of it.
    """
    sign(database)
    with ThreadPoolExecutor(1) as threads:
        with database.engine.connect() as writing, writing.begin() as begun:
            consent_log.append_events(writing, moment(), Event("selftest.passed"))
            assert consent_log.size(writing) == 3
            signing = threads.submit(sign, database, SIGNING, 2)
            if database.dialect == "postgresql":
                assert signing.result(30).size == 2
            begun.rollback()
        assert signing.result().size == 2
    append(database)
    assert sign(database, minutes=4).size == 3
    assert types(database) == ["log.named", "key.introduced", "selftest.passed"]
