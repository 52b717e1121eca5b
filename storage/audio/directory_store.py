"""Audio in a directory: the default on one machine.

Writing once is the file system's promise (a hard link is never made over an existing name), durability is
fsync's. Locks and holds are ours: a small file beside the bytes states them and this module obeys it, but
whoever may write to the directory can delete what is in it. Retention here is enforced by the application,
and the docs say so.
"""

import builtins
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from storage.audio.audio_key import AudioKey, checked_prefix
from storage.audio.contract import StoredAudio, checked_extension, checked_range, lock_wanted
from storage.audio.partial_files import Incoming
from storage.audio.sidecar import Sidecar, remove_orphans
from storage.disk import disk_edge, sha256_of, sync_folder
from storage.errors import Broken, Conflict, Held, Missing, Unavailable
from storage.moment import utc_now


class DirectoryStore:
    """Under the root lie `rec/…` as keys say, `.incoming` (being written) and `.lock`. No symbolic links
    inside."""

    def __init__(self, root: Path, *, now: Callable[[], datetime] = utc_now) -> None:
        self._root = root.resolve()
        self._incoming = Incoming(self._root)
        self._now = now

    def put(self, key: AudioKey, source: Path, *, retain_until: datetime | None) -> StoredAudio:
        lock = lock_wanted(retain_until, self._now())
        path = self._path(key)
        with self._edge("put", key), self._incoming.copy_of(source) as copy, self._incoming.alone():
            is_new = not path.exists()
            if is_new:
                Sidecar(copy.sha256, copy.size_bytes, lock).write(path)
                os.link(copy.path, path)
            return self._adopt(key, path, copy.sha256, lock, is_new=is_new)

    def read(self, key: AudioKey, version_id: str, start: int, length: int) -> bytes:
        checked_range(key, start, length)
        with self._edge("read", key):
            self._kept(key, version_id)
            with self._path(key).open("rb") as file:
                file.seek(start)
                return file.read(length)

    def stat(self, key: AudioKey, version_id: str | None) -> StoredAudio | None:
        path = self._path(key)
        with self._edge("stat", key):
            if not path.exists():
                return None
            stored = Sidecar.beside(path).stored(key)
            if path.stat().st_size != stored.size_bytes:
                raise Broken(f"audio store: {key} has changed its size since it was put")
        return stored if version_id in (None, stored.version_id) else None

    def extend(self, key: AudioKey, version_id: str, retain_until: datetime) -> StoredAudio:
        with self._edge("extend", key), self._incoming.alone():
            lock = checked_extension(self._kept(key, version_id), retain_until, self._now())
            return self._restate(key, replace(Sidecar.beside(self._path(key)), retain_until=lock))

    def hold(self, key: AudioKey, version_id: str, on: bool) -> StoredAudio:
        with self._edge("hold", key), self._incoming.alone():
            self._kept(key, version_id)
            return self._restate(key, replace(Sidecar.beside(self._path(key)), is_held=on))

    def delete(self, key: AudioKey) -> None:
        path = self._path(key)
        with self._edge("delete", key), self._incoming.alone():
            if path.exists() and Sidecar.beside(path).stored(key).is_locked(self._now()):
                raise Held(f"audio store: a lock or hold keeps {key}")
            if path.parent.is_dir():
                self._destroy(path)
            if path.exists():
                raise Broken(f"audio store: {key} is still there after its deletion")

    def list(self, prefix: str) -> Iterator[AudioKey]:
        start = self._root / checked_prefix(prefix).rpartition("/")[0]
        with self._edge("list", prefix):
            for folder, names, files in os.walk(start, onerror=_unless_gone):
                names[:] = sorted(name for name in names if not name.startswith("."))
                for name in sorted(files):
                    text = (Path(folder) / name).relative_to(self._root).as_posix()
                    if text.startswith(prefix) and (key := AudioKey.read(text)):
                        yield key

    def takes_locks(self) -> bool:
        return True

    def locks_by_default(self) -> bool:
        return False

    def exposures(self, key: AudioKey | None) -> builtins.list[str]:
        """Each file is closed to all but its owner, whatever the folder above allows."""
        open_to_others = key is not None and self._path(key).exists() and self._path(key).stat().st_mode & 0o077
        return (
            ["others on this machine can read what is put there; mount it so that modes are kept"]
            if open_to_others
            else []
        )

    def check(self) -> None:
        """Also removes half-written files of a process that died."""
        self._require_root()
        with disk_edge(f"AUDIO_STORE: {self._root} can't be written; it needs room and the right to write"):
            self._incoming.clear()
            self._incoming.try_out()

    def _require_root(self) -> None:
        # Never made here: where a disk isn't mounted, audio would land on another one.
        if not self._root.is_dir():
            raise Unavailable(f"AUDIO_STORE: {self._root} is not a directory; create it with mode 0700")

    @contextmanager
    def _edge(self, what: str, key: AudioKey | str) -> Iterator[None]:
        self._require_root()
        with disk_edge(f"audio store: {what} of {key}"):
            yield

    def _path(self, key: AudioKey) -> Path:
        path = self._root / str(key)
        if path.parent.resolve() != path.parent or path.is_symlink():
            raise Broken(f"audio store: a symbolic link lies on the way to {key}")
        return path

    def _kept(self, key: AudioKey, version_id: str) -> StoredAudio:
        stored = self.stat(key, version_id)
        if stored is None:
            raise Missing(f"audio store: {key} is not kept in that version")
        return stored

    def _adopt(self, key: AudioKey, path: Path, sha256: str, lock: datetime | None, *, is_new: bool) -> StoredAudio:
        """Check that the file there, from this put or an earlier put, has the bytes being put, and make it durable.
        The bytes of a new file were checked while they were copied."""
        there = Sidecar.beside(path)
        if there.sha256 != sha256:
            raise Conflict(f"audio store: {key} already holds other bytes")
        if not is_new and sha256_of(path) != sha256:
            raise Broken(f"audio store: {key} has changed since it was put")
        if there.at_least(lock) != there:
            there.at_least(lock).write(path)
        for folder in path.relative_to(self._root).parents:
            sync_folder(self._root / folder)
        return self._kept(key, there.stored(key).version_id)

    def _restate(self, key: AudioKey, sidecar: Sidecar) -> StoredAudio:
        sidecar.write(self._path(key))
        return sidecar.stored(key)

    def _destroy(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        sync_folder(path.parent)
        remove_orphans(path.parent)
        sync_folder(path.parent)
        with suppress(OSError):  # ends at the first folder that still holds something
            for folder in path.relative_to(self._root).parents[:-1]:
                (self._root / folder).rmdir()


def _unless_gone(error: OSError) -> None:
    """A folder that a deletion removed during the walk is no failure; a folder that we may not read is."""
    if not isinstance(error, FileNotFoundError):
        raise error
