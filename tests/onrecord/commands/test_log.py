"""The commands about the log, as an operator and an insider run them: sign, anchor, verify, rotate, resume."""

import json
import os
import re
import shutil
import sqlite3
import stat
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from evidence.checkpoints import Checkpoint
from evidence.events import Event
from evidence.notes import Note, Vkey, verified
from onrecord.settings.key_file import read_keys, rotate_signing_key
from onrecord.terminal import progress_shown
from storage.log import checkpoints, consent_log
from storage.log.verification import verify
from storage.moment import Moment
from tests.callflow.conftest import install
from tests.callflow.whole_calls import call_every_way
from tests.compliance.signed_log import rewrite
from tests.onrecord.commands.site import Site
from tests.outbound.a_witness import TheWitness, a_witness

ALONE = "nobody outside holds it"


def happens(site: Site, count: int = 1) -> None:
    """Something that the log tells of."""
    events = [Event("selftest.passed", {"calls": n}) for n in range(count)]
    moment = Moment(datetime.now(UTC), os.urandom)
    with closing(site.database()) as database:
        database.write(lambda connection: consent_log.append_events(connection, moment, *events))


def sign(site: Site) -> Note:
    """What `log checkpoint` prints."""
    ran = site.run("log", "checkpoint")
    assert ran.code == 0, ran
    return Note.parse(ran.out)


def vkeys(site: Site) -> list[Vkey]:
    return list(map(Vkey.parse, site.run("log", "keys").out.splitlines()))


def types(site: Site) -> list[str]:
    return [json.loads(line)["type"] for line in site.run("log", "show").out.splitlines()]


@pytest.fixture
def witness(site: Site) -> Iterator[TheWitness]:
    """One that knows the log."""
    with a_witness() as witness:
        sign(site)
        witness.trusts(site.run("log", "keys").out.strip())
        site.environ["ONRECORD_WITNESS"] = witness.setting
        yield witness


@pytest.fixture
def copy(site: Site, tmp_path: Path) -> Path:
    """A copy of the database, after which the log has gone on and was signed."""
    happens(site, 5)
    sign(site)
    copy = tmp_path / "backup.db"
    with closing(sqlite3.connect(site.folder / "var/onrecord.db")) as connection:
        connection.execute(f"VACUUM INTO '{copy}'")
    happens(site, 13)
    sign(site)
    return copy


def restore(site: Site, copy: Path) -> None:
    for beside in ("-wal", "-shm"):
        (site.folder / f"var/onrecord.db{beside}").unlink(missing_ok=True)
    shutil.copy(copy, site.folder / "var/onrecord.db")


def test_the_checkpoint_is_printed_as_it_was_signed_and_what_it_is_worth_beside_it(site: Site) -> None:
    happens(site)
    ran = site.run("log", "checkpoint")
    note = Note.parse(ran.out)
    assert verified(note, vkeys(site))
    assert Checkpoint.of(note).size == len(types(site)) == 3
    assert "newest checkpoint: 3 events, " in ran.err
    assert ALONE in ran.err
    assert sign(site) == note


def test_anchor_gives_it_to_all_and_says_who_has_it(site: Site, witness: TheWitness) -> None:
    happens(site)
    ran = site.run("log", "anchor")
    assert (ran.code, ran.out.splitlines()) == (
        0,
        [
            "file: var/anchors.txt holds the first 3 events",
            f"witness: {witness.setting.split(' ')[0]} holds the first 3 events",
        ],
    )
    assert "level 3 (cosigned by a witness" in ran.err
    assert "level 3 (cosigned by a witness" in site.run("log", "verify").out


def test_anchor_says_who_does_not_take_it_and_gives_it_to_the_others(site: Site, witness: TheWitness) -> None:
    witness.logs.clear()
    ran = site.run("log", "anchor")
    assert ran.code == 1
    assert ran.out == "file: var/anchors.txt holds the first 2 events\n"
    assert "onrecord: witness: answered 404: it does not know this log or its key" in ran.err
    assert site.run("log", "anchor", "--only", "file").code == 0
    assert site.run("log", "anchor", "--only", "tsa").problems == ["there is no tsa in the settings"]


def test_a_dash_anchors_on_standard_output_and_nothing_else_is_said_there(site: Site) -> None:
    site.environ["ONRECORD_ANCHOR_FILE"] = "-"
    ran = site.run("log", "anchor")
    assert set(json.loads(ran.out)) == {"at", "checkpoint"}
    assert not (site.folder / "var/anchors.txt.newest").exists()
    (site.folder / "lines").write_text(ran.out)
    assert site.run("log", "verify", "--checkpoint", "lines").code == 0


def test_verify_says_what_the_log_was_held_against_and_how_far_that_can_be_trusted(site: Site) -> None:
    assert "no checkpoint has been signed yet" in site.run("log", "verify").out
    happens(site)
    sign(site)
    ran = site.run("log", "verify")
    first, second, third = ran.out.splitlines()
    assert re.fullmatch(r"log ok: 3 events, root [0-9a-f]{64}", first)
    assert second == "checkpoints that it goes on from: 2"  # the database's, and the one that is noted outside
    assert ALONE in third
    site.run("log", "anchor")
    happens(site)
    sign(site)
    told = site.run("log", "verify").out.splitlines()
    assert ALONE in told[2]
    assert told[3].startswith("  last held by file (var/anchors.txt): 3 events, ")


def test_show_tells_a_call_what_is_left_of_it_and_how_far_it_can_be_trusted(site: Site) -> None:
    with closing(site.database()) as database:
        (sid, *_) = [call.sid for call in call_every_way(install(database).twilio, "+15125550111")]
    assert "no checkpoint covers all of it yet" in site.run("log", "show", sid).out
    sign(site)
    told = site.run("log", "show", sid).out
    assert "all of it is in the checkpoint that was signed at " in told
    assert ALONE in told
    site.run("log", "anchor")
    told = site.run("log", "show", sid).out
    assert " UTC by file: var/anchors.txt\nlevel 1 (a line outside the database" in told
    assert f'"{sid}"' in told  # a personal field that has not been erased
    assert site.run("log", "show", "CA" + "0" * 32).code == 1


def test_check_tells_how_far_the_log_can_be_trusted(site: Site) -> None:
    assert "log: no checkpoint has been signed yet" in site.run("check").out
    sign(site)
    assert re.search(r"^log: newest checkpoint: 2 events, .* level 0 ", site.run("check").out, re.M)


def test_a_checkpoint_of_somebody_else_s_is_not_taken(site: Site, tmp_path: Path) -> None:
    sign(site)
    mine = site.copied_to(tmp_path / "mine")
    for name in ("keys", "onrecord.db", "onrecord.db-wal", "onrecord.db-shm", "anchors.txt.newest"):
        (site.folder / "var" / name).unlink(missing_ok=True)
    site.run("init")
    (mine.folder / "theirs").write_text(str(sign(site)))
    ran = mine.run("log", "verify", "--checkpoint", "theirs")
    assert (ran.code, ran.err) == (
        1,
        "onrecord: consent log: the checkpoint in theirs is signed with a key that this log never had\n",
    )
    text = str(sign(mine)).replace("\n2\n", "\n1\n")
    (mine.folder / "changed").write_text(text)
    assert "it was forged or damaged" in mine.run("log", "verify", "--checkpoint", "changed").err


@pytest.mark.parametrize("content", [None, "", "no note\n", "\xff"])
def test_a_file_that_holds_no_checkpoint_is_a_mistake_of_whoever_brought_it(content: str | None, site: Site) -> None:
    sign(site)
    if content is not None:
        (site.folder / "brought").write_text(content, encoding="latin-1")
    assert site.run("log", "verify", "--checkpoint", "brought").problems[0].startswith("brought: ")


def test_an_insider_who_forges_one_event_is_caught_by_the_log_itself(site: Site) -> None:
    happens(site, 5)
    sign(site)
    with closing(sqlite3.connect(site.folder / "var/onrecord.db")) as connection:
        connection.execute("DROP TRIGGER log_leaf_no_update")
        connection.execute("UPDATE log_leaf SET leaf = replace(leaf, '\"calls\":3', '\"calls\":4')")
        connection.commit()
    ran = site.run("log", "verify")
    assert ran.code == 1
    assert "event 3 does not match its hash: its text was changed after it was logged" in ran.err
    ran = site.run("log", "show")
    assert (ran.code, "event 3 does not match its hash" in ran.err) == (0, True)
    assert site.run("log", "export", "--all", "-o", "case").code == 1
    assert not (site.folder / "case").exists()


def test_whoever_looks_at_a_call_that_was_changed_is_told_and_gets_no_document_of_it(site: Site) -> None:
    with closing(site.database()) as database:
        (sid, *_) = [call.sid for call in call_every_way(install(database).twilio, "+15125550111")]
    sign(site)
    with closing(sqlite3.connect(site.folder / "var/onrecord.db")) as connection:
        connection.execute("DROP TRIGGER log_leaf_no_update")
        connection.execute('UPDATE log_leaf SET leaf = replace(leaf, \'"answer":"accepted"\', \'"answer":"declined"\')')
        connection.commit()
    for command in (["log", "show", sid], ["call", sid], ["call", "--json", sid]):
        ran = site.run(*command)
        assert "is not as it was signed: it was changed since" in ran.out + ran.err, command
    for command in (
        ["vcon", sid],
        ["receipt", sid],
        ["explain", "--call", sid],
        ["log", "export", "--call", sid, "-o", "case"],
    ):
        ran = site.run(*command)
        assert ran.code != 0, command
        assert "is not as it was signed: it was changed since" in ran.err, command
    assert not (site.folder / "case").exists()


def test_an_insider_who_rebuilds_and_signs_everything_is_caught_by_one_older_checkpoint(
    site: Site, witness: TheWitness
) -> None:
    happens(site, 300)
    site.run("log", "anchor")
    shutil.copy(site.folder / "var/anchors.txt.newest", site.folder / "kept-elsewhere")
    with closing(site.database()) as database:
        rewrite(database, 40, read_keys(site.folder / "var/keys").log_signing_seed)
    ran = site.run("log", "verify")
    assert (ran.code, "not those of the checkpoint in var/anchors.txt: they were rewritten" in ran.err) == (1, True)
    for name in ("anchors.txt", "anchors.txt.newest"):
        (site.folder / "var" / name).unlink()
    assert site.run("log", "verify").out.startswith("log ok: ")  # by itself it proves nothing
    ran = site.run("log", "verify", "--checkpoint", "kept-elsewhere")
    assert (ran.code, ran.out) == (1, "")
    assert "its first 302 events are not those of the checkpoint in kept-elsewhere: they were rewritten" in ran.err
    happens(site)
    ran = site.run("log", "anchor", "--only", "witness")
    assert (ran.code, "it knows another log" in ran.err, len(witness.forks)) == (1, True, 1)


@pytest.mark.parametrize("command", [["serve"], ["work"], ["log", "checkpoint"], ["log", "anchor"], ["check"]])
def test_nothing_starts_on_an_older_copy(command: list[str], site: Site, copy: Path) -> None:
    restore(site, copy)
    (problem,) = site.run(*command).problems
    assert "it has 7 events, and had 20 when it was last signed" in problem
    assert "`onrecord log resume --after-restore` goes on under a new name" in problem


def test_a_restored_log_goes_on_once_somebody_says_that_it_was_restored(site: Site, copy: Path) -> None:
    before = vkeys(site)
    restore(site, copy)
    ran = site.run("log", "verify")
    assert (ran.code, "it has 7 events, and 20 when" in ran.err) == (1, True)
    assert site.run("log", "resume").code == 2
    ran = site.run("log", "resume", "--after-restore")
    assert ran.code == 0
    assert re.match(r"the log goes on as calls\.example\.org/onrecord/[0-9a-f]{8}, from 10 events\n", ran.out)
    assert types(site)[-4:] == ["backup.restored", "log.named", "key.introduced", "anchor.made"]
    assert vkeys(site)[:-1] == before
    ran = site.run("log", "verify")
    assert (ran.code, ran.err) == (0, "")
    assert site.run("log", "anchor").code == 0
    assert site.run("check").code == 0
    again = site.run("log", "resume", "--after-restore")
    assert (again.code, "there is nothing to resume" in again.err) == (1, True)


def test_a_checkpoint_that_somebody_kept_resumes_what_was_restored_with_its_anchor_file(
    site: Site, copy: Path, tmp_path: Path
) -> None:
    shutil.copy(site.folder / "var/anchors.txt.newest", site.folder / "kept")
    restore(site, copy)
    (site.folder / "var/anchors.txt.newest").unlink()
    assert site.run("log", "resume", "--after-restore").code == 1
    assert site.run("log", "resume", "--after-restore", "--over", "kept").code == 0
    assert site.run("log", "verify").code == 0


@pytest.mark.parametrize("content", [b"\x80\x04", b"no checkpoint\n", b""])
def test_a_file_that_holds_no_checkpoint_resumes_nothing_and_is_told_in_a_line(site: Site, content: bytes) -> None:
    (site.folder / "brought").write_bytes(content)
    ran = site.run("log", "resume", "--after-restore", "--over", "brought")
    assert (ran.code in {1, 2}, ran.err.count("\n"), ran.err.startswith("onrecord: ")) == (True, 1, True)


def test_while_a_key_is_rotated_both_sign_and_afterwards_the_new_one_alone(site: Site) -> None:
    happens(site)
    first = sign(site)
    (site.folder / "before").write_text(str(first))
    ran = site.run("log", "rotate-key")
    assert ran.code == 0
    assert ran.out.startswith("var/keys: changed; renew the copy of it\n")
    old, new = vkeys(site)
    assert [one.vkey for one in verified(sign(site), [old, new])] == [new, old]
    assert "key.rotated" in types(site)
    assert site.run("log", "verify", "--checkpoint", "before").code == 0
    assert site.run("log", "rotate-key").problems == [
        "ONRECORD_KEY_FILE holds an old signing key still: end that rotation first (--finish)"
    ]
    assert site.run("log", "rotate-key", "--finish").code == 0
    happens(site)
    assert [one.vkey for one in verified(sign(site), [old, new])] == [new]
    assert vkeys(site) == [old, new]
    assert site.run("log", "verify", "--checkpoint", "before").code == 0
    assert stat.S_IMODE((site.folder / "var/keys").stat().st_mode) == 0o600
    keys = read_keys(site.folder / "var/keys")
    assert keys.old_log_signing_seed is None
    assert site.run("log", "rotate-key").code == 0  # and the next one may come


def test_a_rotation_leaves_the_other_keys_as_they_were(site: Site) -> None:
    before = read_keys(site.folder / "var/keys")
    site.run("log", "rotate-key")
    after = read_keys(site.folder / "var/keys")
    assert (after.key_encryption_key, after.url_mac_key) == (before.key_encryption_key, before.url_mac_key)
    assert after.log_signing_seeds[1:] == before.log_signing_seeds
    assert [path.name for path in (site.folder / "var").iterdir() if "keys" in path.name] == ["keys"]


def test_a_rotation_that_died_before_it_told_the_log_is_told_by_the_next_signature(site: Site) -> None:
    sign(site)
    rotate_signing_key(site.folder / "var/keys")
    assert "key.rotated" not in types(site)
    note = sign(site)
    assert types(site).count("key.rotated") == 1
    assert len(verified(note, vkeys(site))) == 2


def test_a_key_that_was_never_told_of_is_told_under_the_old_one_before_that_one_goes(site: Site) -> None:
    sign(site)
    rotate_signing_key(site.folder / "var/keys")
    assert site.run("log", "rotate-key", "--finish").code == 0
    (old, new), told = vkeys(site), types(site).index("key.rotated")
    with closing(site.database()) as database, database.read() as connection:
        covering = checkpoints.first_covering(connection, told)
        assert covering
    assert [one.vkey for one in verified(covering.note, [old])] == [old]
    assert [one.vkey for one in verified(covering.note, [new])] == [new]


def test_keys_that_were_lost_are_a_change_that_the_log_tells_of(site: Site) -> None:
    sign(site)
    (site.folder / "var/keys").unlink()
    assert site.run("init").code == 0
    happens(site)
    note = sign(site)
    old, new = vkeys(site)
    assert [one.vkey for one in verified(note, [old, new])] == [new]
    assert types(site)[-1] == "key.rotated"
    assert site.run("log", "verify").code == 0


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("ONRECORD_ANCHOR_S3", "bucket", "names no bucket: write s3://BUCKET/PREFIX"),
        ("ONRECORD_WITNESS", "https://witness.example", "names no witness: write its vkey"),
        ("ONRECORD_TSA", "http://tsa.example/tsr", "is not https: write https://HOST/PATH"),
        ("ONRECORD_ANCHOR_FILE", "onrecord.toml/anchors.txt", "names onrecord.toml, but onrecord.toml is no directory"),
    ],
)
def test_a_holder_that_can_not_be_one_is_told_among_all_problems(name: str, value: str, said: str, site: Site) -> None:
    site.environ |= {name: value, "TWILIO_AUTH_TOKEN": "short"}
    problems = site.run("log", "checkpoint").problems
    assert [problem.split(" ", 1)[0].rstrip(":") for problem in problems if said in problem] == [name]
    assert any(problem.startswith("TWILIO_AUTH_TOKEN ") for problem in problems)


def test_an_authority_whose_certificate_is_missing_is_told_before_anything_starts(site: Site) -> None:
    site.environ["ONRECORD_TSA"] = "https://tsa.example/tsr"
    for command in (["log", "checkpoint"], ["serve"], ["work"], ["check"]):
        (problem,) = site.run(*command).problems
        assert problem == "ONRECORD_TSA_CA names var/tsa-ca.pem, which holds no certificate: a PEM file is meant"


def test_a_long_log_tells_how_far_it_has_been_read(site: Site) -> None:
    happens(site, 5_100)
    told: list[tuple[int, int]] = []
    with closing(site.database()) as database:
        verify(database.read, progress=lambda done, total: told.append((done, total)))
    assert len(told) > 1
    assert told == sorted(told)
    assert told[-1] == (5_100, 5_100)


@pytest.mark.parametrize("is_terminal", [True, False])
def test_the_bar_is_for_people_at_a_terminal(
    is_terminal: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal)
    with progress_shown("events") as told:
        told(50_000, 100_000)
    out, err = capsys.readouterr()
    assert (out, "50000/100000" in err) == ("", is_terminal)
