"""The picture of a recording that a reviewer sees before hearing it: peaks to draw, silences to skip,
loudness per channel.

Peaks file (`peaks.bin`), little-endian: `PEAK`, version 1 (u8), channels (u8), peaks per second (u16),
number of peaks (u32); then for each peak one byte per channel, 0 for digital silence to 255 for full scale:
the largest absolute sample of that twentieth of a second, rounded up.
"""

import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storage.disk import write_private

PEAKS_PER_SECOND = 20
PEAKS_HEADER = struct.Struct("<4sBBHI")
# Below the hum of an open telephone line, above its coding noise. A judgement, not a standard.
SILENCE_DBFS_MAX = -45.0
SILENCE_S_MIN = 2.0
# Stands for digital silence, which has no decibels.
DBFS_MIN = -100.0
_FULL_SCALE = 32768


def length_ms(peaks_bytes: int, channels: int) -> int:
    """The length of the recording by that of its peaks file: up to a peak too long."""
    return (peaks_bytes - PEAKS_HEADER.size) // channels * 1000 // PEAKS_PER_SECOND


@dataclass(frozen=True)
class Silence:
    """Neither channel is louder than the line."""

    start_s: float
    end_s: float


@dataclass(frozen=True)
class Loudness:
    """Of one channel, relative to full scale: 0 is the loudest there is, -100 stands for digital silence."""

    rms_dbfs: float
    peak_dbfs: float


class Waveform:
    """Grows by windows; each but the last holds a whole number of twentieths of a second."""

    def __init__(self, channels: int, frame_rate: int) -> None:
        self._channels = channels
        self._frame_rate = frame_rate
        self._frames = 0
        self._squares = np.zeros(channels)
        self._highest = np.zeros(channels, np.int32)
        self._peaks = bytearray()
        self._quiet: list[bool] = []

    def add(self, window: Any) -> None:
        """A pydub segment of 16-bit samples, at least one."""
        samples = np.frombuffer(window.raw_data, "<i2").astype(np.int32).reshape(-1, self._channels)
        starts = np.arange(0, len(samples), self._frame_rate // PEAKS_PER_SECOND)
        peaks = np.maximum.reduceat(np.abs(samples), starts)
        squares = np.add.reduceat(samples.astype(np.float64) ** 2, starts)
        lengths = np.diff(starts, append=len(samples))
        self._frames += len(samples)
        self._squares += squares.sum(axis=0)
        self._highest = np.maximum(self._highest, peaks.max(axis=0))
        self._peaks += _in_bytes(peaks)
        self._quiet += [bool(quiet) for quiet in _is_quiet(squares / lengths[:, None])]

    def loudness(self) -> tuple[Loudness, ...]:
        """Of each channel over the whole recording."""
        rms = np.sqrt(self._squares / max(1, self._frames))
        return tuple(
            Loudness(_dbfs(float(mean)), _dbfs(float(peak))) for mean, peak in zip(rms, self._highest, strict=True)
        )

    def silences(self) -> tuple[Silence, ...]:
        """Silences of at least two seconds, in order."""
        duration_s = self._frames / self._frame_rate
        edges = np.flatnonzero(np.diff([False, *self._quiet, False])).tolist()
        found = (
            Silence(start / PEAKS_PER_SECOND, min(end / PEAKS_PER_SECOND, duration_s))
            for start, end in zip(edges[::2], edges[1::2], strict=True)
        )
        return tuple(silence for silence in found if silence.end_s - silence.start_s >= SILENCE_S_MIN)

    def write_peaks(self, target: Path) -> Path:
        count = len(self._peaks) // self._channels
        header = PEAKS_HEADER.pack(b"PEAK", 1, self._channels, PEAKS_PER_SECOND, count)
        write_private(target, header + self._peaks)
        return target


def _in_bytes(peaks: NDArray[np.int32]) -> bytes:
    # Rounded up: the faintest sound still shows.
    return (-(-peaks * 255 // _FULL_SCALE)).astype(np.uint8).tobytes()


def _is_quiet(mean_squares: NDArray[np.float64]) -> NDArray[np.bool_]:
    loudest = np.sqrt(mean_squares).max(axis=1)
    return np.asarray(loudest <= _FULL_SCALE * 10 ** (SILENCE_DBFS_MAX / 20))


def _dbfs(amplitude: float) -> float:
    return max(DBFS_MIN, 20 * math.log10(amplitude / _FULL_SCALE)) if amplitude else DBFS_MIN
