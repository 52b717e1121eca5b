"""The samples of a master, as they lie in the provider's WAV, as frames of FLAC for MP4."""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from storage.audio.flac_frames import FRAME_SAMPLES, frame, stream_information
from storage.audio.fmp4 import Run, StreamHeader
from storage.audio.ranges import Ranges, as_file
from storage.audio.riff import Layout, Odd, read_layout
from storage.errors import Broken, Refused

_SAMPLE_BYTES = 2
# Of both channels together: with their heads and tables they fit into 65,536 bytes.
_FRAMES_OF_RUN = 32


@dataclass(frozen=True)
class FlacStream:
    """The samples of a WAV, which may be as odd as `storage.audio.wav` takes it."""

    facts: Layout
    audio: Ranges = field(repr=False)

    @classmethod
    def of(cls, audio: Ranges) -> Self:
        """Raises NotAudio, and Refused for a WAV whose samples can't be read."""
        layout = read_layout(as_file(audio), audio.length)
        if isinstance(layout, Odd):
            raise Refused(f"wav: {layout}")
        return cls(layout, audio)

    @property
    def header(self) -> StreamHeader:
        channels, frame_rate = self.facts.channels, self.facts.frame_rate
        return StreamHeader(
            coding=b"fLaC",
            configuration=stream_information(channels, frame_rate, self._end),
            channels=channels,
            timescale=frame_rate,
            lead=0,
            end=self._end,
        )

    def run(self, at: int) -> Run | None:
        """Thirty-two thousand samples of all channels together, around this time; None behind the end."""
        if at >= self._end:
            return None
        length = FRAME_SAMPLES * _FRAMES_OF_RUN // self.facts.channels
        start = at - at % length
        samples = self._samples(start, min(length, self._end - start))
        parts = [samples[begin : begin + FRAME_SAMPLES] for begin in range(0, len(samples), FRAME_SAMPLES)]
        first, rate = start // FRAME_SAMPLES, self.facts.frame_rate
        frames = [frame(first + n, part, rate) for n, part in enumerate(parts)]
        return Run(start, frames, [len(part) for part in parts])

    @property
    def _end(self) -> int:
        return self.facts.samples_bytes // self._row_bytes

    @property
    def _row_bytes(self) -> int:
        return self.facts.channels * _SAMPLE_BYTES

    def _samples(self, start: int, count: int) -> NDArray[np.int16]:
        wanted = count * self._row_bytes
        content = self.audio.range(self.facts.samples_at + start * self._row_bytes, wanted)
        if len(content) != wanted:
            raise Broken(f"wav: {self.audio.recording_id} is shorter than it was")
        return np.frombuffer(content, "<i2").reshape(count, self.facts.channels)
