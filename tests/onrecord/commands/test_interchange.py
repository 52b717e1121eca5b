"""`onrecord vcon` and `onrecord receipt`, for whole calls of every kind and one recording that is really kept."""

import json
import os
import stat
from base64 import urlsafe_b64encode
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256, sha512
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import Connection, delete, update

from evidence.checkpoints import TlogProof
from onrecord.installation import open_installation
from policies.rulebook.read import parse
from storage.custody.intake import intake
from storage.custody.workshop import Workshop
from storage.database.tables import call, disclosure
from storage.jobs.steps import Steps
from storage.log import checkpoints
from storage.log.checkpoints import Signing
from storage.provider import ProviderRecording
from tests.callflow.conftest import RULEBOOK, Installation, install
from tests.callflow.whole_calls import call_every_way
from tests.evidence.certificates import certified_by_authorities
from tests.evidence.documents import vcon_faults, verified
from tests.faults.phone_company import OURS, PhoneCompany, Tape
from tests.faults.premises import Patient
from tests.onrecord.commands.site import Site
from tests.publishing import publish
from tests.storage.wavs import quiet, stereo, tone, wav_bytes

CALLER, DIGITS = "+15125550111", "5125550111"
WAV = wav_bytes(stereo(tone(30.0), quiet(30.0)))
# In the order of `call_every_way`.
KINDS = (
    "consented",
    "stayed",
    "silent where that is consent",
    "declined",
    "unclear",
    "second recording",
    "turned away",
    "never asked",
    "hung up",
    "fell back",
    "missed",
    "changed their mind",
    "agreed again",
    "kept their no",
    "silent when asked again",
    "no line",
    "unreadable",
)


@dataclass(frozen=True)
class Called:
    """A site, the sids of its calls by their kinds, and of the first call the recording that is kept."""

    site: Site
    sids: dict[str, str]

    def written(self, command: str, kind: str, *options: str) -> dict[str, Any]:
        ran = self.site.run(command, self.sids[kind], *options)
        assert (ran.code, ran.err) == (0, "")
        document: dict[str, Any] = json.loads(ran.out)
        return document

    def record(self, kind: str) -> dict[str, Any]:
        found: dict[str, Any] = self.written("receipt", kind)["dpv:hasRecordOfActivity"]
        return found


@pytest.fixture(scope="module")
def called(fresh: Site, tmp_path_factory: pytest.TempPathFactory) -> Called:
    site = fresh.copied_to(tmp_path_factory.mktemp("interchange"))
    with site.inside(), closing(open_installation(os.environ)) as opened:
        text = RULEBOOK.read_text()
        publish(opened.database, parse(text), text)
        installation = install(opened.database)
        installation.twilio.clock.now = datetime.now(UTC) - timedelta(hours=1)
        sids = [one.sid for one in call_every_way(installation.twilio, CALLER)]
        shop = Workshop(
            installation.database,
            company(installation, sids[0]),
            opened.store,
            Path("var/spool"),
            opened.keys.key_encryption_key,
            listening_copies=False,
        )
        for one in installation.recordings(sids[0]):
            intake(shop, cast(Steps, Patient()), one.id)
        signing = Signing("support.example", [opened.keys.log_signing_seed])
        installation.database.write(lambda connection: checkpoints.sign(connection, shop.moment(), signing))
    return Called(site, dict(zip(KINDS, sids, strict=True)))


def company(installation: Installation, call_sid: str) -> PhoneCompany:
    """That has the recording of a call."""
    (one,) = installation.recordings(call_sid)
    shown = ProviderRecording(one.recording_sid, call_sid, "completed", 30, 2, OURS, one.noticed_at)
    return PhoneCompany(lambda: datetime.now(UTC), tapes={one.recording_sid: Tape(shown, WAV)})


@pytest.fixture
def own(called: Called, tmp_path: Path) -> Called:
    """A copy to spoil."""
    return Called(called.site.copied_to(tmp_path / "own"), called.sids)


def attached(vcon: dict[str, Any], purpose: str) -> Any:
    return next((one["body"] for one in vcon["attachments"] if one["purpose"] == purpose), None)


@pytest.mark.parametrize("kind", KINDS)
def test_every_whole_call_is_a_vcon_by_the_ietfs_schema(called: Called, kind: str) -> None:
    vcon = called.written("vcon", kind)
    assert vcon_faults(vcon) == []
    assert DIGITS not in json.dumps(vcon)
    assert called.sids[kind] not in json.dumps(vcon)


@pytest.mark.parametrize(
    ("kind", "types", "keys"),
    [
        ("consented", ["text", "recording"], ["9", "1"]),
        ("stayed", ["text", "recording"], []),
        ("silent where that is consent", ["text", "recording"], []),
        ("declined", ["text"], ["2"]),
        ("unclear", ["text"], ["#"]),
        ("second recording", ["text", "recording"], ["1"]),
        ("turned away", ["text"], ["2"]),
        ("never asked", ["text"], []),
        ("hung up", ["incomplete"], []),
        ("missed", ["incomplete"], []),
        ("unreadable", ["text"], []),
    ],
)
def test_the_keys_and_dialogs_are_those_of_the_call(
    called: Called, kind: str, types: list[str], keys: list[str]
) -> None:
    vcon = called.written("vcon", kind)
    assert [one["type"] for one in vcon["dialog"]] == types
    assert [one["button"] for one in vcon["dialog"][0].get("party_history", [])] == keys


def test_the_content_hash_is_of_the_wav_that_is_really_kept(called: Called, tmp_path: Path) -> None:
    (said,) = (one for one in called.written("vcon", "consented")["dialog"] if one["type"] == "recording")
    sid = called.site.run("call", called.sids["consented"], "--json").out
    copy = tmp_path / "copy.wav"
    ran = called.site.run(
        "recording", "export", json.loads(sid)["recordings"][0]["recording_sid"], str(copy), "--purpose", "quality"
    )
    assert ran.code == 0
    digest = urlsafe_b64encode(sha512(copy.read_bytes()).digest()).decode().rstrip("=")
    assert said["content_hash"] == f"sha512-{digest}"
    (listed,) = attached(called.written("vcon", "consented"), "recordings")
    assert listed["sha256"] == sha256(WAV).hexdigest()
    assert (listed["state"], listed["permitted"]) == ("kept", True)


def test_writing_a_vcon_is_no_listening(own: Called) -> None:
    before = own.site.run("log", "show").out
    own.written("vcon", "consented")
    own.written("receipt", "consented")
    assert own.site.run("log", "show").out == before


@pytest.mark.parametrize(
    ("kind", "basis", "granted"),
    [
        ("consented", "express", True),
        ("stayed", "implied", True),
        ("silent where that is consent", "implied", True),
        ("second recording", "express", True),
        ("declined", "none", False),
        ("unclear", "none", False),
        ("turned away", "none", False),
        ("never asked", "none", False),
        ("hung up", "none", False),
        ("fell back", "none", False),
        ("missed", "none", False),
        ("no line", "none", False),
        ("unreadable", "none", False),
    ],
)
def test_both_documents_say_how_far_consent_went(called: Called, kind: str, basis: str, granted: bool) -> None:
    body = attached(called.written("vcon", kind), "lawful_basis")
    assert body["metadata"]["basis"] == basis
    assert {one["granted"] for one in body["purpose_grants"]} == {granted}
    record = called.record(kind)
    given = [one["@type"] for one in record["dpv:hasConsentStatus"] if "dpv:ConsentGiven" in one["@type"]]
    expected = {"express": ["dpv:ExpressedConsent"], "implied": ["dpv:ImpliedConsent"], "none": []}[basis]
    assert [types[1] for types in given] == expected


def test_a_refusal_is_said_to_be_one_and_silence_is_not(called: Called) -> None:
    ends = {kind: called.record(kind)["dpv:hasConsentStatus"][-1]["@type"] for kind in KINDS}
    refused = {kind for kind, types in ends.items() if types == ["dpv:ConsentRefused"]}
    assert refused == {"declined", "turned away", "kept their no"}
    assert ends["unclear"] == ends["hung up"] == ends["never asked"] == ["dpv:ConsentUnknown"]


def test_business_words_and_retention_are_those_that_were_in_force(called: Called) -> None:
    record = called.record("consented")
    assert record["dpv:hasDataController"]["dpv:hasName"] == "Email Customer Support"
    assert record["dpv:hasJurisdiction"] == [{"@id": "loc:US-TX"}]
    assert record["onrecord:lacks"] == [
        "party address",
        "party contact",
        "storage locations",
        "recipient third parties",
    ]
    (notice,) = record["dpv:hasNotice"]
    assert "Thanks for calling Email Customer Support." in notice["dct:description"]
    durations = [one.get("dpv:hasDuration") for one in record["dpv:hasProcess"]["dpv:hasStorageCondition"]]
    assert "P90D" in durations


def test_the_proof_is_the_logs_own_lines(called: Called) -> None:
    log = called.site.run("log", "show").out.splitlines()
    for one in called.record("declined")["onrecord:proof"]:
        assert log[one["onrecord:eventIndex"]] == one["onrecord:event"]
        leaf = sha256(b"\0" + one["onrecord:event"].encode()).digest()
        assert one["onrecord:leafHash"] == leaf.hex()
        assert TlogProof.parse(one["onrecord:tlogProof"]).check(leaf).size > one["onrecord:eventIndex"]
    shown = attached(called.written("vcon", "declined"), "lawful_basis")["proof_mechanisms"]
    types = [json.loads(one["proof_data"]["event"])["type"] for one in shown]
    assert types[:3] == ["disclosure.served", "disclosure.completed", "consent.choice"]
    for one in (one["proof_data"] for one in shown):
        TlogProof.parse(one["tlog_proof"]).check(sha256(b"\0" + one["event"].encode()).digest())


def test_the_caller_is_named_only_where_it_is_asked_for_and_the_log_says_so(called: Called) -> None:
    assert called.written("vcon", "declined", "--disclose", "caller")["parties"][0]["tel"] == CALLER
    last = json.loads(called.site.run("log", "show").out.splitlines()[-1])
    assert (last["type"], last["scope"], last["disclosed"]) == ("log.exported", "vcon", ["caller"])
    ran = called.site.run("vcon", called.sids["declined"], "--disclose", "agent")
    assert ran.code == 2
    assert "what can be disclosed is caller" in ran.err


def test_a_signed_vcon_verifies_and_the_key_is_made_once_for_its_owner_alone(own: Called) -> None:
    ran = own.site.run("vcon", own.sids["consented"], "--sign", "-o", "call.vcon")
    assert (ran.code, ran.out) == (0, "")
    made, weakness = ran.err.splitlines()
    assert made == "onrecord: var/vcon.pem: a new key, with a certificate that it signed itself"
    assert "nobody else vouches for" in weakness
    key, file = own.site.folder / "var/vcon.pem", own.site.folder / "call.vcon"
    assert [oct(stat.S_IMODE(path.stat().st_mode)) for path in (key, file)] == ["0o600", "0o600"]
    vcon = verified(json.loads(file.read_bytes()))
    assert vcon_faults(vcon) == []
    before = key.read_bytes()
    again = own.site.run("vcon", own.sids["declined"], "--sign")
    assert len(again.err.splitlines()) == 1
    assert verified(json.loads(again.out))["uuid"] != vcon["uuid"]
    assert key.read_bytes() == before
    key.chmod(0o640)
    (problem,) = own.site.run("vcon", own.sids["declined"], "--sign").problems
    assert problem.startswith("ONRECORD_VCON_KEY can be opened by other users")


def test_a_key_that_an_authority_vouches_for_is_used_with_its_chain(own: Called) -> None:
    file = own.site.folder / "var/vcon.pem"
    file.write_bytes(certified_by_authorities(3))
    file.chmod(0o600)
    assert file.stat().st_size > 4096
    ran = own.site.run("vcon", own.sids["declined"], "--sign")
    assert (ran.code, ran.err) == (0, "")
    document = json.loads(ran.out)
    assert verified(document)
    assert len(document["signatures"][0]["header"]["x5c"]) == 4


def test_a_key_file_that_holds_something_else_is_told(own: Called) -> None:
    own.site.environ = {**own.site.environ, "ONRECORD_VCON_KEY": "var/keys"}
    (problem,) = own.site.run("vcon", own.sids["declined"], "--sign").problems
    assert problem.startswith("ONRECORD_VCON_KEY holds no unencrypted key and certificate in PEM: ")


def test_a_file_that_is_there_is_not_replaced(own: Called) -> None:
    (own.site.folder / "mine").write_text("mine")
    ran = own.site.run("receipt", own.sids["declined"], "-o", "mine")
    assert (ran.code, ran.out, ran.err) == (1, "", "onrecord: write of mine: it is there already\n")
    assert (own.site.folder / "mine").read_text() == "mine"


@pytest.mark.parametrize("command", ["vcon", "receipt"])
def test_an_unknown_call_is_told(called: Called, command: str) -> None:
    ran = called.site.run(command, "CA" + "0" * 32)
    assert (ran.code, ran.out, ran.err) == (1, "", "onrecord: there is no call with this sid or id\n")


@pytest.fixture
def erased(own: Called) -> tuple[Called, str]:
    """The first call as an erasure leaves it: no disclosures, no sid of Twilio's; and its id."""

    def erase(connection: Connection, call_sid: str) -> str:
        known = connection.execute(call.select().where(call.c.call_sid == call_sid)).one()
        connection.execute(delete(disclosure).where(disclosure.c.call_id == known.id))
        gone = {"call_sid": f"erased {known.id[:20]}", "erased_at": datetime.now(UTC), "caller_hash": None}
        connection.execute(update(call).where(call.c.id == known.id).values(gone))
        return str(known.id)

    with closing(own.site.database()) as database:
        return own, database.write(lambda connection: erase(connection, own.sids["consented"]))


def test_where_no_checkpoint_covers_an_event_no_proof_is_claimed(own: Called) -> None:
    with closing(own.site.database()) as database:
        arrived = install(database).twilio.dial(caller="anonymous")
        arrived.arrives()
    fresh = Called(own.site, {"open": arrived.sid})
    (proof,) = fresh.record("open")["onrecord:proof"]
    assert "onrecord:tlogProof" not in proof
    assert [one["purpose"] for one in fresh.written("vcon", "open")["attachments"]] == ["disclosure"]


def test_of_an_erased_call_what_remains_is_told_and_that_it_was_erased(erased: tuple[Called, str]) -> None:
    called, call_id = erased
    assert called.site.run("vcon", called.sids["consented"]).code == 1
    vcon = json.loads(called.site.run("vcon", call_id, "--disclose", "caller").out)
    assert vcon_faults(vcon) == []
    assert vcon["redacted"]["type"].startswith("caller erased")
    assert "tel" not in vcon["parties"][0]
    assert "content_hash" not in vcon["dialog"][1]
    assert attached(vcon, "lawful_basis")["metadata"]["basis"] == "express"
    receipt = json.loads(called.site.run("receipt", call_id).out)
    assert receipt["dpv:hasRecordOfActivity"]["onrecord:erasedAt"]
