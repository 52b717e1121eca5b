"""FLAC frames that hold samples as they are, each its own subframe "verbatim" (RFC 9639): lossless, and uncompressed.

A browser's Media Source Extensions take FLAC and no PCM.
"""

import struct
from functools import cache

import numpy as np
from numpy.typing import NDArray

from storage.audio.fmp4 import full_box

FRAME_SAMPLES = 1000
SAMPLE_BITS = 16
_FRAME_BYTES_MAX = FRAME_SAMPLES * 4 + 32
_SYNC_FIXED_SIZE = b"\xff\xf8"
# Sizes and rates that the first bytes can't name stand behind the frame's number, in sixteen bits each.
_SIZE_AND_RATE_BEHIND = 0x7D
_SIXTEEN_BITS = 0b100 << 1
_VERBATIM = b"\x02"
_STREAM_INFO, _LAST_BLOCK = 0, 0x80


def stream_information(channels: int, frame_rate: int, samples: int) -> bytes:
    """The box with the metadata of the stream, each of whose frames but the last holds FRAME_SAMPLES."""
    packed = frame_rate << 44 | (channels - 1) << 41 | (SAMPLE_BITS - 1) << 36 | samples & ((1 << 36) - 1)
    content = struct.pack(">HH6xQ16x", FRAME_SAMPLES, FRAME_SAMPLES, packed)
    return full_box(b"dfLa", bytes([_LAST_BLOCK | _STREAM_INFO]), len(content).to_bytes(3, "big"), content)


def frame(number: int, samples: NDArray[np.int16], frame_rate: int) -> bytes:
    """`samples` has a column for each of one or two channels, and at most FRAME_SAMPLES rows."""
    count, channels = samples.shape
    head = (
        _SYNC_FIXED_SIZE
        + bytes([_SIZE_AND_RATE_BEHIND, (channels - 1) << 4 | _SIXTEEN_BITS])
        + _as_utf8(number)
        + struct.pack(">HH", count - 1, frame_rate)
    )
    subframes = (_VERBATIM + samples[:, channel].astype(">i2").tobytes() for channel in range(channels))
    content = b"".join((head, bytes([_crc8(head)]), *subframes))
    return content + struct.pack(">H", _crc16(content))


def _as_utf8(number: int) -> bytes:
    """The number as UTF-8 would write it, of up to 31 bits."""
    if number < 0x80:
        return bytes([number])
    more = next(more for more in range(1, 6) if number < 1 << (5 * more + 6))
    first = 0xFF00 >> (more + 1) & 0xFF | number >> 6 * more
    return bytes([first, *(0x80 | number >> 6 * place & 0x3F for place in range(more - 1, -1, -1))])


def _crc8(content: bytes) -> int:
    crc = 0
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = crc << 1 ^ (0x107 if crc & 0x80 else 0)
    return crc


def _crc16(content: bytes) -> int:
    """The sum of what each bit adds to it: a loop over the bytes of a piece would take thirty times as long."""
    bits = np.unpackbits(np.frombuffer(content, np.uint8))
    return int(np.bitwise_xor.reduce(_crc16_of_bits()[-len(bits) :] * bits))


@cache
def _crc16_of_bits() -> NDArray[np.uint16]:
    """By its distance from the end, the last bit at the end."""
    crcs = [0x8005]
    for _ in range(8 * _FRAME_BYTES_MAX - 1):
        crcs.append(crcs[-1] << 1 ^ (0x18005 if crcs[-1] & 0x8000 else 0))
    return np.array(crcs[::-1], np.uint16)
