import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.audio_work import WavFacts, inspect_wav
from storage.errors import Broken, Refused, Unavailable
from storage.wav import open_wav
from tests.storage.wavs import RATE, chunk, pcm_format, quiet, riff, stereo, tone, wav_bytes, write_wav

GOOD = wav_bytes(stereo(tone(0.1), quiet(0.1)))
DATA = chunk(b"data", bytes(400))


def test_a_twilio_recording_is_described_as_it_is(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", stereo(tone(1.5), quiet(1.5)))
    assert inspect_wav(path) == WavFacts(2, RATE, 2, 1.5, path.stat().st_size)


def test_a_recording_of_one_channel_is_described_too(tmp_path: Path) -> None:
    facts = inspect_wav(write_wav(tmp_path / "a.wav", tone(2)))
    assert (facts.channels, facts.duration_s) == (1, 2.0)


def test_a_recording_without_a_single_frame_lasts_no_time(tmp_path: Path) -> None:
    assert inspect_wav(write_wav(tmp_path / "a.wav", quiet(0))).duration_s == 0


def test_chunks_that_say_other_things_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(riff(chunk(b"LIST", b"odd"), pcm_format(), chunk(b"fact", bytes(4)), DATA))
    assert inspect_wav(path).duration_s == 100 / RATE


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(GOOD[:-1], id="one byte short"),
        pytest.param(GOOD[:44], id="header only"),
        pytest.param(GOOD[:20], id="cut in the header"),
        pytest.param(GOOD + b"\x00", id="one byte long"),
        pytest.param(GOOD[:4] + b"\xff" * 4 + GOOD[8:], id="a stream's RIFF"),
        pytest.param(GOOD[:4] + bytes(4) + GOOD[8:], id="a RIFF never finished"),
        pytest.param(b"RIFX" + GOOD[4:], id="big-endian"),
        pytest.param(GOOD[:8] + b"AVI " + GOOD[12:], id="not a WAVE"),
        pytest.param(b"ID3\x04" + bytes(200), id="MP3"),
        pytest.param(b"<?xml version='1.0'?><TwilioResponse/>", id="an error page"),
        pytest.param(riff(pcm_format()), id="no data"),
        pytest.param(riff(DATA), id="no format"),
        pytest.param(riff(pcm_format(), DATA, DATA), id="two data chunks"),
        pytest.param(riff(pcm_format(), pcm_format(1), DATA), id="two formats"),
        pytest.param(riff(pcm_format(tag=7, bits=8), DATA), id="mu-law"),
        pytest.param(riff(pcm_format(tag=7), DATA), id="mu-law that claims 16 bits"),
        pytest.param(riff(pcm_format(tag=3), DATA), id="floating point"),
        pytest.param(riff(pcm_format(tag=0xFFFE), DATA), id="extensible"),
        pytest.param(riff(pcm_format(bits=8), DATA), id="8 bits"),
        pytest.param(riff(pcm_format(bits=24), DATA), id="24 bits"),
        pytest.param(riff(pcm_format(channels=0), DATA), id="no channel"),
        pytest.param(riff(pcm_format(channels=3), DATA), id="three channels"),
        pytest.param(riff(pcm_format(rate=0), DATA), id="no rate"),
        pytest.param(riff(pcm_format(rate=8_001), DATA), id="an odd rate"),
        pytest.param(riff(pcm_format(rate=96_000), DATA), id="a studio's rate"),
        pytest.param(riff(chunk(b"fmt ", struct.pack("<HHIIHH", 1, 2, 8_000, 1, 4, 16)), DATA), id="byte rate"),
        pytest.param(riff(chunk(b"fmt ", struct.pack("<HHIIHH", 1, 2, 8_000, 32_000, 2, 16)), DATA), id="frame"),
        pytest.param(riff(chunk(b"fmt ", bytes(4)), DATA), id="short format"),
        pytest.param(riff(pcm_format(), chunk(b"data", bytes(402))), id="half a frame"),
        pytest.param(riff(pcm_format(), b"data" + b"\xff" * 4 + bytes(400)), id="a stream's length"),
        pytest.param(riff(pcm_format(), b"data" + struct.pack("<I", 404) + bytes(400)), id="data cut off"),
        pytest.param(riff(pcm_format(), DATA, b"LIS"), id="half a chunk"),
        pytest.param(riff(*(chunk(b"%04d" % n, b"") for n in range(70)), pcm_format(), DATA), id="70 chunks"),
    ],
)
def test_a_file_that_is_odd_in_any_way_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(Refused):
        inspect_wav(path)


@given(cut=st.integers(0, len(GOOD) - 1))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_recording_cut_off_anywhere_is_refused(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(GOOD[:cut])
    with pytest.raises(Refused):
        inspect_wav(path)


@given(st.binary(max_size=100), st.integers(0, 60))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_bytes_come_they_are_described_or_refused(tmp_path: Path, junk: bytes, at: int) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(GOOD[:at] + junk + GOOD[at + len(junk) :])
    try:
        facts = inspect_wav(path)
    except Refused:
        return
    assert facts.channels in (1, 2)
    assert facts.duration_s >= 0


def test_a_file_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        inspect_wav(tmp_path / "none.wav")


def test_a_long_recording_comes_in_windows_of_half_a_minute(tmp_path: Path) -> None:
    samples = stereo(tone(70), quiet(70))
    windows = list(open_wav(write_wav(tmp_path / "a.wav", samples)).windows())
    assert [window.duration_seconds for window in windows] == [30, 30, 10]
    assert b"".join(window.raw_data for window in windows) == samples.tobytes()


def test_a_recording_that_shrinks_while_it_is_read_is_broken(tmp_path: Path) -> None:
    wav = open_wav(write_wav(tmp_path / "a.wav", tone(1)))
    wav.path.write_bytes(GOOD[:100])
    with pytest.raises(Broken):
        list(wav.windows())
