"""A new file is there whole and for its owner alone, or not at all; and nothing that was there is lost."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from storage.disk import new_private
from storage.errors import Refused, Unavailable


def test_a_new_file_is_there_when_it_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "new.wav"
    former = os.umask(0)
    try:
        with new_private(file) as write:
            write(b"one ")
            assert not file.exists()
            write(b"two")
    finally:
        os.umask(former)
    assert file.read_bytes() == b"one two"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_of_a_failure_half_way_nothing_is_left(tmp_path: Path) -> None:
    def fail() -> None:
        with new_private(tmp_path / "new.wav") as write:
            write(b"half")
            raise Unavailable("audio store: it is away")

    with pytest.raises(Unavailable, match="audio store"):
        fail()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("make", [Path.touch, Path.mkdir, lambda path: path.symlink_to("elsewhere")])
def test_what_is_there_already_stays(tmp_path: Path, make: Callable[[Path], None]) -> None:
    path = tmp_path / "new.wav"
    make(path)
    with pytest.raises(Refused, match=r"write of new\.wav: it is there already"), new_private(path):
        pytest.fail("nothing may be written")
    assert list(tmp_path.iterdir()) == [path]


def test_what_has_come_meanwhile_stays(tmp_path: Path) -> None:
    path = tmp_path / "new.wav"
    with pytest.raises(Refused, match="it is there already"), new_private(path):
        path.write_bytes(b"theirs")
    assert path.read_bytes() == b"theirs"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_there_is_not_is_said(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"write of new\.wav: No such file"), new_private(tmp_path / "no/new.wav"):
        pytest.fail("nothing can be written")
