"""Speech for the line: espeak-ng where its wheel is installed, otherwise speech-like sounds."""

import ctypes
import threading
import zlib
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from simulator.sound import RATE, Samples, resample, silence, tone

ROLES = ("prompt", "agent", "caller")

# espeak-ng's names for voices; the variants make three people of one.
_VOICES = {"en-GB": "en-gb", "en": "en-us", "es-ES": "es", "es": "es-419", "fr": "fr", "de": "de",
           "pt-PT": "pt", "pt": "pt-br", "hi": "hi"}  # fmt: skip
_VARIANTS = {"prompt": "", "agent": "+m3", "caller": "+f3"}
_words_per_minute = [160]
_PEAK = 12000

# From espeak-ng's speak_lib.h
_SYNCHRONOUS, _RATE_PARAMETER, _BY_CHARACTER, _UTF8 = 2, 1, 1, 1


def say(text: str, language: str = "en-US", role: str = "prompt") -> Samples:
    """The sound of a text, as long as it takes to say it.

    Said once and kept: espeak-ng says nothing twice in exactly the same way, and would differ by a millisecond.
    """
    return _say(text, language, role)


def hurry(words_per_minute: int) -> None:
    """Set the speed of speech from now on, and drop cached sounds."""
    _words_per_minute[0] = words_per_minute
    _say.cache_clear()


def engine_name() -> str:
    """The name of the engine: `espeak-ng`, or `synthetic` where its wheel is missing."""
    return "espeak-ng" if _engine() else "synthetic"


@lru_cache(maxsize=4096)
def _say(text: str, language: str, role: str) -> Samples:
    engine = _engine()
    samples = engine.say(text, _voice(language) + _VARIANTS[role]) if engine else babble(text, role)
    samples.setflags(write=False)
    return samples


def _voice(language: str) -> str:
    return _VOICES.get(language) or _VOICES.get(language.partition("-")[0], "en-us")


_TRIES = 3
# The library keeps its state in globals: only one thread may speak at a time.
_speaking = threading.Lock()


class Espeak:
    """The library of espeak-ng."""

    def __init__(self, library: Path, data: Path) -> None:
        self._chunks: list[bytes] = []
        self._library: Any = ctypes.CDLL(str(library))
        self._rate = self._library.espeak_Initialize(_SYNCHRONOUS, 0, str(data).encode(), 0)
        if self._rate <= 0:
            raise OSError(f"espeak-ng does not start: {self._rate}")
        kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
        self._callback = kind(self._take)  # kept: the library holds only a pointer to it
        self._library.espeak_SetSynthCallback(self._callback)

    def say(self, text: str, voice: str) -> Samples:
        """Once in a while, after another language, the library breaks off in the first words, or dwells on one: of
        three tries, which take 3 ms each, the one of middle length is taken.
        """
        with _speaking:
            tries = sorted((self._say(text.encode(), voice) for _ in range(_TRIES)), key=len)
        return _levelled(resample(tries[_TRIES // 2], self._rate))

    def _say(self, data: bytes, voice: str) -> Samples:
        self._chunks.clear()
        self._library.espeak_SetVoiceByName(voice.encode())
        self._library.espeak_SetParameter(_RATE_PARAMETER, _words_per_minute[0], 0)
        self._library.espeak_Synth(data, len(data) + 1, 0, _BY_CHARACTER, 0, _UTF8, None, None)
        return np.frombuffer(b"".join(self._chunks), dtype=np.int16)

    def _take(self, wave: int | None, count: int, _events: int | None) -> int:
        if wave and count > 0:
            self._chunks.append(ctypes.string_at(wave, count * 2))
        return 0


def babble(text: str, role: str) -> Samples:
    """Speech-like sound for a text: a buzz for each syllable or so, its pitch taken from the word."""
    base = {"prompt": 140, "agent": 110, "caller": 200}[role]
    parts = [silence(0.05)]
    for word in text.split():
        pitch = base + zlib.crc32(word.encode()) % 40
        buzz = tone([pitch * n for n in (1, 2, 3, 5, 8)], 0.09 * max(1, len(word) // 2), 9000)
        parts += [(buzz * np.hanning(len(buzz))).astype(np.int16), silence(0.07)]
    return np.concatenate(parts)


def _levelled(samples: Samples) -> Samples:
    peak = int(np.abs(samples.astype(np.int32)).max(initial=0))
    return (samples.astype(np.float64) * (_PEAK / peak)).astype(np.int16) if peak else silence(1 / RATE)


_starting = threading.Lock()


def _engine() -> Espeak | None:
    with _starting:
        return _load()


@cache
def _load() -> Espeak | None:
    try:
        import espeakng_loader

        return Espeak(Path(espeakng_loader.get_library_path()), Path(espeakng_loader.get_data_path()))
    except (ImportError, OSError, RuntimeError):
        return None
