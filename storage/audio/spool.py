"""Bytes from the network, on disk before anything looks at them."""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from storage.disk import create_private, disk_edge, write_all
from storage.errors import Unavailable, Unusable
from storage.pace import Pace


@dataclass(frozen=True)
class Spooled:
    size_bytes: int
    sha256: str


def spool(chunks: Iterable[bytes], target: Path, *, size_max_bytes: int, pace: Pace) -> Spooled:
    """Write a stream to `target`, durably; whatever goes wrong, no file is left.

    More than `size_max_bytes` is Unusable. The pace is checked after every chunk, and a stream that is too slow given
    up as Unavailable: hand in chunks as they arrive, because a chunk that waits to be full can wait for ever. Errors of
    the stream itself go through as they are.
    """
    with disk_edge("spool"):
        descriptor = create_private(target)
    try:
        spooled = _fill(descriptor, chunks, size_max_bytes, pace)
        with disk_edge("spool"):
            os.fsync(descriptor)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)
    return spooled


def _fill(descriptor: int, chunks: Iterable[bytes], size_max_bytes: int, pace: Pace) -> Spooled:
    size_bytes, digest = 0, hashlib.sha256()
    for chunk in chunks:
        size_bytes += len(chunk)
        if size_bytes > size_max_bytes:
            raise Unusable(f"spool: the stream is longer than {size_max_bytes} bytes")
        if pace.is_too_slow(len(chunk)):
            raise Unavailable("spool: the stream comes too slowly")
        digest.update(chunk)
        with disk_edge("spool"):
            write_all(descriptor, chunk)
    return Spooled(size_bytes, digest.hexdigest())
