import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.audio.derived_files import WavFacts, inspect_wav
from storage.audio.wav import NotAudio, Odd, look_at_wav, open_wav
from storage.errors import Broken, Refused, Unavailable
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
        pytest.param(riff(*(chunk(b"%04d" % n, b"") for n in range(1001)), pcm_format(), DATA), id="1001 chunks"),
    ],
)
def test_a_file_that_is_odd_in_any_way_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(Refused):
        inspect_wav(path)


SAMPLES = tone(0.1).astype("<i2").tobytes()
EXTENSIBLE = struct.pack("<HHIIHHHHI", 0xFFFE, 1, RATE, 2 * RATE, 2, 16, 22, 16, 4)
WRONG_SIZES = struct.pack("<HHIIHH", 1, 1, RATE, 1, 9, 16)
PCM_GUID = bytes.fromhex("0100000000001000800000aa00389b71")


def mono(*, riff_size: int | None = None, size: int | None = None, before: bytes = b"", after: bytes = b"") -> bytes:
    head = b"WAVE" + pcm_format(1) + before + b"data"
    content = head + struct.pack("<I", len(SAMPLES) if size is None else size) + SAMPLES + after
    return b"RIFF" + struct.pack("<I", len(content) if riff_size is None else riff_size) + content


@pytest.mark.parametrize(
    ("content", "oddities"),
    [
        (mono(riff_size=0xFFFFFFFF, size=0xFFFFFFFF), {Odd.RIFF_SIZE, Odd.DATA_SIZE}),
        (mono(riff_size=0, size=0), {Odd.RIFF_SIZE, Odd.DATA_SIZE}),
        (mono(riff_size=0x7FFFFFFF, size=0x7FFFFFFF - 36), {Odd.RIFF_SIZE, Odd.DATA_SIZE}),
        (mono(size=0xFFFFFFFF - 44), {Odd.DATA_SIZE}),
        (mono(riff_size=len(mono())), {Odd.RIFF_SIZE}),
        (mono(size=len(SAMPLES) + 8), {Odd.CUT_OFF}),
        (mono(size=0, riff_size=0xFFFFFFFF).replace(b"RIFF", b"RF64"), {Odd.RIFF_SIZE, Odd.DATA_SIZE}),
        (mono() + bytes(4), {Odd.RIFF_SIZE, Odd.TRAILING_BYTES}),
        (mono() + b"\xff" * 4000, {Odd.RIFF_SIZE, Odd.TRAILING_BYTES}),
        (mono(after=b"LIST\xff\xff"), {Odd.TRAILING_BYTES}),
        (mono(after=b"LIST" + struct.pack("<I", 4000) + b"INFO"), {Odd.CUT_OFF}),
        (riff(pcm_format(1), chunk(b"data", SAMPLES + b"\1")), {Odd.HALF_FRAME}),
        (
            riff(chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, RATE, 1, 9, 16)), chunk(b"data", SAMPLES)),
            {Odd.FORMAT_SIZES},
        ),
        (mono(before=chunk(b"LIST", b"INFO"), after=chunk(b"LIST", b"INFO")), set()),
        (riff(chunk(b"fmt ", EXTENSIBLE + PCM_GUID), chunk(b"data", SAMPLES)), set()),
        (riff(chunk(b"fmt ", struct.pack("<HHIIHHH", 1, 1, RATE, 2 * RATE, 2, 16, 0)), chunk(b"data", SAMPLES)), set()),
    ],
)
def test_whole_sound_is_found_under_an_odd_header_and_the_oddity_is_named(
    tmp_path: Path, content: bytes, oddities: set[Odd]
) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    wav = open_wav(path)
    assert set(wav.oddities) == oddities
    assert b"".join(window.raw_data for window in wav.windows()) == SAMPLES
    assert wav.facts.duration_s == len(SAMPLES) / 2 / RATE


def test_no_samples_before_a_chunk_of_words_are_no_samples(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(riff(pcm_format(), chunk(b"data", b""), chunk(b"LIST", b"INFO")))
    assert (open_wav(path).facts.duration_s, open_wav(path).oddities) == (0, ())


@pytest.mark.parametrize(
    ("content", "odd"),
    [
        (riff(pcm_format(tag=7, bits=8), DATA), Odd.OTHER_FORMAT),
        (riff(pcm_format(channels=3), DATA), Odd.OTHER_FORMAT),
        (b"RIFX" + GOOD[4:], Odd.OTHER_FORMAT),
        (riff(pcm_format(), DATA, DATA), Odd.BROKEN_CHUNKS),
        (riff(pcm_format()), Odd.NO_DATA),
        (riff(DATA), Odd.NO_FORMAT),
    ],
)
def test_a_wav_of_which_nothing_can_be_made_here_is_one_all_the_same(tmp_path: Path, content: bytes, odd: Odd) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    assert look_at_wav(path) is odd


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "nothing came"),
        (b" \n<html>", "HTML or XML"),
        (b'{"code": 20404}', "JSON"),
        (b"ID3\x04" + bytes(200), "no RIFF file"),
    ],
)
def test_what_is_no_audio_is_told_from_what_is_odd(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(NotAudio, match=said):
        look_at_wav(path)


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
