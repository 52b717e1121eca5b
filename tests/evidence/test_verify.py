"""The program that is handed out, against an operator who has the log's key and wants its reader to believe what is
not so; and as its reader: each line that it prints is true.
"""

import os
import random
import runpy
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from evidence.merkle import root_of
from evidence.notes import COSIGNATURE, Note, Signature, Signer, Vkey, cosigned_text
from tests.evidence.cheats import SIGNER, Files, Log, disclosure, event, renumbered, sealed, signed
from tests.source import HANDED_OUT, ROOT

PROGRAM = runpy.run_path(str(ROOT / HANDED_OUT))
VKEY = str(SIGNER.vkey)
CALL = [event("call.received", call="c1", n=0), event("consent.choice", answer="declined", call="c1", n=1)]
LOG = Log([event("log.named"), *CALL, event("selftest.passed")])
WORDS = b'{"disclosure": "This call is recorded."}\n'
WORDS_SHA256 = sha256(WORDS).hexdigest()
SERVED = Log([event("disclosure.served", call="c1", n=0, prompt_sha256=WORDS_SHA256)])


def put(files: Files, folder: Path) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def told(files: Files, folder: Path, *kept: str, key: str = VKEY, witnesses: tuple[str, ...] = ()) -> list[str]:
    found: list[str] = list(PROGRAM["verify"](put(files, folder / "bundle"), [key], list(witnesses), list(kept)))
    return found


def ran(*arguments: str | Path, flags: tuple[str, ...] = (), **environ: str) -> tuple[int, str, str]:
    command = [sys.executable, *flags, *map(str, arguments)]
    run = subprocess.run(command, capture_output=True, encoding="utf-8", check=False, env=environ, timeout=60)
    return run.returncode, run.stdout, run.stderr


def test_an_event_that_two_readers_would_read_differently_is_none(tmp_path: Path) -> None:
    for leaf in (
        '{"answer":"declined","answer":"accepted","ts":"t","type":"x"}',
        '{"ts":"t", "type":"x"}',
        '{"type":"x","ts":"t"}',
    ):
        with pytest.raises(ValueError, match="can be read in two ways"):
            told(Log([leaf]).whole(), tmp_path)


@pytest.mark.parametrize("said", [7, -1, 4, 11])
def test_an_event_is_nowhere_but_at_its_own_place(tmp_path: Path, said: int) -> None:
    with pytest.raises(ValueError, match="a proof names an event beyond the log's end"):
        told(renumbered(LOG.part(3), 3, said), tmp_path)


def test_an_event_is_shown_once_and_in_its_order(tmp_path: Path) -> None:
    files = LOG.part(0, 3)
    names = sorted(name for name in files if name.startswith("proofs/"))
    lines = files["events.jsonl"].splitlines(True)
    twice = files | {names[1]: files[names[0]], "events.jsonl": lines[0] * 2}
    turned = files | {names[0]: files[names[1]], names[1]: files[names[0]], "events.jsonl": lines[1] + lines[0]}
    for cheat in (twice, turned):
        with pytest.raises(ValueError, match="are not each there once"):
            told(sealed(cheat), tmp_path)


def test_no_proof_is_longer_than_the_log_is_high(tmp_path: Path) -> None:
    leaf = event("x")
    root = root_of([b"\x05" * 32, sha256(b"\0" + leaf.encode()).digest()])
    files = Log([leaf]).part(0)
    note = str(signed(1, root))
    proof = f"c2sp.org/tlog-proof@v1\nindex 0\n{'BQUF' * 10}BQU=\n\n{note}"
    files |= {"checkpoint": note.encode(), "proofs/000000000000.tlog-proof": proof.encode()}
    with pytest.raises(ValueError, match="is too long"):
        told(sealed(files), tmp_path)


def test_an_event_of_a_call_has_its_number(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        told(Log([event("consent.choice", call="c1")]).whole(), tmp_path)


@pytest.mark.parametrize(
    "after",
    [
        event("consent.choice", call="c1", n=2),
        event("consent.choice", call="c1", n=0),
        event("call.completed", call="c1", n=1, events=3),
        event("call.completed", call="c1", n=2, events=2),
    ],
)
def test_an_event_of_a_call_is_the_next_and_its_end_says_how_many_there_were(tmp_path: Path, after: str) -> None:
    right = event("call.completed", call="c1", n=1, events=2)
    assert told(Log([CALL[0], event("log.named"), right]).whole(), tmp_path / "right")
    with pytest.raises(ValueError, match="event 1 of call c1 is out of order: one was left out"):
        told(Log([CALL[0], after]).whole(), tmp_path / "wrong")


@pytest.mark.parametrize("name", ["events.jsonl", "disclosures.jsonl"])
def test_a_last_line_that_no_newline_ends_is_not_passed_over(tmp_path: Path, name: str) -> None:
    files = LOG.whole()
    with pytest.raises(ValueError, match="cut off"):
        told(sealed({**files, name: files[name] + b'{"type":"call.received"}'}), tmp_path)


@pytest.mark.parametrize("size", [0, -1, 5])
def test_an_older_checkpoint_of_no_size_or_too_great_a_size_is_none(tmp_path: Path, size: int) -> None:
    older = f"old {size}\n\n{signed(size, root_of([]))}".encode()
    with pytest.raises(ValueError, match="not append-only"):
        told(sealed({**LOG.part(3), "consistency/000000000000": older}), tmp_path)


@pytest.mark.parametrize(
    ("name", "other"), [("prompts/{}.json", "rules/{}.toml"), ("prompts/{}.txt", "prompts/{}.json")]
)
def test_every_file_that_is_named_by_its_hash_has_that_hash(tmp_path: Path, name: str, other: str) -> None:
    name, other = name.format(WORDS_SHA256), other.format(WORDS_SHA256)
    assert told(SERVED.whole({name: WORDS}), tmp_path / "right")
    for at, texts in enumerate(({name: WORDS, other: b"lies"}, {name: b"lies", other: WORDS})):
        with pytest.raises(ValueError, match="a text that is not the one an event names"):
            told(SERVED.whole(texts), tmp_path / str(at))


def test_words_that_no_event_names_have_no_place_in_a_bundle(tmp_path: Path) -> None:
    more = b'{"disclosure": "You may hang up."}\n'
    texts = {f"prompts/{WORDS_SHA256}.json": WORDS, f"prompts/{sha256(more).hexdigest()}.wav": more}
    with pytest.raises(ValueError, match="a text that is not the one an event names"):
        told(SERVED.whole(texts), tmp_path)


def test_what_the_provider_said_is_what_an_event_of_that_call_commits_to(tmp_path: Path) -> None:
    digest, body = disclosure("response_sha256", sha256(b"[]").hexdigest())
    log = Log([event("provider.corroborated", call="c1", n=0, sd={"response_sha256": digest})])
    said = log.part(0, bodies=[body])
    assert told(sealed(said | {"provider/c1.json": b"[]"}), tmp_path / "right")
    for at, (name, content) in enumerate([("c1", b"[1]"), ("c2", b"[]")]):
        with pytest.raises(ValueError, match="a text that is not the one an event names"):
            told(sealed({**said, f"provider/{name}.json": content}), tmp_path / str(at))


def test_what_bears_a_time_stamp_is_a_checkpoint_of_this_log(tmp_path: Path) -> None:
    assert told(LOG.whole({"anchors/2-tsa.checkpoint": str(LOG.signed(2)).encode()}), tmp_path / "right")
    for at, note in enumerate((signed(2, b"\x05" * 32), signed(9, b"\x05" * 32))):
        with pytest.raises(ValueError, match="rewritten since|no proof from your checkpoint"):
            told(LOG.whole({"anchors/2-tsa.checkpoint": str(note).encode()}), tmp_path / str(at))


def test_a_disclosure_is_of_the_event_that_it_says(tmp_path: Path) -> None:
    digest, body = disclosure("caller", "+15125550111")
    log = Log([event("call.received", call="c1", n=0, sd={"caller": digest})])
    files = log.part(0, bodies=[body])
    (line, *_) = told(files, tmp_path / "right")
    assert line.endswith("; its caller, which is disclosed, is +15125550111.")
    moved = files["disclosures.jsonl"].replace(b'"index": 0', b'"index": 1')
    with pytest.raises(ValueError, match="is of another event or field"):
        told(sealed({**files, "disclosures.jsonl": moved}), tmp_path / "moved")


def test_no_disclosure_is_there_twice(tmp_path: Path) -> None:
    digest, body = disclosure("caller", "+15125550111")
    log = Log([event("call.received", call="c1", n=0, sd={"caller": digest})])
    with pytest.raises(ValueError, match="a disclosure of event 0 is there twice"):
        told(log.part(0, bodies=[body, body]), tmp_path)


@pytest.mark.parametrize(("fields", "holds"), [(["caller"], False), (["callee"], True), ([], True)])
def test_what_was_erased_is_disclosed_no_more(tmp_path: Path, fields: list[str], holds: bool) -> None:
    digest, body = disclosure("caller", "+15125550111")
    erased = event("privacy.erased", call="c1", n=1, basis="gdpr-17", fields=fields)
    log = Log([event("call.received", call="c1", n=0, sd={"caller": digest}), erased])
    assert told(log.part(0, bodies=[body]), tmp_path / "before")
    if holds:
        assert told(log.part(0, 1, bodies=[body]), tmp_path / "after")
        return
    with pytest.raises(ValueError, match="what is disclosed here of call c1 was erased, as event 1 says"):
        told(log.part(0, 1, bodies=[body]), tmp_path / "after")


@pytest.mark.parametrize(
    "trick", ["a\nOK: cosigned by auditor at 1", "a\x1b[8m", "a\u2028b", "a\u202eb", "a; its digit is 1"]
)
def test_no_value_can_pass_for_a_line_or_a_field(tmp_path: Path, trick: str) -> None:
    line, *rest = told(
        Log([event("x", note=trick, **{trick.replace("\u2028", "").replace("\u202e", ""): 1})]).whole(), tmp_path
    )
    assert line.isprintable()
    assert "digit is 1" not in line.replace('"a; its digit is 1"', "")
    assert len(rest) == 2


def test_events_after_what_was_kept_are_only_the_operators_word(tmp_path: Path) -> None:
    def warned(*kept: int) -> str:
        return " ".join(
            line for line in told(LOG.whole(), tmp_path, *(str(LOG.signed(one)) for one in kept)) if line[0] == "W"
        )

    last = "event 3 (selftest.passed, dated 2026-11-25T00:00:00.000Z)"
    first = "event 1 (call.received of call c1, dated 2026-11-25T00:00:00.000Z)"
    assert f"nothing else: the last 3 of these events, from {first} to {last}. This proves nothing" in warned(1)
    assert f"nothing else: the last of these events, {last}. This proves nothing against" in warned(1, 3, 2)
    assert warned(4) == ""
    assert "nothing else. This" in warned()
    part = told(LOG.part(3, older=[2, 3]), tmp_path / "part", str(LOG.signed(3)))
    assert f"nothing else: the last of these events, {last}. This" in part[-1]
    assert part[-2] == "OK: it goes on from your checkpoint of 3 events, which had 0 of these"


def test_an_event_is_a_sentence_that_leaves_nothing_of_it_out(tmp_path: Path) -> None:
    lines = told(Log([event("log.named", origin="log.example"), *CALL]).whole(), tmp_path)
    at = "dated 2026-11-25T00:00:00.000Z"
    assert lines[:3] == [
        f"Event 0 (log.named, {at}) is of no call; its origin is log.example.",
        f"Event 1 (call.received of call c1, {at}) is number 0 of its call.",
        f"Event 2 (consent.choice of call c1, {at}) is number 1 of its call; its answer is declined.",
    ]
    odd = Log([event("x", n=7, call=None, note=[1, {"a b": None}])]).whole()
    assert told(odd, tmp_path / "odd")[0] == (
        f'Event 0 (x, {at}) is of no call; its call is null; its n is 7; its note is [1, {{"a b": null}}].'
    )


def test_of_a_part_it_says_that_it_is_one(tmp_path: Path) -> None:
    assert any(
        "whether their calls have others, only the whole log shows" in line for line in told(LOG.part(3), tmp_path)
    )
    assert not any("only the whole log" in line for line in told(LOG.whole(), tmp_path / "whole"))


def test_a_checkpoint_is_signed_by_the_log_that_the_reader_knows(tmp_path: Path) -> None:
    """Not by somebody else of the same name, whose key the bundle brings along; and none that was kept is either."""
    other = Signer(SIGNER.name, b"\x08" * 32)
    note = str(Note(LOG.signed().text, (other.sign(LOG.signed().text),)))
    files = LOG.whole()
    keys = files["keys.txt"] + f"log {other.vkey}\n".encode()
    assert told(sealed({**files, "keys.txt": keys}), tmp_path / "right")
    with pytest.raises(ValueError, match="has no signature of a key that you trust"):
        told(sealed({**files, "keys.txt": keys, "checkpoint": note.encode()}), tmp_path / "checkpoint")
    with pytest.raises(ValueError, match="has no signature of a key that you trust"):
        told(files, tmp_path / "kept", note)
    with pytest.raises(ValueError, match="is not signed with the key that you gave"):
        told(sealed({**files, "keys.txt": keys}, other), tmp_path / "manifest")


def test_a_witness_is_no_other_kind_of_key_and_has_cosigned_this_checkpoint(tmp_path: Path) -> None:
    seed = Ed25519PrivateKey.from_private_bytes(b"\x03" * 32)
    witness = Vkey("witness.example", seed.public_key().public_bytes_raw(), COSIGNATURE)

    def cosigned(text: str) -> bytes:
        value = (1700000000).to_bytes(8, "big") + seed.sign(cosigned_text(text, 1700000000).encode())
        return str(LOG.signed().with_more([Signature(witness.name, witness.id, value)])).encode()

    files = LOG.whole()
    good = sealed({**files, "checkpoint": cosigned(LOG.signed().text)})
    lines = told(good, tmp_path / "right", witnesses=(str(witness),))
    assert lines[-1] == "OK: cosigned by witness.example at 2023-11-14T22:13:20Z"
    with pytest.raises(ValueError, match="the signature of witness.example does not fit"):
        told(
            sealed({**files, "checkpoint": cosigned(LOG.signed(3).text)}), tmp_path / "other", witnesses=(str(witness),)
        )
    with pytest.raises(ValueError, match="a witness that you named has not cosigned"):
        told(files, tmp_path / "none", witnesses=(str(witness),))
    code, out, said = ran(ROOT / HANDED_OUT, tmp_path / "right/bundle", "--witness", VKEY)
    assert (code, out) == (2, "")
    assert "not the key of a witness" in said


def test_what_is_no_text_does_no_harm(tmp_path: Path) -> None:
    assert told(LOG.whole({"anchors/000000000004-tsa.tsr": b"\xff\xfe"}), tmp_path)[-1].startswith("WARNING")


def beside(folder: Path, name: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


STRANGERS: dict[str, Callable[[Path], object]] = {
    ".DS_Store": lambda folder: beside(folder, ".DS_Store").write_bytes(b"\xff"),
    "proofs/._x": lambda folder: beside(folder, "proofs/._x").write_bytes(b""),
    ".git/config": lambda folder: beside(folder, ".git/config").write_text("x"),
    "readme.txt": lambda folder: beside(folder, "readme.txt").write_text("read me\n"),
    "Proofs": lambda folder: (folder / "Proofs").mkdir(),
    "README.txt ": lambda folder: beside(folder, "README.txt ").write_text("read me\n"),
    "re\u0301sume\u0301.txt": lambda folder: beside(folder, "re\u0301sume\u0301.txt").write_text("a note"),
    "manifest/x": lambda folder: beside(folder, "Manifest/manifest").write_bytes((folder / "manifest").read_bytes()),
    "link": lambda folder: (folder / "link").symlink_to("README.txt"),
    "nowhere": lambda folder: (folder / "nowhere").symlink_to("no/such/file"),
    "folder": lambda folder: (folder / "folder").symlink_to("consistency"),
    "empty": lambda folder: (folder / "empty/within").mkdir(parents=True),
    "pipe": lambda folder: os.mkfifo(folder / "pipe"),
}


@pytest.mark.parametrize("name", STRANGERS)
def test_whatever_lies_in_a_bundle_and_is_not_of_it_is_said(tmp_path: Path, name: str) -> None:
    """A hidden file, a link or a name that looks like another would be shown to somebody as a part of the evidence."""
    folder = put(LOG.part(3, older=[2]), tmp_path / "bundle")
    assert PROGRAM["verify"](folder, [VKEY], [], [])
    STRANGERS[name](folder)
    with pytest.raises(ValueError, match="is missing, new, or not as it was when the bundle was signed"):
        list(PROGRAM["verify"](folder, [VKEY], [], []))


@pytest.mark.parametrize("name", ["README.txt", "checkpoint", "manifest", "proofs"])
def test_a_link_is_none_of_the_files_that_were_signed(tmp_path: Path, name: str) -> None:
    """What it leads to can be another thing tomorrow."""
    folder = put(LOG.part(3, older=[2]), tmp_path / "bundle")
    (folder / name).rename(tmp_path / "moved")
    (folder / name).symlink_to(tmp_path / "moved")
    with pytest.raises((ValueError, LookupError)):
        list(PROGRAM["verify"](folder, [VKEY], [], []))


def test_the_readers_own_key_needs_no_word_of_the_bundle(tmp_path: Path) -> None:
    stamped = {"anchors/3-tsa.checkpoint": str(LOG.signed(3)).encode()}
    files = LOG.part(1, older=[2, 3]) | stamped | {"keys.txt": b"quorum none\n"}
    assert told(sealed(files), tmp_path, str(LOG.signed(2)))


def test_of_two_spellings_of_the_same_bytes_one_is_none() -> None:
    assert PROGRAM["unbase64"]("AA==") == b"\0"
    for other in ("AB==", "AA", "AA=", "AA==\n", "A A==", "é"):
        with pytest.raises(ValueError, match=r".+"):
            PROGRAM["unbase64"](other)


def test_a_checkpoint_that_the_bundle_does_not_reach_is_not_called_a_forgery(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no proof from your checkpoint of 2 events; ask for an export --since it"):
        told(LOG.part(3), tmp_path / "part", str(LOG.signed(2)))


@pytest.mark.parametrize("size", [5, 9])
def test_a_log_that_is_shorter_than_what_was_kept_is_called_that(tmp_path: Path, size: int) -> None:
    """No other export would bring back what is gone."""
    for at, files in enumerate((LOG.whole(), LOG.part(3))):
        with pytest.raises(
            ValueError, match=f"the log is shorter than yours: with 4 events .* of {size} events"
        ) as found:
            told(files, tmp_path / str(at), str(signed(size, b"\x05" * 32)))
        assert "--since" not in str(found.value)


def test_wrong_usage_is_not_taken_for_a_forgery(tmp_path: Path) -> None:
    folder = put(LOG.whole(), tmp_path / "bundle")
    (tmp_path / "empty").touch()
    (tmp_path / "case.zip").touch()
    wrong: list[list[str | Path]] = [
        [folder, "--key", VKEY[:-4]],
        [folder, "--key", VKEY, "--checkpoint", tmp_path / "missing"],
        [folder, "--key", VKEY, "--checkpoint", tmp_path / "empty"],
        [tmp_path / "case.zip", "--key", VKEY],
    ]
    for arguments in wrong:
        code, out, said = ran(ROOT / HANDED_OUT, *arguments)
        assert (code, out) == (2, "")
        assert "DOES NOT HOLD" not in said


@pytest.mark.parametrize("change", ["\n", "\ufeff", "\r\n"])
def test_a_kept_checkpoint_may_have_been_through_a_mail_or_an_editor(tmp_path: Path, change: str) -> None:
    folder, kept, note = put(LOG.whole(), tmp_path / "bundle"), tmp_path / "kept", str(LOG.signed())
    written = {"\n": note.rstrip(), "\ufeff": f"\ufeff{note}", "\r\n": note.replace("\n", "\r\n") + "\r\n"}
    kept.write_bytes(written[change].encode())
    code, out, said = ran(ROOT / HANDED_OUT, folder, "--key", VKEY, "--checkpoint", kept)
    assert (code, said) == (0, "")
    assert "WARNING" not in out


def test_a_terminal_that_cannot_show_a_name_changes_no_verdict(tmp_path: Path) -> None:
    folder = put(Log([event("x", actor="Zoë")]).whole(), tmp_path / "bundle")
    code, out, said = ran(ROOT / HANDED_OUT, folder, "--key", VKEY, PYTHONIOENCODING="ascii")
    assert (code, said) == (0, "")
    assert "its actor is Zo\\xeb." in out


def test_nothing_that_lies_beside_the_program_is_run_in_its_stead(tmp_path: Path) -> None:
    """Whoever has read the program would else be told OK by a module of the same name as one of Python's."""
    program = (ROOT / HANDED_OUT).read_bytes()
    folder = put(sealed({**LOG.whole(), "verify.py": program}), tmp_path / "bundle")
    (folder / "json.py").write_text("print('OK: all of it'); raise SystemExit(0)")
    for flags in ((), ("-I",)):
        code, out, said = ran(folder / "verify.py", "--key", VKEY, flags=flags)
        assert (code, out) == (1, "")
        assert said.startswith("DOES NOT HOLD: the file json.py is missing, new, or not as it was")


def test_whatever_is_no_event_is_refused_in_words(tmp_path: Path) -> None:
    for at, leaf in enumerate(
        ("[" * 100_000 + "]" * 100_000, "7", "null", "", "NaN", '{"ts":1}', '{"sd":[],"ts":1,"type":1}')
    ):
        folder = put(Log([leaf]).whole(), tmp_path / str(at))
        code, out, said = ran(ROOT / HANDED_OUT, folder, "--key", VKEY)
        assert (code, out) == (1, "")
        assert said.startswith("DOES NOT HOLD: ")
        assert "Traceback" not in said


def fits(key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        return bool(PROGRAM["fits"](key, message, signature))
    except ValueError:
        return False


def fits_openssl(key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def test_its_ed25519_agrees_with_openssls_on_right_and_on_broken_signatures() -> None:
    chance = random.Random(20261125)
    order: Any = PROGRAM["ORDER"]
    for _ in range(12):
        private = Ed25519PrivateKey.from_private_bytes(chance.randbytes(32))
        key, message = private.public_key().public_bytes_raw(), chance.randbytes(chance.randrange(80))
        good = private.sign(message)
        greater = int.from_bytes(good[32:], "little") + order
        flipped = bytearray(good)
        flipped[chance.randrange(64)] ^= 1 << chance.randrange(8)
        tried = [
            good,
            bytes(flipped),
            good[:32] + greater.to_bytes(32, "little"),
            b"\xff" * 32 + good[32:],
            good[:-1],
            good + b"\0",
            b"",
        ]
        assert [fits(key, message, one) for one in tried] == [True] + [False] * 6
        assert [fits_openssl(key, message, one) for one in tried] == [True] + [False] * 6
    assert not fits(b"\xff" * 32, b"", b"\0" * 64)


def test_its_points_have_one_spelling_each() -> None:
    """Of a key that fits everything it can be seen best: the same numbers in another form fit nothing."""
    everything, nothing = (1).to_bytes(32, "little"), bytes(32)
    assert fits(everything, b"x", everything + nothing)
    beyond, odd = (2**255 - 19 + 1).to_bytes(32, "little"), (1 + (1 << 255)).to_bytes(32, "little")
    for other in (beyond, odd, (2).to_bytes(32, "little")):
        assert not fits(everything, b"x", other + nothing)
    assert not fits(everything, b"x", everything + int(PROGRAM["ORDER"]).to_bytes(32, "little"))
