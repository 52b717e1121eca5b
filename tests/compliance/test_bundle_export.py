"""Bundles of the consent log, as a stranger checks them: with the program in the bundle, and with keys of their own."""

import ast
import json
import os
import random
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, delete, select, text, update

from compliance.anchors.anchor import Anchoring
from compliance.bundle.export import export, write_bundle
from compliance.bundle.request import Request
from compliance.bundle.selection import Selection
from evidence.catalogue import in_words
from evidence.checkpoints import Checkpoint
from evidence.events import Event
from evidence.merkle import leaf_hash, root_of
from evidence.notes import Note, Signer
from onrecord.anchoring import anchoring_of
from onrecord.publish import InForce, publish_rules
from onrecord.settings.environment import read_settings
from onrecord.settings.key_file import create_key_file
from policies.rulebook.read import parse
from storage.database.engine import Database
from storage.database.schema import migrate
from storage.database.tables import disclosure, log_leaf
from storage.errors import Refused
from storage.jobs.queue import create_job_tables
from storage.log import checkpoints
from storage.moment import Moment
from storage.rows import calls, provider_accounts
from tests import prepare
from tests.callflow.conftest import ACCOUNT, BASE, CALLER, NUMBER_KEY, RULEBOOK, TOKEN, Installation, install
from tests.callflow.whole_calls import call_every_way, talks
from tests.conftest import NOON
from tests.source import HANDED_OUT, ROOT

VERIFIER = runpy.run_path(str(ROOT / HANDED_OUT))
OTHER = "+15125550199"
DOES_NOT_HOLD = (ValueError, LookupError, TypeError, AttributeError, OSError)


@dataclass
class Office:
    """An installation with some calls, and the files of its log beside it."""

    installation: Installation
    folder: Path
    sids: list[str] = field(default_factory=list)
    environ: dict[str, str] = field(default_factory=dict)
    """Who else holds checkpoints, as the settings name them."""

    @property
    def anchoring(self) -> Anchoring:
        environ = self.environ | {
            "PUBLIC_BASE_URL": BASE,
            "TWILIO_ACCOUNT_SID": ACCOUNT,
            "TWILIO_AUTH_TOKEN": TOKEN,
            "ONRECORD_KEY_FILE": str(self.folder / "keys"),
            "ONRECORD_ANCHOR_FILE": str(self.folder / "anchors.txt"),
        }
        return anchoring_of(read_settings(environ), self.installation.database, now=self.installation.twilio.clock)

    @property
    def vkey(self) -> str:
        with self.installation.database.read() as connection:
            return str(checkpoints.vkeys(connection)[-1])

    complaints: list[str] = field(default_factory=list)

    def export(self, selection: Selection, *disclose: str, since: tuple[Note, ...] = ()) -> dict[str, bytes]:
        request = Request(selection, frozenset(disclose), since, actor="jane", operator="Email Customer Support")
        return export(self.anchoring, request, NUMBER_KEY, complain=self.complaints.append)

    def of_first_call(self, *disclose: str) -> dict[str, bytes]:
        return self.export(Selection((self.sids[0],)), *disclose)


def write(files: dict[str, bytes], folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    write_bundle(files, folder)
    return folder


def checked(folder: Path, *keys: str, witnesses: tuple[str, ...] = (), kept: tuple[str, ...] = ()) -> list[str]:
    """What the program that is handed out says; raises one of DOES_NOT_HOLD."""
    return list(VERIFIER["verify"](folder, list(keys), list(witnesses), list(kept)))


def make_office(database: Database, folder: Path, rulebook: str = RULEBOOK.read_text()) -> Office:
    create_job_tables(database)
    installation = install(database, rulebook)
    create_key_file(folder / "keys")
    rules = InForce.of(parse(rulebook), rulebook, (), NOON)
    database.write(lambda connection: publish_rules(connection, Moment(NOON, os.urandom), rules))
    return Office(installation, folder)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """On SQLite: a bundle says nothing of the database that it came from."""
    opened = Database.open(f"sqlite:///{tmp_path}/onrecord.db")
    migrate(opened)
    yield with_three_calls(make_office(opened, tmp_path))
    opened.close()


@pytest.fixture
def office_on_each(database: Database, tmp_path: Path) -> Office:
    return with_three_calls(make_office(database, tmp_path))


def with_three_calls(made: Office) -> Office:
    made.sids = [talks(made.installation.twilio.dial(), "9", "1").sid, talks(made.installation.twilio.dial(), "2").sid]
    made.sids.append(talks(made.installation.twilio.dial(caller=OTHER), "1").sid)
    return made


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, bytes], str]]:
    """A bundle of one call, and the log's key. Which database it comes from makes no difference to it."""
    folder = tmp_path_factory.mktemp("office")
    database = Database.open(f"sqlite:///{folder}/onrecord.db")
    migrate(database)
    office = with_three_calls(make_office(database, folder))
    yield office.of_first_call("caller"), office.vkey
    database.close()


@pytest.fixture
def bundle(one: tuple[dict[str, bytes], str], tmp_path: Path) -> Path:
    return write(one[0], tmp_path / "bundle")


@pytest.fixture
def vkey(one: tuple[dict[str, bytes], str]) -> str:
    return one[1]


def test_a_stranger_runs_the_program_in_the_bundle_and_needs_nothing_else(bundle: Path, vkey: str) -> None:
    command = [sys.executable, "-I", "-S", str(bundle / "verify.py"), "--key", vkey]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", env={})
    assert (ran.returncode, ran.stderr) == (0, "")
    assert f"its caller, which is disclosed, is {CALLER}." in ran.stdout
    assert "OK: these " in ran.stdout
    (bundle / "events.jsonl").write_bytes(b"{}\n")
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", env={})
    assert ran.returncode == 1
    assert ran.stderr.startswith("DOES NOT HOLD: the file events.jsonl ")


def test_the_program_is_short_and_needs_only_what_python_brings() -> None:
    source = (ROOT / HANDED_OUT).read_text()
    assert len(source.splitlines()) < 245
    ast.parse(source, feature_version=(3, 8))
    imported = {word for line in source.splitlines() if line.startswith(("import ", "from ")) for word in line.split()}
    assert {word.strip(",") for word in imported} - {"import", "from", "sha256", "sha512"} <= sys.stdlib_module_names


def test_without_a_key_of_ones_own_and_without_anybody_else_it_says_what_that_is_worth(bundle: Path, vkey: str) -> None:
    told = checked(bundle)
    assert [line[:27] for line in told[-2:]] == ["WARNING: the key came with ", "WARNING: checked with what "]
    assert "This proves nothing against the operator, who could have made it all up yesterday." in told[-1]
    assert [line.startswith("WARNING") for line in checked(bundle, vkey)[-2:]] == [False, True]


def test_no_single_bit_of_any_file_can_be_changed(bundle: Path, vkey: str) -> None:
    """600 flips spread over all files, some in each; the program that looks is the untouched one."""
    names = sorted(path.relative_to(bundle).as_posix() for path in bundle.rglob("*") if path.is_file())
    chance = random.Random(20261125)
    tried = 0
    for name in names:
        path = bundle / name
        content = path.read_bytes()
        for _ in range(max(8, 600 // len(names) + 1)):
            bit = chance.randrange(len(content) * 8)
            changed = bytearray(content)
            changed[bit // 8] ^= 1 << bit % 8
            path.write_bytes(changed)
            with pytest.raises(DOES_NOT_HOLD):
                checked(bundle, vkey)
            tried += 1
        path.write_bytes(content)
    assert tried >= 500
    assert checked(bundle, vkey)


def test_nothing_of_the_manifests_own_signature_can_be_changed(bundle: Path, vkey: str) -> None:
    path = bundle / "manifest"
    content = path.read_bytes()
    below = content.rindex(b"\n\n")
    for bit in range(below * 8, len(content) * 8, 3):
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        with pytest.raises(DOES_NOT_HOLD):
            checked(bundle, vkey)


@pytest.mark.parametrize("change", ["taken", "added", "renamed"])
def test_no_file_can_be_taken_out_or_added(bundle: Path, vkey: str, change: str) -> None:
    one = next((bundle / "proofs").iterdir())
    if change == "taken":
        one.unlink()
    elif change == "added":
        (bundle / "more.txt").write_text("x")
    else:
        one.rename(bundle / "proofs/000000999999.tlog-proof")
    with pytest.raises(DOES_NOT_HOLD):
        checked(bundle, vkey)


def resign(files: dict[str, bytes], office: Office, seed: bytes | None = None) -> dict[str, bytes]:
    """The manifest of somebody who has the log's key (or their own): what is inside must hold by itself."""
    listed = "".join(f"{sha256(c).hexdigest()} {name}\n" for name, c in sorted(files.items()) if name != "manifest")
    body = f"onrecord-bundle/v1\n2026-11-25T00:00:00.000Z\n{listed}"
    signer = Signer(office.vkey.split("+")[0], seed or office.anchoring.signing.seeds[0])
    return files | {"manifest": str(Note(body, (signer.sign(body),))).encode()}


def swap(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    return lambda content: content.replace(old, new)


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("events.jsonl", swap(b'"digit":"1"', b'"digit":"2"'), "is not in the log as it was signed"),
        ("events.jsonl", lambda content: b"".join(content.splitlines(True)[:-1]), "not those that were signed"),
        ("checkpoint", swap(b"\n\n", b"0\n\n"), "does not fit"),
        (
            "disclosures.jsonl",
            lambda content: content + b'{"index": 0, "d": "WyJ4IiwiYSIsImIiXQ"}\n',
            "no event commits to",
        ),
        ("keys.txt", lambda _: b"quorum none\n", "does not fit, or is of a key that is not known"),
    ],
)
def test_even_with_the_logs_own_key_a_bundle_cannot_say_something_else(
    office: Office, tmp_path: Path, name: str, change: Callable[[bytes], bytes], said: str
) -> None:
    files = office.of_first_call("caller")
    changed = change(files[name])
    assert changed != files[name]
    folder = write(resign(files | {name: changed}, office), tmp_path / "bundle")
    with pytest.raises(DOES_NOT_HOLD, match=said):
        checked(folder)


@pytest.mark.parametrize("kind", ["prompts/", "rules/"])
def test_other_words_or_rules_than_the_events_name_are_seen(office: Office, tmp_path: Path, kind: str) -> None:
    files = office.of_first_call()
    name = next(one for one in files if one.startswith(kind))
    for change in ({name: files[name] + b" "}, {}):
        rest = {one: content for one, content in files.items() if one != name} | change
        with pytest.raises(DOES_NOT_HOLD, match="a text that is not the one an event names"):
            checked(write(resign(rest, office), tmp_path / "bundle"))


def test_an_event_left_out_of_a_call_is_seen(office: Office, tmp_path: Path) -> None:
    files = office.of_first_call()
    lines = files["events.jsonl"].splitlines(True)
    gap = next(n for n, line in enumerate(lines) if b'"type":"consent.choice"' in line)
    proofs = sorted(name for name in files if name.startswith("proofs/"))
    rest = {name: content for name, content in files.items() if name != proofs[gap]}
    rest["events.jsonl"] = b"".join(lines[:gap] + lines[gap + 1 :])
    with pytest.raises(DOES_NOT_HOLD, match="out of order: one was left out"):
        checked(write(resign(rest, office), tmp_path / "bundle"))


def test_a_forger_with_another_key_is_told_from_the_log(office: Office, tmp_path: Path) -> None:
    forged = write(resign(office.of_first_call(), office, b"\x01" * 32), tmp_path / "forged")
    with pytest.raises(DOES_NOT_HOLD):
        checked(forged, office.vkey)


def test_the_whole_log_is_computed_again_and_discloses_nothing(office: Office, tmp_path: Path) -> None:
    folder = write(office.export(Selection()), tmp_path / "all")
    told = checked(folder, office.vkey)
    lines = (folder / "events.jsonl").read_bytes().splitlines()
    assert Checkpoint.of(Note.parse((folder / "checkpoint").read_text())) == Checkpoint(
        office.vkey.split("+")[0], len(lines), root_of(map(leaf_hash, lines))
    )
    assert f"OK: these {len(lines)} events are in the log" in "\n".join(told)
    assert (folder / "disclosures.jsonl").read_text() == ""
    assert not (folder / "proofs").exists()
    everything = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    for secret in [CALLER, *office.sids]:
        assert secret.encode() not in everything


def test_only_what_was_chosen_is_disclosed(office: Office, tmp_path: Path) -> None:
    def fields(files: dict[str, bytes]) -> set[str]:
        told = checked(write(files, tmp_path / "bundle"))
        return {
            name
            for name in ("caller", "provider_call_id", "callee")
            if f"its {name}, which is disclosed, is " in "\n".join(told)
        }

    assert fields(office.of_first_call()) == set()
    assert fields(office.of_first_call("caller")) == {"caller"}
    assert fields(office.of_first_call("all")) == {"caller", "provider_call_id", "callee"}


def test_calls_are_found_by_number_and_by_day(office_on_each: Office) -> None:
    office = office_on_each

    def calls_in(selection: Selection) -> int:
        events = [json.loads(line) for line in office.export(selection)["events.jsonl"].splitlines()]
        return len({event["call"] for event in events if "call" in event})

    now = office.installation.twilio.clock.now
    assert calls_in(Selection(number=CALLER)) == 2
    assert calls_in(Selection(number=OTHER)) == 1
    assert calls_in(Selection(since=NOON, until=now)) == 3
    assert calls_in(Selection(number=OTHER, since=NOON)) == 1
    for nothing in (Selection(number="+15125550000"), Selection(since=now), Selection(("CA" + "0" * 32,))):
        with pytest.raises(Refused, match="log export: "):
            office.export(nothing)


def test_an_erased_field_is_gone_and_nothing_else_changes(office: Office, tmp_path: Path) -> None:
    before = office.of_first_call("all")
    known = office.installation.call(office.sids[0]).id
    office.installation.database.write(
        lambda connection: connection.execute(delete(disclosure).where(disclosure.c.call_id == known))
    )
    after = office.of_first_call("all")
    assert before["events.jsonl"] == after["events.jsonl"]
    assert "its caller, which" not in "\n".join(checked(write(after, tmp_path / "after"), office.vkey))
    assert f"its caller, which is disclosed, is {CALLER}" in "\n".join(
        checked(write(before, tmp_path / "before"), office.vkey)
    )


def test_what_the_provider_said_after_the_checkpoint_waits_for_the_next_export(office: Office, tmp_path: Path) -> None:
    call, now = office.installation.call(office.sids[0]), office.installation.twilio.clock.now
    office.installation.database.write(
        lambda connection: provider_accounts.keep(connection, call.id, b"[]", now, recording_asked_at=None)
    )
    files = office.of_first_call("all")
    assert not any(name.startswith("provider/") for name in files)
    assert checked(write(files, tmp_path / "before"), office.vkey)
    told = Event("provider.corroborated", {"match": True}, {"response_sha256": sha256(b"[]").hexdigest()})
    office.installation.database.write(
        lambda connection: calls.append_events(connection, Moment(now, os.urandom), call, told)
    )
    files = office.of_first_call("all")
    assert files[f"provider/{call.id}.json"] == b"[]"
    assert checked(write(files, tmp_path / "after"), office.vkey)


def test_that_it_was_exported_is_in_the_log_it_exports(office: Office) -> None:
    office.of_first_call("caller")
    last = json.loads(office.export(Selection())["events.jsonl"].splitlines()[-1])
    assert (last["type"], last["scope"], last["calls"], last["disclosed"]) == ("log.exported", "all", 0, [])


def test_the_readme_tells_what_was_heard_pressed_and_by_whom_it_was_opened(office: Office) -> None:
    readme = office.of_first_call("caller")["README.txt"].decode()
    assert f"A call came in from {CALLER}." in readme
    assert "the caller pressed 9: repeat." in readme
    assert "the caller pressed 1: accepted." in readme
    assert "Recording was permitted: consented, by express consent, for quality." in readme
    assert '"Thank you for calling' in readme or '"' in readme
    assert "level 1 (a line outside the database" in readme
    assert "902(13)" in readme


def test_the_readme_says_what_the_keys_meant(office: Office) -> None:
    files = office.of_first_call()
    (wording,) = (json.loads(files[name]) for name in files if name.startswith("prompts/"))
    assert " ".join(wording["question"].split()) in " ".join(files["README.txt"].decode().split())


def test_the_readme_says_which_days_it_is_about(office: Office) -> None:
    noon, next_noon = NOON, NOON + timedelta(days=1)
    assert "calls from one number.\n" in office.export(Selection(number=CALLER))["README.txt"].decode()
    some = office.export(Selection(number=CALLER, since=noon, until=next_noon))["README.txt"].decode()
    assert "one number.\nOf these, the ones that came in from 2026-11-22T12:00:00.000Z and before 2026-11-23T12" in some


def test_the_readme_says_that_a_self_test_is_no_caller() -> None:
    received = {"type": "call.received", "synthetic": True, "caller": "anonymous", "callee": "+12125550100"}
    (line,) = in_words(received, {})
    assert "no person" in line
    assert "anonymous" not in line


def test_the_readme_tells_of_every_kind_of_call_in_plain_words(office: Office) -> None:
    sids = [call.sid for call in call_every_way(office.installation.twilio, CALLER)]
    readme = office.export(Selection(tuple(sids)))["README.txt"].decode()
    assert not re.findall(r"Z  ([a-z]+\.[a-z_]+)$", readme, re.MULTILINE)


def test_the_readme_says_so_where_nobody_listened(office: Office) -> None:
    assert "none of anybody listening" in office.of_first_call()["README.txt"].decode()


def test_a_bundle_goes_on_from_every_line_of_the_anchor_file(office: Office, tmp_path: Path) -> None:
    """Who got these lines one by one, at the time, needs no other export."""
    for _ in range(3):
        talks(office.installation.twilio.dial(), "2")
        office.of_first_call()
    files = office.export(Selection((office.sids[2],)))
    lines = (office.folder / "anchors.txt").read_text().splitlines()
    kept = tuple(json.loads(line)["checkpoint"] for line in lines)
    assert len(kept) >= 4
    assert checked(write(files, tmp_path / "bundle"), office.vkey, kept=kept)


def test_every_kind_of_call_can_be_exported_and_verified(database: Database, tmp_path: Path) -> None:
    office = make_office(database, tmp_path)
    sids = [call.sid for call in call_every_way(office.installation.twilio, CALLER)]
    files = office.export(Selection(tuple(sids)), "all")
    assert checked(write(files, tmp_path / "bundle"), office.vkey)
    assert len([name for name in files if name.startswith("derived/")]) == 2 * len(sids)


@pytest.fixture
def rewritten(office_on_each: Office) -> tuple[Office, Note, Note]:
    """An insider with the database and the log's key has made "declined" of an "accepted", and signed all of it anew.

    With it, the checkpoint that somebody kept from before; and one from after the calls, of the forged log.
    """
    office = office_on_each
    kept = office.anchoring.sign().note
    office.installation.database.write(forge)
    office.anchoring.file.newest_path.unlink()
    return office, kept, office.anchoring.sign().note


def forge(connection: Connection) -> None:
    """Everything that hangs on the log is computed again, and what was signed is thrown away."""
    tables = ("log_leaf", "log_node", "log_checkpoint", "log_anchor")
    for table in tables:
        if connection.dialect.name == "sqlite":
            connection.execute(text(f"DROP TRIGGER {table}_no_update"))
            connection.execute(text(f"DROP TRIGGER {table}_no_delete"))
        else:
            connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))
    for table in ("log_anchor", "log_checkpoint", "log_node"):
        connection.execute(text(f"DELETE FROM {table}"))
    for row in connection.execute(select(log_leaf.c.idx, log_leaf.c.leaf)).all():
        leaf = row.leaf.replace('"answer":"accepted"', '"answer":"declined"').replace('"digit":"1"', '"digit":"2"')
        changed: dict[str, Any] = {"leaf": leaf, "hash": leaf_hash(leaf.encode())}
        connection.execute(update(log_leaf).where(log_leaf.c.idx == row.idx).values(changed))


def test_an_insider_who_rewrites_and_signs_again_convinces_whoever_kept_nothing(
    rewritten: tuple[Office, Note, Note], tmp_path: Path
) -> None:
    office, _, _ = rewritten
    told = checked(write(office.of_first_call(), tmp_path / "bundle"), office.vkey)
    assert any("; its answer is declined" in line for line in told)
    assert "proves nothing against the operator" in told[-1]


@pytest.mark.parametrize("whole", [True, False])
def test_an_insider_who_rewrites_is_caught_by_a_checkpoint_that_somebody_kept(
    rewritten: tuple[Office, Note, Note], tmp_path: Path, whole: bool
) -> None:
    office, kept, _ = rewritten
    files = office.export(Selection()) if whole else office.of_first_call()
    folder = write(files, tmp_path / "bundle")
    with pytest.raises(ValueError, match="it was rewritten|no proof from your checkpoint"):
        checked(folder, office.vkey, kept=(str(kept),))
    with pytest.raises(Refused, match="does not go on from the checkpoint"):
        office.export(Selection((office.sids[0],)), since=(kept,))


def test_an_honest_log_goes_on_from_a_checkpoint_that_somebody_kept(office: Office, tmp_path: Path) -> None:
    kept = office.anchoring.sign().note
    talks(office.installation.twilio.dial(), "2")
    for name, files in {
        "part": office.export(Selection((office.sids[0],)), since=(kept,)),
        "all": office.export(Selection()),
    }.items():
        told = checked(write(files, tmp_path / name), office.vkey, kept=(str(kept),))
        size = Checkpoint.of(kept).size
        assert any(line.startswith(f"OK: it goes on from your checkpoint of {size} events") for line in told)
        assert any(line.startswith("WARNING") for line in told) == (name == "all"), "the call came after it"
    lines = (office.folder / "anchors.txt").read_text()
    (tmp_path / "kept.jsonl").write_text(lines)
    command = [sys.executable, str(tmp_path / "all/verify.py"), "--key", office.vkey, "--checkpoint", "kept.jsonl"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_a_log_that_is_shorter_than_what_the_reader_kept_is_called_that(office: Office) -> None:
    kept = office.anchoring.sign()
    text = Checkpoint(kept.checkpoint.origin, kept.size + 50, b"\x05" * 32).text
    (seed,) = office.anchoring.signing.seeds
    later = Note(text, (Signer(kept.checkpoint.origin, seed).sign(text),))
    with pytest.raises(Refused, match="the log is shorter than the checkpoint that was kept"):
        office.export(Selection((office.sids[0],)), since=(later,))
    other = Note(kept.note.text, (Signer(kept.checkpoint.origin, b"\x01" * 32).sign(kept.note.text),))
    with pytest.raises(Refused, match="is signed with no key of this log"):
        office.export(Selection((office.sids[0],)), since=(other,))


def test_a_checkpoint_from_before_the_calls_dates_none_of_them(office: Office, tmp_path: Path) -> None:
    kept = office.anchoring.sign().note
    later = talks(office.installation.twilio.dial(), "1").sid
    files = office.export(Selection((later,)), since=(kept,))
    told = checked(write(files, tmp_path / "bundle"), office.vkey, kept=(str(kept),))
    of_calls = sum(" of call " in line for line in told if line.startswith("Event "))
    assert f"and nothing else: the last {of_calls} of these events, from event " in told[-1]


@pytest.mark.parametrize("given", [("--checkpoint", "nowhere"), ("nowhere",)])
def test_what_the_reader_mistyped_is_said(office: Office, tmp_path: Path, given: tuple[str, ...]) -> None:
    folder = write(office.of_first_call(), tmp_path / "bundle")
    command = [sys.executable, str(folder / "verify.py"), *given]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert ran.returncode == 2
    assert "No such file" in ran.stderr or "nowhere is no folder" in ran.stderr
    assert "DOES NOT HOLD" not in ran.stderr


def test_a_bundle_is_a_zip_where_its_name_says_so_and_never_replaces_one(office: Office, tmp_path: Path) -> None:
    files = office.of_first_call()
    write_bundle(files, tmp_path / "bundle.zip")
    (tmp_path / "downloads").mkdir()
    (tmp_path / "downloads/invoice.pdf").write_bytes(b"of somebody else")
    shutil.unpack_archive(tmp_path / "bundle.zip", tmp_path / "downloads")
    assert checked(tmp_path / "downloads/bundle", office.vkey)
    for name in ("bundle.zip", "downloads"):
        with pytest.raises(Refused, match="is there already"):
            write_bundle(files, tmp_path / name)


@pytest.fixture(scope="session")
def go_checker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = prepare.go()
    assert compiler, f"needs Go and its packages for transparency logs. Install them:\n    {prepare.GO}"
    folder = tmp_path_factory.mktemp("go")
    environ = {
        "GOPATH": str(prepare.GO_SOURCES),
        "GO111MODULE": "off",
        "GOCACHE": str(folder / "cache"),
        "PATH": os.environ["PATH"],
    }
    source = ROOT / "tests/evidence/in_go/check_bundle.go"
    subprocess.run([compiler, "build", "-o", str(folder / "check"), str(source)], check=True, env=environ, cwd=folder)
    return folder / "check"


@pytest.mark.timeout(240)  # the compiler's first run
def test_gos_own_packages_say_the_same(office: Office, go_checker: Path, tmp_path: Path) -> None:
    kept = office.anchoring.sign().note
    talks(office.installation.twilio.dial(), "2")
    for name, files in {
        "part": office.export(Selection((office.sids[0],)), since=(kept,)),
        "all": office.export(Selection()),
    }.items():
        folder = write(files, tmp_path / name)
        ran = subprocess.run([go_checker, folder, office.vkey], capture_output=True, text=True, check=False)
        assert (ran.returncode, ran.stdout, ran.stderr) == (0, "ok\n", "")
        events = folder / "events.jsonl"
        events.write_bytes(events.read_bytes().replace(b'"digit":"1"', b'"digit":"2"', 1))
        ran = subprocess.run([go_checker, folder, office.vkey], capture_output=True, text=True, check=False)
        assert ran.returncode == 1, "the check can fail"


@pytest.mark.parametrize("name", ["case", "case.zip"])
def test_what_an_export_that_was_killed_has_left_is_in_no_other_bundle(name: str, tmp_path: Path) -> None:
    killed = """
import os, sys
from pathlib import Path
from compliance.bundle import export
Path.rename = lambda *_: os._exit(9)
export.write_bundle({"README.txt": b"all of it", "provider/1.json": b"+15125550111"}, Path(sys.argv[1]))
"""
    ended = subprocess.run([sys.executable, "-c", killed, str(tmp_path / name)], cwd=ROOT, check=False)
    assert ended.returncode == 9
    write_bundle({"README.txt": b"nothing is disclosed"}, tmp_path / name)
    written = tmp_path / name
    if written.is_file():
        shutil.unpack_archive(written, tmp_path / "unpacked")
        written = tmp_path / "unpacked" / written.stem
    assert [one.name for one in written.iterdir()] == ["README.txt"]
