"""Kept audio as a few ranges of it, because a whole recording is never read to hear a part of it."""

import io
from collections.abc import Callable
from functools import cache
from typing import BinaryIO, Protocol

# A chunk of sealed audio, which is opened whole anyway.
BLOCK_BYTES = 1 << 16


class Ranges(Protocol):
    """Bytes that are fetched by range, fewer where they end, such as `storage.audio.sealing.OpenAudio`."""

    @property
    def recording_id(self) -> str: ...

    @property
    def length(self) -> int: ...

    def range(self, start: int, length: int) -> bytes: ...


def in_blocks(audio: Ranges) -> Callable[[int, int], bytes]:
    """Reads ranges out of whole blocks. Each is fetched once and then held, so the function is to be let go of soon."""

    @cache
    def block(number: int) -> bytes:
        return audio.range(number * BLOCK_BYTES, BLOCK_BYTES)

    def read(start: int, length: int) -> bytes:
        numbers = range(start // BLOCK_BYTES, (start + max(length, 1) - 1) // BLOCK_BYTES + 1)
        joined = b"".join(block(number) for number in numbers)
        return joined[start % BLOCK_BYTES : start % BLOCK_BYTES + length]

    return read


def as_file(audio: Ranges) -> BinaryIO:
    """The same bytes to be read and sought in as a file."""
    return io.BufferedReader(_RangesFile(audio))


class _RangesFile(io.RawIOBase):
    def __init__(self, audio: Ranges) -> None:
        self._read = in_blocks(audio)
        self._length = audio.length
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._length}[whence]
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # the base has a type without a length
        content = self._read(self._at, len(buffer))
        buffer[: len(content)] = content
        self._at += len(content)
        return len(content)
