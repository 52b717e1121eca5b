import json
import math
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from resource import RLIMIT_FSIZE, getrlimit, setrlimit

import numpy as np
import pytest
from imageio_ffmpeg import get_ffmpeg_exe

from storage.audio.derived_files import Silence, derive, derive_what_can_be, inspect_wav
from storage.audio.listening_copy import can_be_made, listening_copy
from storage.audio.opus_stream import OpusStream
from storage.audio.waveform import PEAKS_HEADER
from storage.errors import Refused, Unavailable
from tests.storage.oggs import Bytes
from tests.storage.wavs import RATE, quiet, stereo, tone, write_wav


@contextmanager
def room_for(size_bytes: int) -> Iterator[None]:
    """No file can be larger."""
    soft, hard = getrlimit(RLIMIT_FSIZE)
    setrlimit(RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        setrlimit(RLIMIT_FSIZE, (soft, hard))


def peaks_of(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    magic, version, channels, per_second, count = PEAKS_HEADER.unpack(path.read_bytes()[: PEAKS_HEADER.size])
    assert (magic, version, per_second) == (b"PEAK", 1, 20)
    peaks = np.frombuffer(path.read_bytes()[PEAKS_HEADER.size :], np.uint8)
    return peaks.reshape(count, channels)


def decoded(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    """Its samples as Opus gives them, 48,000 a second."""
    command = [get_ffmpeg_exe(), "-v", "error", "-i", str(path), "-f", "s16le", "-ac", "2", "-"]
    heard = subprocess.run(command, check=True, capture_output=True)
    assert heard.stderr == b""
    return np.frombuffer(heard.stdout, np.int16).reshape(-1, 2)


def test_the_listening_copy_keeps_caller_left_and_agent_right_and_their_time(tmp_path: Path) -> None:
    left, right = np.concatenate([tone(1), quiet(1)]), np.concatenate([quiet(1), tone(1)])
    derived = derive(write_wav(tmp_path / "m.wav", stereo(left, right)), tmp_path, listening=True)
    assert derived.listening
    heard = decoded(derived.listening).astype(float)
    assert len(heard) / 48_000 == pytest.approx(2, abs=0.05)
    loud = np.sqrt((heard[: len(heard) // 2 * 2].reshape(2, -1, 2) ** 2).mean(axis=1)) > 2_000
    assert loud.tolist() == [[True, False], [False, True]]


def test_the_listening_copy_is_far_smaller_than_the_master(tmp_path: Path) -> None:
    master = write_wav(tmp_path / "m.wav", stereo(tone(20), tone(20, hertz=300)))
    derived = derive(master, tmp_path, listening=True)
    assert derived.listening
    assert derived.listening.stat().st_size < master.stat().st_size / 5


def test_deriving_again_makes_the_same_bytes(tmp_path: Path) -> None:
    master = write_wav(tmp_path / "m.wav", stereo(tone(3), quiet(3)))
    made = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        derived = derive(master, tmp_path / name, listening=True)
        assert derived.listening
        made.append((derived.listening.read_bytes(), derived.peaks.read_bytes()))
    assert made[0] == made[1]


def test_the_master_is_left_as_it_is(tmp_path: Path) -> None:
    master = write_wav(tmp_path / "m.wav", tone(1))
    before = master.read_bytes()
    derive(master, tmp_path, listening=True)
    assert master.read_bytes() == before


def test_where_no_listening_copy_is_asked_for_there_is_all_the_rest(tmp_path: Path) -> None:
    derived = derive(write_wav(tmp_path / "m.wav", tone(1)), tmp_path, listening=False)
    assert derived.listening is None
    assert peaks_of(derived.peaks).shape == (20, 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["levels.json", "m.wav", "peaks.bin"]


def test_what_is_derived_is_closed_to_others(tmp_path: Path) -> None:
    derived = derive(write_wav(tmp_path / "m.wav", tone(1)), tmp_path, listening=True)
    assert derived.listening
    assert {path.stat().st_mode & 0o777 for path in (derived.listening, derived.peaks)} == {0o600}


def test_peaks_show_the_loudest_sample_of_each_twentieth_of_a_second(tmp_path: Path) -> None:
    left = quiet(0.2)
    left[0], left[450], left[900] = 32767, -32768, 1
    derived = derive(write_wav(tmp_path / "m.wav", stereo(left, quiet(0.2))), tmp_path, listening=False)
    assert peaks_of(derived.peaks).tolist() == [[255, 0], [255, 0], [1, 0], [0, 0]]


def test_peaks_go_on_without_a_seam_over_windows_and_end_with_the_sound(tmp_path: Path) -> None:
    samples = quiet(65.01)
    samples[[0, 30 * RATE, 60 * RATE, -1]] = 32767
    peaks = peaks_of(derive(write_wav(tmp_path / "m.wav", samples), tmp_path, listening=False).peaks)
    assert len(peaks) == 65 * 20 + 1
    assert np.flatnonzero(peaks).tolist() == [0, 600, 1200, 1300]


def test_a_silence_is_where_neither_side_speaks_for_two_seconds(tmp_path: Path) -> None:
    left = np.concatenate([tone(1), quiet(9), tone(1), quiet(1.9), tone(1)])
    right = np.concatenate([quiet(4), tone(1), quiet(8.9)])
    derived = derive(write_wav(tmp_path / "m.wav", stereo(left, right)), tmp_path, listening=False)
    assert derived.silences == (Silence(1, 4), Silence(5, 10))


def test_a_silence_over_the_edge_of_a_window_is_one_silence(tmp_path: Path) -> None:
    samples = np.concatenate([tone(29), quiet(2.5), tone(1)])
    derived = derive(write_wav(tmp_path / "m.wav", samples), tmp_path, listening=False)
    assert derived.silences == (Silence(29, 31.5),)


def test_a_silence_at_the_end_ends_with_the_recording(tmp_path: Path) -> None:
    samples = np.concatenate([tone(1), quiet(2.02)])
    derived = derive(write_wav(tmp_path / "m.wav", samples), tmp_path, listening=False)
    assert [(silence.start_s, round(silence.end_s, 6)) for silence in derived.silences] == [(1, 3.02)]


def test_the_hiss_of_a_line_is_silence_and_a_soft_voice_is_not(tmp_path: Path) -> None:
    samples = np.concatenate([tone(3, amplitude=0.004), tone(3, amplitude=0.02)])
    derived = derive(write_wav(tmp_path / "m.wav", samples), tmp_path, listening=False)
    assert derived.silences == (Silence(0, 3),)


def test_loudness_is_told_for_each_channel_over_the_whole_recording(tmp_path: Path) -> None:
    left = np.concatenate([tone(31, amplitude=1.0), quiet(31)])
    derived = derive(write_wav(tmp_path / "m.wav", stereo(left, quiet(62))), tmp_path, listening=False)
    caller, agent = derived.loudness
    # A sine is 3 dB below its peak, and half the time of it another 3 dB.
    assert caller.peak_dbfs == pytest.approx(0, abs=0.01)
    assert caller.rms_dbfs == pytest.approx(20 * math.log10(0.5), abs=0.01)
    assert (agent.rms_dbfs, agent.peak_dbfs) == (-100, -100)


def test_a_recording_without_a_frame_derives_to_nothing_much(tmp_path: Path) -> None:
    derived = derive(write_wav(tmp_path / "m.wav", quiet(0)), tmp_path, listening=True)
    assert derived.listening
    assert derived.listening.exists()
    assert len(peaks_of(derived.peaks)) == 0
    assert derived.silences == ()


def test_a_master_that_is_odd_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    (tmp_path / "m.wav").write_bytes(b"not a recording")
    with pytest.raises(Refused):
        derive(tmp_path / "m.wav", tmp_path, listening=True)
    assert [path.name for path in tmp_path.iterdir()] == ["m.wav"]


@pytest.mark.parametrize("size_bytes", [0, 100, 5_000])
def test_a_full_disk_is_unavailable_and_leaves_no_half_file(tmp_path: Path, size_bytes: int) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    master = write_wav(tmp_path / "m.wav", tone(60))
    with room_for(size_bytes), pytest.raises(Unavailable, match="listening copy"):
        derive(master, folder, listening=True)
    assert list(folder.iterdir()) == []


def test_a_failure_of_ours_meanwhile_leaves_no_half_file(tmp_path: Path) -> None:
    facts = inspect_wav(write_wav(tmp_path / "m.wav", tone(1)))
    with pytest.raises(ZeroDivisionError), listening_copy(tmp_path / "l.ogg", facts) as write:
        write(bytes(1 // (len(b"") * 2)))
    assert [path.name for path in tmp_path.iterdir()] == ["m.wav"]


def test_without_the_extra_no_listening_copy_can_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    assert can_be_made()
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.delitem(sys.modules, "av", raising=False)
    assert not can_be_made()


@pytest.mark.parametrize("rate", [8_000, 11_020, 16_000, 22_040, 32_000, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_sound_of_any_rate_is_as_long_in_the_copy(tmp_path: Path, rate: int, channels: int) -> None:
    frames = rate * 61 + 7
    samples = np.resize(tone(1), frames)
    master = write_wav(tmp_path / "m.wav", samples if channels == 1 else stereo(samples, samples), rate=rate)
    derived = derive(master, tmp_path, listening=True)
    assert derived.listening
    facts = OpusStream.of(Bytes(derived.listening.read_bytes())).facts
    assert facts.channels == channels
    assert facts.end - facts.pre_skip == pytest.approx(frames * 48_000 / rate, abs=48_000 / rate)


def test_audio_work_warns_of_nothing_and_writes_nothing_to_the_console(tmp_path: Path) -> None:
    write_wav(tmp_path / "m.wav", tone(1))
    script = (
        "import pathlib, sys; from storage.audio.derived_files import derive;"
        "folder = pathlib.Path(sys.argv[1]);"
        "derive(folder / 'm.wav', folder, listening=True)"
    )
    command = [sys.executable, "-W", "error", "-c", script, str(tmp_path)]
    ran = subprocess.run(command, capture_output=True, check=False, env={"PATH": "/nonexistent"})
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"", b"")


def test_a_recording_is_kept_without_a_listening_copy_where_it_cannot_be_made(tmp_path: Path) -> None:
    master = write_wav(tmp_path / "m.wav", stereo(quiet(5), tone(5)))
    with room_for(2_000):
        derived = derive_what_can_be(master, tmp_path, listening=True)
    assert derived is not None
    assert derived.listening is None
    assert derived.peaks.exists()
    levels = json.loads(derived.levels.read_text())
    assert [one["peak_dbfs"] for one in levels["loudness"]] == [one.peak_dbfs for one in derived.loudness]
    assert levels["silences"] == []
