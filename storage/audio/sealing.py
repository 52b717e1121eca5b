"""Audio encrypted so that a player can seek in it, and so that destroying one small key destroys it
everywhere.

Each recording has its own random data key, which is kept, wrapped, in the database and nowhere near the
audio. The audio is cut in chunks of 64 KiB, each under AES-256-GCM with its number and whether it is the
last (the STREAM construction): no chunk can be altered, dropped, repeated or moved, no end cut off, no
recording exchanged for another, without the reader noticing. `storage/audio/sealed_header.py` lays out the
header.

Each sealing draws a salt at random, and so has a key for its chunks that no other has: a job that was cut off
may seal again with the same data key, and no two contents ever meet under one key and nonce.
"""

import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from storage.audio.sealed_header import CHUNK_BYTES, DATA_KEY_BYTES, HEADER_BYTES, SALT_BYTES, TAG_BYTES, Header
from storage.disk import create_private, disk_edge, write_all
from storage.errors import Broken, Refused

_NONCE_BYTES = 12
_WRAPPED_BYTES = _NONCE_BYTES + DATA_KEY_BYTES + TAG_BYTES
_CHUNKS_AT_ONCE = 4

# Fetches sealed bytes: from where, and how many; fewer where they end.
Read = Callable[[int, int], bytes]
Random = Callable[[int], bytes]


@dataclass(frozen=True)
class OpenAudio:
    """Sealed audio whose header was read and found to be what this key and recording make."""

    recording_id: str
    length: int
    _header: Header = field(repr=False)
    _read: Read = field(repr=False)

    def range(self, start: int, length: int) -> bytes:
        """The plain bytes from `start`, fewer where they end, fetched in one read. Broken if one was
        altered."""
        if start < 0 or length < 0:
            raise Refused(f"sealing: no such range of {self.recording_id}")
        end = min(start + length, self.length)
        if start >= end:
            return b""
        first, last = start // CHUNK_BYTES, (end - 1) // CHUNK_BYTES
        plain = b"".join(self._chunks(first, last))
        return plain[start - first * CHUNK_BYTES : end - first * CHUNK_BYTES]

    def _chunks(self, first: int, last: int) -> Iterator[bytes]:
        header, at = self._header, self._header.chunk_offset(first)
        ends = min(header.chunk_offset(last + 1), header.sealed_length)
        # At the end one byte more is asked for, which must not come: nothing may have been appended either.
        sealed = self._read(at, ends - at + (ends == header.sealed_length))
        if len(sealed) != ends - at:
            raise Broken(f"sealing: the audio of {self.recording_id} is not as long as it was sealed")
        cipher = AESGCM(header.key)
        for index in range(first, last + 1):
            chunk = sealed[header.chunk_offset(index) - at : header.chunk_offset(index + 1) - at]
            yield _decrypt(cipher, header, index, chunk, self.recording_id)


def new_data_key(random: Random) -> bytes:
    return random(DATA_KEY_BYTES)


def seal(
    source: Path, target: Path, *, data_key: bytes, recording_id: str, random: Random = secrets.token_bytes
) -> None:
    """Write `source` sealed to `target`, or nothing. The id is part of what must be known to open it again.

    `recording_id` may name the piece too ("<id>/peaks.bin"): then pieces of one recording can't be
    exchanged either.
    """
    with disk_edge(f"sealing: {recording_id}"), source.open("rb") as file:
        header = Header.make(data_key, recording_id, os.fstat(file.fileno()).st_size, random(SALT_BYTES))
        descriptor = create_private(target)
        try:
            _write(descriptor, file, header)
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        finally:
            os.close(descriptor)


def open_sealed(read: Read, *, data_key: bytes, recording_id: str) -> OpenAudio:
    """Read and check the header once, for many ranges. Broken if the key or recording is another."""
    header = Header.parse(read(0, HEADER_BYTES), data_key, recording_id)
    return OpenAudio(recording_id, header.plain_length, header, read)


def plaintext_length(read: Read, *, data_key: bytes, recording_id: str) -> int:
    return open_sealed(read, data_key=data_key, recording_id=recording_id).length


def unseal_range(read: Read, *, data_key: bytes, recording_id: str, start: int, length: int) -> bytes:
    return open_sealed(read, data_key=data_key, recording_id=recording_id).range(start, length)


def wrap_key(kek: bytes, data_key: bytes, recording_id: str, *, random: Random = secrets.token_bytes) -> bytes:
    """The data key under the key-encryption key, for the database; it opens for this recording only."""
    nonce = random(_NONCE_BYTES)
    return nonce + _kek(kek).encrypt(nonce, data_key, _wrapping(recording_id))


def unwrap_key(kek: bytes, wrapped: bytes, recording_id: str) -> bytes:
    if len(wrapped) != _WRAPPED_BYTES:
        raise Broken(f"sealing: the wrapped key of {recording_id} has another length")
    try:
        return _kek(kek).decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], _wrapping(recording_id))
    except InvalidTag as error:
        raise Broken(f"sealing: the key of {recording_id} was wrapped by another key, or altered") from error


def _write(descriptor: int, file: BinaryIO, header: Header) -> None:
    """Into the same two buffers again and again: new memory for each chunk would cost more than its encryption."""
    plain = memoryview(bytearray(_CHUNKS_AT_ONCE * CHUNK_BYTES))
    sealed = memoryview(bytearray(_CHUNKS_AT_ONCE * (CHUNK_BYTES + TAG_BYTES)))
    cipher, about = AESGCM(header.key), bytes(header)
    write_all(descriptor, about)
    read_bytes = 0
    for first in range(0, header.chunks, _CHUNKS_AT_ONCE):
        got_bytes, filled_bytes = file.readinto(plain), 0  # type: ignore[attr-defined]  # not in BinaryIO
        read_bytes += got_bytes
        for index in range(first, min(first + _CHUNKS_AT_ONCE, header.chunks)):
            at = (index - first) * CHUNK_BYTES
            chunk = plain[at : min(at + CHUNK_BYTES, got_bytes)]
            ends = filled_bytes + len(chunk) + TAG_BYTES
            cipher.encrypt_into(header.nonce(index), chunk, about, sealed[filled_bytes:ends])
            filled_bytes = ends
        write_all(descriptor, sealed[:filled_bytes])
    if read_bytes != header.plain_length or file.read(1):
        raise Broken("sealing: the audio changed its length while it was sealed")


def _decrypt(cipher: AESGCM, header: Header, index: int, chunk: bytes, recording_id: str) -> bytes:
    try:
        return cipher.decrypt(header.nonce(index), chunk, bytes(header))
    except InvalidTag as error:
        raise Broken(f"sealing: the audio of {recording_id} was altered in chunk {index}") from error


def _kek(kek: bytes) -> AESGCM:
    if len(kek) != 32:
        raise Refused("sealing: a key-encryption key has 32 bytes")
    return AESGCM(kek)


def _wrapping(recording_id: str) -> bytes:
    return b"onrecord data key v1" + recording_id.encode()
