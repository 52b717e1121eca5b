"""Telephone sound: 16-bit samples at 8 kHz, the tones of a line, and WAV in and out."""

import io
import struct
import wave
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]

RATE = 8000
DTMF_ROWS = {697: "123A", 770: "456B", 852: "789C", 941: "*0#D"}
DTMF_COLUMNS = (1209, 1336, 1477, 1633)
WAITS_S = {"w": 0.5, "W": 1.0}


class NotPlayable(ValueError):
    """The bytes are not a WAV file of a kind the line can play."""


def seconds(samples: Samples) -> float:
    return len(samples) / RATE


def silence(duration_s: float) -> Samples:
    return np.zeros(round(duration_s * RATE), dtype=np.int16)


def tone(frequencies: Sequence[float], duration_s: float, level: int = 5000) -> Samples:
    at = np.arange(round(duration_s * RATE)) / RATE
    waves = sum((np.sin(2 * np.pi * f * at) for f in frequencies), start=np.zeros(len(at)))
    return (waves * level / max(1, len(frequencies))).astype(np.int16)


@lru_cache
def key_tone(key: str) -> Samples:
    """The two tones of a key, for 160 ms."""
    row, column = next((low, DTMF_COLUMNS[keys.index(key)]) for low, keys in DTMF_ROWS.items() if key in keys)
    return tone((row, column), 0.16)


def key_tones(digits: str) -> Samples:
    """Keys one after another; `w` is half a second of silence, and `W` a second."""
    return np.concatenate([silence(0)] + [_digit(digit) for digit in digits])


def _digit(digit: str) -> Samples:
    return silence(WAITS_S[digit]) if digit in WAITS_S else np.concatenate([key_tone(digit), silence(0.08)])


@lru_cache
def ringing(duration_s: float) -> Samples:
    """The ringing tone for the caller: two seconds of tone, four of quiet."""
    burst = np.concatenate([tone((440, 480), 2.0, 2500), silence(4.0)])
    times = int(duration_s // 6) + 1
    return np.tile(burst, times)[: round(duration_s * RATE)]


def resample(samples: Samples, rate: int) -> Samples:
    """To 8 kHz, with frequencies above 4 kHz filtered out first."""
    if rate == RATE or not len(samples):
        return samples
    wide = samples.astype(np.float64)
    if rate > RATE:
        taps = np.arange(-32, 33)
        cutoff = 0.92 * RATE / rate
        kernel = cutoff * np.sinc(cutoff * taps) * np.hamming(len(taps))
        wide = np.convolve(wide, kernel / kernel.sum(), mode="same")
    at = np.arange(int(len(samples) * RATE / rate)) * rate / RATE
    return np.interp(at, np.arange(len(wide)), wide).astype(np.int16)


def mixed(tracks: Sequence[Samples]) -> Samples:
    """Several sounds of one length at once, clipped to 16 bits."""
    total = np.sum([track.astype(np.int32) for track in tracks], axis=0)
    held: Samples = np.clip(total, -32768, 32767).astype(np.int16)
    return held


def trimmed(tracks: Sequence[Samples], threshold: int = 200) -> list[Samples]:
    """Without the silence that all tracks share at the beginning and at the end."""
    loud = np.flatnonzero(np.max([np.abs(track.astype(np.int32)) for track in tracks], axis=0) > threshold)
    if not len(loud):
        return [track[:0] for track in tracks]
    return [track[loud[0] : loud[-1] + 1] for track in tracks]


def to_wav(tracks: Sequence[Samples]) -> bytes:
    """A WAV file with one channel for each track; all are of one length."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(len(tracks))
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.column_stack(tracks).astype("<i2").tobytes())
    return out.getvalue()


def from_wav(data: bytes) -> Samples:
    """A track at 8 kHz from a WAV file: PCM of 8 or 16 bits, or mu-law. Raises NotPlayable."""
    try:
        form, channels, rate, bits, frames = _chunks(data)
        if form == 7 and bits == 8:
            samples = _from_mu_law(np.frombuffer(frames, dtype=np.uint8))
        elif form in (1, 0xFFFE) and bits == 16:
            samples = np.frombuffer(frames, dtype="<i2")
        elif form == 1 and bits == 8:
            samples = (np.frombuffer(frames, dtype=np.uint8).astype(np.int16) - 128) * 256
        else:
            raise NotPlayable(f"WAV of format {form} with {bits} bits")
        whole = samples[: len(samples) // channels * channels].reshape(-1, channels)
        return resample(whole.mean(axis=1).astype(np.int16), rate)
    except (struct.error, IndexError, ZeroDivisionError, ValueError) as error:
        raise NotPlayable(str(error)) from error


def _chunks(data: bytes) -> tuple[int, int, int, int, bytes]:
    """Format, channels, rate, bits and frames. The standard `wave` module reads no mu-law."""
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise NotPlayable("not a WAV file")
    header: tuple[int, int, int, int] | None = None
    at = 12
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        if name == b"fmt ":
            form, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", data, at + 8)
            header = (form, channels, rate, bits)
        if name == b"data" and header:
            return (*header, data[at + 8 : at + 8 + min(size, (len(data) - at - 8) // 2 * 2)])
        at += 8 + size + size % 2
    raise NotPlayable("a WAV file without sound")


def _from_mu_law(coded: NDArray[np.uint8]) -> Samples:
    inverted = ~coded
    exponent = (inverted >> 4) & 7
    magnitude = (((inverted & 15).astype(np.int32) << 3) + 132 << exponent) - 132
    return np.where(inverted & 128, -magnitude, magnitude).astype(np.int16)
