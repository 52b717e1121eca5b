"""The listening copy, Ogg Opus as it is made here, as packets for MP4 (RFC 7845, and "Opus in ISOBMFF").

Its packets are of 20 ms, so a packet's number tells its time.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Self

from storage.audio.fmp4 import BYTES_MAX, FRAGMENT_BYTES, SAMPLE_BYTES, Run, StreamHeader, box
from storage.audio.ogg_pages import OggPages
from storage.audio.ranges import Ranges
from storage.errors import Broken

RATE = 48_000  # of every Opus stream, whatever was put in
PACKET_SAMPLES = 960
_PACKETS_OF_RUN = 200  # four seconds
_PACKET_BYTES_MAX = 2_560  # two frames of 1,275 bytes, and what tells their lengths
# Of a frame, by the configuration of its packet.
_FRAME_SAMPLES = (480, 960, 1920, 2880) * 3 + (480, 960) * 2 + (120, 240, 480, 960) * 4
_HEAD = struct.Struct("<8sBBHIhB")


@dataclass(frozen=True, slots=True)
class OpusFacts:
    """The head of an Opus stream, and where it ends. The first `pre_skip` samples are not to be heard."""

    channels: int
    pre_skip: int
    gain: int
    serial: int
    end: int


@dataclass(frozen=True)
class OpusStream:
    """The packets of a listening copy."""

    facts: OpusFacts
    audio: Ranges = field(repr=False)

    @classmethod
    def of(cls, audio: Ranges) -> Self:
        """Raises Broken for any file that is no listening copy."""
        pages = OggPages.of(audio)
        first, last = pages.at(0), pages.last()
        if len(first.body) < _HEAD.size or last.granule < 0:
            raise Broken(f"ogg: {audio.recording_id} is no Opus")
        name, version, channels, pre_skip, _, gain, family = _HEAD.unpack_from(first.body)
        if name != b"OpusHead" or version >= 16 or channels not in (1, 2) or family:
            raise Broken(f"ogg: {audio.recording_id} is no Opus of one or two channels")
        return cls(OpusFacts(channels, pre_skip, gain, pages.serial, last.granule), audio)

    @property
    def header(self) -> StreamHeader:
        facts = self.facts
        # Chromium refuses any other rate than that of the sample entry, though it tells only what was put in.
        head = struct.pack(">BBHIhB", 0, facts.channels, facts.pre_skip, RATE, facts.gain, 0)
        return StreamHeader(
            coding=b"Opus",
            configuration=box(b"dOps", head),
            channels=facts.channels,
            timescale=RATE,
            lead=facts.pre_skip,
            end=facts.end,
        )

    def run(self, at: int) -> Run | None:
        """The packets of four seconds, or those of them that fit, around this time; None behind the end."""
        if at >= self.facts.end:
            return None
        number = at // PACKET_SAMPLES
        first = number - number % _PACKETS_OF_RUN
        packets = self._packets(first)
        sizes = [len(packet) + SAMPLE_BYTES for packet in packets]
        begin, end = _part(sizes, number - first, BYTES_MAX - FRAGMENT_BYTES)
        return self._run(first + begin, packets[begin:end])

    def _packets(self, first: int) -> list[bytes]:
        """The packets of four seconds, fewer where the stream ends."""
        pages = OggPages.of(self.audio, self.facts.serial)
        page = pages.until(first * PACKET_SAMPLES, self.facts.end)
        ended, odd = divmod(page.granule, PACKET_SAMPLES)
        count = min(_PACKETS_OF_RUN, -(-self.facts.end // PACKET_SAMPLES) - first)
        packets = list(islice(pages.packets_behind(page), first - ended, first - ended + count))
        if odd or len(packets) != count or not all(map(_is_as_ours, packets)):
            raise Broken(f"ogg: {self.audio.recording_id} has other packets than those of 20 ms")
        return packets

    def _run(self, number: int, packets: list[bytes]) -> Run:
        """The last packet is as long as is to be heard of it."""
        start = number * PACKET_SAMPLES
        starts = range(start, start + len(packets) * PACKET_SAMPLES, PACKET_SAMPLES)
        return Run(start, packets, [min(PACKET_SAMPLES, self.facts.end - each) for each in starts])


def _part(sizes: Sequence[int], number: int, bytes_max: int) -> tuple[int, int]:
    """Where the part with this number begins and ends, when each part is filled before the next begins."""
    begin = filled = 0
    for at, size in enumerate(sizes):
        if at > begin and filled + size > bytes_max:
            if at > number:
                return begin, at
            begin, filled = at, 0
        filled += size
    return begin, len(sizes)


def _is_as_ours(packet: bytes) -> bool:
    """Of 20 ms, by its first bytes, which tell the length of its frames and how many there are (RFC 6716, 3.1)."""
    if not 0 < len(packet) <= _PACKET_BYTES_MAX:
        return False
    told = packet[1] & 0x3F if len(packet) > 1 else 0
    return _FRAME_SAMPLES[packet[0] >> 3] * (1, 2, 2, told)[packet[0] & 3] == PACKET_SAMPLES
