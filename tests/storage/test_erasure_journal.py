"""What was erased, noted outside the database: durable, nobody's name, and none too few."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from storage.custody.erasure_journal import Entry, append, read
from storage.errors import Broken, Unavailable
from tests.conftest import NOON


def entry(n: int) -> Entry:
    return Entry(f"{n:032x}", f"{n:064x}", "gdpr-17", NOON + timedelta(seconds=n))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "elsewhere" / "erasures.txt"


def test_what_was_noted_is_read_in_its_order(file: Path) -> None:
    assert read(file).entries == ()
    append(file, [entry(1), entry(2)])
    append(file, [entry(3)])
    assert read(file).entries == (entry(1), entry(2), entry(3))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_line_is_on_disk_before_anything_is_erased(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    append(file, [entry(1)])
    assert synced == [file.stat().st_ino, file.parent.stat().st_ino]


def test_a_last_line_that_broke_off_is_told_and_gives_way_to_the_next(file: Path) -> None:
    append(file, [entry(1), entry(2)])
    whole = file.read_bytes()
    for length in range(whole.index(b"\n") + 2, len(whole)):
        file.write_bytes(whole[:length])
        assert read(file).entries == (entry(1),)
        assert read(file).is_torn
    append(file, [entry(3)])
    assert read(file).entries == (entry(1), entry(3))
    assert not read(file).is_torn


@pytest.mark.parametrize("line", [b"\n", b"{}\n", b"[]\n", b"null\n", b"\xff\n", b'{"at":1,"basis":"x"}\n'])
def test_a_damaged_line_before_the_last_is_named(file: Path, line: bytes) -> None:
    append(file, [entry(1)])
    file.write_bytes(file.read_bytes() + line + file.read_bytes())
    with pytest.raises(Broken, match="line 2 of .* is damaged"):
        read(file)


def test_a_line_in_which_something_was_changed_is_named(file: Path) -> None:
    append(file, [entry(1)])
    file.write_bytes(file.read_bytes().replace(b'"basis"', b'"BASIS"'))
    with pytest.raises(Broken, match="line 1"):
        read(file)


def test_those_who_note_at_once_lose_no_line(file: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: append(file, [entry(n)]), range(40)))
    assert sorted(one.call_id for one in read(file).entries) == [entry(n).call_id for n in range(40)]


def test_where_nothing_can_be_noted_nothing_is_to_be_erased(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="ONRECORD_ERASURES"):
        append(tmp_path / "file" / "erasures.txt", [entry(1)])
