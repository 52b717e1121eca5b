"""Tries out an audio store with a few bytes: they are put, listed, read and destroyed."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from storage.audio.audio_key import AudioKey
from storage.audio.contract import AudioStore
from storage.disk import disk_edge
from storage.errors import Broken, Refused, Unavailable

_FAILURES = (Refused, Unavailable, Broken)
_CONTENT = b"onrecord tries out whether it can keep audio here; this may be deleted"
_NOT_TRIED = (
    "AUDIO_STORE: this bucket locks by default whatever is put there, so nothing was put to try it: whether it keeps "
    "checksums is seen with the first recording"
)


@dataclass(frozen=True, slots=True)
class Trial:
    """The problems, and the questions left open: each a line that begins with the setting."""

    problems: tuple[str, ...] = ()
    untold: tuple[str, ...] = ()

    def __add__(self, other: "Trial") -> "Trial":
        return Trial(self.problems + other.problems, self.untold + other.untold)


def try_store(store: AudioStore, *, today: date, random: Callable[[int], bytes]) -> Trial:
    """Leaves nothing in the store. If the store locks by default, nothing is put and only its settings are checked."""
    key = AudioKey("onrecord-check", today, random(16).hex(), "tried.sealed")
    try:
        if store.locks_by_default():
            return Trial(tuple(_said(store.exposures(None))), (_NOT_TRIED,))
    except _FAILURES as error:
        return Trial(tuple(_said([_plain(error)])))
    return Trial(tuple(_said(dict.fromkeys([*_use(store, key), *_destroy(store, key)]))))


def _use(store: AudioStore, key: AudioKey) -> Iterator[str]:
    try:
        with disk_edge("a temporary file"), TemporaryDirectory() as folder:
            source = Path(folder) / "tried"
            source.write_bytes(_CONTENT)
            stored = store.put(key, source, retain_until=None)
        if stored.sha256 != hashlib.sha256(_CONTENT).hexdigest() or store.stat(key, stored.version_id) != stored:
            yield "what was put is not what it says that it has"
        if store.read(key, stored.version_id, 3, 5) != _CONTENT[3:8]:
            yield "what was read back is not what was put"
        if key not in set(store.list(key.folder)):
            yield "what was put is not in its list"
    except _FAILURES as error:
        yield _plain(error)
    try:
        yield from store.exposures(key)
    except _FAILURES as error:
        yield _plain(error)


def _destroy(store: AudioStore, key: AudioKey) -> Iterator[str]:
    try:
        store.delete(key)
        if any(True for _ in store.list(key.folder)):
            yield "what was destroyed is still in its list"
    except _FAILURES as error:
        yield f"nothing could be destroyed there: {_plain(error)}"


def _plain(error: Exception) -> str:
    return str(error).removeprefix("audio store: ")


def _said(problems: "dict[str, None] | list[str]") -> Iterator[str]:
    return (f"AUDIO_STORE: {problem.removeprefix('AUDIO_STORE: ')}" for problem in problems)
