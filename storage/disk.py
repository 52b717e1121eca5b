"""Files that survive a power cut, and a disk's failures as our errors."""

import errno
import hashlib
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from storage.errors import Refused, Unavailable

PIECE_BYTES = 1 << 20
# EFBIG is a file-size limit set on the process, which has the same effect as a full disk.
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def disk_edge(what: str) -> Iterator[None]:
    """Turn a disk's failure into Unavailable. Nothing but file work belongs inside: requests' errors are
    OSErrors too."""
    try:
        yield
    except OSError as error:
        reason = "no room left on the disk" if error.errno in _NO_ROOM else error.strerror or str(error)
        raise Unavailable(f"{what}: {reason}") from error


def create_private(path: Path) -> int:
    """The descriptor of an empty file that only its owner can read; an earlier content is lost."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def write_all(descriptor: int, content: bytes | memoryview) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def write_private(path: Path, content: bytes) -> None:
    """Write a small file, whole or not at all."""
    partial = path.with_name(f"{path.name}.part")
    with disk_edge(f"write of {path.name}"):
        descriptor = create_private(partial)
        try:
            write_all(descriptor, content)
            partial.replace(path)
        finally:
            os.close(descriptor)
            partial.unlink(missing_ok=True)


@contextmanager
def new_private(path: Path) -> Iterator[Callable[[bytes], None]]:
    """Yields a function that writes to a new file, which only its owner can read. The file is there, whole and durable,
    once the block has ended without a failure, else not at all. Raises Refused where the name is taken by then.
    """
    what = f"write of {path.name}"
    if path.exists() or path.is_symlink():
        raise Refused(f"{what}: it is there already")
    partial = path.with_name(f".{secrets.token_hex(8)}.part")

    def write(content: bytes) -> None:
        with disk_edge(what):
            write_all(descriptor, content)

    with disk_edge(what):
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        yield write
        with disk_edge(what):
            os.fsync(descriptor)
            _name(partial, path, what)
    finally:
        os.close(descriptor)
        partial.unlink(missing_ok=True)


def _name(partial: Path, path: Path, what: str) -> None:
    try:
        os.link(partial, path)  # which never replaces
    except FileExistsError:
        raise Refused(f"{what}: it is there already") from None
    partial.unlink()
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder as durable as the files behind them."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make a folder and its parents, each closed to all but their owner."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def pieces(path: Path) -> Iterator[bytes]:
    """A file in pieces of a megabyte, so that no recording is ever in memory at once."""
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece


def sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    for piece in pieces(path):
        digest.update(piece)
    return digest.hexdigest()
