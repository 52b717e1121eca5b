"""Run as a program: does one thing to a directory store again and again, dying at the first, second, third…
step.

`python -m tests.storage.crash_walk put|hold|delete FOLDER SOURCE` leaves one store per step, named by its
number, as a process left it that was killed right before its n-th call that changes the disk.
"""

import hashlib
import os
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

from storage.audio.audio_key import AudioKey
from storage.audio.directory_store import DirectoryStore

KEY = AudioKey("quality-90d", date(2026, 11, 22), "0123456789abcdef" * 2, "master.wav.sealed")
STEPS = ("write", "fsync", "link", "unlink", "rmdir", "mkdir", "rename", "replace")
KILLED = 9


def put(store: DirectoryStore, source: Path) -> None:
    store.put(KEY, source, retain_until=None)


def act(deed: str, root: Path, source: Path) -> None:
    version_id = hashlib.sha256(source.read_bytes()).hexdigest()[:32]
    store = DirectoryStore(root)
    if deed == "put":
        put(store, source)
    elif deed == "hold":
        store.hold(KEY, version_id, on=True)
    else:
        store.delete(KEY)


def die_before(step: int) -> None:
    left = [step]

    def counted(real: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **named: object) -> object:
            left[0] -= 1
            if left[0] == 0:
                os._exit(KILLED)
            return real(*arguments, **named)

        return call

    for name in STEPS:
        setattr(os, name, counted(getattr(os, name)))


def walk(deed: str, folder: Path, source: Path) -> None:
    for step in range(1, 200):
        root = folder / f"{step:03}"
        root.mkdir()
        if deed != "put":
            put(DirectoryStore(root), source)
        child = os.fork()
        if child == 0:
            die_before(step)
            act(deed, root, source)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.waitstatus_to_exitcode(status) != KILLED:
            sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    walk(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
