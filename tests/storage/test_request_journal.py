"""What the journal promises by itself: durable, sealed, in order, bounded, and what is missing shows."""

import os
import resource
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import pytest

from storage.errors import Broken, Unavailable
from storage.journal.kept_request import Kept
from storage.journal.request_journal import UNWRITTEN_MAX, Lacking, RequestJournal

KEY = b"K" * 32
CALLER = "15125550111"
KEPT = Kept(
    endpoint="consent",
    path={"call_id": "a" * 32, "prompt": "1"},
    body=f"Digits=2&From=%2B{CALLER}".encode(),
    token="5f2c",
    received_at=datetime(2026, 11, 28, 12, 0, tzinfo=UTC),
    answered=b"<Response/>",
)


def kept(number: int) -> Kept:
    return replace(KEPT, token=str(number))


@pytest.fixture
def journal(tmp_path: Path) -> RequestJournal:
    return RequestJournal(tmp_path / "journal", KEY)


def keep(journal: RequestJournal, kept: Kept) -> None:
    journal.hold(kept)
    journal.write_down(kept)


def again(journal: RequestJournal) -> RequestJournal:
    """As the process that comes after one that was killed sees it."""
    return RequestJournal(journal.folder, KEY)


def files(journal: RequestJournal, suffix: str = ".request") -> list[Path]:
    return sorted(journal.folder.glob(f"*{suffix}"))


@contextmanager
def full_disk() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_what_is_kept_is_read_again_in_the_order_in_which_it_came(journal: RequestJournal) -> None:
    assert not journal.waits()
    for number in range(12):
        keep(journal, kept(number))
    successor = again(journal)
    assert successor.waits()
    assert [successor.read(number) for number in successor.waiting()] == [kept(number) for number in range(12)]


def test_an_entry_of_another_process_waits_from_the_moment_on_that_it_is_kept(
    journal: RequestJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the file system gives all changes within two seconds the same time."""
    look = os.stat

    def coarse(path: Path, **how: bool) -> object:
        found = look(path, **how)
        changed_s = found.st_ctime_ns // 1_000_000_000
        return SimpleNamespace(
            st_mode=found.st_mode, st_ino=found.st_ino, st_ctime_ns=changed_s // 2 * 2 * 1_000_000_000
        )

    other = again(journal)
    with monkeypatch.context() as patched:
        patched.setattr(os, "stat", coarse)
        for number in range(1, 10):
            assert not journal.waits()
            keep(other, kept(number))
            assert journal.waits()
            other.settled_to(number)


def test_an_entry_waits_in_a_folder_in_which_nothing_happened_for_long(tmp_path: Path) -> None:
    journal = RequestJournal(tmp_path, KEY, tick_s=0.05)
    while time.time_ns() - tmp_path.stat().st_ctime_ns < 0.1e9:
        assert not journal.waits()
    keep(again(journal), KEPT)
    assert journal.waits()


def test_an_empty_folder_is_looked_into_once_and_never_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked, scan = [], os.scandir

    def note(folder: Path) -> object:
        looked.append(folder)
        return scan(folder)

    monkeypatch.setattr(os, "scandir", note)
    journal = RequestJournal(tmp_path, KEY, tick_s=0.0)
    assert [journal.waits() for _ in range(5)] == [False] * 5
    assert looked == [tmp_path]


def test_an_entry_is_synced_before_keep_returns_and_so_is_its_name(
    journal: RequestJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = []
    sync = os.fsync

    def note(descriptor: int) -> None:
        synced.append(stat.S_ISDIR(os.fstat(descriptor).st_mode))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    keep(journal, KEPT)
    assert synced == [False, True]


def test_nothing_personal_stands_in_names_or_in_the_clear(journal: RequestJournal) -> None:
    keep(journal, KEPT)
    (file,) = files(journal)
    assert file.name == "000000000001.request"
    for word in (CALLER.encode(), b"Digits", b"consent", b"Response"):
        assert word not in file.read_bytes()


def test_the_folder_and_all_in_it_are_closed_to_others(journal: RequestJournal) -> None:
    keep(journal, KEPT)
    journal.settled_to(1)
    assert stat.S_IMODE(journal.folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in journal.folder.iterdir()} == {0o600}


def test_a_number_is_never_given_twice(journal: RequestJournal) -> None:
    keep(journal, kept(1))
    journal.settled_to(1)
    keep(again(journal), kept(2))
    assert (journal.waiting(), journal.is_settled(1), journal.is_settled(2)) == ([2], True, False)


def test_an_entry_that_was_altered_or_put_under_another_number_is_broken(journal: RequestJournal) -> None:
    for number in range(3):
        keep(journal, kept(number))
    first, second, third = files(journal)
    swapped = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(swapped)
    third.write_bytes(third.read_bytes()[:-1])
    for number in (1, 2, 3):
        with pytest.raises(Broken, match=f"entry {number} is damaged"):
            journal.read(number)


def test_an_entry_is_read_with_its_own_key_alone(journal: RequestJournal) -> None:
    keep(journal, KEPT)
    with pytest.raises(Broken):
        RequestJournal(journal.folder, b"L" * 32).read(1)


def test_entries_that_were_taken_away_are_missed(journal: RequestJournal) -> None:
    for number in range(5):
        keep(journal, kept(number))
    assert journal.lacking() is None
    for file in files(journal)[1:3]:
        file.unlink()
    assert again(journal).lacking() == Lacking(2, 2, 3)
    for file in files(journal):
        file.unlink()
    assert journal.lacking() == Lacking(5, 1, 5)
    assert journal.lacks_its_last()


def test_what_is_settled_or_set_aside_is_not_missed(journal: RequestJournal) -> None:
    for number in range(4):
        keep(journal, kept(number))
    journal.settled_to(2)
    journal.set_aside(3)
    assert (journal.lacking(), journal.waiting(), len(files(journal, ".aside"))) == (None, [4], 1)
    journal.settled_to(4)
    assert (journal.lacking(), journal.waits(), journal.lacks_its_last()) == (None, False, False)


def test_an_entry_that_is_put_back_is_known_to_be_settled(journal: RequestJournal) -> None:
    keep(journal, KEPT)
    (file,) = files(journal)
    copy = file.read_bytes()
    journal.settled_to(1)
    file.write_bytes(copy)
    assert journal.waiting() == [1]
    assert journal.is_settled(1)


def test_a_mark_that_was_taken_away_shows(journal: RequestJournal) -> None:
    for number in range(3):
        keep(journal, kept(number))
    journal.settled_to(2)
    (journal.folder / ".settled").unlink()
    assert again(journal).lacking() == Lacking(2, 1, 2)


@pytest.mark.parametrize("name", ["12", "20261128", "1" * 13, "a", "\u0661" * 12])
def test_a_file_that_is_no_entry_holds_up_nothing(journal: RequestJournal, name: str) -> None:
    journal.folder.mkdir(parents=True, exist_ok=True)
    (journal.folder / f"{name}.request").write_bytes(b"x")
    assert (journal.waits(), journal.waiting(), journal.lacking()) == (False, [], None)


def test_an_entry_with_a_number_out_of_all_bounds_is_counted_at_once(journal: RequestJournal) -> None:
    keep(journal, KEPT)
    (journal.folder / "999999999999.request").write_bytes(b"x")
    assert journal.lacking() == Lacking(999_999_999_997, 2, 999_999_999_998)
    with pytest.raises(Broken):
        journal.read(999_999_999_999)


def test_an_entry_that_is_gone_when_it_is_read_is_told_from_a_disk_that_fails(journal: RequestJournal) -> None:
    with pytest.raises(Broken, match="taken away"):
        journal.read(7)


@pytest.mark.parametrize("limits", [{"entries_max": 3}, {"bytes_max": 700}])
def test_a_full_journal_says_so(tmp_path: Path, limits: dict[str, int]) -> None:
    journal = RequestJournal(tmp_path, KEY, **limits)
    for number in range(3):
        keep(journal, kept(number))
    assert journal.standing().is_full
    with pytest.raises(Unavailable, match="full"):
        keep(journal, kept(3))
    assert (journal.standing().waiting, journal.standing().unwritten) == (4, 1)


def test_what_the_disk_does_not_take_is_held_in_memory_and_written_once_it_does(journal: RequestJournal) -> None:
    with full_disk():
        for number in range(3):
            with pytest.raises(Unavailable):
                keep(journal, kept(number))
        assert journal.waits()
        assert journal.unwritten() == [kept(0), kept(1), kept(2)]
    keep(journal, kept(3))
    assert journal.unwritten() == []
    assert [journal.read(number).token for number in journal.waiting()] == ["0", "1", "2", "3"]


def test_memory_is_bounded_too(journal: RequestJournal) -> None:
    with full_disk():
        for number in range(UNWRITTEN_MAX + 1):
            with pytest.raises(Unavailable):
                keep(journal, kept(number))
        assert len(journal.unwritten()) == UNWRITTEN_MAX


def test_many_threads_keep_all_they_are_given(journal: RequestJournal) -> None:
    def keep_some(begin: int) -> None:
        own = again(journal)
        for number in range(begin, begin + 10):
            keep(own, kept(number))

    threads = [Thread(target=keep_some, args=(10 * begin,)) for begin in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert journal.waiting() == list(range(1, 61))
    assert sorted(int(journal.read(number).token) for number in journal.waiting()) == list(range(60))


def test_one_has_its_turn_at_a_time(journal: RequestJournal) -> None:
    with journal.turn(0), pytest.raises(Unavailable), again(journal).turn(0.02):
        pass
    with again(journal).turn(0):
        pass


def test_the_standing_tells_since_when_they_wait(journal: RequestJournal) -> None:
    assert journal.standing().since is None
    before = datetime.now(UTC).replace(microsecond=0)
    keep(journal, KEPT)
    since = journal.standing().since
    assert since is not None
    assert since >= before
