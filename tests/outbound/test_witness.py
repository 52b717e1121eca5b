"""A witness cosigns what goes on from what it has seen, and whoever rewrites the log can't have its signature."""

import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256

import pytest

from evidence.anchor_levels import Level
from evidence.checkpoints import Checkpoint
from evidence.merkle import leaf_hash, root_of
from evidence.merkle_proofs import consistency_path
from evidence.notes import Signed, Vkey, verified
from onrecord.settings.key_file import read_keys
from outbound.bounded_http import Limits
from outbound.witness import Witness
from storage.errors import Broken, Refused, Unavailable
from storage.log import anchors, checkpoints
from storage.log.checkpoints import SignedCheckpoint
from storage.log.tree import KeptTree
from tests.compliance.signed_log import ON_SQLITE, SignedLog, rewrite
from tests.evidence.test_merkle_proofs import subtree_of
from tests.outbound.a_witness import NOON, Answer, TheWitness, a_witness, goes_on


@pytest.fixture
def witness() -> Iterator[TheWitness]:
    with a_witness() as witness:
        yield witness


@pytest.fixture
def log(signed_log: SignedLog, witness: TheWitness) -> SignedLog:
    """A log that the witness knows."""
    signed_log.environ["ONRECORD_WITNESS"] = witness.setting
    signed_log.happens(5)
    signed_log.anchoring.sign()
    witness.trusts(signed_log.vkeys()[0])
    return signed_log


def give(log: SignedLog) -> SignedCheckpoint:
    """Sign what there is, and ask the witness to cosign it."""
    log.anchoring.sign()
    return log.anchoring.anchor(log.target("witness"))


def in_full(log: SignedLog) -> SignedCheckpoint:
    """The newest checkpoint that the witness has, with its signature."""
    with log.database.read() as connection:
        known = checkpoints.at_size(connection, log.held("witness")[-1].size)
        assert known
        return anchors.cosigned(connection, known)


def test_the_first_checkpoint_is_cosigned_and_the_signature_is_kept(log: SignedLog, witness: TheWitness) -> None:
    known = give(log)
    assert witness.latest == {known.checkpoint.origin: (known.size, known.checkpoint.root)}
    (kept,) = log.held("witness")
    assert kept.receipt.decode() == witness.cosignature(known.note.text)
    vkey = Vkey.parse(witness.setting.split(" ")[0])
    assert verified(in_full(log).note, [vkey]) == [Signed(vkey, NOON)]
    with log.database.read() as connection:
        assert anchors.level_of(connection, known.size) is Level.WITNESS


def test_a_later_checkpoint_comes_with_the_proof_that_it_goes_on(log: SignedLog, witness: TheWitness) -> None:
    for count in (1, 300, 7, 500):
        known = give(log)
        assert witness.latest[known.checkpoint.origin] == (known.size, known.checkpoint.root)
        log.happens(count)
    assert len(witness.asked) == 4
    assert [asked.split("\n")[0] for asked in witness.asked[1:]] == [f"old {one.size}" for one in log.held("witness")][
        :3
    ]


@ON_SQLITE
def test_a_witness_that_has_seen_more_or_less_than_we_remember_says_so_and_is_asked_again(
    log: SignedLog, witness: TheWitness
) -> None:
    first = give(log)
    log.happens(20)
    with log.database.read() as connection:  # cosigned, and the answer was lost
        witness.latest[first.checkpoint.origin] = (9, KeptTree.of(connection).root(9))
    known = give(log)
    assert [asked.split("\n")[0] for asked in witness.asked[1:]] == [f"old {first.size}", "old 9"]
    assert witness.latest[known.checkpoint.origin][0] == known.size
    witness.latest.clear()  # it lost what it knew
    log.happens()
    assert give(log).size == witness.latest[known.checkpoint.origin][0]


@ON_SQLITE
def test_giving_the_same_checkpoint_again_is_fine(log: SignedLog, witness: TheWitness) -> None:
    log.anchoring.sign()
    for _ in range(2):
        log.anchoring.anchor(log.target("witness"))
    assert [one.size for one in log.held("witness")] == [7, 7]
    assert len(in_full(log).note.signatures) == 2  # the log's and the witness's, which is there once


@ON_SQLITE
def test_a_log_that_the_witness_does_not_know_is_a_person_s_matter(log: SignedLog, witness: TheWitness) -> None:
    for said, change in (("404", witness.logs.clear), ("403", lambda: witness.trusts(log.vkeys()[0][:-44] + "A" * 44))):
        change()
        with pytest.raises(Refused, match=f"answered {said}: it does not know this log"):
            give(log)
        witness.logs.clear()
    log.anchoring.sign_where_due()
    assert [(one.kind, one.about) for one in log.incidents()] == [("not_anchored", "witness:refused:2026-11-22")]


@ON_SQLITE
@pytest.mark.parametrize(
    "answer",
    [
        Answer(200),
        Answer(200, b"<html>please sign in</html>", "text/html"),
        Answer(200, b"\xff\xfe"),
        Answer(200, "\u2014 witness.example/w1 QUJD\n".encode()),
        Answer(200, "\u2014 another.example/w2 IDJKvgAAAABrApA0amqJ1CDAb7JvNhndXCNi8w==\n".encode()),
    ],
)
def test_an_answer_without_its_signature_is_none(answer: Answer, log: SignedLog, witness: TheWitness) -> None:
    witness.instead = [answer]
    with pytest.raises(Broken, match="what it answered is no cosignature of the checkpoint"):
        give(log)
    assert log.held("witness") == []


@ON_SQLITE
def test_a_signature_over_something_else_or_by_somebody_else_is_none(log: SignedLog, witness: TheWitness) -> None:
    with a_witness() as stranger:
        text = log.anchoring.sign().note.text
        for line in (
            witness.cosignature(text.replace("\n7\n", "\n8\n")),
            stranger.cosignature(text),
            witness.cosignature(text, name="another.example/w2"),
        ):
            witness.instead = [Answer(200, line.encode())]
            with pytest.raises(Broken, match="no cosignature of the checkpoint"):
                give(log)
        witness.instead = [Answer(200, (stranger.cosignature(text) + witness.cosignature(text)).encode())]
        # The stranger goes by the same name, with a key of its own.
        assert give(log)
    assert log.held("witness")[0].receipt.decode() == witness.cosignature(text)


@ON_SQLITE
@pytest.mark.parametrize(
    "answer", [Answer(500), Answer(302), Answer(409, b"many\n"), Answer(409, b"9" * 40), Answer(429), Answer(204)]
)
def test_what_will_pass_is_tried_again_later(answer: Answer, log: SignedLog, witness: TheWitness) -> None:
    give(log)
    log.happens()
    witness.instead = [answer]
    with pytest.raises(Unavailable, match=f"witness: answered {answer.status}"):
        give(log)
    assert give(log).size == witness.latest[log.anchoring.sign().checkpoint.origin][0]


@ON_SQLITE
def test_a_witness_that_says_nothing_is_not_waited_for(log: SignedLog, witness: TheWitness) -> None:
    witness.wait = threading.Event()
    asked = replace(Witness.of(witness.setting), limits=Limits(connect_s=1, read_s=0.1, answer_s=0.2))
    try:
        with pytest.raises(Unavailable, match="witness: no answer"):
            asked.cosign(log.anchoring.sign(), 0, lambda *_: [])
    finally:
        witness.wait.set()


def test_a_witness_that_is_gone_is_unavailable_and_keeps_nobody_else_from_holding_it(signed_log: SignedLog) -> None:
    with a_witness() as gone:
        signed_log.environ["ONRECORD_WITNESS"] = gone.setting
    signed_log.happens()
    signed_log.anchoring.sign_where_due()
    assert len(signed_log.held("file")) == 1
    with pytest.raises(Unavailable, match="witness: no answer"):
        give(signed_log)


def test_an_insider_who_rewrites_everything_is_caught_by_the_witness(log: SignedLog, witness: TheWitness) -> None:
    give(log)
    log.happens(300)
    log.passes(hours=2)
    log.anchoring.sign_where_due()
    assert witness.forks == []
    rewrite(log.database, 4, read_keys(log.key_file).log_signing_seed)
    log.anchor_file.unlink()
    log.file.newest_path.unlink()
    log.happens()
    log.passes(hours=2)
    log.anchoring.sign_where_due()  # it signs: all that is here agrees with itself
    assert log.signed()[-1] > log.held("witness")[-1].size
    (found,) = log.incidents()
    assert (found.kind, found.about) == ("not_anchored", "witness:broken:2026-11-22")
    assert "it knows another log" in found.detail
    (fork,) = witness.forks  # and the witness has it in writing, with the log's own signature
    assert fork.startswith(log.anchoring.sign().checkpoint.origin)


@ON_SQLITE
def test_another_history_of_just_the_same_length_is_caught_too(log: SignedLog, witness: TheWitness) -> None:
    known = give(log)
    with log.database.read() as connection:
        rest = log.size() - known.size
        assert rest == 1  # that it is anchored, and nothing else
        assert anchors.has_news_since(connection, known.size) is False
    forged = Checkpoint(known.checkpoint.origin, known.size, b"\x01" * 32)
    witness.latest[forged.origin] = (forged.size, forged.root)
    with pytest.raises(Broken, match=f"it has seen other events than these as the first {known.size}"):
        log.target("witness").give(known, known.size, log.anchoring.moment())
    with pytest.raises(Broken, match="it has seen other events"):
        log.target("witness").give(known, 0, log.anchoring.moment())


@ON_SQLITE
def test_a_witness_that_has_seen_more_than_the_log_has_shows_that_it_was_cut(
    log: SignedLog, witness: TheWitness
) -> None:
    known = give(log)
    witness.latest[known.checkpoint.origin] = (900, b"\x01" * 32)
    log.happens()
    with pytest.raises(Broken, match="it has seen 900 events of this log, and the log has 9: events were removed"):
        give(log)


@ON_SQLITE
def test_of_two_who_ask_at_once_the_slower_one_raises_no_alarm(log: SignedLog, witness: TheWitness) -> None:
    slower = give(log)
    log.happens(3)
    give(log)
    with pytest.raises(Unavailable, match="somebody gave it a later checkpoint meanwhile"):
        log.target("witness").give(slower, 0, log.anchoring.moment())


@ON_SQLITE
def test_the_witness_is_told_nothing_but_the_checkpoint_and_the_proof(log: SignedLog, witness: TheWitness) -> None:
    give(log)
    log.happens(40)
    give(log)
    shape = r"old \d+\n(?:[A-Za-z0-9+/]{43}=\n)*\n[^\n]+\n\d+\n[A-Za-z0-9+/]{43}=\n\n(?:\u2014 [^\n]+\n)+"
    assert all(re.fullmatch(shape, asked) for asked in witness.asked)


def test_the_stand_in_takes_every_true_proof_and_no_other() -> None:
    """A witness that agrees to everything would make these tests worthless."""
    hashes = [leaf_hash(str(n).encode()) for n in range(20)]
    roots = [root_of(hashes[:n]) for n in range(21)]
    for old in range(1, 20):
        for size in range(old, 21):
            path = consistency_path(old, size, subtree_of(hashes))
            assert goes_on(old, roots[old], size, roots[size], path)
            assert not goes_on(old, sha256(b"x").digest(), size, roots[size], path)
            assert not goes_on(old, roots[old], size, sha256(b"x").digest(), path)
            assert not goes_on(old, roots[old], size, roots[size], [*path, b"\x00" * 32])
            assert not path or not goes_on(old, roots[old], size, roots[size], path[:-1])
