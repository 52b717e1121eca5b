"""The length of a recording, known from the sizes of the files that are kept: nothing is read from the store for it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.audio.derived_files import derive
from storage.audio.sealed_header import CHUNK_BYTES, Header, plain_length_of
from storage.audio.waveform import length_ms
from tests.storage.wavs import RATE, quiet, stereo, tone, write_wav


@given(st.integers(0, 5 * CHUNK_BYTES))
@pytest.mark.parametrize("edge", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1])
def test_the_length_of_a_sealed_file_tells_that_of_its_content(edge: int, plain: int) -> None:
    for length in (edge, plain):
        header = Header(length, b"", b"", b"")
        assert plain_length_of(header.sealed_length) == length


@pytest.mark.parametrize("frames", [1, 399, 400, 401, RATE, RATE * 3 + 7])
def test_the_length_of_the_peaks_tells_that_of_the_sound_to_a_peak(tmp_path: Path, frames: int) -> None:
    seconds = frames / RATE
    for channels, samples in ((1, tone(seconds)), (2, stereo(tone(seconds), quiet(seconds)))):
        folder = tmp_path / str(channels)
        folder.mkdir()
        peaks = derive(write_wav(folder / "m.wav", samples), folder, listening=False).peaks
        assert 0 <= length_ms(peaks.stat().st_size, channels) - seconds * 1000 < 50
