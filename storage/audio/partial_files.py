"""The corner of a directory store where bytes lie while they are being written.

A file here is nobody's recording yet: it becomes one only by a hard link to its key. Each is locked by the
process that writes it, so one that nobody holds was left by a process that died, and may go.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from storage.disk import create_private, pieces, write_all


@dataclass(frozen=True)
class Copy:
    """Bytes on their way in, with the hash of what was written."""

    path: Path
    size_bytes: int
    sha256: str


class Incoming:
    def __init__(self, root: Path) -> None:
        self._folder = root / ".incoming"
        self._lock = root / ".lock"

    @contextmanager
    def alone(self) -> Iterator[None]:
        """A single writer at a time, over all threads and processes of this machine. Held for milliseconds."""
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    @contextmanager
    def copy_of(self, source: Path) -> Iterator["Copy"]:
        """A durable copy, gone afterwards."""
        with self._fresh() as (path, descriptor):
            digest = hashlib.sha256()
            for piece in pieces(source):
                write_all(descriptor, piece)
                digest.update(piece)
            os.fsync(descriptor)
            yield Copy(path, os.fstat(descriptor).st_size, digest.hexdigest())

    def try_out(self) -> None:
        """Write and link once, as every put does; OSError where that can't be done here."""
        with self._fresh() as (path, descriptor):
            write_all(descriptor, b"onrecord")
            os.fsync(descriptor)
            twin = path.with_suffix(".twin")
            os.link(path, twin)
            twin.unlink()

    def clear(self) -> None:
        """Remove what a process that died left behind."""
        with self.alone():
            for path in self._folder.glob("*"):
                _remove_unless_held(path)

    @contextmanager
    def _fresh(self) -> Iterator[tuple[Path, int]]:
        path = self._folder / uuid4().hex
        with self.alone():
            # Made and locked in one go: clear() must never see it between the two.
            self._folder.mkdir(mode=0o700, exist_ok=True)
            descriptor = create_private(path)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        try:
            yield path, descriptor
        finally:
            path.unlink(missing_ok=True)
            os.close(descriptor)


def _remove_unless_held(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)
