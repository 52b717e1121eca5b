"""The heads of FLAC frames; that ffmpeg decodes the frames to their samples is tested with the pieces."""

import numpy as np
import pytest

from storage.audio.flac_frames import frame, stream_information

SILENCE = np.zeros((1_000, 2), np.int16)


@pytest.mark.parametrize("number", [0, 1, 127, 128, 2_047, 2_048, 65_535, 65_536, 1_114_111])
def test_a_frame_is_numbered_as_utf_8_numbers_characters(number: int) -> None:
    utf_8 = chr(number).encode()
    assert frame(number, SILENCE, 8_000)[4 : 4 + len(utf_8)] == utf_8


@pytest.mark.parametrize(
    ("number", "written"),
    [(0x1FFFFF, "f7bfbfbf"), (0x200000, "f888808080"), (0x3FFFFFF, "fbbfbfbfbf"), (0x7FFFFFFF, "fdbfbfbfbfbf")],
)
def test_higher_numbers_go_on_as_utf_8_once_did(number: int, written: str) -> None:
    assert frame(number, SILENCE, 8_000)[4:].startswith(bytes.fromhex(written))


def test_a_frame_tells_its_size_rate_and_channels() -> None:
    head = frame(5, SILENCE, 44_100)[:9]
    assert head.hex() == "fff8" + "7d" + "18" + "05" + "03e7" + "ac44"


def test_the_stream_information_packs_rate_channels_width_and_length() -> None:
    content = stream_information(2, 8_000, 0x123456789)
    assert content[4:8] == b"dfLa"
    assert content[12:].hex() == "80000022" + "03e803e8" + "000000000000" + "01f402f1" + "23456789" + "00" * 16
