"""Reading a file that holds secrets: the file itself is examined before its content is used."""

import os
import stat
from pathlib import Path
from typing import NamedTuple

BYTES_MAX = 4096
OTHERS = stat.S_IRWXO
GROUP_AND_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class Fault(NamedTuple):
    """A fault of a setting's value, and what to do. Never holds the value, which may be secret."""

    problem: str
    remedy: str


def read_private(path: Path, *, closed_to: int, owner: int | None = None, bytes_max: int = BYTES_MAX) -> bytes | Fault:
    """At most `bytes_max` bytes of a plain file without the mode bits `closed_to`. A link to it is fine.

    The open file is examined, not its name, so that it cannot be exchanged between the examination and the reading.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        return Fault("names no file", f"create {path}")
    except (OSError, ValueError):
        return Fault("cannot be read", "make it readable by the user that runs onrecord")
    try:
        return _fault(os.fstat(descriptor), path, closed_to, owner) or os.read(descriptor, bytes_max)
    finally:
        os.close(descriptor)


def _fault(held: os.stat_result, path: Path, closed_to: int, owner: int | None) -> Fault | None:
    if not stat.S_ISREG(held.st_mode):
        return Fault("names no plain file", "name a plain file")
    if held.st_mode & closed_to:
        return Fault(f"can be opened by other users (mode {stat.S_IMODE(held.st_mode):04o})", f"chmod 600 {path}")
    if owner is not None and held.st_uid != owner:
        return Fault("belongs to another user", f"chown it to the user that runs onrecord: {path}")
    return None
