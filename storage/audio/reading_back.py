"""Reads a sealed object again once it was put, every byte of it, and opens it with its key.

Only after that may the provider's copy go: what opens here is what a listener will hear.
"""

import hashlib
from dataclasses import dataclass

from storage.audio.contract import AudioStore, StoredAudio
from storage.audio.sealing import open_sealed
from storage.errors import Broken

_PIECE_BYTES = 4 << 20


@dataclass(frozen=True)
class ReadBack:
    """Hashes of the content that a sealed object has in the store."""

    sha256: str
    sha512: str


def read_back(store: AudioStore, stored: StoredAudio, *, data_key: bytes, recording_id: str) -> ReadBack:
    """Raises Broken unless the bytes are those that were put, and open. The content has at least a byte."""
    sealed, sha256, sha512 = hashlib.sha256(), hashlib.sha256(), hashlib.sha512()

    def read(start: int, length: int) -> bytes:
        piece = store.read(stored.key, stored.version_id, start, length)
        sealed.update(piece)  # from the first byte to the last: each is asked for once, in order
        return piece

    audio = open_sealed(read, data_key=data_key, recording_id=recording_id)
    for start in range(0, audio.length, _PIECE_BYTES):
        content = audio.range(start, _PIECE_BYTES)
        sha256.update(content)
        sha512.update(content)
    if sealed.hexdigest() != stored.sha256:
        raise Broken(f"audio store: what was read back of {stored.key} is not what was put")
    return ReadBack(sha256.hexdigest(), sha512.hexdigest())
