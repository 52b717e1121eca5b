"""What S3 and the way to it may do to us, and that nothing is lost, doubled, unlocked or left behind by
it."""

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from storage.audio_store import AudioKey, StoredAudio
from storage.errors import Broken, Conflict, Held, NotEnforced, Unavailable
from storage.s3_bucket import S3Bucket
from storage.s3_store import S3Store
from tests.storage.s3_peer import Faults, Peer, s3_peer, toxic_proxy

CONTENT = bytes(range(256)) * 40
LOCK_HEADERS = ("x-amz-object-lock-mode", "x-amz-object-lock-retain-until-date")


@dataclass
class Line:
    """A store behind a way that fails as told; `peer` sees the bucket as it is."""

    peer: Peer
    endpoint: str
    faults: Faults
    bucket: str
    source: Path

    def store(self, *, attempts: int = 1, read_s_max: float = 60, ahead: timedelta = timedelta(0)) -> S3Store:
        client = self.peer.client_through(self.endpoint, attempts)
        bucket = S3Bucket(client, self.bucket)
        return S3Store(bucket, read_s_max=read_s_max, now=lambda: datetime.now(UTC) + ahead)

    def put(self, store: S3Store, key: AudioKey, retain_until: datetime | None = None) -> StoredAudio:
        self.source.write_bytes(CONTENT)
        digest = hashlib.sha256(CONTENT).hexdigest()
        return store.put(key, self.source, sha256=digest, retain_until=retain_until)

    def kept(self) -> list[str]:
        return [entry["VersionId"] for entry in self.peer.versions(self.bucket)]


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    with s3_peer() as peer:
        yield peer


@pytest.fixture(scope="module")
def way(peer: Peer) -> Iterator[tuple[str, Faults]]:
    with toxic_proxy(peer.endpoint) as way:
        yield way


@pytest.fixture
def line(peer: Peer, way: tuple[str, Faults], tmp_path: Path) -> Iterator[Line]:
    yield Line(peer, way[0], way[1], peer.new_bucket(lock=True), tmp_path / "source")
    fresh = Faults()
    for name in ("times", "lose_reply_to", "answer_instead", "drop_headers", "cut_body_after", "drips"):
        setattr(way[1], name, getattr(fresh, name))


@pytest.fixture
def key() -> AudioKey:
    return AudioKey("quality-90d", date(2026, 11, 22), uuid4().hex, "master.wav.sealed")


def soon(**ahead: float) -> datetime:
    return datetime.now(UTC) + timedelta(**ahead)


def test_a_put_whose_answer_was_lost_succeeds_and_is_there_once(line: Line, key: AudioKey) -> None:
    line.faults.lose_reply_to, line.faults.times = "PUT", 1
    stored = line.put(line.store(attempts=2), key)
    assert line.faults.times == 0
    assert line.kept() == [stored.version_id]


def test_a_put_whose_answers_were_all_lost_is_adopted_by_the_next(line: Line, key: AudioKey) -> None:
    line.faults.lose_reply_to, line.faults.times = "PUT", 1
    with pytest.raises(Unavailable):
        line.put(line.store(), key)
    stored = line.put(line.store(), key)
    assert line.kept() == [stored.version_id]


def test_a_put_that_never_arrived_keeps_nothing(line: Line, key: AudioKey) -> None:
    line.faults.answer_instead = {"PUT": 503}
    with pytest.raises(Unavailable, match="503"):
        line.put(line.store(), key)
    assert line.kept() == []


def test_a_server_that_repeats_a_lost_put_on_top_is_left_with_the_first_only(line: Line, key: AudioKey) -> None:
    line.faults.drop_headers = ("if-none-match",)
    line.faults.lose_reply_to, line.faults.times = "PUT", 1
    stored = line.put(line.store(attempts=2), key)
    assert line.kept() == [stored.version_id]


def test_a_repeated_put_that_its_lock_keeps_is_listed_once_and_ends_with_the_rest(line: Line, key: AudioKey) -> None:
    line.faults.drop_headers = ("if-none-match",)
    line.faults.lose_reply_to, line.faults.times = "PUT", 1
    store = line.store(attempts=2)
    stored = line.put(store, key, soon(minutes=5))
    assert len(line.kept()) == 2
    assert stored.version_id == line.kept()[-1]  # the first: listings begin with the latest
    assert list(store.list("")) == [key]
    with pytest.raises(Held):
        store.delete(key)
    for version in line.kept():
        line.peer.client.delete_object(
            Bucket=line.bucket, Key=str(key), VersionId=version, BypassGovernanceRetention=True
        )


def test_other_bytes_that_someone_laid_on_top_are_not_ours_to_remove(line: Line, key: AudioKey) -> None:
    store = line.store()
    first = line.put(store, key)
    line.peer.client.put_object(Bucket=line.bucket, Key=str(key), Body=b"forged", ChecksumAlgorithm="SHA256")
    assert line.put(store, key) == first
    assert store.read(key, first.version_id, 0, 99999) == CONTENT
    assert len(line.kept()) == 2


def test_other_bytes_that_were_there_first_are_a_conflict(line: Line, key: AudioKey) -> None:
    line.peer.client.put_object(Bucket=line.bucket, Key=str(key), Body=b"forged", ChecksumAlgorithm="SHA256")
    with pytest.raises(Conflict):
        line.put(line.store(), key)


def test_a_lock_that_the_server_accepted_and_dropped_is_not_enforced(line: Line, key: AudioKey) -> None:
    line.faults.drop_headers = LOCK_HEADERS
    with pytest.raises(NotEnforced, match="lock"):
        line.put(line.store(), key, soon(days=1))


def test_a_checksum_that_the_server_accepted_and_dropped_is_not_enforced(line: Line, key: AudioKey) -> None:
    line.faults.drop_headers = ("x-amz-checksum-sha256", "x-amz-sdk-checksum-algorithm")
    with pytest.raises(NotEnforced, match="no sha-256"):
        line.put(line.store(), key)


def test_a_hold_that_the_server_accepted_and_dropped_is_not_enforced(line: Line, key: AudioKey) -> None:
    store = line.store()
    stored = line.put(store, key)
    line.faults.answer_instead = {"PUT": 200}
    with pytest.raises(NotEnforced, match="hold"):
        store.hold(key, stored.version_id, on=True)


def test_a_longer_lock_that_the_server_accepted_and_dropped_is_not_enforced(line: Line, key: AudioKey) -> None:
    store = line.store()
    stored = line.put(store, key)
    line.faults.answer_instead = {"PUT": 200}
    with pytest.raises(NotEnforced, match="lock"):
        store.extend(key, stored.version_id, soon(days=1))


def test_a_server_that_ignores_the_range_is_not_believed(line: Line, key: AudioKey) -> None:
    store = line.store()
    stored = line.put(store, key)
    line.faults.drop_headers = ("range",)
    with pytest.raises(Broken, match="range"):
        store.read(key, stored.version_id, 5, 10)


def test_a_body_that_breaks_off_is_taken_up_where_it_stopped(line: Line, key: AudioKey) -> None:
    store = line.store()
    stored = line.put(store, key)
    line.faults.cut_body_after, line.faults.times = 1000, 3
    assert store.read(key, stored.version_id, 7, 9000) == CONTENT[7:9007]
    assert line.faults.times == 0


def test_a_body_that_keeps_breaking_off_is_given_up(line: Line, key: AudioKey) -> None:
    store = line.store()
    stored = line.put(store, key)
    line.faults.cut_body_after, line.faults.times = 1, 99
    with pytest.raises(Unavailable, match="breaking off"):
        store.read(key, stored.version_id, 0, 9000)


def test_a_body_that_drips_ends_at_the_total_deadline(line: Line, key: AudioKey) -> None:
    store = line.store(read_s_max=0.2)
    stored = line.put(store, key)
    line.faults.drips = True
    began = time.monotonic()
    with pytest.raises(Unavailable, match="too long"):
        store.read(key, stored.version_id, 0, 9000)
    assert time.monotonic() - began < 5  # the whole would drip for minutes


def test_a_deletion_whose_answer_was_lost_is_repeated_and_leaves_nothing(line: Line, key: AudioKey) -> None:
    store = line.store(attempts=2)
    line.put(store, key)
    line.faults.lose_reply_to, line.faults.times = "DELETE", 1
    store.delete(key)
    assert line.kept() == []


def test_a_deletion_that_the_server_only_claims_is_broken(line: Line, key: AudioKey) -> None:
    store = line.store()
    line.put(store, key)
    line.faults.answer_instead = {"DELETE": 204}
    with pytest.raises(Broken, match="still listed"):
        store.delete(key)


def test_a_deletion_that_we_may_not_make_is_told_from_a_lock(line: Line, key: AudioKey) -> None:
    store = line.store()
    line.put(store, key)
    line.faults.answer_instead = {"DELETE": 403}
    with pytest.raises(Unavailable, match="credentials"):
        store.delete(key)


def test_a_lock_that_only_the_servers_clock_still_sees_is_held(line: Line, key: AudioKey) -> None:
    store = line.store(ahead=timedelta(minutes=10))
    line.put(line.store(), key, soon(minutes=5))
    with pytest.raises(Held):
        store.delete(key)


def test_deleting_removes_every_version_and_marker_and_no_other_key(line: Line, key: AudioKey) -> None:
    store = line.store()
    stored = line.put(store, key)
    neighbour = line.put(store, key.sibling("master.wav.sealed.old"))
    line.peer.client.put_object(Bucket=line.bucket, Key=str(key), Body=b"second")
    line.peer.client.delete_object(Bucket=line.bucket, Key=str(key))  # as a lifecycle rule does: a marker
    assert len(line.kept()) == 4
    store.delete(stored.key)
    assert line.kept() == [neighbour.version_id]


def test_a_hold_on_any_version_keeps_all_of_them(line: Line, key: AudioKey) -> None:
    store = line.store()
    line.put(store, key)
    line.peer.client.put_object(
        Bucket=line.bucket,
        Key=str(key),
        Body=b"second",
        ChecksumAlgorithm="SHA256",
        ObjectLockLegalHoldStatus="ON",
    )
    with pytest.raises(Held):
        store.delete(key)
    assert len(line.kept()) == 2


def test_audio_under_a_delete_marker_is_still_seen_and_read(line: Line, key: AudioKey) -> None:
    store = line.store()
    stored = line.put(store, key)
    line.peer.client.delete_object(Bucket=line.bucket, Key=str(key))
    assert list(store.list("")) == [key]
    assert store.stat(key, None) == stored
    assert store.read(key, stored.version_id, 0, 5) == CONTENT[:5]


def test_a_marker_without_audio_is_not_listed(line: Line, key: AudioKey) -> None:
    store = line.store()
    stored = line.put(store, key)
    line.peer.client.delete_object(Bucket=line.bucket, Key=str(key))
    line.peer.client.delete_object(Bucket=line.bucket, Key=str(key), VersionId=stored.version_id)
    assert len(line.kept()) == 1
    assert list(store.list("")) == []
    assert store.stat(key, None) is None


def test_a_listing_longer_than_a_page_is_complete(line: Line) -> None:
    keys = [AudioKey("quality-90d", date(2026, 11, 22), uuid4().hex, "peaks.bin.sealed") for _ in range(5)]
    for each in keys:
        for _ in range(2):
            line.peer.client.put_object(Bucket=line.bucket, Key=str(each), Body=b"x")
    client = line.peer.client_through(line.endpoint)
    event = "before-parameter-build.s3.ListObjectVersions"
    client.meta.events.register(event, small_pages, unique_id="small pages")
    assert list(S3Store(S3Bucket(client, line.bucket)).list("rec/")) == sorted(keys)
    client.meta.events.unregister(event, unique_id="small pages")


def small_pages(params: dict[str, object], **_: object) -> None:
    params["MaxKeys"] = 3


def test_what_is_not_audio_of_ours_is_passed_over(line: Line) -> None:
    line.peer.client.put_object(Bucket=line.bucket, Key="rec/readme.txt", Body=b"x")
    assert list(line.store().list("rec/")) == []


def test_a_bucket_that_does_not_exist_is_unavailable_not_empty(line: Line, key: AudioKey) -> None:
    line.bucket = "no-such-bucket"
    for attempt in (
        lambda store: store.check(),
        lambda store: store.stat(key, "null"),
        lambda store: list(store.list("")),
        lambda store: line.put(store, key),
    ):
        with pytest.raises(Unavailable, match="no such bucket"):
            attempt(line.store())


@pytest.mark.parametrize("status", [403, 500])
def test_the_check_names_the_setting_and_the_problem(line: Line, status: int) -> None:
    line.faults.answer_instead = {"GET": status}
    with pytest.raises(Unavailable, match=f"AUDIO_STORE: .*({status}|credentials)"):
        line.store().check()


def test_an_endpoint_that_does_not_answer_is_unavailable(line: Line) -> None:
    with toxic_proxy(line.peer.endpoint) as (gone, _):
        line.endpoint = gone
        store = line.store()
    with pytest.raises(Unavailable, match=r"AUDIO_STORE: .*no answer"):
        store.check()
