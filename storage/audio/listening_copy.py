"""The copy that reviewers hear: Ogg Opus, an eighth of the WAV's size, the two sides still left and right.

It is encoded in this process, by ffmpeg's libraries as PyAV brings them, in windows: a call of four hours costs no more
memory than a short call, and a short call does not pay for the start of a program. Nothing of a recording but its
samples gets there, which `storage.audio.riff` found. The same samples give the same bytes.
"""

import importlib.util
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from storage.audio.wav import WavFacts
from storage.disk import create_private, disk_edge, write_all
from storage.errors import Unavailable

_BITS_PER_SECOND = {1: 16_000, 2: 28_000}
_LAYOUTS = {1: "mono", 2: "stereo"}
# Opus knows these only. Sound with frames at another rate is resampled to the next of them.
_RATES = (8_000, 12_000, 16_000, 24_000, 48_000)
# Without it, each run writes another serial number, and each version of the encoder its name.
_SAME_BYTES = {"fflags": "+bitexact"}


def can_be_made() -> bool:
    """Whether the `listening` extra is installed. Without it reviewers hear the WAV."""
    return importlib.util.find_spec("av") is not None


@contextmanager
def listening_copy(target: Path, facts: WavFacts) -> Iterator[Callable[[bytes], None]]:
    """Hands out the function that takes the samples; `target` is there, whole, once the block has ended well.

    Raises Unavailable if the encoder or the disk fails.
    """
    partial = target.with_name(f"{target.name}.part")
    try:
        with _edge():
            descriptor = create_private(partial)
            try:
                with _encoder(_File(descriptor), facts) as write:
                    yield write
            finally:
                os.close(descriptor)
            partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


@dataclass(frozen=True)
class _File:
    """A file for PyAV to write from its beginning to its end."""

    descriptor: int

    def write(self, content: bytes) -> int:
        write_all(self.descriptor, content)
        return len(content)


@contextmanager
def _encoder(file: _File, facts: WavFacts) -> Iterator[Callable[[bytes], None]]:
    import av

    rate = min(rate for rate in _RATES if rate >= facts.frame_rate)
    layout, tick, begun = _LAYOUTS[facts.channels], Fraction(1, facts.frame_rate), 0
    with av.open(file, "w", format="ogg", options=_SAME_BYTES) as ogg:
        opus = ogg.add_stream("libopus", rate=rate, layout=layout)
        opus.bit_rate = _BITS_PER_SECOND[facts.channels]
        opus.codec_context.flags |= av.codec.context.Flags.bitexact
        ogg.start_encoding()

        def write(samples: bytes) -> None:
            nonlocal begun
            frame = av.AudioFrame.from_ndarray(np.frombuffer(samples, "<i2")[None, :], format="s16", layout=layout)
            # Without a time, the encoder's delay would be counted twice in the positions of the pages.
            frame.sample_rate, frame.time_base, frame.pts = facts.frame_rate, tick, begun
            begun += frame.samples
            ogg.mux(opus.encode(frame))

        yield write
        ogg.mux(opus.encode(None))


@contextmanager
def _edge() -> Iterator[None]:
    from av.error import FFmpegError

    try:
        with disk_edge("listening copy"):
            yield
    except FFmpegError as error:
        raise Unavailable(f"listening copy: {error.strerror}") from error
