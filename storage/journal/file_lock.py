"""A lock between processes: waiting for it has a limit, and a killed process does not keep it."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from storage.disk import disk_edge
from storage.errors import Unavailable

_LOOK_EVERY_S = 0.005


@contextmanager
def locked(path: Path, within_s: float, why_not: str) -> Iterator[None]:
    """Raises Unavailable, saying `why_not`, where another process or thread has the lock for longer than that."""
    end = time.monotonic() + within_s
    with disk_edge(f"lock {path.name}"):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while not _taken(descriptor):
            if time.monotonic() >= end:
                raise Unavailable(why_not)
            time.sleep(_LOOK_EVERY_S)
        yield
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
