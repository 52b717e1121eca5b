"""The proof of an event needs nothing of ours: whoever saves it can check it, and what was changed has none."""

import pytest
from sqlalchemy import Connection, select, update

from compliance.call_page.event_proof import EventProof, proof_of
from evidence.anchor_levels import Level
from evidence.checkpoints import Checkpoint, TlogProof
from evidence.events import names_somebody
from evidence.merkle import leaf_hash
from evidence.merkle_proofs import NotProven
from evidence.notes import Vkey, verified
from storage.database.tables import log_leaf
from storage.errors import Broken
from storage.log import anchors, checkpoints
from storage.log.checkpoints import SignedCheckpoint, Signing
from tests.compliance.signed_log import disarm
from tests.faults.premises import ONE_MACHINE, Premises

SIGNING = Signing("x.example", [b"k" * 32])


def sign(premises: Premises) -> SignedCheckpoint:
    return premises.write(lambda connection: checkpoints.sign(connection, premises.moment(), SIGNING))


def proven(premises: Premises, index: int) -> EventProof:
    with premises.shop.database.read() as connection:
        found = proof_of(connection, index)
    assert found is not None
    return found


def test_every_event_of_a_call_has_a_proof_that_its_files_alone_carry(premises: Premises) -> None:
    one = premises.stored()
    signed = sign(premises)
    for event in premises.story(one).events:
        found = proven(premises, event["index"])
        name = f"event-{found.index:012d}"
        files = found.files()
        assert files.keys() == {f"{name}.json", f"{name}.tlog-proof", "keys.txt", "README.txt"}
        proof = TlogProof.parse(files[f"{name}.tlog-proof"].decode())
        checkpoint = proof.check(leaf_hash(files[f"{name}.json"]))
        keys = [Vkey.parse(line) for line in files["keys.txt"].decode().splitlines()]
        assert verified(proof.checkpoint, keys)
        assert (checkpoint.size, found.size, found.not_yet) == (signed.size, signed.size, "")
        assert found.call_id == one.call_id
        assert f"onrecord log export --call {one.call_id}" in files["README.txt"].decode()
        # A signature's base64 may hold what looks like a number: it is not among what can name anybody.
        assert not names_somebody((files[f"{name}.json"] + files["README.txt"]).decode())


@ONE_MACHINE
def test_a_line_that_was_changed_does_not_fit_its_proof(premises: Premises) -> None:
    premises.stored()
    sign(premises)
    found = proven(premises, 0)
    assert found.proof is not None
    with pytest.raises(NotProven):
        found.proof.check(leaf_hash(found.leaf.replace("opt_in", "notice").encode()))


@ONE_MACHINE
def test_an_event_that_no_checkpoint_covers_says_so(premises: Premises) -> None:
    premises.stored()
    early = proven(premises, 0)
    assert (early.proof, early.size) == (None, 0)
    assert early.not_yet.startswith("No checkpoint covers event 0 yet. The log is signed at most every 60 seconds")
    assert early.files().keys() == {"event-000000000000.json", "README.txt"}
    signed = sign(premises)
    premises.call()
    assert proven(premises, signed.size - 1).proof is not None
    assert proven(premises, signed.size).not_yet


@ONE_MACHINE
def test_there_is_no_proof_of_an_event_that_is_not_there(premises: Premises) -> None:
    with premises.shop.database.read() as connection:
        assert proof_of(connection, 7) is None
        assert proof_of(connection, -1) is None


@ONE_MACHINE
def test_no_proof_is_made_of_what_was_changed_since_it_was_signed(premises: Premises) -> None:
    premises.stored()
    sign(premises)

    def forge(connection: Connection) -> None:
        disarm(connection, "log_leaf")
        leaf = connection.execute(select(log_leaf.c.leaf).where(log_leaf.c.idx == 0)).scalar_one()
        leaf = leaf.replace("opt_in", "notice")
        changed = {"leaf": leaf, "hash": leaf_hash(leaf.encode())}
        connection.execute(update(log_leaf).where(log_leaf.c.idx == 0).values(changed))

    premises.write(forge)
    with pytest.raises(Broken, match="event 0 is not as it was signed"):
        proven(premises, 0)


@ONE_MACHINE
def test_a_proof_says_who_else_holds_the_checkpoint(premises: Premises) -> None:
    premises.stored()
    signed = sign(premises)
    assert proven(premises, 0).level is Level.SELF_SIGNED

    def hold(connection: Connection) -> None:
        line = str(Checkpoint.of(signed.note)).encode()
        anchors.add(connection, premises.moment(), signed, "file", "anchors.txt", line)

    premises.write(hold)
    found = proven(premises, 0)
    assert found.level is Level.FILE
    assert "level 1" in found.files()["README.txt"].decode()
