"""A put whose request or answer is lost, repeated or half obeyed: nothing is lost, doubled or left unlocked."""

import pytest

from storage.audio.contract import AudioKey
from storage.audio.sealed_header import Header
from storage.custody.fetching import MEDIA_BYTES_MAX
from storage.errors import Broken, Conflict, Held, NotEnforced, Refused, Unavailable
from tests.storage.s3_line import CONTENT, Line, soon

LOCK_HEADERS = ("x-amz-object-lock-mode", "x-amz-object-lock-retain-until-date")


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


@pytest.mark.parametrize(("status", "family"), [(403, Refused), (501, Broken), (400, Broken), (503, Unavailable)])
def test_what_a_server_refuses_for_good_is_told_from_what_passes(
    line: Line, key: AudioKey, status: int, family: type[Exception]
) -> None:
    line.faults.answer_instead = {"PUT": status}
    with pytest.raises(family, match="put of") as refusal:
        line.put(line.store(), key)
    assert isinstance(refusal.value, Unavailable) is (status == 503)


def test_the_longest_recording_fits_into_one_put_when_it_is_sealed() -> None:
    """S3 takes five billion bytes in one request, and this store makes no other kind."""
    sealed = Header.make(b"k" * 32, "r", MEDIA_BYTES_MAX, b"s" * 32).sealed_length
    assert 24 * 3600 * 32_000 + 44 < 25 * 3600 * 32_000 < MEDIA_BYTES_MAX < sealed < 5_000_000_000


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
