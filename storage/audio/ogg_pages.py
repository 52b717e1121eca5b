"""Ogg pages, found and read in byte ranges, so that nobody reads a copy of two hours for four seconds of it (RFC 3533).

A page says by its granule position how many samples have ended with it, and by that it is found. The checksums of pages
are not computed again, because the ranges come out of authenticated encryption.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Self

from storage.audio.ranges import BLOCK_BYTES, Ranges, in_blocks
from storage.errors import Broken

_PACKET_BYTES_MAX = 61_440  # a packet of Opus has at most 48 frames of 1,275 bytes, and some bytes before them
NO_GRANULE = -1  # on a page where no packet ends
_SIGNATURE = b"OggS"
_HEAD = struct.Struct("<4sBBqIIIB")
_CONTINUED = 1


@dataclass(frozen=True, slots=True)
class Page:
    """The bytes from `at` to `ends_at`. `granule` counts the samples up to the last end of a packet in it."""

    at: int
    granule: int
    serial: int
    is_continued: bool
    lacing: bytes
    body: bytes

    @property
    def ends_at(self) -> int:
        return self.at + _HEAD.size + len(self.lacing) + len(self.body)

    def packets(self) -> tuple[list[bytes], bytes]:
        """Packets that end here, the first perhaps begun before, and the beginning of a packet that goes on."""
        ends, at = [0], 0
        for size in self.lacing:
            at += size
            if size < 255:
                ends.append(at)
        return [self.body[start:end] for start, end in pairwise(ends)], self.body[ends[-1] :]


@dataclass(frozen=True)
class OggPages:
    """The pages of a file with a single stream. Every block is fetched once and kept: to be let go of soon."""

    serial: int
    length: int
    _name: str
    _read: Callable[[int, int], bytes] = field(repr=False)

    @classmethod
    def of(cls, audio: Ranges, serial: int | None = None) -> Self:
        """`serial` is the stream's, and that of the first page where it is None. Raises Broken for what is no Ogg."""
        read, name = in_blocks(audio), audio.recording_id
        found = _head(read(0, _HEAD.size)) if serial is None else (0, serial)
        if found is None:
            raise Broken(f"ogg: {name} does not begin with a page")
        return cls(found[1], audio.length, name, read)

    def at(self, at: int) -> Page:
        """The page that begins there; Broken unless a whole page of the stream does."""
        head = self._read(at, _HEAD.size)
        found = _head(head)
        if found is None or found[1] != self.serial:
            raise Broken(f"ogg: no page of {self._name} begins at byte {at}")
        lacing = self._read(at + len(head), head[-1])
        page = Page(
            at,
            granule=found[0],
            serial=self.serial,
            is_continued=bool(head[5] & _CONTINUED),
            lacing=lacing,
            body=self._read(at + len(head) + len(lacing), sum(lacing)),
        )
        if len(lacing) != head[-1] or len(page.body) != sum(lacing):
            raise Broken(f"ogg: the last page of {self._name} is cut off")
        return page

    def behind(self, page: Page) -> Iterator[Page]:
        """The pages behind this one, in order."""
        while page.ends_at < self.length:
            page = self.at(page.ends_at)
            yield page

    def last(self) -> Page:
        last_block = max(0, self.length - 1) // BLOCK_BYTES
        for block in range(last_block, max(-1, last_block - 2), -1):
            for at, _ in reversed(list(self._heads(block))):
                if (page := self.at(at)).ends_at == self.length:
                    return page
        raise Broken(f"ogg: {self._name} does not end with a whole page")

    def until(self, granule: int, end: int) -> Page:
        """The last page with a granule of no more than `granule`. `end` is that of the last page of all."""
        found = self.at(self._first(self._block(granule, end))[0])
        for page in self.behind(found):
            if page.granule > granule:
                break
            if page.granule != NO_GRANULE:
                found = page
        return found

    def packets_behind(self, page: Page) -> Iterator[bytes]:
        """The packets that end behind this page, in order."""
        _, begun = page.packets()
        for following in self.behind(page):
            if following.is_continued != bool(begun) or len(begun) > _PACKET_BYTES_MAX:
                raise Broken(f"ogg: a packet of {self._name} does not go on at byte {following.at}")
            ended, rest = following.packets()
            if ended:
                yield begun + ended[0]
                yield from ended[1:]
            begun = rest if ended else begun + rest

    def _block(self, granule: int, end: int) -> int:
        """The last block whose first page is not behind `granule`.

        A guess by proportion finds it at once in a steady stream; halving in between keeps it quick in any other.
        """
        low, high = (0, 0), (-(-self.length // BLOCK_BYTES), max(end, granule + 1))
        by_proportion = True
        while high[0] - low[0] > 1:
            share = (granule - low[1]) / (high[1] - low[1]) if by_proportion else 0.5
            block = min(low[0] + 1 + int((high[0] - low[0] - 1) * share), high[0] - 1)
            _, first = self._first(block)
            low, high = ((block, first), high) if first <= granule else (low, (block, first))
            by_proportion = not by_proportion
        return low[0]

    def _first(self, block: int) -> tuple[int, int]:
        """Place and granule of the first page that begins in the block, or behind it, and in which a packet ends."""
        blocks = range(block, -(-self.length // BLOCK_BYTES))
        found = (head for each in blocks for head in self._heads(each) if head[1] != NO_GRANULE)
        return next(found, (self.length, 1 << 63))

    def _heads(self, block: int) -> Iterator[tuple[int, int]]:
        """Place and granule of every page whose head lies in this block."""
        content, at = self._read(block * BLOCK_BYTES, BLOCK_BYTES), -1
        while (at := content.find(_SIGNATURE, at + 1)) >= 0:
            head = _head(content[at : at + _HEAD.size])
            # A packet may hold the signature by chance, and not the serial number with it.
            if head is not None and head[1] == self.serial:
                yield block * BLOCK_BYTES + at, head[0]


def _head(content: bytes) -> tuple[int, int] | None:
    """Granule and serial number out of the head of a page; None where it is none."""
    if len(content) != _HEAD.size:
        return None
    signature, version, _, granule, serial, *_ = _HEAD.unpack(content)
    return (granule, serial) if (signature, version) == (_SIGNATURE, 0) else None
