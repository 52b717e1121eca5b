"""Ogg files made from packets, cut into pages in whatever way, and audio that counts how often it is read."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle

SERIAL = 77
PRE_SKIP = 312
_TWENTY_MS = 0b11111_0_00  # the first byte of a packet with one CELT frame of 20 ms


@dataclass
class Bytes:
    """Bytes by range, as opened audio gives them."""

    content: bytes
    reads: list[tuple[int, int]] = field(default_factory=list)
    recording_id: str = "one/listening"

    @property
    def length(self) -> int:
        return len(self.content)

    def range(self, start: int, length: int) -> bytes:
        self.reads.append((start, length))
        return self.content[start : start + length]


def packet(number: int, size: int) -> bytes:
    return (bytes([_TWENTY_MS]) + number.to_bytes(4, "big") * (size // 4 + 1))[:size]


def opus_head(channels: int = 2, pre_skip: int = PRE_SKIP, family: int = 0, version: int = 1) -> bytes:
    return struct.pack("<8sBBHIhB", b"OpusHead", version, channels, pre_skip, 8000, 0, family)


def page(granule: int, lacing: Sequence[int], body: bytes, *, flags: int = 0, serial: int = SERIAL) -> bytes:
    return struct.pack("<4sBBqIIIB", b"OggS", 0, flags, granule, serial, 0, 0, len(lacing)) + bytes(lacing) + body


def ogg(
    packets: Sequence[bytes], *, segments: Sequence[int] = (50,), trimmed: int = 0, head: bytes | None = None
) -> bytes:
    """`segments` says, over and over, how many segments a page takes. The last packet has lost `trimmed` samples."""
    heads = [head or opus_head(), b"OpusTags" + bytes(8)]
    content = [page(0, [len(each)], each, flags=2 if n == 0 else 0) for n, each in enumerate(heads)]
    cut = [(piece, n) for n, each in enumerate(packets) for piece in _segments(each)]
    counts, at, goes_on = cycle(segments), 0, False
    while at < len(cut):
        of_page = cut[at : at + next(counts)]
        at += len(of_page)
        ended = [n for piece, n in of_page if len(piece) < 255]
        granule = (ended[-1] + 1) * 960 if ended else -1
        granule -= trimmed if at == len(cut) else 0
        lacing = [len(piece) for piece, _ in of_page]
        content.append(page(granule, lacing, b"".join(piece for piece, _ in of_page), flags=int(goes_on)))
        goes_on = lacing[-1] == 255
    return b"".join(content)


def _segments(each: bytes) -> list[bytes]:
    """Segments of 255 bytes, and always a shorter one at the end, which may be empty."""
    return [each[at : at + 255] for at in range(0, len(each) + 1, 255)]
