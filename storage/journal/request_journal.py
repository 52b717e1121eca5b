"""Requests that were answered and could not be settled: kept on this machine's disk until the database takes them.

All web processes of a machine share a folder. When `keep` returns, the request survives `kill -9` and a power cut; as
long as the database is well nothing is written. Entries are numbered in the order in which they came, and never twice.
Each is sealed (AES-256-GCM) under its number, so that none can be altered, exchanged or put back under another; an
entry that is taken away leaves a gap, which shows. A file's name holds nothing but the number.
"""

import os
import re
import secrets
import time
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from threading import Lock

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from storage.disk import create_private, disk_edge, make_folder, new_private, sync_folder, write_all
from storage.errors import Broken, Unavailable
from storage.journal.file_lock import locked
from storage.journal.kept_request import Kept

ENTRIES_MAX, BYTES_MAX = 10_000, 64 << 20
# Held in memory where the disk takes nothing: for as long as the process lives, and no longer.
UNWRITTEN_MAX = 1_000
_LABEL, _MARK_LABEL = b"onrecord request journal v1 ", b"onrecord request journal mark v1"
_WAITING, _ASIDE, _PART = ".request", ".aside", ".part"
_ENTRY, _WAITS = re.compile(r"[0-9]{12}\.(?:request|aside)"), re.compile(r"[0-9]{12}\.request")
_NONCE_BYTES = 12
# Within that time of a change, a file system may give another change of the folder the same time.
_TICK_S = 3.0
# The process with the lock writes two small files: if it has the lock for longer, it has been stopped.
_LOCK_S = 1.0


@dataclass(frozen=True, slots=True)
class Lacking:
    """How many entries are gone, and the lowest and the highest of their numbers."""

    count: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Standing:
    """The number of waiting requests, since when, and of those set aside. `unwritten` are in memory alone."""

    waiting: int = 0
    since: datetime | None = None
    aside: int = 0
    unwritten: int = 0
    is_full: bool = False


class RequestJournal:
    """Safe to share between threads, and processes may share the folder."""

    def __init__(
        self,
        folder: Path,
        key: bytes,
        *,
        entries_max: int = ENTRIES_MAX,
        bytes_max: int = BYTES_MAX,
        tick_s: float = _TICK_S,
    ) -> None:
        self.folder = folder
        self._tick_ns = int(tick_s * 1e9)
        self._cipher = AESGCM(key)
        self._entries_max, self._bytes_max = entries_max, bytes_max
        self._unwritten: deque[Kept] = deque()
        self._guard = Lock()
        self._last = 0  # that this process has written
        self._without_entries: tuple[int, int] | None = None  # the folder's inode, and its last change
        self._size_bytes, self._counted_at = 0, -inf

    def waits(self) -> bool:
        """Whether there is anything to settle. Cheap: it is asked before each request."""
        return bool(self._unwritten) or self._has_entries()

    def hold(self, kept: Kept) -> None:
        """In memory, at once, until `write_down`. Raises Unavailable where memory is full."""
        if len(self._unwritten) >= UNWRITTEN_MAX:
            raise Unavailable("request journal: the disk takes nothing, and memory is full")
        self._unwritten.append(kept)

    def write_down(self, kept: Kept) -> None:
        """A held request, after all that were held before it. Durable when this returns. Raises Unavailable where the
        disk takes nothing, or the journal is full: the request stays in memory.
        """
        with self._guard:
            while any(held is kept for held in self._unwritten):
                self._write_down_the_first()

    def waiting(self) -> list[int]:
        return self._numbers(_WAITING)

    def unwritten(self) -> list[Kept]:
        """In the order in which they came. Requests that the disk takes by now are written there first. Raises
        Unavailable where the disk does not answer, neither yes nor no.
        """
        if not self._guard.acquire(timeout=_LOCK_S):
            raise Unavailable("request journal: the disk has stopped answering")
        try:
            with suppress(Unavailable):
                while self._unwritten:
                    self._write_down_the_first()
            return list(self._unwritten)
        finally:
            self._guard.release()

    def forget(self, kept: Kept) -> None:
        """An unwritten request is settled."""
        with self._guard, suppress(ValueError):
            self._unwritten.remove(kept)

    def read(self, number: int) -> Kept:
        """Raises Broken for an entry that was altered, moved, taken away, or sealed with other keys."""
        try:
            with disk_edge("request journal: an entry can't be read"):
                sealed = self._read(number)
            return Kept.read(self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _bound_to(number)))
        except (InvalidTag, ValueError, TypeError, KeyError) as error:
            raise Broken(f"request journal: entry {number} is damaged, or was sealed with other keys") from error

    def lacking(self) -> Lacking | None:
        """The entries that were taken away: neither settled nor set aside, nor there."""
        with self._locked():
            there, mark = set(self._numbers(_WAITING, _ASIDE)), self._mark()
            first, last = mark + 1, max(there | {self._last})
        count = last - mark - len({number for number in there if number > mark})
        if count <= 0:
            return None
        while first in there:
            first += 1
        while last in there:
            last -= 1
        return Lacking(count, first, last)

    def lacks_its_last(self) -> bool:
        """Whether entries that this process wrote are neither there nor settled."""
        return self._last > self._mark() and not self.waiting() if self._last else False

    def settled_to(self, number: int) -> None:
        """All up to that number are settled, or set aside. Durable before any of them is removed."""
        with self._locked():
            if number > self._mark():
                self._set_mark(number)
        for done in self._numbers(_WAITING):
            if done <= number:
                self._file(done, _WAITING).unlink(missing_ok=True)

    def is_settled(self, number: int) -> bool:
        """Whether an entry is settled already: a killed process left it behind, or somebody put it back."""
        return number <= self._mark()

    def set_aside(self, number: int) -> None:
        """Put an entry that can't be settled aside for a person, so that the entries behind it go on."""
        with disk_edge("request journal: an entry can't be set aside"), suppress(FileNotFoundError):
            self._file(number, _WAITING).rename(self._file(number, _ASIDE))
            sync_folder(self.folder)

    def standing(self) -> Standing:
        waiting, aside = self._numbers(_WAITING), self._numbers(_ASIDE)
        return Standing(
            waiting=len(waiting) + len(self._unwritten),
            since=self._written_at(waiting[0]) if waiting else None,
            aside=len(aside),
            unwritten=len(self._unwritten),
            is_full=self._is_full(len(waiting) + len(aside)),
        )

    def turn(self, within_s: float) -> AbstractContextManager[None]:
        """The right to settle entries, which a single process has at a time. Raises Unavailable while another process
        has it; a killed process loses it.
        """
        return self._flock("turn", within_s, "its entries are being settled")

    def _write_down_the_first(self) -> None:
        self._append(self._unwritten[0])
        self._unwritten.popleft()

    def _append(self, kept: Kept) -> None:
        with self._locked():
            numbers = self._numbers(_WAITING, _ASIDE)
            if self._is_full(len(numbers)):
                raise Unavailable("request journal: it is full")
            number = max([self._mark(), self._last, *numbers]) + 1
            nonce = secrets.token_bytes(_NONCE_BYTES)
            sealed = nonce + self._cipher.encrypt(nonce, kept.written(), _bound_to(number))
            with new_private(self._file(number, _WAITING)) as write:
                write(sealed)
            self._last, self._size_bytes = number, self._size_bytes + len(sealed)

    def _is_full(self, entries: int) -> bool:
        return entries >= self._entries_max or self._bytes() >= self._bytes_max

    def _bytes(self) -> int:
        """The size of all entries; counted once a second, while entries of this process are added at once."""
        if time.monotonic() - self._counted_at > 1:
            sizes = (_size(self.folder / name) for name in self._names() if name.endswith((_WAITING, _ASIDE)))
            self._size_bytes, self._counted_at = sum(sizes), time.monotonic()
        return self._size_bytes

    def _mark(self) -> int:
        """The number up to which all is settled; 0 where it can't be read, so that lacking entries show."""
        try:
            sealed = (self.folder / ".settled").read_bytes()
            return int(self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _MARK_LABEL))
        except (OSError, InvalidTag, ValueError):
            return 0

    def _set_mark(self, number: int) -> None:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        partial = self.folder / f".{secrets.token_hex(8)}{_PART}"
        with disk_edge("request journal: its mark can't be written"):
            descriptor = create_private(partial)
            try:
                write_all(descriptor, nonce + self._cipher.encrypt(nonce, str(number).encode(), _MARK_LABEL))
                os.fsync(descriptor)
                partial.replace(self.folder / ".settled")
            finally:
                os.close(descriptor)
                partial.unlink(missing_ok=True)
            sync_folder(self.folder)

    def _locked(self) -> AbstractContextManager[None]:
        return self._flock("lock", _LOCK_S, "another process has held it for too long")

    def _flock(self, name: str, within_s: float, why_not: str) -> AbstractContextManager[None]:
        with disk_edge("request journal: its folder can't be written"):
            make_folder(self.folder)
        return locked(self.folder / f".{name}", within_s, f"request journal: {why_not}")

    def _has_entries(self) -> bool:
        """Without a look into the folder, whose time tells whether any process has changed it."""
        try:
            found = self.folder.stat()
        except OSError:
            return False
        if (found.st_ino, found.st_ctime_ns) == self._without_entries:
            return False
        has_entries = any(map(_WAITS.fullmatch, self._names()))
        if not has_entries and time.time_ns() - found.st_ctime_ns > self._tick_ns:
            self._without_entries = found.st_ino, found.st_ctime_ns
        return has_entries

    def _names(self) -> Iterator[str]:
        with suppress(OSError), os.scandir(self.folder) as found:
            yield from (entry.name for entry in found)

    def _numbers(self, *suffixes: str) -> list[int]:
        """Ignores files that are not named like an entry."""
        names = (name.partition(".")[0] for name in self._names() if _ENTRY.fullmatch(name) and name.endswith(suffixes))
        return sorted(map(int, names))

    def _read(self, number: int) -> bytes:
        try:
            return self._file(number, _WAITING).read_bytes()
        except FileNotFoundError:
            raise Broken(f"request journal: entry {number} was taken away") from None

    def _written_at(self, number: int) -> datetime | None:
        with suppress(OSError):
            return datetime.fromtimestamp(self._file(number, _WAITING).stat().st_mtime, UTC)
        return None

    def _file(self, number: int, suffix: str) -> Path:
        return self.folder / f"{number:012d}{suffix}"


def _size(file: Path) -> int:
    with suppress(FileNotFoundError):
        return file.stat().st_size
    return 0


def _bound_to(number: int) -> bytes:
    return _LABEL + str(number).encode()
