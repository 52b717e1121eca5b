"""Where sealed audio is kept: one contract that every store passes in one suite
(tests/storage/test_audio_store_contract.py).

A store keeps bytes and, where it can, a lock on them. It knows no rule: what is kept, how long, and what is
erased is decided by the caller, from the database. Every method may raise Unavailable (try again) and
Broken (a person must look).
"""

import builtins
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from storage.audio.audio_key import AudioKey
from storage.errors import Refused

__all__ = ["AudioKey", "AudioStore", "StoredAudio"]


@dataclass(frozen=True)
class StoredAudio:
    """An object in a store, as read back from it and not as asked for.

    `version_id` is the store's own name for these bytes: keep it, and read by it. `retain_until` is the
    lock the store itself enforces, None where it enforces none; `is_held` is its legal hold.
    """

    key: AudioKey
    version_id: str
    size_bytes: int
    sha256: str
    retain_until: datetime | None
    is_held: bool = False

    def is_locked(self, now: datetime) -> bool:
        """True while the store must not let go of these bytes."""
        return self.is_held or (self.retain_until is not None and now < self.retain_until)

    def is_locked_until(self, time: datetime) -> bool:
        return self.retain_until is not None and self.retain_until >= time


class AudioStore(Protocol):
    """Safe to share between threads, and between processes that open the same place."""

    def put(self, key: AudioKey, source: Path, *, retain_until: datetime | None) -> StoredAudio:
        """Keep the bytes of `source` under `key`; they are durable when this returns, and their sha-256 is stated.

        Running it again with the same bytes changes nothing and returns the same version, also after a put
        whose answer was lost. Other bytes under the same key: Conflict. With a `retain_until` in the future, a
        store that takes locks locks the bytes until then (at least, rounded up to a second) and reads the lock
        back: NotEnforced if it isn't there.
        Nothing half written is ever visible.
        """
        ...

    def read(self, key: AudioKey, version_id: str, start: int, length: int) -> bytes:
        """The bytes from `start`, `length` of them; fewer where they end. Missing if not kept."""
        ...

    def stat(self, key: AudioKey, version_id: str | None) -> StoredAudio | None:
        """The object under the key, None if there is none. Without a version: the version that `put` would return."""
        ...

    def extend(self, key: AudioKey, version_id: str, retain_until: datetime) -> StoredAudio:
        """Lock the bytes for longer; to end the lock earlier is Refused. Missing if not kept."""
        ...

    def hold(self, key: AudioKey, version_id: str, on: bool) -> StoredAudio:
        """Place or lift the store's legal hold, one per version. Missing if not kept."""
        ...

    def delete(self, key: AudioKey) -> None:
        """Destroy every version and trace under `key`, and see that none is left. Already gone is fine.
        Raises Held, having deleted nothing, while a lock or hold forbids it."""
        ...

    def list(self, prefix: str) -> Iterator[AudioKey]:
        """The keys that begin with `prefix`, each once; also those that only a version listing shows."""
        ...

    def takes_locks(self) -> bool:
        """False where the store can't enforce a lock or hold: `extend` and `hold` are then Refused."""
        ...

    def locks_by_default(self) -> bool:
        """Whether bytes that are put without a lock get one all the same, so that they can't be deleted for a while."""
        ...

    def exposures(self, key: AudioKey | None) -> builtins.list[str]:
        """Ways by which others could read what is kept, in words. `key` is kept just now, and may be tried."""
        ...

    def check(self) -> None:
        """Raise Unavailable, naming AUDIO_STORE, problem and remedy, if the store can't be used."""
        ...


def lock_wanted(retain_until: datetime | None, now: datetime) -> datetime | None:
    """The lock to ask for, in whole seconds and never too short; None if the time has passed already."""
    if retain_until is None:
        return None
    if retain_until.tzinfo is None:
        # boto takes a naive time for UTC whatever the machine's zone is: the lock would be hours off.
        raise Refused("audio store: retain_until has no time zone")
    whole = datetime.fromtimestamp(math.ceil(retain_until.timestamp()), UTC)
    return whole if whole > now else None


def checked_extension(stored: StoredAudio, retain_until: datetime, now: datetime) -> datetime:
    """The longer lock to set. Refused if it would be shorter, which some servers would obey."""
    lock = lock_wanted(retain_until, now)
    if lock is None or (stored.retain_until is not None and lock < stored.retain_until):
        raise Refused(f"audio store: the lock of {stored.key} can only be extended")
    return lock


def checked_range(key: AudioKey, start: int, length: int) -> None:
    if start < 0 or length < 0:
        raise Refused(f"audio store: no such range of {key}")
