import json
from base64 import b64encode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.checkpoints import Checkpoint, TlogProof, consistency_text
from evidence.merkle import leaf_hash, root_of
from evidence.merkle_proofs import NotProven, consistency_path, inclusion_path
from evidence.notes import NotANote, Note, NotSigned, Signer, Vkey, cosigned_text, verified
from tests.evidence.test_merkle_proofs import subtree_of

VECTOR = json.loads(Path(__file__).with_name("tlog-vector.json").read_text())
LOG = Signer("callflow.example/test", bytes.fromhex(VECTOR["log_seed_hex"]))
LOG_VKEY, WITNESS_VKEY = Vkey.parse(VECTOR["log_vkey"]), Vkey.parse(VECTOR["witness_vkey"])
HASHES = [leaf_hash(leaf.encode()) for leaf in VECTOR["leaves"]]
COSIGNED = Note.parse(VECTOR["checkpoint5_cosigned"])


def test_the_published_vector_is_met_byte_for_byte() -> None:
    assert str(LOG.vkey) == VECTOR["log_vkey"]
    assert LOG.vkey.id.hex() == VECTOR["log_key_id_hex"]
    assert WITNESS_VKEY.id.hex() == VECTOR["witness_key_id_hex"]
    for size in (3, 5):
        text = Checkpoint(LOG.name, size, root_of(HASHES[:size])).text
        assert str(Note(text, (LOG.sign(text),))) == VECTOR[f"checkpoint{size}"]
    path = tuple(inclusion_path(2, 5, subtree_of(HASHES)))
    assert str(TlogProof(2, path, COSIGNED)) == VECTOR["tlog_proof_index2"]
    asked = consistency_text(3, consistency_path(3, 5, subtree_of(HASHES)), Note.parse(VECTOR["checkpoint5"]))
    assert asked == VECTOR["add_checkpoint_body"]
    assert cosigned_text(COSIGNED.text, 1795330100) == VECTOR["cosigned_message"]


def test_a_note_reads_back_as_it_was_written() -> None:
    for written in (VECTOR["checkpoint5"], VECTOR["checkpoint5_cosigned"]):
        assert str(Note.parse(written)) == written
    proof = TlogProof.parse(VECTOR["tlog_proof_index2"])
    assert str(proof) == VECTOR["tlog_proof_index2"]
    assert proof.check(HASHES[2]) == Checkpoint(LOG.name, 5, root_of(HASHES))


def test_log_and_witness_are_known_by_their_keys_and_the_witness_says_when() -> None:
    signed = verified(COSIGNED, [LOG_VKEY, WITNESS_VKEY])
    assert [(one.vkey, one.at) for one in signed] == [(LOG_VKEY, None), (WITNESS_VKEY, 1795330100)]
    assert verified(COSIGNED, []) == []


def test_a_stranger_under_the_same_name_is_passed_over() -> None:
    stranger = Signer(LOG.name, b"\x01" * 32)
    note = Note(COSIGNED.text, (stranger.sign(COSIGNED.text),))
    assert verified(note, [LOG_VKEY]) == []
    assert len(verified(note.with_more([LOG.sign(COSIGNED.text)]), [LOG_VKEY])) == 1


@pytest.mark.parametrize("vkey", [LOG_VKEY, WITNESS_VKEY])
def test_a_known_key_whose_signature_does_not_fit_is_an_error(vkey: Vkey) -> None:
    changed = Note(COSIGNED.text.replace("\n5\n", "\n6\n"), COSIGNED.signatures)
    with pytest.raises(NotSigned, match=vkey.name):
        verified(changed, [vkey])


@given(st.integers(0, len(VECTOR["checkpoint5_cosigned"].encode()) * 8 - 1))
def test_no_flipped_bit_leaves_both_signatures_standing(bit: int) -> None:
    written = bytearray(VECTOR["checkpoint5_cosigned"].encode())
    written[bit // 8] ^= 1 << bit % 8
    try:
        signed = verified(Note.parse(written.decode()), [LOG_VKEY, WITNESS_VKEY])
    except (UnicodeDecodeError, NotANote, NotSigned):
        return
    assert len(signed) < 2


@pytest.mark.parametrize(
    "written",
    [
        "",
        "text\n",
        "text\n\n",
        "text\n\nno signature\n",
        "text\n\n— name !!!!\n",
        "text\n\n— name QUJD\n",  # three bytes: not even a key ID
        "text\n\n— na+me QUJDREVG\n",
        "text\n\n— name QUJDREVG",  # no newline at the end
        "te\x07xt\n\n— name QUJDREVG\n",
        "text\n\n- name QUJDREVG\n",
    ],
)
def test_what_is_no_note_is_refused(written: str) -> None:
    with pytest.raises(NotANote):
        Note.parse(written)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        VECTOR["log_vkey"].replace("4233a182", "4233a183"),
        VECTOR["log_vkey"].replace("test", "tesu"),
        VECTOR["log_vkey"][:-4],
        "name+00000000+" + b64encode(b"\x06" + b"k" * 32).decode(),
    ],
)
def test_what_is_no_vkey_is_refused(text: str) -> None:
    with pytest.raises(NotANote):
        Vkey.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "origin\n5\n",
        "origin\n05\nAAAA\n",
        "origin\n5\nAAAA\n",
        COSIGNED.text + "more\n",
        "\n5\nx\n",
        "o\n-1\nx\n",
        "o\n5\né\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(NotANote):
        Checkpoint.of(Note(text, ()))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("tlog-proof@v1", "tlog-proof@v2"),
        ("index 2", "index x"),
        ("index 2", "index 02"),
        ("crMq", "crM"),
        ("\n\n", "\n"),
    ],
)
def test_what_is_no_proof_is_refused(old: str, new: str) -> None:
    with pytest.raises(NotANote):
        TlogProof.parse(VECTOR["tlog_proof_index2"].replace(old, new))


def test_a_proof_of_another_event_is_none_of_this_one() -> None:
    with pytest.raises(NotProven, match="event 2"):
        TlogProof.parse(VECTOR["tlog_proof_index2"]).check(HASHES[3])


def test_nothing_is_signed_that_could_be_read_otherwise() -> None:
    for signer, text in ((Signer("two words", b"\x01" * 32), "text\n"), (LOG, "no newline")):
        with pytest.raises(NotANote):
            signer.sign(text)
