"""What goes over the wire to S3, checked on every request: mistakes that no stand-in server refuses and AWS
does."""

import base64
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from storage.audio.contract import AudioKey
from storage.audio.s3_bucket import S3Bucket
from storage.audio.s3_store import S3Store
from tests.storage.s3_peer import Peer
from tests.storage.toxic_proxy import self_signed, toxic_proxy

CONTENT = bytes(100_000)


@dataclass(frozen=True)
class Request:
    operation: str
    url: str
    headers: dict[str, str]


@dataclass(frozen=True)
class Wire:
    peer: Peer
    client: Any
    source: Path

    def sent(self, act: Callable[[], object]) -> list[Request]:
        seen: list[Request] = []
        self.client.meta.events.register("before-send.s3", recorder(seen), unique_id="recorder")
        try:
            act()
        finally:
            self.client.meta.events.unregister("before-send.s3", unique_id="recorder")
        return seen


@pytest.fixture(scope="module")
def wire(peer: Peer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """Over TLS, as in production: boto frames a body differently there."""
    folder = tmp_path_factory.mktemp("wire")
    tls, trusted = self_signed(folder)
    (folder / "source").write_bytes(CONTENT)
    with toxic_proxy(peer.endpoint, tls) as (endpoint, _):
        yield Wire(peer, peer.client_through(endpoint, trusted=trusted), folder / "source")


@pytest.fixture(scope="module", params=[True, False], ids=["locking bucket", "plain bucket"])
def requests(request: pytest.FixtureRequest, wire: Wire) -> list[Request]:
    """Every request of two recordings' lives, one of them locked and held where that can be."""
    bucket = wire.peer.new_bucket(lock=request.param)
    return wire.sent(lambda: live(S3Store(S3Bucket(wire.client, bucket)), wire.source))


def recorder(seen: list[Request], *, and_stop: bool = False) -> Callable[..., None]:
    def record(request: Any, event_name: str, **_: object) -> None:
        headers = {name.lower(): _text(value) for name, value in request.headers.items()}
        seen.append(Request(event_name.rpartition(".")[2], request.url, headers))
        if and_stop:
            raise StopIteration

    return record


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def live(store: S3Store, source: Path) -> None:
    free, locked = (AudioKey("quality-90d", date(2026, 11, 22), uuid4().hex, "master.wav.sealed") for _ in range(2))
    lock = datetime.now(UTC) + timedelta(days=1, seconds=0.25)
    store.check()
    stored = store.put(locked, source, retain_until=lock)
    if store.takes_locks():
        store.extend(locked, stored.version_id, lock + timedelta(days=1))
        store.hold(locked, stored.version_id, on=True)
    stored = store.put(free, source, retain_until=None)
    assert store.put(free, source, retain_until=None) == stored
    assert store.read(free, stored.version_id, 0, stored.size_bytes + 1) == CONTENT
    assert set(store.list("")) == {free, locked}
    store.delete(free)


def of(requests: list[Request], *operations: str) -> list[Request]:
    found = [request for request in requests if request.operation in operations]
    assert found, f"none of {operations} was seen"
    return found


def test_every_put_carries_its_sha256_and_its_length_and_may_not_overwrite(requests: list[Request]) -> None:
    checksum = base64.b64encode(hashlib.sha256(CONTENT).digest()).decode()
    for put in of(requests, "PutObject"):
        assert put.headers["x-amz-checksum-sha256"] == checksum
        assert put.headers["content-length"] == str(len(CONTENT))
        assert put.headers["if-none-match"] == "*"


def test_an_audio_is_sent_once_and_in_one_piece(requests: list[Request]) -> None:
    assert len(of(requests, "PutObject")) == 2
    assert not [each for each in requests if "Multipart" in each.operation or "UploadPart" in each.operation]


def is_chunked(request: Request) -> bool:
    return "transfer-encoding" in request.headers or "TRAILER" in request.headers["x-amz-content-sha256"]


def test_nothing_is_sent_in_chunks_of_unknown_length(requests: list[Request]) -> None:
    assert not any(is_chunked(each) for each in requests)


def test_a_put_without_its_checksum_would_be_sent_in_chunks(wire: Wire) -> None:
    # The control of the test above: it could fail.
    seen: list[Request] = []
    events = wire.client.meta.events
    events.register("before-send.s3.PutObject", recorder(seen, and_stop=True), unique_id="control")
    with pytest.raises(StopIteration):
        wire.client.put_object(Bucket="any", Key="any", Body=b"x")
    events.unregister("before-send.s3.PutObject", unique_id="control")
    assert is_chunked(seen[0])


@pytest.mark.parametrize("requests", [True], indirect=True, ids=["locking bucket"], scope="module")
def test_a_locked_put_says_its_lock_in_whole_seconds(requests: list[Request]) -> None:
    locked, free = of(requests, "PutObject")
    assert locked.headers["x-amz-object-lock-mode"] == "GOVERNANCE"
    assert re.fullmatch(r"[-0-9]{10}T[:0-9]{8}Z", locked.headers["x-amz-object-lock-retain-until-date"])
    assert not any("object-lock" in name for name in free.headers)


@pytest.mark.parametrize("requests", [True], indirect=True, ids=["locking bucket"], scope="module")
def test_where_there_are_versions_each_is_named(requests: list[Request]) -> None:
    named = ("GetObject", "HeadObject", "DeleteObject", "PutObjectRetention", "PutObjectLegalHold")
    for operation in named:
        assert all("versionId=" in each.url for each in of(requests, operation)), operation


@pytest.mark.parametrize("requests", [False], indirect=True, ids=["plain bucket"], scope="module")
def test_a_plain_bucket_is_asked_for_no_lock(requests: list[Request]) -> None:
    assert not [each for each in requests if any("object-lock" in name for name in each.headers)]
    assert not [each for each in requests if each.operation in ("PutObjectRetention", "PutObjectLegalHold")]


def test_every_read_asks_for_a_range_and_no_checksum_which_would_be_of_the_whole(
    requests: list[Request],
) -> None:
    for get in of(requests, "GetObject"):
        assert get.headers["range"].startswith("bytes=")
        assert "x-amz-checksum-mode" not in get.headers


def test_nothing_is_deleted_in_batches_or_read_by_a_link(requests: list[Request]) -> None:
    assert not [each for each in requests if each.operation == "DeleteObjects" or "X-Amz-Signature" in each.url]
