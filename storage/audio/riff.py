"""Where in a RIFF file the samples lie, read as leniently as that can be done without a guess.

A header that was never filled in, or by a program that wrote into a pipe, says nothing of the length: then the samples
go to the end of the file.
"""

import struct
from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO

from storage.errors import Refused

HEAD_BYTES = 12
_CHUNKS_MAX = 1000
_FORMAT = struct.Struct("<HHIIHH")
_PCM, _EXTENSIBLE = 1, 0xFFFE
# Of an extensible format: its size, the valid bits, the speakers, and then what it really is.
_SUBFORMAT_AT = 24
_PCM_SUBFORMAT = bytes.fromhex("0100000000001000800000aa00389b71")
# Lengths that programs write which can't go back to fill it in: all bits, or the largest signed number, some of them
# less the bytes before the samples.
_UNKNOWN = ((0x7FF00000, 0x7FFFFFFF), (0xFFF00000, 0xFFFFFFFF))
_BEHIND_SAMPLES = (b"LIST", b"fact", b"bext", b"id3 ", b"cue ")


class NotAudio(Refused):
    """It is no RIFF file with a WAVE in it."""


class Odd(StrEnum):
    """An oddity of a WAV, as the log keeps it. `evidence.event_words` has words for each."""

    RIFF_SIZE = "riff_size"
    DATA_SIZE = "data_size"
    CUT_OFF = "cut_off"
    TRAILING_BYTES = "trailing_bytes"
    HALF_FRAME = "half_frame"
    FORMAT_SIZES = "format_sizes"
    DURATION = "duration"
    # With one of these nothing can be made of the samples here.
    NO_FORMAT = "no_format"
    NO_DATA = "no_data"
    OTHER_FORMAT = "other_format"
    BROKEN_CHUNKS = "broken_chunks"


@dataclass(frozen=True, slots=True)
class Layout:
    """`missing_bytes` is how many more samples the header announces than there are."""

    channels: int
    frame_rate: int
    samples_at: int
    samples_bytes: int
    oddities: tuple[Odd, ...]
    missing_bytes: int = 0


@dataclass(frozen=True, slots=True)
class _Chunk:
    """`is_open`: it goes to the end of the file, because its length was never filled in."""

    name: bytes
    at: int
    claimed_bytes: int
    is_open: bool = False


def read_layout(file: BinaryIO, size_bytes: int) -> Layout | Odd:
    """Raises NotAudio where the first bytes show that the file is no WAV."""
    head = file.read(HEAD_BYTES)
    if head[:4] not in (b"RIFF", b"RF64", b"RIFX") or head[8:] != b"WAVE":
        raise NotAudio(f"wav: {_looks_like(head, size_bytes)}")
    if head[:4] == b"RIFX":
        return Odd.OTHER_FORMAT
    chunks = _chunks(file, size_bytes)
    if chunks is None:
        return Odd.BROKEN_CHUNKS
    formats = [chunk for chunk in chunks if chunk.name == b"fmt "]
    data = [chunk for chunk in chunks if chunk.name == b"data"]
    if len(formats) != 1 or len(data) != 1:
        return Odd.BROKEN_CHUNKS if len(formats) > 1 or len(data) > 1 else Odd.NO_DATA if formats else Odd.NO_FORMAT
    file.seek(formats[0].at)
    format_ = _format(file.read(min(formats[0].claimed_bytes, 64)))
    if isinstance(format_, Odd):
        return format_
    channels, frame_rate, odd = format_
    samples_bytes, missing_bytes, odd_data = _samples(data[0], size_bytes)
    oddities = [*_outside(head, chunks[-1], size_bytes), *odd_data, *odd]
    return Layout(channels, frame_rate, data[0].at, samples_bytes, tuple(dict.fromkeys(oddities)), missing_bytes)


def _looks_like(head: bytes, size_bytes: int) -> str:
    if not size_bytes:
        return "nothing came, not a byte"
    start = head.lstrip(b"\xef\xbb\xbf \r\n\t")[:1]
    kind = {b"<": "a page in HTML or XML", b"{": "an answer in JSON"}.get(start, "no RIFF file")
    return f"{kind} came, {size_bytes} bytes long, and no audio"


def _chunks(file: BinaryIO, size_bytes: int) -> list[_Chunk] | None:
    """The chunks up to the first bytes that are no chunk; None for too many."""
    found: list[_Chunk] = []
    at = HEAD_BYTES
    while at + 8 <= size_bytes:
        file.seek(at)
        name, claimed_bytes = struct.unpack("<4sI", file.read(8))
        if not name.isascii() or not name.decode().isprintable():
            break
        if len(found) == _CHUNKS_MAX:
            return None
        is_open = name == b"data" and _is_open(file, at + 8, claimed_bytes, size_bytes)
        found.append(_Chunk(name, at + 8, claimed_bytes, is_open))
        if is_open:
            break
        at += 8 + claimed_bytes + claimed_bytes % 2  # chunks are padded to an even length
    return found


def _is_open(file: BinaryIO, at: int, claimed_bytes: int, size_bytes: int) -> bool:
    if claimed_bytes:
        is_unknown = any(low <= claimed_bytes <= high for low, high in _UNKNOWN)
        return is_unknown and claimed_bytes > size_bytes - at
    file.seek(at)
    head = file.read(8)  # no samples may be meant: nothing follows then, or another chunk that ends within the file
    ends = at + 8 + int.from_bytes(head[4:], "little")
    return bool(head) and not (head[:4] in _BEHIND_SAMPLES and ends <= size_bytes)


def _samples(data: _Chunk, size_bytes: int) -> tuple[int, int, list[Odd]]:
    """How many bytes of samples there are, how many are missing, and what is odd about that."""
    there = size_bytes - data.at
    if data.is_open:
        return there, 0, [Odd.DATA_SIZE]
    if data.claimed_bytes <= there:
        return data.claimed_bytes, 0, []
    return there, data.claimed_bytes - there, [Odd.CUT_OFF]


def _outside(head: bytes, last: _Chunk, size_bytes: int) -> list[Odd]:
    """Oddities in the sizes of the file and its last chunk."""
    odd = [] if int.from_bytes(head[4:8], "little") + 8 == size_bytes else [Odd.RIFF_SIZE]
    ends = last.at + last.claimed_bytes
    if not last.is_open and ends + last.claimed_bytes % 2 < size_bytes:
        odd.append(Odd.TRAILING_BYTES)
    if not last.is_open and ends > size_bytes:
        odd.append(Odd.CUT_OFF)
    return odd


def _format(content: bytes) -> tuple[int, int, list[Odd]] | Odd:
    """Channels, frames per second, and oddities; or the reason why it is not plain 16-bit sound of a telephone."""
    if len(content) < _FORMAT.size:
        return Odd.NO_FORMAT
    tag, channels, frame_rate, byte_rate, frame_bytes, bits = _FORMAT.unpack_from(content)
    if tag == _EXTENSIBLE and content[_SUBFORMAT_AT : _SUBFORMAT_AT + 16] == _PCM_SUBFORMAT:
        tag = _PCM
    # Peaks are taken twenty times a second, each over a whole number of frames.
    is_telephones = channels in (1, 2) and 8_000 <= frame_rate <= 48_000 and frame_rate % 20 == 0
    if (tag, bits) != (_PCM, 16) or not is_telephones:
        return Odd.OTHER_FORMAT
    agree = (frame_bytes, byte_rate) == (channels * 2, channels * 2 * frame_rate)
    return channels, frame_rate, [] if agree else [Odd.FORMAT_SIZES]
