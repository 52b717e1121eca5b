"""Each of those who hold checkpoints, from the holder to a stranger with a bundle: what they vouch for gets there.

It can be checked with the program in the bundle, with Go's packages, or with the holder's own tools.
"""

import json
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from compliance.bundle.selection import Selection
from evidence.checkpoints import Checkpoint, TlogProof
from evidence.events import Event
from evidence.notes import Note, Vkey, verified
from storage.database.engine import Database
from storage.database.schema import migrate
from storage.log import consent_log
from storage.log.proofs import Prover
from storage.rows.incidents import open_incidents
from tests.callflow.whole_calls import talks
from tests.compliance.test_bundle_export import (
    Office,
    checked,
    go_checker,
    make_office,
    with_three_calls,
    write,
)
from tests.outbound.a_witness import Answer, TheWitness, a_witness
from tests.outbound.an_authority import Authority, an_authority, openssl
from tests.storage.s3_peer import operators_settings, s3_peer

__all__ = ["go_checker"]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    opened = Database.open(f"sqlite:///{tmp_path}/onrecord.db")
    migrate(opened)
    yield with_three_calls(make_office(opened, tmp_path))
    opened.close()


@pytest.fixture
def witness(office: Office) -> Iterator[TheWitness]:
    """One that knows the log."""
    with a_witness() as witness:
        office.anchoring.sign()
        witness.trusts(office.vkey)
        office.environ["ONRECORD_WITNESS"] = witness.setting
        yield witness


def vkey_of(witness: TheWitness) -> str:
    return witness.setting.split(" ")[0]


def anchor(office: Office, kind: str) -> int:
    """As the worker does once in a while; the size that they hold then."""
    office.anchoring.sign()
    return office.anchoring.anchor(next(one for one in office.anchoring.find_targets() if one.kind == kind)).size


def more_calls(office: Office) -> str:
    office.installation.twilio.clock.passes(3600)
    return talks(office.installation.twilio.dial(), "1").sid


def test_a_witness_vouches_for_what_is_exported_and_the_reader_needs_nobodys_word(
    office: Office, witness: TheWitness, tmp_path: Path
) -> None:
    for name, selection in {"part": Selection((office.sids[0],)), "all": Selection()}.items():
        told = checked(write(office.export(selection), tmp_path / name), office.vkey, witnesses=(vkey_of(witness),))
        assert told[-1].startswith("OK: cosigned by witness.example/w1 at ")
    assert office.complaints == []


def test_go_reads_the_cosignature_too(office: Office, witness: TheWitness, go_checker: Path, tmp_path: Path) -> None:
    held = anchor(office, "witness")
    later = more_calls(office)
    for name, is_away in {"here": False, "away": True}.items():
        witness.instead = [Answer(503)] if is_away else []
        folder = write(office.export(Selection((office.sids[0], later))), tmp_path / name)
        size = Checkpoint.of(Note.parse((folder / "checkpoint").read_text())).size
        ran = subprocess.run(
            [go_checker, folder, office.vkey, vkey_of(witness)], capture_output=True, text=True, check=False
        )
        assert (ran.returncode, ran.stderr) == (0, "")
        found = re.search(r"witness.example/w1 has cosigned the first (\d+) of (\d+) events\nok\n", ran.stdout)
        assert found
        assert found[2] == str(size)
        assert (held <= int(found[1]) < size) if is_away else int(found[1]) == size
    with a_witness() as other:
        other.name = "other.example"
        ran = subprocess.run(
            [go_checker, folder, office.vkey, vkey_of(other)], capture_output=True, text=True, check=False
        )
    assert (ran.returncode, ran.stderr) == (1, "other.example has not cosigned\n")


def test_while_the_witness_is_away_the_bundle_is_made_and_says_what_it_vouches_for(
    office: Office, witness: TheWitness, tmp_path: Path
) -> None:
    held = anchor(office, "witness")
    later = more_calls(office)
    witness.instead = [Answer(503)]
    files = office.export(Selection((office.sids[0], later)))
    assert office.complaints == ["the witness did not cosign this export: witness: answered 503"]
    told = checked(write(files, tmp_path / "bundle"), office.vkey, witnesses=(vkey_of(witness),))
    uncovered = sum(int(line.split(" ")[1]) >= held for line in told if line.startswith("Event "))
    assert uncovered
    assert any(f"Z, with {held} events, which had " in line for line in told)
    assert f"the last {uncovered} of these events, from event " in told[-1]
    readme = " ".join(files["README.txt"].decode().split())
    assert "The witness was asked for this bundle, and did not cosign it: witness: answered 503." in readme
    assert f"No checkpoint that it has cosigned covers the last {uncovered} of these events." in readme


def test_an_older_bundle_of_an_honest_log_holds_with_the_witness_that_came_later(
    office: Office, witness: TheWitness, tmp_path: Path
) -> None:
    """Signed every minute and cosigned every hour: most of the checkpoints that anybody has are of the other kind."""
    for _ in range(3):
        anchor(office, "witness")
        more_calls(office)
        office.anchoring.sign()
    witness.instead = [Answer(404)]
    told = checked(write(office.of_first_call(), tmp_path / "bundle"), office.vkey, witnesses=(vkey_of(witness),))
    first = next(line for line in told if line.startswith("OK: cosigned"))
    assert re.search(r"which had (\d+) of these$", first)


def test_a_witness_that_has_seen_another_history_is_told_and_keeps_nobody_from_the_bundle(
    office: Office, witness: TheWitness
) -> None:
    witness.instead = [Answer(422)]
    assert office.of_first_call()
    (said,) = office.complaints
    assert "it knows another log" in said
    with office.installation.database.read() as connection:
        assert [one.kind for one in open_incidents(connection)] == ["not_anchored"]


def test_what_a_witness_has_cosigned_proves_the_events_of_a_vcon(office: Office, witness: TheWitness) -> None:
    anchor(office, "witness")
    more_calls(office)
    office.anchoring.sign()
    with office.installation.database.read() as connection:
        prover = Prover(connection)
        proof = prover.proof(5)
        assert proof
        assert verified(proof.checkpoint, [Vkey.parse(vkey_of(witness))])
        assert TlogProof.parse(str(proof)) == proof
        newest = prover.proof(consent_log.size(connection) - 1)
        assert newest
        assert not verified(newest.checkpoint, [Vkey.parse(vkey_of(witness))])


def test_a_part_of_the_log_has_what_shows_that_a_call_was_dated_back(office: Office, tmp_path: Path) -> None:
    """The last event before the call that is no call's: of a bundle without it nobody could tell."""
    clock, moment = office.installation.twilio.clock, office.anchoring.moment
    clock.passes(30 * 86400)
    told = Event("selftest.passed")
    office.installation.database.write(lambda connection: consent_log.append_events(connection, moment(), told))
    right = talks(office.installation.twilio.dial(), "1").sid
    clock.passes(-21 * 86400)
    wrong = talks(office.installation.twilio.dial(), "1").sid
    clock.passes(21 * 86400)
    for sid, is_told in {right: False, wrong: True}.items():
        lines = checked(write(office.export(Selection((sid,))), tmp_path / sid), office.vkey)
        assert any("stands after" in line for line in lines) is is_told


def test_a_time_stamp_in_a_bundle_is_one_for_openssl(office: Office, tmp_path: Path) -> None:
    with an_authority(tmp_path / "authority") as authority:
        office.environ |= {"ONRECORD_TSA": authority.url, "ONRECORD_TSA_CA": str(authority.ca)}
        early = anchor(office, "tsa")
        more_calls(office)
        anchor(office, "tsa")
        for name, selection in {"part": Selection((office.sids[0],)), "all": Selection()}.items():
            folder = write(office.export(selection), tmp_path / name)
            assert checked(folder, office.vkey)
            stamps = sorted((folder / "anchors").glob("*.tsr"))
            assert f"{early:012d}-tsa.tsr" in {stamp.name for stamp in stamps}
            for stamp in stamps:
                assert "Verification: OK" in stamped(stamp, authority)


def stamped(receipt: Path, authority: Authority) -> str:
    """As the README of a bundle has it."""
    return openssl(
        "ts", "-verify", "-in", receipt, "-data", receipt.with_suffix(".checkpoint"), "-CAfile", authority.ca
    )


def test_what_is_locked_in_s3_is_byte_for_byte_what_the_bundle_has(office: Office, tmp_path: Path) -> None:
    office.installation.twilio.clock.now = datetime.now(UTC)  # S3 has a clock of its own
    with s3_peer() as peer, operators_settings(peer.endpoint):
        office.environ["ONRECORD_ANCHOR_S3"] = f"s3://{peer.new_bucket(lock=True)}/log"
        size = anchor(office, "s3")
        more_calls(office)
        folder = write(office.of_first_call(), tmp_path / "bundle")
        assert checked(folder, office.vkey)
        told = json.loads((folder / f"anchors/{size:012d}-s3.json").read_text())
        version = {"Bucket": told["bucket"], "Key": told["key"], "VersionId": told["version_id"]}
        assert (
            peer.client.get_object(**version)["Body"].read()
            == (folder / f"anchors/{size:012d}-s3.checkpoint").read_bytes()
        )
        lock = peer.client.head_object(**version)
        assert lock["ObjectLockMode"] == "COMPLIANCE"
        assert lock["ObjectLockRetainUntilDate"].isoformat() == told["locked_until"]


def test_a_line_of_the_anchor_file_is_in_the_bundle_as_it_was_written(office: Office, tmp_path: Path) -> None:
    size = anchor(office, "file")
    more_calls(office)
    folder = write(office.of_first_call(), tmp_path / "bundle")
    line = (folder / f"anchors/{size:012d}-file.jsonl").read_text()
    assert line in (office.folder / "anchors.txt").read_text()
    told = checked(folder, office.vkey, kept=(json.loads(line)["checkpoint"],))
    assert any(line.startswith(f"OK: it goes on from your checkpoint of {size} events") for line in told)


def test_each_call_is_dated_from_both_sides_by_whoever_held_the_log_then(
    office: Office, witness: TheWitness, tmp_path: Path
) -> None:
    before = anchor(office, "witness")
    sid = more_calls(office)
    after = anchor(office, "witness")
    for _ in range(3):
        more_calls(office)
        anchor(office, "witness")
    files = office.export(Selection((sid,)))
    told = checked(write(files, tmp_path / "bundle"), office.vkey, witnesses=(vkey_of(witness),))
    sizes = [int(found[1]) for line in told if (found := re.search(r"with (\d+) events, which had", line))]
    assert sizes == [before, after]
