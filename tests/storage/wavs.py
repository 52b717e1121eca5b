"""WAV files as Twilio writes them, made from numbers."""

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE = 8_000


def tone(seconds: float, *, amplitude: float = 0.5, hertz: int = 440) -> NDArray[np.int16]:
    time = np.arange(round(seconds * RATE)) / RATE
    return np.asarray(np.round(np.sin(2 * np.pi * hertz * time) * amplitude * 32767), np.int16)


def quiet(seconds: float) -> NDArray[np.int16]:
    return np.zeros(round(seconds * RATE), np.int16)


def stereo(left: NDArray[np.int16], right: NDArray[np.int16]) -> NDArray[np.int16]:
    return np.column_stack([left, right])


def chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\x00" * (len(content) % 2)


def riff(*chunks: bytes) -> bytes:
    content = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(content)) + content


def pcm_format(channels: int = 2, rate: int = RATE, tag: int = 1, bits: int = 16) -> bytes:
    width = channels * bits // 8
    return chunk(b"fmt ", struct.pack("<HHIIHH", tag, channels, rate, rate * width, width, bits))


def wav_bytes(samples: NDArray[np.int16], rate: int = RATE) -> bytes:
    """One column per channel."""
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    return riff(pcm_format(channels, rate), chunk(b"data", samples.astype("<i2").tobytes()))


def write_wav(path: Path, samples: NDArray[np.int16], *, rate: int = RATE) -> Path:
    path.write_bytes(wav_bytes(samples, rate))
    return path
