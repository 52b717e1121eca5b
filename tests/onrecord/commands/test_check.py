"""`onrecord check` says of each setting whether what it names can do its work, by trying it."""

from pathlib import Path
from typing import Any

import pytest

from storage.errors import Unavailable
from tests.onrecord.commands.site import Site
from tests.outbound.scripted_api import said, scripted_api
from tests.storage.s3_peer import operators_settings, s3_peer
from tests.storage.toxic_proxy import toxic_proxy


def test_an_installation_in_order_is_found_so_and_nothing_is_left_of_the_trial(site: Site) -> None:
    before = site.files()
    ran = site.run("check")
    assert ran.code == 0, ran
    assert "note: TWILIO_ACCOUNT_SID: Twilio was not reached" in ran.out
    assert {name for name in site.files() if "/audio/rec" in name} == set()
    assert {*site.files()} - {*before} <= {"var/audio/.incoming"}


def test_what_a_trial_finds_is_told_after_the_tables_with_its_setting(site: Site) -> None:
    with scripted_api() as api:
        account = site.environ["TWILIO_ACCOUNT_SID"]
        api.answers(f"/2010-04-01/Accounts/{account}/Recordings.json", said(401, code=20003))
        site.environ["TWILIO_API_BASE_URL"] = api.url
        ran = site.run("check")
    assert ran.code == 1
    assert ran.err.startswith("onrecord: TWILIO_AUTH_TOKEN is refused by Twilio")
    assert "Law pack" in ran.out


@pytest.mark.parametrize("spoil", ["checksums", "501", "read-only", "public"])
def test_a_bucket_that_can_never_work_or_must_not_be_used_is_found_out(site: Site, spoil: str) -> None:
    with s3_peer() as peer, toxic_proxy(peer.endpoint) as (endpoint, faults):
        bucket = peer.new_bucket(lock=False)
        if spoil == "checksums":
            faults.drop_headers = ("x-amz-checksum-sha256", "x-amz-sdk-checksum-algorithm")
        if spoil == "public":
            peer.client.put_bucket_acl(Bucket=bucket, ACL="public-read")
        with operators_settings(endpoint):
            aws = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
            site.environ |= {**aws, "AWS_ENDPOINT_URL_S3": endpoint, "AUDIO_STORE": f"s3://{bucket}/x"}
            assert site.run("init").code == 0
            faults.answer_instead = {"501": {"PUT": 501}, "read-only": {"PUT": 403}}.get(spoil, {})
            ran = site.run("check")
        faults.heal()
        assert ran.code == 1, ran
        assert ran.err.startswith("onrecord: AUDIO_STORE: ")
        assert peer.versions(bucket) == []


def test_an_encoder_that_makes_no_copy_is_told_and_is_no_problem(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Any:
        raise Unavailable("listening copy: no such encoder")

    monkeypatch.setattr("onrecord.trials.listening_copy", broken)
    ran = site.run("check")
    assert ran.code == 0, ran
    assert "there will be no listening copies" in ran.out


def test_anchors_in_a_bucket_without_locks_are_found_out(site: Site) -> None:
    with s3_peer() as peer, operators_settings(peer.endpoint):
        aws = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
        for lock, code in ((False, 1), (True, 0)):
            place = f"s3://{peer.new_bucket(lock=lock)}/x"
            site.environ |= {**aws, "AWS_ENDPOINT_URL_S3": peer.endpoint, "ONRECORD_ANCHOR_S3": place}
            ran = site.run("check")
            assert ran.code == code, ran
    assert "ONRECORD_ANCHOR_S3" not in ran.err


def test_a_place_for_erasures_that_cannot_be_written_is_a_problem(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    site.environ["ONRECORD_ERASURES"] = str(tmp_path / "file/erasures.txt")
    [problem] = site.run("check").problems
    assert problem.startswith("ONRECORD_ERASURES")
