"""The files that a kept recording consists of, by their rows alone: nothing is read from the store for a page."""

from dataclasses import dataclass

from sqlalchemy import Connection

from storage.audio import audio_objects
from storage.audio.sealed_header import plain_length_of
from storage.audio.waveform import length_ms
from storage.rows.recordings import Recording


@dataclass(frozen=True, slots=True)
class KeptTracks:
    """`length_ms` is None where no peaks could be made; it is exact to 50 ms."""

    names: frozenset[str]
    channels: int
    length_ms: int | None

    @property
    def has_copy(self) -> bool:
        return "listening" in self.names

    @property
    def has_peaks(self) -> bool:
        return {"peaks", "levels"} <= self.names


_STEREO = 2  # as we ask for; a recording whose channels nobody told was asked for by us


def kept_tracks(connection: Connection, recording: Recording) -> KeptTracks:
    stored = {each.name: each for each in audio_objects.of(connection, recording.id)}
    channels = recording.channels or _STEREO
    peaks = stored.get("peaks")
    length = length_ms(plain_length_of(peaks.size_bytes), channels) if peaks else None
    return KeptTracks(frozenset(stored), channels, length)
