"""A checkpoint in S3 is locked against everybody until its lock ends, and the receipt says which version that is."""

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from evidence.checkpoints import Checkpoint
from evidence.notes import Note, Signer
from storage.errors import Broken, NotEnforced, Refused, Unavailable
from storage.log.anchor_bucket import AnchorBucket
from storage.log.checkpoints import SignedCheckpoint
from tests.storage.s3_line import Line
from tests.storage.s3_peer import Peer, operators_settings

NOW = datetime.now(UTC)  # S3 takes no lock that ends in its past
SIGNER = Signer("calls.example.org/onrecord/0a1b2c3d", b"\x07" * 32)


def checkpoint(size: int = 700, signer: Signer = SIGNER) -> SignedCheckpoint:
    known = Checkpoint(signer.name, size, os.urandom(32))
    return SignedCheckpoint(known, Note(known.text, (signer.sign(known.text),)), NOW)


@pytest.fixture
def bucket(peer: Peer) -> str:
    return peer.new_bucket(lock=True)


def locked(peer: Peer, bucket: str, known: SignedCheckpoint, prefix: str = "log/") -> dict[str, Any]:
    receipt = AnchorBucket(f"s3://{bucket}/{prefix}", peer.client).lock(known, NOW)
    told: dict[str, Any] = json.loads(receipt)
    return told


def there(peer: Peer, receipt: dict[str, Any]) -> dict[str, str]:
    return {"Bucket": receipt["bucket"], "Key": receipt["key"], "VersionId": receipt["version_id"]}


def test_a_checkpoint_is_locked_for_ten_years_in_the_version_that_the_receipt_names(peer: Peer, bucket: str) -> None:
    known = checkpoint()
    receipt = locked(peer, bucket, known)
    kept = peer.client.get_object(**there(peer, receipt))
    assert kept["Body"].read().decode() == str(known.note)
    assert kept["ObjectLockMode"] == "COMPLIANCE"
    until = kept["ObjectLockRetainUntilDate"]
    assert timedelta(days=3652) < until - NOW < timedelta(days=3654)
    assert datetime.fromisoformat(receipt["locked_until"]) == until
    assert [one["VersionId"] for one in peer.versions(bucket)] == [receipt["version_id"]]


def test_that_version_can_not_be_deleted_and_a_later_one_does_not_hide_it(peer: Peer, bucket: str) -> None:
    known = checkpoint()
    receipt = locked(peer, bucket, known)
    with pytest.raises(ClientError, match="AccessDenied"):
        peer.client.delete_object(**there(peer, receipt))
    with pytest.raises(ClientError, match="AccessDenied"):
        peer.client.delete_object(**there(peer, receipt), BypassGovernanceRetention=True)
    peer.client.put_object(Bucket=bucket, Key=receipt["key"], Body=b"another history")
    peer.client.delete_object(Bucket=bucket, Key=receipt["key"])  # lays a marker on top
    assert peer.client.get_object(**there(peer, receipt))["Body"].read().decode() == str(known.note)


def test_each_size_and_each_name_of_the_log_has_a_key_of_its_own_in_order(peer: Peer, bucket: str) -> None:
    resumed = Signer("calls.example.org/onrecord/ffffffff", b"\x07" * 32)
    keys = [
        locked(peer, bucket, known)["key"]
        for known in (checkpoint(9), checkpoint(10), checkpoint(10_000), checkpoint(9, resumed))
    ]
    assert len(set(keys)) == 4
    assert sorted(keys[:3]) == keys[:3]
    assert all(key.startswith("log/") for key in keys)
    assert "/" not in locked(peer, bucket, checkpoint(), prefix="")["key"].split("/", 1)[1]


def test_the_same_checkpoint_again_is_another_version_and_both_are_locked(peer: Peer, bucket: str) -> None:
    known = checkpoint()
    first, second = locked(peer, bucket, known), locked(peer, bucket, known)
    assert (first["key"], first["version_id"] != second["version_id"]) == (second["key"], True)
    for receipt in (first, second):
        with pytest.raises(ClientError, match="AccessDenied"):
            peer.client.delete_object(**there(peer, receipt))


def test_a_bucket_that_locks_nothing_is_no_anchor(peer: Peer) -> None:
    with pytest.raises(NotEnforced, match="Object Lock"):
        locked(peer, peer.new_bucket(lock=False), checkpoint())


def test_a_server_that_takes_the_lock_and_forgets_it_is_seen(line: Line) -> None:
    line.faults.drop_headers = ("x-amz-object-lock-mode", "x-amz-object-lock-retain-until-date")
    client = line.peer.client_through(line.endpoint, attempts=1)
    with pytest.raises(NotEnforced, match="what was put there is not locked as it was asked for"):
        AnchorBucket(f"s3://{line.bucket}", client).lock(checkpoint(), NOW)


def test_what_somebody_puts_on_top_meanwhile_is_not_read_back_in_its_place(peer: Peer, bucket: str) -> None:
    receipt = json.loads(AnchorBucket(f"s3://{bucket}", Crowded(peer.client)).lock(checkpoint(), NOW))
    assert peer.client.get_object(Bucket=bucket, Key=receipt["key"])["Body"].read() == b"another history"


@dataclass(frozen=True)
class Crowded:
    """A client in a bucket where somebody else puts something right after each put."""

    client: Any

    def put_object(self, **asked: Any) -> Any:
        answer = self.client.put_object(**asked)
        self.client.put_object(Bucket=asked["Bucket"], Key=asked["Key"], Body=b"another history")
        return answer

    def get_object(self, **asked: Any) -> Any:
        return self.client.get_object(**asked)


def test_a_lost_answer_is_tried_again(line: Line) -> None:
    line.faults.times, line.faults.lose_reply_to = 1, "PUT"
    receipt = AnchorBucket(f"s3://{line.bucket}", line.peer.client_through(line.endpoint)).lock(checkpoint(), NOW)
    assert json.loads(receipt)["version_id"] in line.kept()


@pytest.mark.parametrize(
    ("status", "family", "said"), [(503, Unavailable, "503"), (403, Refused, "S3 does not allow it")]
)
def test_a_failure_of_s3_s_is_told_as_that_of_the_checkpoints(
    status: int, family: type[Exception], said: str, line: Line
) -> None:
    line.faults.answer_instead = {"PUT": status}
    client = line.peer.client_through(line.endpoint, attempts=1)
    with pytest.raises(family, match=f"checkpoints in S3: put: .*{said}"):
        AnchorBucket(f"s3://{line.bucket}", client).lock(checkpoint(), NOW)


def test_a_bucket_that_is_not_there_is_told_with_the_remedy(peer: Peer) -> None:
    with pytest.raises(Unavailable, match="checkpoints in S3: put: there is no such bucket; create it"):
        locked(peer, "no-such-bucket", checkpoint())


def test_it_is_reached_by_aws_s_own_settings(peer: Peer, bucket: str) -> None:
    with operators_settings(peer.endpoint):
        receipt = json.loads(AnchorBucket(f"s3://{bucket}/log").lock(checkpoint(), NOW))
    assert [one["VersionId"] for one in peer.versions(bucket)] == [receipt["version_id"]]


@pytest.mark.parametrize("place", ["", "bucket/prefix", "s3://", "dir:var"])
def test_a_place_that_is_no_bucket_is_refused(place: str) -> None:
    with pytest.raises((Refused, Broken), match="ONRECORD_ANCHOR_S3: write s3://BUCKET/PREFIX"):
        AnchorBucket(place)
