"""Judges a file from the provider: is it a whole recording, and what is odd about it.

A download that broke off and an odd file look alike. The first is mended by fetching it again; the second has the same
bytes each time.
"""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from evidence.event_words import ODDITIES
from storage.audio.wav import NotAudio, Odd, Wav, look_at_wav

_TOLERANCE_S = 2.0
# Between two downloads that must be alike. A recording that may still be growing at the provider gets more time.
_APART, _APART_SHORT = timedelta(seconds=5), timedelta(seconds=30)
_SLIP_BYTES = 64  # by so much a header may be wrong about its own length


@dataclass(frozen=True, slots=True)
class Verdict:
    """`said` describes the `oddities` in words. `is_short`: the file may be only the beginning of the recording."""

    oddities: tuple[Odd, ...]
    said: str
    is_short: bool = False
    is_audio: bool = True

    @property
    def is_plain(self) -> bool:
        return self.is_audio and not self.oddities

    @property
    def apart(self) -> timedelta:
        return _APART_SHORT if self.is_short else _APART


def judge(master: Path, told_s: int | None) -> Verdict:
    """`told_s` is the duration that the provider gives, if any."""
    try:
        found = look_at_wav(master)
    except NotAudio as error:
        return Verdict((), str(error), is_short=True, is_audio=False)
    if isinstance(found, Odd):
        return Verdict((found,), f"wav: {ODDITIES[found]}", is_short=True)
    return _of_sound(found, told_s)


def _of_sound(wav: Wav, told_s: int | None) -> Verdict:
    has_s = wav.facts.duration_s
    differs = told_s is not None and abs(has_s - told_s) > _TOLERANCE_S
    oddities = (*wav.oddities, Odd.DURATION) if differs else wav.oddities
    said = [ODDITIES[odd] for odd in wav.oddities]
    if differs:
        said.append(f"Twilio says {told_s} s, the audio has {has_s:.1f} s")
    is_short = wav.missing_bytes > _SLIP_BYTES or (told_s is not None and has_s < told_s - _TOLERANCE_S)
    return Verdict(oddities, f"wav: {'; '.join(said)}", is_short)
