"""The anchor that every installation has: checkpoints appended to a file outside the database, the newest beside it.

Each line of the file is JSON: when it was written, and the checkpoint as it was signed. Give the lines to somebody who
keeps them. A restored database is checked against the newest checkpoint, whose file is replaced with each signature.
"""

import fcntl
import json
import os
import secrets
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from evidence.checkpoints import Checkpoint
from evidence.notes import NotANote, Note
from storage.disk import disk_edge, make_folder, sync_folder, write_all
from storage.errors import Broken
from storage.log.checkpoints import SignedCheckpoint

STDOUT = "-"
_LAST_BYTES = 64 * 1024
_DAMAGED = "it was damaged or changed; put back what was there, or move it away"


@dataclass(frozen=True, slots=True)
class AnchorFile:
    """`place` is a path, or - for standard output, of which nothing can be read again."""

    place: str

    def append(self, signed: SignedCheckpoint, at: datetime) -> bytes:
        """Returns the line; durable, but for standard output. The rest of a line that a crash has cut is removed."""
        line = json.dumps({"at": at.isoformat(timespec="seconds"), "checkpoint": str(signed.note)}, ensure_ascii=False)
        content = f"{line}\n".encode()
        if self.place == STDOUT:
            sys.stdout.write(content.decode())
            sys.stdout.flush()
            return content
        with disk_edge(f"ONRECORD_ANCHOR_FILE: {self.place} can't be written"):
            make_folder(Path(self.place).parent)
            descriptor = os.open(self.place, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)  # or two who find a torn line could cut off each other's
                _end_last_line(descriptor)
                write_all(descriptor, content)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            sync_folder(Path(self.place).parent)
        return content

    def note_newest(self, signed: SignedCheckpoint) -> None:
        """Replace the checkpoint beside the file; whole or not at all. Of two processes that sign at once the later
        checkpoint stays.
        """
        if self.place == STDOUT or self._has_later(signed.checkpoint):
            return
        partial = self.newest_path.with_name(f".{self.newest_path.name}.{secrets.token_hex(8)}")
        with disk_edge(f"ONRECORD_ANCHOR_FILE: {self.newest_path} can't be written"):
            make_folder(self.newest_path.parent)
            try:
                _write(partial, str(signed.note).encode())
                partial.replace(self.newest_path)
            finally:
                partial.unlink(missing_ok=True)
            sync_folder(self.newest_path.parent)

    def _has_later(self, checkpoint: Checkpoint) -> bool:
        text = _read(self.newest_path)
        if text is None:
            return False
        there = Checkpoint.of(_note(self.newest_path, text))
        return there.origin == checkpoint.origin and there.size > checkpoint.size

    @property
    def newest_path(self) -> Path:
        return Path(f"{self.place}.newest")

    def newest(self) -> list[Note]:
        """The last checkpoint in the file, and the one beside it. Raises Broken for a damaged or changed file."""
        if self.place == STDOUT:
            return []
        found = []
        if (text := _read(self.newest_path)) is not None:
            found.append(_note(self.newest_path, text))
        if line := _last_line(Path(self.place)):
            found.append(read_line(line, self.place))
        return found

    def all(self) -> list[Note]:
        """Every checkpoint of the file. Raises Broken for a line that is none."""
        if self.place == STDOUT:
            return []
        whole, _, _ = (_read(Path(self.place)) or "").rpartition("\n")
        return [read_line(line, self.place) for line in whole.split("\n") if whole]


def read_line(line: str, where: str) -> Note:
    """The checkpoint that a line of an anchor file holds."""
    try:
        note = Note.parse(str(json.loads(line)["checkpoint"]))
        Checkpoint.of(note)
    except (ValueError, KeyError, TypeError):
        raise Broken(f"{where}: a line of it holds no checkpoint: {_DAMAGED}") from None
    return note


def _note(path: Path, text: str) -> Note:
    try:
        note = Note.parse(text)
        Checkpoint.of(note)
    except NotANote:
        raise Broken(f"{path}: it holds no checkpoint: {_DAMAGED}") from None
    return note


def _last_line(path: Path) -> str:
    """The last whole line: a line that was cut by a crash has no end, and nothing relies on it."""
    lines = (_read(path, last_bytes=_LAST_BYTES) or "").split("\n")[:-1]
    return lines[-1] if lines else ""


def _read(path: Path, *, last_bytes: int | None = None) -> str | None:
    """None where there is no such file. Raises Unavailable where it can't be found out."""
    with disk_edge(f"ONRECORD_ANCHOR_FILE: {path} can't be read"):
        try:
            with path.open("rb") as file:
                if last_bytes is not None:
                    file.seek(max(0, os.fstat(file.fileno()).st_size - last_bytes))
                return file.read().decode("utf-8", "replace")
        except (FileNotFoundError, NotADirectoryError):
            return None


def _end_last_line(descriptor: int) -> None:
    """Make sure that the next write begins a line, even after a line that a crash has cut."""
    size_bytes = os.fstat(descriptor).st_size
    unended = os.pread(descriptor, _LAST_BYTES, max(0, size_bytes - _LAST_BYTES)).rpartition(b"\n")[2]
    if unended.endswith(b"}"):
        write_all(descriptor, b"\n")
    elif unended:
        os.ftruncate(descriptor, size_bytes - len(unended))


def _write(new: Path, content: bytes) -> None:
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        write_all(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
