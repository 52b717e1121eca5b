"""The sounds on a line, from which any stretch can be played again."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from simulator.sound import RATE, Samples, seconds

CALLER, HEARD = "caller", "heard"  # the inbound track, and the sound that the caller hears


@dataclass
class Utterance:
    """A sound on the line: its speaker, its beginning, and how much of it was played before it was cut."""

    number: int
    who: str
    kind: str
    text: str
    track: str
    at_s: float
    samples: Samples = field(repr=False)
    played_s: float = 0.0

    @property
    def duration_s(self) -> float:
        return seconds(self.samples)

    def to_json(self) -> dict[str, object]:
        return {
            "n": self.number,
            "at_s": round(self.at_s, 3),
            "who": self.who,
            "text": self.text,
            "duration_s": round(self.duration_s, 3),
            "played_s": round(self.played_s, 3),
            "kind": self.kind,
        }


@dataclass(frozen=True)
class Overheard:
    """A sound on the line of another leg, as this leg says or hears it."""

    utterance: Utterance
    track: str
    at_s: float


class Tape:
    """The sounds on one leg, in order of their beginning. Times are seconds from the start of the call."""

    def __init__(self) -> None:
        self._utterances: list[Utterance] = []
        self._overheard: list[Overheard] = []
        self._lock = threading.Lock()

    def add(self, who: str, kind: str, text: str, track: str, at_s: float, samples: Samples) -> Utterance:
        with self._lock:
            added = Utterance(len(self._utterances), who, kind, text, track, at_s, samples, seconds(samples))
            self._utterances.append(added)
            return added

    def overhear(self, utterance: Utterance, track: str, at_s: float) -> None:
        """A sound on another line that this leg is joined to. It is no utterance of this line."""
        with self._lock:
            self._overheard.append(Overheard(utterance, track, at_s))

    def utterances(self) -> Sequence[Utterance]:
        with self._lock:
            return tuple(self._utterances)

    def stretch(self, track: str, start_s: float, stop_s: float) -> Samples:
        """The sound on a track between two moments, silence included."""
        first, last = round(start_s * RATE), round(stop_s * RATE)
        wide = np.zeros(max(0, last - first), dtype=np.int32)
        for sound in self._sounds():
            if sound.track == track:
                _lay(wide, sound.utterance, round(sound.at_s * RATE) - first)
        return np.clip(wide, -32768, 32767).astype(np.int16)

    def _sounds(self) -> list[Overheard]:
        with self._lock:
            own = [Overheard(utterance, utterance.track, utterance.at_s) for utterance in self._utterances]
            return own + self._overheard


def _lay(onto: "np.ndarray[tuple[int], np.dtype[np.int32]]", utterance: Utterance, at: int) -> None:
    """Add the played part of a sound at an offset, as far as it falls within."""
    played = utterance.samples[: round(utterance.played_s * RATE)]
    begin, end = max(0, at), min(len(onto), at + len(played))
    if begin < end:
        onto[begin:end] += played[begin - at : end - at]
