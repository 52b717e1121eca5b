"""What every audio store promises: one suite over the directory, a bucket with Object Lock and a plain
bucket."""

import hashlib
import threading
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from storage.audio.contract import AudioKey, StoredAudio
from storage.errors import Conflict, Held, Missing, Refused, Unavailable
from tests.storage.audio_bench import Bench, directory_bench, wait_for_clock
from tests.storage.s3_peer import Peer, real_peer

REAL = real_peer()
LOCKING = ("directory", "locking bucket", *(("real bucket",) if REAL else ()))
KINDS = (*LOCKING, "plain bucket")


@pytest.fixture(params=KINDS)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    return make_bench(request.param, tmp_path, request)


@pytest.fixture(params=LOCKING)
def locking(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    return make_bench(request.param, tmp_path, request)


def make_bench(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Bench:
    folder = tmp_path / "source"
    folder.mkdir()
    if kind == "directory":
        return directory_bench(tmp_path, folder)
    peer: Peer = REAL if REAL and kind == "real bucket" else request.getfixturevalue("peer")
    store = peer.new_store(lock=kind != "plain bucket")
    return Bench(store, folder, lambda: datetime.now(UTC), wait_for_clock)


def new_key(name: str = "master.wav.sealed") -> AudioKey:
    return AudioKey("quality-90d", date(2026, 11, 22), uuid4().hex, name)


def test_the_suite_also_runs_over_a_real_server() -> None:
    if not REAL:
        pytest.skip("S3_TEST_ENDPOINT names none; moto is no evidence for retention")


def test_what_is_put_is_read_back_byte_for_byte(bench: Bench) -> None:
    content = bytes(range(256)) * 300
    stored = bench.put(new_key(), content)
    assert (stored.size_bytes, stored.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert bench.whole(stored) == content


def test_put_answers_what_stat_reads(bench: Bench) -> None:
    stored = bench.put(new_key(), b"audio")
    assert bench.store.stat(stored.key, stored.version_id) == stored
    assert bench.store.stat(stored.key, None) == stored


def test_nothing_at_all_can_be_kept(bench: Bench) -> None:
    stored = bench.put(new_key(), b"")
    assert stored.size_bytes == 0
    assert bench.whole(stored) == b""


@pytest.mark.parametrize(("start", "length"), [(0, 4), (3, 4), (6, 99), (9, 1), (10, 5), (99, 1), (4, 0)])
def test_a_range_is_the_slice_of_the_whole(bench: Bench, start: int, length: int) -> None:
    stored = bench.put(new_key(), b"0123456789")
    assert bench.store.read(stored.key, stored.version_id, start, length) == b"0123456789"[start : start + length]


@pytest.mark.parametrize(("start", "length"), [(-1, 4), (0, -1)])
def test_a_range_before_the_beginning_is_refused(bench: Bench, start: int, length: int) -> None:
    stored = bench.put(new_key(), b"0123456789")
    with pytest.raises(Refused):
        bench.store.read(stored.key, stored.version_id, start, length)


def test_putting_the_same_bytes_again_changes_nothing(bench: Bench) -> None:
    key = new_key()
    assert bench.put(key, b"same") == bench.put(key, b"same")
    assert list(bench.store.list(key.folder)) == [key]


def test_other_bytes_under_the_same_key_are_a_conflict_and_the_first_stay(bench: Bench) -> None:
    first = bench.put(new_key(), b"first")
    with pytest.raises(Conflict):
        bench.put(first.key, b"other")
    assert bench.whole(first) == b"first"


def test_when_many_put_at_once_one_content_wins(bench: Bench) -> None:
    key, start = new_key(), threading.Barrier(4)
    outcomes: list[StoredAudio | None] = []

    def put(content: bytes) -> None:
        start.wait()
        try:
            outcomes.append(bench.put(key, content))
        except (Conflict, Unavailable):
            outcomes.append(None)

    threads = [threading.Thread(target=put, args=(f"writer {n}".encode(),)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [stored for stored in outcomes if stored]
    assert len(winners) == 1
    assert hashlib.sha256(bench.whole(winners[0])).hexdigest() == winners[0].sha256


def test_what_is_not_kept_is_absent_not_an_error(bench: Bench) -> None:
    assert bench.store.stat(new_key(), None) is None
    assert bench.store.stat(new_key(), "null") is None
    assert list(bench.store.list("")) == []


def test_reading_what_is_not_kept_says_missing(bench: Bench) -> None:
    with pytest.raises(Missing):
        bench.store.read(new_key(), "null", 0, 1)


def test_another_version_is_not_this_one(bench: Bench) -> None:
    stored = bench.put(new_key(), b"audio")
    assert bench.store.stat(stored.key, "another") is None


def test_deleting_leaves_nothing_and_may_be_repeated(bench: Bench) -> None:
    stored = bench.put(new_key(), b"audio")
    bench.store.delete(stored.key)
    bench.store.delete(stored.key)
    assert bench.store.stat(stored.key, stored.version_id) is None
    assert list(bench.store.list("")) == []


def test_deleting_one_piece_leaves_the_others(bench: Bench) -> None:
    master = bench.put(new_key(), b"master")
    # A name that begins like another: a careless listing by prefix would take both.
    longer = bench.put(master.key.sibling("master.wav.sealed.old"), b"longer")
    bench.store.delete(master.key)
    assert list(bench.store.list(master.key.folder)) == [longer.key]
    assert bench.whole(longer) == b"longer"


def test_after_a_deletion_the_key_may_be_used_anew(bench: Bench) -> None:
    first = bench.put(new_key(), b"first")
    bench.store.delete(first.key)
    assert bench.whole(bench.put(first.key, b"second")) == b"second"


def test_listing_yields_each_key_under_the_prefix_once(bench: Bench) -> None:
    one, other = new_key(), replace(new_key(), retention_class="legal")
    keys = {one, one.sibling("peaks.bin.sealed"), other}
    for key in keys:
        bench.put(key, b"x")
    assert sorted(bench.store.list("")) == sorted(keys)
    assert set(bench.store.list(one.folder)) == keys - {other}
    assert list(bench.store.list("rec/leg")) == [other]
    assert list(bench.store.list("rec/none/")) == []


@pytest.mark.parametrize("prefix", ["../", "rec/../../etc", "/etc", "rec//x", ".incoming", "rec/.x"])
def test_a_hostile_prefix_is_refused(bench: Bench, prefix: str) -> None:
    with pytest.raises(Refused):
        list(bench.store.list(prefix))


def test_without_a_time_nothing_is_locked(bench: Bench) -> None:
    stored = bench.put(new_key(), b"audio")
    assert (stored.retain_until, stored.is_held) == (None, False)


def test_a_time_that_has_passed_locks_nothing(bench: Bench) -> None:
    stored = bench.put(new_key(), b"audio", bench.now() - timedelta(days=1))
    assert stored.retain_until is None


def test_a_time_without_zone_is_refused(locking: Bench) -> None:
    with pytest.raises(Refused, match="time zone"):
        locking.put(new_key(), b"audio", datetime(2126, 1, 1))  # noqa: DTZ001 - the mistake under test


def test_a_plain_bucket_says_that_it_takes_no_locks(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    bench = make_bench("plain bucket", tmp_path, request)
    stored = bench.put(new_key(), b"audio", bench.now() + timedelta(days=1))
    assert not bench.store.takes_locks()
    assert stored.retain_until is None
    with pytest.raises(Refused, match="Object Lock"):
        bench.store.hold(stored.key, stored.version_id, on=True)
    with pytest.raises(Refused, match="Object Lock"):
        bench.store.extend(stored.key, stored.version_id, bench.now() + timedelta(days=1))
    bench.store.delete(stored.key)


def test_a_lock_lasts_at_least_as_long_as_asked(locking: Bench) -> None:
    wanted = locking.now() + timedelta(hours=1, microseconds=1)
    stored = locking.put(new_key(), b"audio", wanted)
    assert locking.store.takes_locks()
    assert stored.retain_until is not None
    assert wanted <= stored.retain_until < wanted + timedelta(seconds=1)


def test_a_lock_forbids_deletion_until_it_has_run_out(locking: Bench) -> None:
    stored = locking.put(new_key(), b"audio", locking.now() + timedelta(seconds=0.3))
    with pytest.raises(Held):
        locking.store.delete(stored.key)
    assert locking.whole(stored) == b"audio"
    assert stored.retain_until
    locking.wait_until(stored.retain_until)
    locking.store.delete(stored.key)
    assert locking.store.stat(stored.key, None) is None


def test_a_hold_forbids_deletion_until_it_is_lifted(locking: Bench) -> None:
    stored = locking.put(new_key(), b"audio")
    assert locking.store.hold(stored.key, stored.version_id, on=True).is_held
    with pytest.raises(Held):
        locking.store.delete(stored.key)
    assert not locking.store.hold(stored.key, stored.version_id, on=False).is_held
    locking.store.delete(stored.key)
    assert list(locking.store.list("")) == []


def test_a_lock_is_extended_forward_only(locking: Bench) -> None:
    stored = locking.put(new_key(), b"audio", locking.now() + timedelta(days=2))
    later = (locking.now() + timedelta(days=5)).replace(microsecond=0)
    assert locking.store.extend(stored.key, stored.version_id, later).retain_until == later
    with pytest.raises(Refused, match="extended"):
        locking.store.extend(stored.key, stored.version_id, locking.now() + timedelta(days=4))
    seen = locking.store.stat(stored.key, stored.version_id)
    assert seen is not None
    assert seen.retain_until == later


def test_what_was_not_locked_can_be_locked(locking: Bench) -> None:
    stored = locking.put(new_key(), b"audio")
    locking.store.extend(stored.key, stored.version_id, locking.now() + timedelta(days=1))
    with pytest.raises(Held):
        locking.store.delete(stored.key)


def test_putting_again_with_a_longer_lock_extends_it_and_with_a_shorter_one_keeps_it(locking: Bench) -> None:
    stored = locking.put(new_key(), b"audio", locking.now() + timedelta(days=1))
    longer = locking.put(stored.key, b"audio", locking.now() + timedelta(days=3))
    assert stored.retain_until
    assert longer.retain_until
    assert longer.retain_until > stored.retain_until
    assert locking.put(stored.key, b"audio", locking.now() + timedelta(days=2)) == longer


def test_locking_or_holding_what_is_not_kept_says_missing(locking: Bench) -> None:
    with pytest.raises(Missing):
        locking.store.extend(new_key(), "another", locking.now() + timedelta(days=1))
    with pytest.raises(Missing):
        locking.store.hold(new_key(), "another", on=True)


def test_a_usable_store_passes_its_check_and_keeps_nothing_of_it(bench: Bench) -> None:
    bench.store.check()
    assert list(bench.store.list("")) == []


def test_an_operator_opens_a_bucket_by_its_url(peer: Peer, tmp_path: Path) -> None:
    bucket = peer.new_bucket(lock=True)
    bench = Bench(peer.opened(f"s3://{bucket}/some/prefix"), tmp_path, lambda: datetime.now(UTC), wait_for_clock)
    stored = bench.put(new_key(), b"audio")
    assert bench.whole(stored) == b"audio"
    assert [entry["Key"] for entry in peer.versions(bucket)] == [f"some/prefix/{stored.key}"]
