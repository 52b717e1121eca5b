"""Incidents of what is kept and where it is fetched: open buckets, guessed names, addresses for ever, foreign URLs."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from pathlib import Path
from typing import Any, cast

import pytest

from outbound.bounded_http import NoAnswer, redirected_to
from outbound.twilio_client import Account
from outbound.twilio_provider import TwilioProvider
from policies.lifecycle import RecordingState
from policies.listening import LOST_AFTER
from policies.rulebook.read import parse
from policies.rules import OnWithdrawal
from policies.withdrawal import WithdrawnBy
from storage.audio.audio_key import AudioKey
from storage.custody import sweep
from storage.custody.intake import intake
from storage.jobs.steps import Steps
from storage.rows import holds, withdrawing
from storage.rows.recordings import Recording
from storage.rows.withdrawing import Wish
from storage.staff import accounts, sessions
from tests.callflow.conftest import ACCOUNT, URLS, PhoneCall, recording_url
from tests.callflow.test_keeping_to_itself import outward_calls
from tests.console.conftest import BASE_URL, Person
from tests.console.test_listening import open_lease, piece, report
from tests.faults.premises import Patient, Premises
from tests.incidents.conftest import RULES, WAV, Service, opened
from tests.incidents.hostile import EVIL, ask, told
from tests.onrecord.commands.conftest import fresh, site
from tests.onrecord.commands.site import Ran, Site
from tests.outbound.scripted_api import ScriptedApi, raw, said, scripted_api
from tests.source import ROOMS, modules, text_of
from tests.storage.s3_peer import Peer, operators_settings

__all__ = ["fresh", "site"]


def _expose(peer: Peer, bucket: str, way: str) -> None:
    if way == "ACL":
        peer.client.put_bucket_acl(Bucket=bucket, ACL="public-read")
    if way == "policy":
        allow = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
        peer.client.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [allow]}))


def test_incident_03_a_bucket_of_call_records_was_open_to_everybody(site: Site, peer: Peer) -> None:
    """Records of 14 million customers' calls lay in a bucket that whoever knew its name could read (NICE Systems and
    Verizon, 2017, reported by UpGuard).
    """
    aws = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    nowhere = {"PUBLIC_BASE_URL": "http://127.0.0.1:9", "AWS_ENDPOINT_URL_S3": peer.endpoint}
    with operators_settings(peer.endpoint):
        for way in ("", "ACL", "policy"):
            bucket = peer.new_bucket(lock=False)
            site.environ |= {**aws, **nowhere, "AUDIO_STORE": f"s3://{bucket}/x"}
            _expose(peer, bucket, way)
            checked = site.run("check")
            assert checked.code == int(bool(way)), checked
            assert set(re.findall(r"the bucket's (\w+) (?:gives|lets) everybody", checked.err)) == {way} - {""}
        assert "audio store" in _found(site.run("doctor", "--json"))


def _found(ran: Ran) -> set[str]:
    return {finding["check"] for finding in json.loads(ran.out)["findings"] if finding["is_wrong"]}


def test_incident_04_recordings_were_found_by_guessing_their_names(service: Service, tmp_path: Path) -> None:
    """Thousands of recorded meetings, many of them in buckets, were found by searching for the one name that the
    program gave to all of them (Zoom, reported by The Washington Post on 3 April 2020).
    """
    person, staff = service.staff.somebody(), service.staff
    _, kept = service.keeps_a_call()
    arrived = [_arrives(service) for _ in range(40)]
    ids = {
        "call": [service.call_of(one.sid).id for one in arrived],
        "recording": [service.recordings_of(one.sid)[0].id for one in arrived],
        "lease": [str(open_lease(staff.somebody(), kept).get_json()["lease"]) for _ in range(40)],
        "account": [staff.somebody().account.id for _ in range(40)],
        "session": [staff.sign_in(person.account).token for _ in range(40)],
    }
    for kind, some in ids.items():
        assert _constant_bits(some) == [], kind
    (_tmp := tmp_path / "other").mkdir()
    with opened(f"sqlite:///{_tmp}/onrecord.db", service.premises.shop.store, _tmp) as other:
        again = PhoneCall(other.twilio, arrived[0].line, arrived[0].caller, arrived[0].sid)
        again.arrives()
        assert other.call_of(again.sid).id != ids["call"][0]
    keys = [key for key in service.premises.shop.store.list("") if key.recording_id == kept.id]
    parts = {(key.retention_class, f"{key.recorded_on}") for key in keys}
    assert parts == {("quality-90d", "2026-11-22")}
    pieces = {AudioKey.parse(str(key)).name.partition("-")[0] for key in keys}
    assert pieces == {"master", "peaks", "levels"}


def _arrives(service: Service) -> PhoneCall:
    """At the same moment and from the same number as all others, with a recording."""
    call = service.twilio.dial()
    call.arrives()
    call.recording(URLS.recording(service.call_of(call.sid).id), "in-progress")
    return call


def _constant_bits(names: list[str]) -> list[int]:
    """The bits that are the same in all of them, of the first 128: none, but for one time in many millions."""
    digits = {"0123456789abcdef" * (len(name) == 32) for name in names}
    values = [int(name, 16) if digits == {"0123456789abcdef"} else _from_base64(name) for name in names]
    assert len(set(names)) == len(names)
    return [bit for bit in range(128) if len({value >> bit & 1 for value in values}) == 1]


def _from_base64(name: str) -> int:
    from base64 import urlsafe_b64decode

    assert len(name) >= 43
    return int.from_bytes(urlsafe_b64decode(name + "=" * (-len(name) % 4)), "big")


@pytest.mark.parametrize(("status", "is_open"), [(200, True), (302, True), (401, False)])
def test_incident_07_the_telephone_company_gave_recordings_to_whoever_asked(
    site: Site, status: int, is_open: bool
) -> None:
    """Until 31 July 2023 new accounts of Twilio gave a recording to whoever had its address, and older accounts went on
    to do so (support.twilio.com, article 15827821586843).
    """
    sid, account = "RE" + "2" * 32, site.environ["TWILIO_ACCOUNT_SID"]
    base, media = f"/2010-04-01/Accounts/{account}", f"/2010-04-01/Accounts/{account}/Recordings/{sid}.wav"
    with scripted_api() as api:
        rows = [{"sid": sid, "call_sid": "CA" + "1" * 32, "status": "completed"}]
        api.answers(f"{base}/Recordings.json", said(200, {"recordings": rows, "next_page_uri": None}))
        api.answers(f"{base}/Calls.json", said(200, {"calls": [], "next_page_uri": None}))
        api.answers(media, raw(status, b"", Location=f"{api.url}/elsewhere"))
        site.environ |= {"TWILIO_API_BASE_URL": api.url, "PUBLIC_BASE_URL": "http://127.0.0.1:9"}
        checked, examined = site.run("check"), site.run("doctor", "--json")
    assert ("Enforce HTTP Auth on Media URLs" in checked.err) is is_open
    assert ("open media" in _found(examined)) is is_open
    probes = [request for request in api.requests if request.path == media]
    assert len(probes) == 2
    assert [request for request in probes if "authorization" in request.headers] == []
    assert all(
        "authorization" in request.headers for request in api.requests if request.path.startswith(f"{base}/Calls")
    )


def test_incident_08_the_address_of_a_recording_was_good_for_ever(tmp_path: Path, peer: Peer) -> None:
    """The addresses that a maker of voice agents hands out for recordings expire only where its customer asks for it
    (Retell, documentation of signed URLs).
    """
    store = peer.new_store(lock=False)
    with opened(f"sqlite:///{tmp_path}/onrecord.db", store, tmp_path) as service:
        _, kept = service.keeps_a_call()
        person = service.staff.somebody()
        answers = [opening := open_lease(person, kept), *_heard(person, opening.get_json()["lease"])]
        answers += [person.get(f"/calls/{kept.call_id}/recordings/{kept.id}/lanes")]
        shown = b"".join(map(told, answers))
        assert [
            one for one in (b"X-Amz", b"Signature=", b"http:", b"https:", b"bucket-", b"rec/") if one in shown
        ] == []
        for end in ENDS:
            _address_dies(service, kept, end)
    signing = re.compile("presigned|generate_url|SignedUrl|CloudFrontSigner")
    assert [path for path in modules(*ROOMS) if signing.search(text_of(path))] == []


def _heard(person: Person, lease: str) -> list[Any]:
    path = f"/leases/{lease}/piece?track=master&from_ms="
    return [person.get(f"{path}{at}") for at in (0, 500, 99_000)]


Ending = Callable[[Service, Person, Recording, str], object]
ENDS: tuple[Ending, ...] = (
    lambda service, person, kept, lease: report(person, lease, 1, closes=True),
    lambda service, person, kept, lease: service.premises.clock.passes(seconds=LOST_AFTER.total_seconds() + 1),
    lambda service, person, kept, lease: person.post("/leave"),
    lambda service, person, kept, lease: service.premises.clock.passes(hours=13),
    lambda service, person, kept, lease: service.premises.write(
        lambda connection: accounts.disable(connection, service.premises.moment(), person.account, actor="root")
    ),
    lambda service, person, kept, lease: service.premises.write(
        lambda connection: sessions.end_all(connection, person.account.id, service.premises.clock.now, "revoked")
    ),
    lambda service, person, kept, lease: service.premises.condemn(kept),
)


def _address_dies(service: Service, kept: Recording, end: Ending) -> None:
    person, other = service.staff.somebody(), service.staff.somebody()
    lease = str(open_lease(person, kept).get_json()["lease"])
    assert piece(person, lease, 0).status_code == 200
    address = f"/leases/{lease}/piece?track=master&from_ms=0"
    assert piece(other, lease, 0).status_code == 403
    assert ask(service.console, address, base_url=BASE_URL).status_code == 403
    end(service, person, kept, lease)
    again = service.staff.sign_in(person.account)
    for who in (person, other, again):
        answer = piece(who, lease, 0)
        assert (answer.status_code, b"moof" in answer.data) == (403, False)


def _foreign_urls(elsewhere: str, sid: str) -> Iterator[str]:
    """Addresses that some way of reading a URL takes for Twilio's."""
    host = elsewhere.removeprefix("http://")
    yield f"{elsewhere}/?api.twilio.com"
    yield f"http://api.twilio.com@{host}/x"
    yield f"http://{host}\\@api.twilio.com/"
    yield f"http://api.twilio.com%2f@{host}/"
    yield f"http://api.twilio.com#@{host}/"
    yield from (
        "http://169.254.169.254/latest/meta-data?api.twilio.com",
        f"https://api.twilio.com.{EVIL}/x",
        f"https://api.twilio.com@{EVIL}/x",
        f"https://{EVIL}\\@api.twilio.com/",
        f"https://api.twilio.com%2f@{EVIL}/",
        "https://api.twilio.com:8443/x",
        "http://api.twilio.com/x",
        f"https://api.twilio.com/2010-04-01/Accounts/AC{'9' * 32}/Recordings/{sid}",
        f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Recordings/{sid}/../../../x",
        f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Recordings/{sid}\n",
        " https://api.twilio.com/x",
        "ht\ttps://api.twilio.com/x",
        "file:///etc/passwd",
        "gopher://127.0.0.1:6379/_FLUSHALL",
        "http://[::ffff:127.0.0.1]/",
        "//evil.example/x",
    )


def test_incident_18_a_recording_was_fetched_from_wherever_a_webhook_said(service: Service) -> None:
    """A customer database fetched the URL that stood in a stored recording, with its own credentials, wherever that led
    (frappe/crm, review of pull request 2590, 2026).
    """
    with scripted_api() as api, scripted_api() as elsewhere:
        call, sid = _recorded_call(service)
        url = URLS.recording(service.call_of(call.sid).id)
        with outward_calls() as outward:
            for address in _foreign_urls(elsewhere.url, sid):
                for name in ("RecordingUrl", "MediaUrl", "RecordingSid"):
                    answer = call.recording(url, "completed", **{"RecordingDuration": "1", name: address})
                    assert answer.status_code == 204
        assert outward == []
        (recording,) = service.recordings_of(call.sid)
        assert EVIL not in str(service.everything())
        _has_the_recording(api, sid)
        intake(_shop_at(service, api), cast(Steps, Patient()), recording.id)
        assert elsewhere.requests == []
        assert f"{_ROOT}/Recordings/{sid}.wav" in {request.path for request in api.requests}
        assert service.premises.recording(recording).state is RecordingState.KEPT
        assert service.premises.audio(recording) == WAV
    for inward in ("http://169.254.169.254/latest", "http://api.twilio.com/x", "file:///etc/passwd", "ftp://x/"):
        with pytest.raises(NoAnswer):
            redirected_to("https://api.twilio.com/x.wav", inward)


_ROOT = f"/2010-04-01/Accounts/{ACCOUNT}"


def _recorded_call(service: Service) -> tuple[PhoneCall, str]:
    call = service.twilio.dial()
    answer = call.presses(call.to_the_question(), "1")
    call.recording(recording_url(answer), "completed", RecordingDuration="1")
    call.ends()
    return call, "RE" + call.sid[2:]


def _has_the_recording(api: ScriptedApi, sid: str) -> None:
    """Until it is deleted."""
    api.answers(f"{_ROOT}/Recordings/{sid}.wav", raw(200, WAV, "audio/x-wav"))
    api.answers(f"{_ROOT}/Recordings/{sid}.json", raw(204, b""), said(404, code=20404))


def _shop_at(service: Service, api: ScriptedApi) -> Any:
    account = Account(ACCOUNT, "SK" + "a" * 32, "the-secret-of-the-key", api.url)
    return replace(service.premises.shop, provider=TwilioProvider(account, pause=lambda _: None))


def test_incident_19_a_recording_that_was_not_ready_yet_was_lost(service: Service) -> None:
    """A platform fetched a recording four times within a second of its call's end, and never again: what took longer to
    be ready was lost (RapidPro, issue 604).
    """
    with scripted_api() as api:
        call, sid = _recorded_call(service)
        (recording,) = service.recordings_of(call.sid)
        premises, media = service.premises, f"{_ROOT}/Recordings/{sid}.wav"
        premises.shop = _shop_at(service, api)
        assert _takes_in(premises, recording, hours_max=9) is None
        assert len([request for request in api.requests if request.path == media]) > 20
        assert "recording_waits" in premises.incidents(recording)
        _has_the_recording(api, sid)
        assert _takes_in(premises, recording, hours_max=7) is not None
        assert premises.audio(recording) == WAV
        assert premises.incidents(recording) == set()


def _takes_in(premises: Premises, recording: Recording, *, hours_max: int) -> int | None:
    """After how many hours it is kept; None where it waits still, and is not given up."""
    for hour in range(hours_max):
        premises.work()
        if premises.recording(recording).state is RecordingState.KEPT:
            return hour
        assert premises.recording(recording).state is RecordingState.COMPLETED
        premises.clock.passes(hours=1)
        sweep.sweep(premises.shop, premises.jobs, cast(Steps, Patient()))
    return None


Act = Callable[[Premises, Recording], object]


def _hold(premises: Premises, one: Recording) -> None:
    premises.write(
        lambda connection: holds.place(
            connection, premises.moment(), premises.row(connection, premises.owner(one)), reason="x", actor="bob"
        )
    )


def _withdraw(on_recording: OnWithdrawal) -> Act:
    wish = Wish(WithdrawnBy.REQUEST, "carol", on_recording)

    def act(premises: Premises, one: Recording) -> None:
        premises.write(
            lambda connection: withdrawing.withdraw(
                connection,
                premises.moment(),
                premises.row(connection, premises.owner(one)),
                wish,
                parse(RULES),
                premises.jobs,
            )
        )

    return act


DESTROY, KEEP = _withdraw(OnWithdrawal.DESTROY), _withdraw(OnWithdrawal.KEEP)


@pytest.mark.parametrize("is_over", [False, True], ids=["in time", "time over"])
def test_incident_22_of_rules_that_overlapped_it_was_unclear_which_counted(service: Service, is_over: bool) -> None:
    """Where several rules of retention cover one recording, a contact centre keeps it by the longest of them, whatever
    the caller was told (Genesys, help.mypurecloud.com, page 17591).

    Here a withdrawal that destroys comes before a hold, a hold before the end of the time, and that before everything
    else, in whatever order they came. A purpose that is over opens nothing, however long the recording is kept.
    """
    premises = service.premises
    acts: list[tuple[Act, ...]] = [(), (_hold,), (KEEP,), (DESTROY,), (_hold, KEEP), (_hold, DESTROY), (KEEP, DESTROY)]
    for some in acts:
        for order in permutations(some):
            one = premises.stored(wav=WAV, duration_s=1, purposes={"quality": timedelta(days=90)})
            for act in order:
                act(premises, one)
            premises.clock.passes(days=91 if is_over else 1)
            _goes_on(premises)
            gone = DESTROY in order or (is_over and _hold not in order)
            assert premises.recording(one).state is (RecordingState.DESTROYED if gone else RecordingState.KEPT), order
    _each_purpose_ends_by_itself(service)


def _goes_on(premises: Premises) -> None:
    for _ in range(2):
        premises.sweep()
        premises.work()
        premises.clock.passes(seconds=6)


def _each_purpose_ends_by_itself(service: Service) -> None:
    premises = service.premises
    lengths = {"quality": timedelta(days=30), "training": timedelta(days=60)}
    one = premises.stored(wav=WAV, duration_s=1, purposes=lengths)
    for days, opens in ((0, {"quality", "training"}), (31, {"training"}), (61, set[str]())):
        premises.clock.passes(days=days - (31 if days == 61 else 0))
        person = service.staff.somebody()
        assert {purpose for purpose in lengths if open_lease(person, one, purpose).status_code == 200} == opens
