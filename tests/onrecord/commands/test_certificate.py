"""`onrecord certificate`: it says what is gone and how that was seen, and ends with 1 while anything is not."""

import json
import os
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from evidence.notes import Note, Signer
from onrecord.anchoring import anchoring_of
from onrecord.installation import Installation, open_installation
from policies.consent import Outcome
from policies.copies import PLACES, CopyKind
from policies.jurisdiction.pack import packaged_law
from storage.custody.text_watch import TextWatch
from storage.provider import Sight
from storage.rows.recordings import Recording
from tests.faults.premises import Premises
from tests.onrecord.commands.site import Ran, Site
from tests.publishing import publish

AGREED = {"quality": timedelta(days=90), "transcription": timedelta(days=90)}


def premises_of(site: Site, installation: Installation) -> Premises:
    premises = Premises.open(installation.database, installation.store, site.folder / "var/spool")
    premises.company.before_deletion = lambda _: None
    publish(installation.database, installation.rulebook, installation.checked.text)
    premises.rules_sha256, premises.law_sha256 = installation.rulebook.sha256, packaged_law().sha256
    premises.clock.now = datetime.now(UTC) - timedelta(hours=1)
    return premises


def destroyed(site: Site, *, kind: CopyKind | None = None, answer: str = "", sight: Sight = Sight.SEEN) -> Recording:
    """A recording that had to go, of which Twilio has a copy of that kind; the call is over."""
    with site.inside(), closing(open_installation(os.environ)) as installation:
        premises = premises_of(site, installation)
        premises.shop = replace(premises.shop, key_encryption_key=installation.keys.key_encryption_key)
        one = premises.completed(purposes=AGREED)
        premises.work()
        if kind:
            premises.company.make_copy(kind, recording_sid=one.recording_sid)
            premises.company.keeps = {kind: answer} if answer else {}
            premises.company.looks = {kind: sight}
        premises.ends(one)
        premises.condemn(one)
        premises.work()
        return premises.recording(one)


def run(site: Site, name: str, *more: str) -> Ran:
    return site.run("certificate", name, *more)


def test_a_recording_of_which_all_is_gone_is_certified_with_0(site: Site) -> None:
    one = destroyed(site, kind=CopyKind.TRANSCRIPT)
    ran = run(site, one.recording_sid)
    assert (ran.code, ran.err) == (0, "")
    assert "Nothing is open: all of it is shown to be gone." in ran.out
    assert "transcripts at Twilio: 1 found, seen: deleted" in ran.out
    assert "add-on results at Twilio: 0 found, seen: none" in ran.out
    assert "the key that opens them: 1 found, seen: deleted" in ran.out
    assert "SIPREC forks" in ran.out
    assert "Backups may hold the sealed audio until: unknown to the service" in ran.out
    assert run(site, one.id).out.splitlines()[1:] == ran.out.splitlines()[1:]
    assert run(site, one.call_id).code == 0
    told = json.loads(run(site, one.id, "--json").out)
    assert (told["all_gone"], told["open"]) == (True, [])
    assert told["recordings"][0]["certified"]["rule"] == "withdrawn"


@pytest.mark.parametrize("kind", [CopyKind.BATCH_TRANSCRIPT, CopyKind.ADD_ON_RESULT])
def test_a_copy_that_remains_or_was_not_looked_for_ends_with_1(site: Site, kind: CopyKind) -> None:
    one = destroyed(site, kind=kind, answer="answered 405")
    ran = run(site, one.recording_sid)
    assert ran.code == 1
    assert PLACES[kind].page in ran.out.partition("OPEN:")[2]
    assert "is not destroyed" in ran.out
    assert json.loads(run(site, one.id, "--json").out)["all_gone"] is False


def test_a_kind_that_was_not_looked_for_ends_with_1(site: Site) -> None:
    ran = run(site, destroyed(site, kind=CopyKind.CONVERSATION, sight=Sight.FORBIDDEN).id)
    assert ran.code == 1
    assert PLACES[CopyKind.CONVERSATION].page in ran.out.partition("OPEN:")[2]


def test_of_a_call_without_a_recording_it_says_whether_texts_were_looked_for(site: Site) -> None:
    with site.inside(), closing(open_installation(os.environ)) as installation:
        premises = premises_of(site, installation)
        call = premises.call(Outcome.DECLINED)
        premises.ends(call)
        ran = run(site, call.call_sid)
        assert ran.code == 1
        assert "were not read since the call's end" in ran.out
        premises.clock.passes(minutes=1)
        TextWatch(premises.shop, premises.jobs).look()
    ran = run(site, call.call_sid)
    assert ran.code == 0
    assert "No recording of it was ever seen at Twilio." in ran.out


def test_a_kept_recording_is_not_certified(site: Site) -> None:
    with site.inside(), closing(open_installation(os.environ)) as installation:
        premises = premises_of(site, installation)
        one = premises.completed(purposes=AGREED)
        premises.work()
        premises.ends(one)
    ran = run(site, one.id)
    assert ran.code == 1
    assert f"recording {one.id} is not destroyed, it is kept" in ran.out


def test_a_name_that_nothing_has_ends_with_1(site: Site) -> None:
    assert run(site, "RE" + "0" * 32).code == 1


def test_a_bundle_holds_the_certificate_and_its_own_program_checks_it(site: Site) -> None:
    one = destroyed(site, kind=CopyKind.TRANSCRIPT)
    ran = run(site, one.recording_sid, "-o", "bundle")
    assert ran.code == 0, ran.err
    bundle = site.folder / "bundle"
    assert (bundle / "certificate.txt").read_text() == ran.out
    assert checked(site).returncode == 0
    paper = bundle / "certificate.json"
    written = paper.read_bytes()
    paper.write_bytes(written.replace(b'"found": 1', b'"found": 0', 1))
    assert "certificate.json is missing, new, or not as it was" in checked(site).stderr
    sign_again(site)
    assert "the certificate says of a recording what no event recording.destroyed says" in checked(site).stderr
    lies = json.loads(written)
    lies["recordings"] = []
    paper.write_text(json.dumps(lies))
    sign_again(site)
    assert "or leaves it out" in checked(site).stderr
    paper.write_bytes(written)
    sign_again(site)
    assert checked(site).returncode == 0


def checked(site: Site) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(site.folder / "bundle/verify.py")]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def sign_again(site: Site) -> None:
    """As an operator would who has the log's key."""
    bundle = site.folder / "bundle"
    head = (bundle / "manifest").read_text().split("\n")[:2]
    names = sorted(path.relative_to(bundle).as_posix() for path in bundle.rglob("*") if path.is_file())
    listed = [f"{sha256((bundle / name).read_bytes()).hexdigest()} {name}" for name in names if name != "manifest"]
    text = "\n".join([*head, *listed]) + "\n"
    with site.inside(), closing(open_installation(os.environ)) as installation:
        anchoring = anchoring_of(installation.settings, installation.database)
        origin = (bundle / "checkpoint").read_text().partition("\n")[0]
        signers = [Signer(origin, seed) for seed in anchoring.signing.seeds]
        (bundle / "manifest").write_text(str(Note(text, tuple(signer.sign(text) for signer in signers))))
