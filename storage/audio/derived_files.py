"""Makes the files for listening to a recording from its master, which is never altered."""

import json
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

from storage.audio.listening_copy import listening_copy
from storage.audio.wav import Odd, WavFacts, inspect_wav, look_at_wav, open_wav
from storage.audio.waveform import Loudness, Silence, Waveform
from storage.disk import write_private
from storage.errors import Refused, Unavailable

__all__ = ["Derived", "Loudness", "Silence", "WavFacts", "derive", "derive_what_can_be", "inspect_wav"]

log = logging.getLogger(__name__)

LISTENING_NAME = "listening.ogg"
PEAKS_NAME = "peaks.bin"
LEVELS_NAME = "levels.json"
# To make a copy takes about four seconds for each quarter of an hour; of a longer recording reviewers hear the WAV.
LISTENING_S_MAX = 5 * 3600


@dataclass(frozen=True)
class Derived:
    """`listening` is None where no copy was made: reviewers then hear the WAV. `levels` is the rest as JSON."""

    listening: Path | None
    peaks: Path
    levels: Path
    silences: tuple[Silence, ...]
    loudness: tuple[Loudness, ...]

    def files(self) -> dict[str, Path]:
        there = {"peaks": self.peaks, "levels": self.levels, "listening": self.listening}
        return {name: file for name, file in there.items() if file is not None}


def derive(master: Path, folder: Path, *, listening: bool) -> Derived:
    """Make the peaks in `folder`, and the listening copy where it is asked for, in one pass and in bounded memory.

    Refused where the master is no proper WAV, Unavailable where the encoder or the disk fails; no half file is
    left. Run again, it makes the same bytes.
    """
    wav = open_wav(master)
    copy = folder / LISTENING_NAME if listening and wav.facts.duration_s <= LISTENING_S_MAX else None
    waveform = Waveform(wav.facts.channels, wav.facts.frame_rate)
    with _written(copy, wav.facts) as write:
        for window in wav.windows():
            waveform.add(window)
            write(window.raw_data)
    peaks = waveform.write_peaks(folder / PEAKS_NAME)
    silences, loudness = waveform.silences(), waveform.loudness()
    levels = {"silences": [asdict(span) for span in silences], "loudness": [asdict(span) for span in loudness]}
    write_private(folder / LEVELS_NAME, json.dumps(levels).encode())
    return Derived(copy, peaks, folder / LEVELS_NAME, silences, loudness)


def derive_what_can_be(master: Path, folder: Path, *, listening: bool) -> Derived | None:
    """As `derive`, without the listening copy where that fails, and None for a WAV whose samples can't be read: no
    recording is lost because its derived files can't be made.
    """
    if isinstance(look_at_wav(master), Odd):
        return None
    try:
        return derive(master, folder, listening=listening)
    except (Refused, Unavailable) as error:
        if not listening:
            raise
        log.warning("a recording is kept without a listening copy: %s", error)
        return derive(master, folder, listening=False)


def _written(copy: Path | None, facts: WavFacts) -> AbstractContextManager[Callable[[bytes], None]]:
    return listening_copy(copy, facts) if copy else nullcontext(_drop)


def _drop(_: bytes) -> None:
    """Takes the samples where there is nothing to make a copy with."""
