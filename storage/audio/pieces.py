"""Pieces of kept audio that a browser plays through Media Source Extensions: a few seconds each, at most 64 KiB.

Nothing else of a recording leaves for a browser, so that whoever may no longer listen has no more than the last pieces.
"""

from dataclasses import dataclass
from typing import Literal, Protocol, Self

from storage.audio import fmp4
from storage.audio.flac_stream import FlacStream
from storage.audio.fmp4 import Run, StreamHeader
from storage.audio.opus_stream import OpusFacts, OpusStream
from storage.audio.ranges import Ranges
from storage.audio.riff import Layout
from storage.errors import Broken, Refused

PIECE_BYTES_MAX = fmp4.BYTES_MAX
_CODECS = {b"Opus": "opus", b"fLaC": "flac"}

Track = Literal["listening", "master"]
Facts = OpusFacts | Layout


@dataclass(frozen=True, slots=True)
class Piece:
    """A media segment with the sound from `from_ms` up to, not including, `to_ms`, where the next piece begins."""

    body: bytes
    from_ms: int
    to_ms: int


class Stream(Protocol):
    """Sound of which a run of samples can be had at any time. Both read the audio."""

    @property
    def facts(self) -> Facts: ...

    @property
    def header(self) -> StreamHeader: ...

    def run(self, at: int) -> Run | None: ...


@dataclass(frozen=True)
class AudioPieces:
    """A track of a recording, cut into pieces that do not depend on what is asked for. May be thrown away at any time.

    Every method but `of` and `piece` only computes.
    """

    _stream: Stream

    @classmethod
    def of(cls, audio: Ranges, track: Track, facts: Facts | None = None) -> Self:
        """`facts` spares reading them again: they hold no sound and no key, and may be kept for the same audio.

        Raises Refused for a master whose samples can't be read, Broken for a listening copy that is not ours.
        """
        match track, facts:
            case "listening", OpusFacts():
                return cls(OpusStream(facts, audio))
            case "listening", None:
                return cls(OpusStream.of(audio))
            case "master", Layout():
                return cls(FlacStream(facts, audio))
            case "master", None:
                return cls(FlacStream.of(audio))
        raise Broken(f"pieces: the facts of {audio.recording_id} are of another track")

    @property
    def facts(self) -> Facts:
        return self._stream.facts

    @property
    def codec(self) -> str:
        """The type that `MediaSource.addSourceBuffer` wants."""
        return f'audio/mp4; codecs="{_CODECS[self._stream.header.coding]}"'

    @property
    def channels(self) -> int:
        return self._stream.header.channels

    @property
    def duration_ms(self) -> int:
        return self._ms(self._stream.header.end)

    def init(self) -> bytes:
        """The initialization segment, which a browser needs before any piece."""
        return fmp4.initialization(self._stream.header)

    def piece(self, from_ms: int) -> Piece | None:
        """The piece with the sound at this time, None behind the end. Raises Unavailable, Missing, Broken."""
        if from_ms < 0:
            raise Refused("pieces: no sound is before the beginning")
        header = self._stream.header
        run = self._stream.run(header.lead + from_ms * header.timescale // 1000)
        if run is None:
            return None
        body = fmp4.fragment(run, number=run.start + 1 & 0xFFFFFFFF)
        if len(body) > PIECE_BYTES_MAX:
            raise Broken(f"pieces: a piece is {len(body)} bytes long")
        return Piece(body, self._ms(run.start), self._ms(run.end))

    def _ms(self, time: int) -> int:
        """The first millisecond at this time or behind it: none falls between two pieces."""
        header = self._stream.header
        return -(-max(0, time - header.lead) * 1000 // header.timescale)
