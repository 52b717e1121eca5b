"""Inspects the provider's WAV before its header is trusted, and hands its sound on in windows.

Reading is lenient and the judgement strict: the samples are found also where the header is odd, and each oddity is
named, because an odd file may not have arrived whole. The caller decides whether to keep it.
"""

import functools
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storage.audio.riff import Layout, NotAudio, Odd, read_layout
from storage.disk import disk_edge
from storage.errors import Broken, Refused

__all__ = ["NotAudio", "Odd", "Wav", "WavFacts", "inspect_wav", "look_at_wav", "open_wav"]

WINDOW_S = 30
SAMPLE_WIDTH_BYTES = 2


@dataclass(frozen=True)
class WavFacts:
    channels: int
    frame_rate: int
    sample_width_bytes: int
    duration_s: float
    size_bytes: int


@dataclass(frozen=True)
class Wav:
    """A WAV file whose samples can be read, where they lie, and what is odd about it."""

    path: Path
    facts: WavFacts
    samples_at: int
    samples_bytes: int
    oddities: tuple[Odd, ...] = ()
    missing_bytes: int = 0
    """How many more samples its header announces than there are."""

    def windows(self) -> Iterator[Any]:
        """Its sound as pydub segments of 30 s, so that the memory used doesn't grow with the call."""
        segment, facts = _audio_segment(), self.facts
        for samples in self._samples(WINDOW_S * facts.frame_rate * facts.channels * SAMPLE_WIDTH_BYTES):
            yield segment(
                samples,
                sample_width=SAMPLE_WIDTH_BYTES,
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
    """The facts in the file's header, if all of them hold. Refused otherwise: truncated, padded, compressed, odd."""
    wav = open_wav(path)
    if wav.oddities:
        raise Refused(f"wav: {', '.join(wav.oddities)}")
    return wav.facts


def open_wav(path: Path) -> Wav:
    """Raises NotAudio, and Refused for a WAV whose samples can't be read here."""
    found = look_at_wav(path)
    if isinstance(found, Odd):
        raise Refused(f"wav: {found}")
    return found


def look_at_wav(path: Path) -> Wav | Odd:
    """The file as a WAV; or why nothing can be made of its samples, where it is one. Raises NotAudio where it isn't."""
    with disk_edge("audio work: read of the master"), path.open("rb") as file:
        size_bytes = path.stat().st_size
        layout = read_layout(file, size_bytes)
    return layout if isinstance(layout, Odd) else _wav(path, layout, size_bytes)


def _wav(path: Path, layout: Layout, size_bytes: int) -> Wav:
    frame_bytes = layout.channels * SAMPLE_WIDTH_BYTES
    whole_bytes = layout.samples_bytes - layout.samples_bytes % frame_bytes
    duration_s = whole_bytes / (frame_bytes * layout.frame_rate)
    facts = WavFacts(layout.channels, layout.frame_rate, SAMPLE_WIDTH_BYTES, duration_s, size_bytes)
    half = (Odd.HALF_FRAME,) if whole_bytes != layout.samples_bytes else ()
    return Wav(path, facts, layout.samples_at, whole_bytes, (*layout.oddities, *half), layout.missing_bytes)


@functools.cache
def _audio_segment() -> Any:
    with warnings.catch_warnings():
        # pydub warns of audioop's end and looks for an ffmpeg when imported, which it has no use for here.
        warnings.simplefilter("ignore")
        from pydub import AudioSegment
    return AudioSegment
