import hashlib
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from storage.audio.spool import Spooled, spool
from storage.errors import Unavailable, Unusable
from storage.pace import Pace


def test_a_stream_is_spooled_whole_with_its_size_and_digest(tmp_path: Path) -> None:
    target = tmp_path / "spooled"
    told = spool([b"one", b"", b"two"], target, size_max_bytes=6, pace=Pace())
    assert target.read_bytes() == b"onetwo"
    assert told == Spooled(6, hashlib.sha256(b"onetwo").hexdigest())
    assert target.stat().st_mode & 0o777 == 0o600


def test_a_stream_longer_than_its_cap_is_refused_and_leaves_no_file(tmp_path: Path) -> None:
    taken: list[int] = []

    def endless() -> Iterator[bytes]:
        while True:
            taken.append(1)
            yield b"x" * 10

    with pytest.raises(Unusable):
        spool(endless(), tmp_path / "spooled", size_max_bytes=25, pace=Pace())
    assert list(tmp_path.iterdir()) == []
    assert len(taken) == 3


def test_a_stream_that_drips_is_given_up(tmp_path: Path) -> None:
    seconds = count()
    drip = Pace(bytes_min=9, window_s=5, now=lambda: next(seconds))
    with pytest.raises(Unavailable, match="too slowly"):
        spool(iter(lambda: b"x", None), tmp_path / "spooled", size_max_bytes=99, pace=drip)
    assert list(tmp_path.iterdir()) == []


def test_a_stream_may_take_as_long_as_it_likes_while_it_comes(tmp_path: Path) -> None:
    hours = count(0, 3600)
    steady = Pace(bytes_min=3, window_s=5, now=lambda: next(hours))
    assert spool([b"four"] * 24, tmp_path / "spooled", size_max_bytes=99, pace=steady).size_bytes == 96


def test_a_stream_that_was_fast_may_not_drip_afterwards() -> None:
    seconds = count()
    pace = Pace(bytes_min=10, window_s=5, now=lambda: next(seconds))
    assert not any(pace.is_too_slow(1000) for _ in range(6))
    assert any(pace.is_too_slow(1) for _ in range(12))


def test_a_stream_that_breaks_leaves_no_file_and_says_how_it_broke(tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"some"
        raise ConnectionResetError("the peer went away")

    with pytest.raises(ConnectionResetError):
        spool(broken(), tmp_path / "spooled", size_max_bytes=99, pace=Pace())
    assert list(tmp_path.iterdir()) == []


def test_what_an_earlier_attempt_left_is_written_over(tmp_path: Path) -> None:
    target = tmp_path / "spooled"
    target.write_bytes(b"much more than before")
    spool([b"new"], target, size_max_bytes=99, pace=Pace())
    assert target.read_bytes() == b"new"


def test_a_link_in_the_way_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"keep me")
    (tmp_path / "spooled").symlink_to(victim)
    with pytest.raises(Unavailable):
        spool([b"new"], tmp_path / "spooled", size_max_bytes=99, pace=Pace())
    assert victim.read_bytes() == b"keep me"
