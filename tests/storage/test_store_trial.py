"""A store is tried out before any recording depends on it: it says what keeps it from its work, and nothing is left."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from storage.audio.contract import AudioStore
from storage.audio.directory_store import DirectoryStore
from storage.audio.s3_bucket import S3Bucket
from storage.audio.s3_store import S3Store
from storage.audio.store_trial import Trial, try_store
from storage.errors import Unavailable
from tests.conftest import NOON
from tests.storage.s3_line import Line
from tests.storage.s3_peer import Peer

CHECKSUMS = ("x-amz-checksum-sha256", "x-amz-sdk-checksum-algorithm")


def tried(store: AudioStore) -> Trial:
    return try_store(store, today=NOON.date(), random=lambda size: bytes(range(size)))


@pytest.mark.parametrize("lock", [False, True])
def test_a_bucket_that_can_do_its_work_is_fine_and_nothing_is_left_in_it(peer: Peer, lock: bool) -> None:
    bucket = peer.new_bucket(lock=lock)
    assert tried(S3Store(S3Bucket(peer.client, bucket, "some/prefix"))) == Trial()
    assert peer.versions(bucket) == []


def test_a_directory_that_can_do_its_work_is_fine_and_nothing_is_left_in_it(tmp_path: Path) -> None:
    assert tried(DirectoryStore(tmp_path)) == Trial()
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda faults: setattr(faults, "drop_headers", CHECKSUMS), "sha-256"),
        (lambda faults: setattr(faults, "answer_instead", {"PUT": 501}), "501"),
        (lambda faults: setattr(faults, "answer_instead", {"PUT": 403}), "put of .* does not allow it"),
        (lambda faults: setattr(faults, "answer_instead", {"PUT": 400}), "400"),
        (lambda faults: setattr(faults, "answer_instead", {"HEAD": 403}), "stat of .* does not allow it"),
        (lambda faults: setattr(faults, "answer_instead", {"DELETE": 403}), "nothing could be destroyed"),
        (lambda faults: setattr(faults, "answer_instead", {"DELETE": 204}), "nothing could be destroyed"),
        (lambda faults: setattr(faults, "drop_headers", ("range",)), "range"),
        (lambda faults: setattr(faults, "answer_instead", {"GET": 403}), "does not allow it"),
    ],
    ids=["no checksum", "501", "read-only", "400", "no head", "no delete", "delete claimed", "no range", "no list"],
)
def test_a_bucket_that_cannot_do_its_work_says_which_setting_and_why(
    line: Line, spoil: Callable[[Any], None], said: str
) -> None:
    spoil(line.faults)
    problems = tried(line.store()).problems
    assert any(re.search(f"^AUDIO_STORE: .*{said}", problem) for problem in problems), problems
    line.faults.heal()
    assert all(problem.startswith("AUDIO_STORE: ") for problem in problems)
    if not said.startswith(("nothing could be destroyed", "stat")):
        assert line.kept() == []


@pytest.mark.parametrize("who", ["public-read", "public-read-write", "authenticated-read"])
def test_a_bucket_whose_acl_lets_others_in_says_so(peer: Peer, who: str) -> None:
    bucket = peer.new_bucket(lock=False)
    peer.client.put_bucket_acl(Bucket=bucket, ACL=who)
    problems = tried(S3Store(S3Bucket(peer.client, bucket))).problems
    assert any(problem.startswith("AUDIO_STORE: the bucket's ACL gives ") for problem in problems)
    assert all(problem.endswith(": block its public access") for problem in problems)
    assert peer.versions(bucket) == []


def test_a_bucket_whose_policy_lets_everybody_in_says_so(peer: Peer) -> None:
    bucket = peer.new_bucket(lock=False)
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    peer.client.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    problems = tried(S3Store(S3Bucket(peer.client, bucket))).problems
    assert "AUDIO_STORE: the bucket's policy lets everybody in: block its public access" in problems
    closed = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
    peer.client.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=closed)
    problems = tried(S3Store(S3Bucket(peer.client, bucket))).problems
    assert not [problem for problem in problems if "policy" in problem]


@pytest.mark.parametrize(
    "statement",
    [
        {"Effect": "Deny", "Principal": "*"},
        {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}},
        {"Effect": "Allow", "Principal": "*", "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}},
    ],
)
def test_a_policy_that_names_who_or_from_where_is_the_operators_business(
    peer: Peer, statement: dict[str, object]
) -> None:
    bucket = peer.new_bucket(lock=False)
    about = {"Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/other/*"}
    policy = {"Version": "2012-10-17", "Statement": [statement | about]}
    peer.client.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    assert not [said for said in tried(S3Store(S3Bucket(peer.client, bucket))).problems if "policy" in said]


def test_nothing_is_put_where_it_would_be_locked_and_that_is_said(peer: Peer) -> None:
    bucket = peer.new_bucket(lock=True)
    peer.client.put_object_lock_configuration(
        Bucket=bucket,
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 30}},
        },
    )
    peer.client.put_bucket_acl(Bucket=bucket, ACL="public-read")
    found = tried(S3Store(S3Bucket(peer.client, bucket)))
    assert peer.versions(bucket) == []
    assert "locks by default" in found.untold[0]
    assert any("ACL" in problem for problem in found.problems), "what needs no put is found all the same"


def test_somebody_without_credentials_gets_at_nothing_in_a_bucket_of_ours(peer: Peer) -> None:
    bucket = peer.new_bucket(lock=False)
    peer.client.put_object(Bucket=bucket, Key="x", Body=b"x")
    assert not S3Bucket(peer.client, bucket).is_open_to_all("x")
    peer.client.put_object_acl(Bucket=bucket, Key="x", ACL="public-read")
    assert S3Bucket(peer.client, bucket).is_open_to_all("x")
    with pytest.raises(ClientError):
        peer.client.get_object(Bucket=bucket, Key="y")


def test_a_directory_that_forgets_what_was_put_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DirectoryStore, "stat", lambda *_: None)
    [problem] = tried(DirectoryStore(tmp_path)).problems
    assert problem.startswith("AUDIO_STORE: rec/onrecord-check/")


def test_a_directory_that_may_only_be_read_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise Unavailable("audio store: put of rec/x: Read-only file system")

    monkeypatch.setattr(DirectoryStore, "put", refused)
    assert tried(DirectoryStore(tmp_path)).problems == ("AUDIO_STORE: put of rec/x: Read-only file system",)
