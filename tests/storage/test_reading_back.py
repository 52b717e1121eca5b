"""What was put is read again, every byte, and opened, before the provider's copy goes."""

import hashlib
import random
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from storage.audio.audio_key import AudioKey
from storage.audio.contract import StoredAudio
from storage.audio.directory_store import DirectoryStore
from storage.audio.reading_back import ReadBack, read_back
from storage.audio.sealed_header import CHUNK_BYTES
from storage.audio.sealing import seal
from storage.errors import Broken

DATA_KEY, ABOUT = bytes(range(32)), "one/master"
KEY = AudioKey("quality-90d", date(2026, 11, 29), "0123456789abcdef" * 2, "master-0badcafe.sealed")


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    (tmp_path / "audio").mkdir()
    return DirectoryStore(tmp_path / "audio")


def kept(store: DirectoryStore, folder: Path, content: bytes) -> StoredAudio:
    (folder / "plain").write_bytes(content)
    seal(folder / "plain", folder / "sealed", data_key=DATA_KEY, recording_id=ABOUT)
    return store.put(KEY, folder / "sealed", retain_until=None)


@pytest.mark.parametrize("length", [1, CHUNK_BYTES, (4 << 20) - 1, 4 << 20, (9 << 20) + 7])
def test_the_hashes_are_those_of_the_audio_in_the_object(store: DirectoryStore, tmp_path: Path, length: int) -> None:
    content = random.Random(1).randbytes(length)
    told = read_back(store, kept(store, tmp_path, content), data_key=DATA_KEY, recording_id=ABOUT)
    assert told == ReadBack(hashlib.sha256(content).hexdigest(), hashlib.sha512(content).hexdigest())


def test_a_store_that_states_another_hash_than_that_of_its_bytes_is_found_out(
    store: DirectoryStore, tmp_path: Path
) -> None:
    stored = replace(kept(store, tmp_path, b"audio"), sha256="0" * 64)
    with pytest.raises(Broken, match="is not what was put"):
        read_back(store, stored, data_key=DATA_KEY, recording_id=ABOUT)


@pytest.mark.parametrize("other", [{"data_key": bytes(32)}, {"recording_id": "two/master"}])
def test_an_object_that_does_not_open_is_found_out(
    store: DirectoryStore, tmp_path: Path, other: dict[str, bytes | str]
) -> None:
    named = {"data_key": DATA_KEY, "recording_id": ABOUT, **other}
    with pytest.raises(Broken):
        read_back(store, kept(store, tmp_path, b"audio"), **named)  # type: ignore[arg-type]  # each has its own type
