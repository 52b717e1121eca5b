"""The erased calls, in a file outside the database: a restored backup brings their data back, and a log without the
erasure.

Each line is durable before anything is erased. It holds our random id of the call, a keyed hash of the provider's sid
(for a call that came back under another id), the basis and the time.
"""

import fcntl
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from evidence.events import canonical, timestamp
from storage.disk import disk_edge, make_folder, sync_folder, write_all
from storage.errors import Broken


@dataclass(frozen=True, slots=True)
class Entry:
    """`sid_hash` reveals nothing without both the key file and the provider's own list of calls."""

    call_id: str
    sid_hash: str
    basis: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Journal:
    """`is_torn`: the last line broke off, as a power cut leaves it. Its erasure had not begun."""

    entries: tuple[Entry, ...]
    is_torn: bool


def append(file: Path, entries: Iterable[Entry]) -> None:
    """Durable on return. A line that broke off before is removed first."""
    lines = "".join(f"{_written(entry)}\n" for entry in entries).encode()
    with disk_edge(f"ONRECORD_ERASURES: {file} can't be written"):
        make_folder(file.parent)
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            os.ftruncate(descriptor, _whole_bytes(file.read_bytes()))
            write_all(descriptor, lines)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        sync_folder(file.parent)


def read(file: Path) -> Journal:
    """Raises Broken, naming the line, where a whole line is not as it was written."""
    with disk_edge(f"ONRECORD_ERASURES: {file} can't be read"):
        content = file.read_bytes() if file.exists() else b""
    whole = _whole_bytes(content)
    lines = content[:whole].decode("utf-8", "replace").splitlines()
    entries = tuple(_entry(file, number, line) for number, line in enumerate(lines, 1))
    return Journal(entries, is_torn=whole < len(content))


def _whole_bytes(content: bytes) -> int:
    """The length of the lines that were written to their end."""
    return content.rfind(b"\n") + 1


def _written(entry: Entry) -> str:
    return canonical(
        {"at": timestamp(entry.at), "basis": entry.basis, "call": entry.call_id, "sid_hash": entry.sid_hash}
    )


def _entry(file: Path, number: int, line: str) -> Entry:
    try:
        fields = json.loads(line)
        entry = Entry(fields["call"], fields["sid_hash"], fields["basis"], datetime.fromisoformat(fields["at"]))
        is_same = _written(entry) == line
    except (ValueError, TypeError, KeyError):
        is_same = False
    if not is_same:
        raise Broken(f"ONRECORD_ERASURES: line {number} of {file} is damaged: restore the file from its copy")
    return entry
