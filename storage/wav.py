"""Twilio's WAV, looked at before anything is believed of it, and handed on in windows.

Strict on purpose: a file that is odd in any way is not what Twilio recorded, or not all of it.
"""

import functools
import struct
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from storage.disk import disk_edge
from storage.errors import Broken, Refused

WINDOW_S = 30
_PCM = 1
_SAMPLE_WIDTH_BYTES = 2
_CHUNKS_MAX = 64
_FORMAT = struct.Struct("<HHIIHH")


@dataclass(frozen=True)
class WavFacts:
    channels: int
    frame_rate: int
    sample_width_bytes: int
    duration_s: float
    size_bytes: int


@dataclass(frozen=True)
class Wav:
    """A WAV file that was found whole, and where its samples lie."""

    path: Path
    facts: WavFacts
    samples_at: int
    samples_bytes: int

    def windows(self) -> Iterator[Any]:
        """Its sound as pydub segments of 30 s, so that the memory used doesn't grow with the call."""
        segment, facts = _audio_segment(), self.facts
        for samples in self._samples(WINDOW_S * facts.frame_rate * facts.channels * _SAMPLE_WIDTH_BYTES):
            yield segment(
                samples,
                sample_width=_SAMPLE_WIDTH_BYTES,
                frame_rate=facts.frame_rate,
                channels=facts.channels,
            )

    def _samples(self, window_bytes: int) -> Iterator[bytes]:
        with disk_edge("audio work: read of the master"), self.path.open("rb") as file:
            file.seek(self.samples_at)
            for start in range(0, self.samples_bytes, window_bytes):
                wanted = min(window_bytes, self.samples_bytes - start)
                samples = file.read(wanted)
                if len(samples) != wanted:
                    raise Broken("audio work: the master became shorter while it was read")
                yield samples


def inspect_wav(path: Path) -> WavFacts:
    """What the file says of itself, if all of it holds. Refused otherwise: truncated, padded, compressed,
    odd."""
    return open_wav(path).facts


def open_wav(path: Path) -> Wav:
    with disk_edge("audio work: read of the master"), path.open("rb") as file:
        size_bytes = path.stat().st_size
        head = file.read(12)
        claimed = int.from_bytes(head[4:8], "little") + 8
        if (head[:4], head[8:], claimed) != (b"RIFF", b"WAVE", size_bytes):
            raise Refused("wav: not a RIFF file of the length it claims")
        found = _chunks(file, size_bytes)
        if not found.keys() >= {b"fmt ", b"data"}:
            raise Refused("wav: it has no format or no data")
        samples_at, samples_bytes = found[b"data"]
        file.seek(found[b"fmt "][0])
        facts = _facts(file.read(found[b"fmt "][1]), samples_bytes, size_bytes)
    return Wav(path, facts, samples_at, samples_bytes)


def _chunks(file: BinaryIO, size_bytes: int) -> dict[bytes, tuple[int, int]]:
    """Where each chunk's content lies and how long it is; the chunks must fill the file exactly."""
    found: dict[bytes, tuple[int, int]] = {}
    at = 12
    while at < size_bytes:
        file.seek(at)
        head = file.read(8)
        if len(head) < 8 or len(found) == _CHUNKS_MAX or head[:4] in found:
            raise Refused("wav: its chunks are broken")
        length = int.from_bytes(head[4:], "little")
        found[head[:4]] = (at + 8, length)
        at += 8 + length + length % 2  # chunks are padded to an even length
    if at != size_bytes:
        raise Refused("wav: it is cut off, or longer than its chunks")
    return found


def _facts(content: bytes, samples_bytes: int, size_bytes: int) -> WavFacts:
    if len(content) not in (_FORMAT.size, _FORMAT.size + 2):
        raise Refused("wav: its format is not plain PCM")
    tag, channels, frame_rate, byte_rate, frame_bytes, bits = _FORMAT.unpack_from(content)
    if (tag, bits) != (_PCM, 16) or channels not in (1, 2):
        raise Refused("wav: not 16-bit PCM in one or two channels")
    # Peaks are taken twenty times a second, each over a whole number of frames.
    if not 8_000 <= frame_rate <= 48_000 or frame_rate % 20:
        raise Refused(f"wav: {frame_rate} frames per second are not a telephone's")
    if (frame_bytes, byte_rate) != (channels * 2, channels * 2 * frame_rate) or samples_bytes % frame_bytes:
        raise Refused("wav: its sizes contradict one another")
    duration_s = samples_bytes / byte_rate
    return WavFacts(channels, frame_rate, _SAMPLE_WIDTH_BYTES, duration_s, size_bytes)


@functools.cache
def _audio_segment() -> Any:
    with warnings.catch_warnings():
        # pydub warns of audioop's end and looks for an ffmpeg when imported; it never gets to use one here.
        warnings.simplefilter("ignore")
        from pydub import AudioSegment
    return AudioSegment
