"""Audio in an S3 bucket. Retention is enforced by the bucket where it has Object Lock, else by the
application.

An accepted request proves nothing here: several servers answer 200 and drop the lock, the checksum or the
version. So every put is read back by version, every deletion names its version and ends with an empty
listing, and the oldest version of a key is the recording, whatever a lost answer and its repetition have
laid on top. Each object goes up in one request with its length and sha-256 known beforehand: parts lose
locks on some servers, and a checksum made while streaming is framed differently over TLS.
"""

import builtins
import contextlib
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from storage.audio.audio_key import AudioKey, checked_prefix
from storage.audio.contract import StoredAudio, checked_extension, checked_range, lock_wanted
from storage.audio.s3_bucket import S3Bucket
from storage.audio.s3_client import NotAllowed, s3_client
from storage.audio.s3_exposure import exposures
from storage.audio.s3_read import Span, read_span
from storage.disk import disk_edge, sha256_of
from storage.errors import Broken, Conflict, Held, Missing, NotEnforced, Refused, Unavailable
from storage.moment import utc_now

# S3 itself refuses requests from a clock further off than this.
_CLOCK_SKEW_MAX = timedelta(minutes=15)


def connect(bucket: str, prefix: str) -> "S3Store":
    """With AWS's own variables for credentials, region and endpoint."""
    return S3Store(S3Bucket(s3_client(), bucket, prefix))


class S3Store:
    """Make it after forking: the client's connections must not be shared between processes."""

    def __init__(
        self,
        bucket: S3Bucket,
        *,
        read_s_max: float = 60.0,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._bucket = bucket
        self._read_s_max = read_s_max
        self._now = now

    def put(self, key: AudioKey, source: Path, *, retain_until: datetime | None) -> StoredAudio:
        lock = lock_wanted(retain_until, self._now()) if self.takes_locks() else None
        with disk_edge(f"audio store: put of {key}"):
            sha256 = sha256_of(source)
        there = self._versions(key)
        sent = None if there else self._bucket.send(key, source, sha256, lock)
        kept = there or self._versions(key)
        if not kept:
            raise Unavailable(f"audio store: put of {key}: another put of it is under way")
        stored = self._adopt(key, kept[0], sha256, is_new=sent == kept[0])
        if lock:
            stored = self._locked(stored, lock, is_new=sent == kept[0])
        self._remove_copies(stored, kept[1:])
        return stored

    def read(self, key: AudioKey, version_id: str, start: int, length: int) -> bytes:
        checked_range(key, start, length)
        ends = time.monotonic() + self._read_s_max
        span = Span(key, version_id, start, length)
        return read_span(self._bucket, span, is_late=lambda: time.monotonic() > ends)

    def stat(self, key: AudioKey, version_id: str | None) -> StoredAudio | None:
        if version_id is None:
            version_id = next(iter(self._versions(key)), None)
        stored = self._bucket.head(key, version_id) if version_id else None
        if stored and not stored.sha256:
            raise NotEnforced(f"audio store: S3 reports no sha-256 of {key}")
        return stored

    def extend(self, key: AudioKey, version_id: str, retain_until: datetime) -> StoredAudio:
        self._require_locks()
        stored = self._kept(key, version_id)
        return self._locked(stored, checked_extension(stored, retain_until, self._now()), is_new=False)

    def hold(self, key: AudioKey, version_id: str, on: bool) -> StoredAudio:
        self._require_locks()
        self._kept(key, version_id)
        self._bucket.hold(key, version_id, on)
        stored = self._kept(key, version_id)
        if stored.is_held != on:
            raise NotEnforced(f"audio store: S3 accepted the hold of {key} and did not set it")
        return stored

    def delete(self, key: AudioKey) -> None:
        for version_id in self._versions(key) if self.takes_locks() else []:
            self._refuse_if_locked(key, version_id, self._now())
        for version in self._bucket.versions(key):
            self._remove(key, version.id)
        if self._bucket.versions(key):
            raise Broken(f"audio store: {key} is still listed after its deletion")

    def list(self, prefix: str) -> Iterator[AudioKey]:
        for name in self._bucket.names(checked_prefix(prefix)):
            if key := AudioKey.read(name):
                yield key

    def takes_locks(self) -> bool:
        return self._bucket.terms.takes_locks

    def locks_by_default(self) -> bool:
        return self._bucket.terms.locks_by_default

    def exposures(self, key: AudioKey | None) -> builtins.list[str]:
        return [*exposures(self._bucket, str(key) if key else None)]

    def check(self) -> None:
        """Reads only: a bucket with a default lock would keep the bytes of a test write."""
        try:
            self.takes_locks()
            next(self._bucket.names(""), None)
        except (Refused, Unavailable, Broken) as error:
            raise Unavailable(f"AUDIO_STORE: {str(error).removeprefix('audio store: ')}") from error

    def _versions(self, key: AudioKey) -> builtins.list[str]:
        return [version.id for version in self._bucket.versions(key) if not version.is_marker]

    def _kept(self, key: AudioKey, version_id: str) -> StoredAudio:
        stored = self.stat(key, version_id)
        if stored is None:
            raise Missing(f"audio store: {key} is not kept in that version")
        return stored

    def _adopt(self, key: AudioKey, version_id: str, sha256: str, *, is_new: bool) -> StoredAudio:
        """Check that the version there, from this put or an earlier put, has the bytes being put."""
        stored = self._kept(key, version_id)
        if stored.sha256 == sha256:
            return stored
        if is_new:
            raise NotEnforced(f"audio store: S3 accepted {key} and reports another sha-256 of it")
        raise Conflict(f"audio store: {key} already holds other bytes")

    def _locked(self, stored: StoredAudio, lock: datetime, *, is_new: bool) -> StoredAudio:
        """See the lock in place. A new version should have come with it: setting it now would hide that it
        didn't."""
        if not is_new and not stored.is_locked_until(lock):
            self._bucket.lock(stored.key, stored.version_id, lock)
            stored = self._kept(stored.key, stored.version_id)
        if not stored.is_locked_until(lock):
            raise NotEnforced(f"audio store: S3 accepted {stored.key} and did not lock it")
        return stored

    def _remove_copies(self, stored: StoredAudio, later: builtins.list[str]) -> None:
        """A put repeated after its answer was lost lays the same bytes on top. If a lock keeps them,
        delete() ends them with the rest; other bytes are not ours to remove."""
        for version_id in later:
            copy = self._bucket.head(stored.key, version_id)
            if copy and copy.sha256 == stored.sha256:
                with contextlib.suppress(NotAllowed):
                    self._bucket.remove(stored.key, version_id)

    def _remove(self, key: AudioKey, version_id: str) -> None:
        try:
            self._bucket.remove(key, version_id)
        except NotAllowed:
            self._refuse_if_locked(key, version_id, self._now() - _CLOCK_SKEW_MAX)
            raise

    def _refuse_if_locked(self, key: AudioKey, version_id: str, now: datetime) -> None:
        stored = self._bucket.head(key, version_id)
        if stored and stored.is_locked(now):
            raise Held(f"audio store: a lock or hold keeps {key}")

    def _require_locks(self) -> None:
        if not self.takes_locks():
            raise Refused("audio store: this bucket has no Object Lock; only the database can hold")
