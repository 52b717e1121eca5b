"""A small file beside each object of a directory store, with its hash, size and lock: `.<name>.json`.

Written before the bytes appear and removed after them, so that no byte is ever without its lock.
"""

import json
import os
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Self

from storage.audio.audio_key import AudioKey
from storage.audio.contract import StoredAudio
from storage.disk import create_private, make_folder, sync_folder, write_all
from storage.errors import Broken


@dataclass(frozen=True)
class Sidecar:
    sha256: str
    size_bytes: int
    retain_until: datetime | None
    is_held: bool = False

    @classmethod
    def beside(cls, path: Path) -> Self:
        """Broken if it is gone or unreadable: the lock of those bytes is unknown then."""
        try:
            stated = json.loads(_beside(path).read_bytes())
            until = stated["retain_until"]
            return cls(
                str(stated["sha256"]),
                int(stated["size_bytes"]),
                datetime.fromisoformat(until) if until else None,
                bool(stated["is_held"]),
            )
        except (FileNotFoundError, ValueError, KeyError, TypeError) as error:
            raise Broken(f"audio store: nothing states how {path.parent.name}/{path.name} is kept") from error

    def write(self, path: Path) -> None:
        """Replace what is stated beside `path`, whole and durably."""
        make_folder(path.parent)
        stated = asdict(self) | {"retain_until": self.retain_until and self.retain_until.isoformat()}
        descriptor = create_private(_new(path))
        try:
            write_all(descriptor, json.dumps(stated).encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        _new(path).replace(_beside(path))
        sync_folder(path.parent)

    def at_least(self, retain_until: datetime | None) -> Self:
        """The same with its lock no shorter than that."""
        if retain_until is None or (self.retain_until and self.retain_until >= retain_until):
            return self
        return replace(self, retain_until=retain_until)

    def stored(self, key: AudioKey) -> StoredAudio:
        """The version is the content: other bytes would have another."""
        return StoredAudio(key, self.sha256[:32], self.size_bytes, self.sha256, self.retain_until, self.is_held)


def remove_orphans(folder: Path) -> None:
    """Remove sidecars whose bytes are gone, or never came because their put died. Only while alone."""
    for statement in folder.glob(".*.json"):
        if not (folder / statement.name[1:].removesuffix(".json")).exists():
            statement.unlink()
    for unfinished in folder.glob(".*.json.new"):
        unfinished.unlink()


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.json")


def _new(path: Path) -> Path:
    return path.with_name(f".{path.name}.json.new")
