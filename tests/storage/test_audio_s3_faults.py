"""What S3 and the way to it may do to reads, deletions and listings, and that we notice."""

import time
from datetime import date, timedelta
from uuid import uuid4

import pytest

from storage.audio.contract import AudioKey
from storage.audio.s3_bucket import S3Bucket
from storage.audio.s3_client import NotAllowed
from storage.audio.s3_store import S3Store
from storage.errors import Broken, Held, Unavailable
from tests.storage.s3_line import CONTENT, Line, soon
from tests.storage.toxic_proxy import toxic_proxy


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
    with pytest.raises(NotAllowed, match="credentials"):
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
