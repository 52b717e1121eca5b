"""A store on trial, and the means to try it."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from storage.audio.contract import AudioKey, AudioStore, StoredAudio
from storage.audio.directory_store import DirectoryStore


@dataclass
class Bench:
    """A store, and the means to try it: `wait_until` lets the time of its locks pass."""

    store: AudioStore
    folder: Path
    now: Callable[[], datetime]
    wait_until: Callable[[datetime], None]

    def source(self, content: bytes) -> Path:
        path = self.folder / uuid4().hex
        path.write_bytes(content)
        return path

    def put(self, key: AudioKey, content: bytes, retain_until: datetime | None = None) -> StoredAudio:
        return self.store.put(key, self.source(content), retain_until=retain_until)

    def whole(self, stored: StoredAudio) -> bytes:
        return self.store.read(stored.key, stored.version_id, 0, stored.size_bytes + 1)


def directory_bench(tmp_path: Path, folder: Path) -> Bench:
    root = tmp_path / "audio"
    root.mkdir()
    times = [datetime(2026, 11, 22, 12, 0, 0, 250_000, tzinfo=UTC)]
    return Bench(DirectoryStore(root, now=lambda: times[-1]), folder, lambda: times[-1], times.append)


def wait_for_clock(time: datetime) -> None:
    while (rest := (time - datetime.now(UTC)).total_seconds()) > 0:
        threading.Event().wait(rest)
