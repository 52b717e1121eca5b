"""Pieces of a recording, put together again and decoded by ffmpeg, are the recording."""

import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from imageio_ffmpeg import get_ffmpeg_exe
from numpy.typing import NDArray

from storage.audio.derived_files import derive
from storage.audio.pieces import PIECE_BYTES_MAX, AudioPieces, Piece, Track
from storage.audio.riff import Layout, NotAudio
from storage.audio.sealing import OpenAudio, open_sealed, seal
from storage.errors import Broken, Refused
from tests.storage.oggs import Bytes, ogg, opus_head, packet, page
from tests.storage.wavs import RATE, chunk, pcm_format, riff, tone, wav_bytes, write_wav

KEY = bytes(32)
RATES = (8_000, 11_020, 16_000, 22_040, 32_000, 44_100, 48_000)
CLICK_S = 30  # a click begins so often, left and right by turns
Samples = NDArray[np.int16]


def noise(seconds: float, channels: int, rate: int = RATE) -> Samples:
    shape = (round(seconds * rate), channels)
    return np.random.default_rng(7).integers(-32768, 32767, shape, np.int16, endpoint=True)


def clicks(seconds: int) -> Samples:
    """Ten milliseconds loud, at the beginning of every half minute."""
    samples = np.zeros((seconds * RATE, 2), np.int16)
    for n, second in enumerate(range(0, seconds, CLICK_S)):
        samples[second * RATE : second * RATE + 80, n % 2] = tone(0.01, amplitude=0.9, hertz=1_000)
    return samples


def sealed(folder: Path, file: Path, name: str) -> OpenAudio:
    """As it is opened out of the store."""
    seal(file, folder / f"{name}.sealed", data_key=KEY, recording_id=f"one/{name}")
    content = (folder / f"{name}.sealed").read_bytes()
    return open_sealed(lambda start, length: content[start : start + length], data_key=KEY, recording_id=f"one/{name}")


def all_pieces(pieces: AudioPieces) -> list[Piece]:
    found, at = [], 0
    while piece := pieces.piece(at):
        assert piece.from_ms == at < piece.to_ms
        assert len(piece.body) <= PIECE_BYTES_MAX
        found.append(piece)
        at = piece.to_ms
    assert at == pieces.duration_ms
    return found


def decoded(content: bytes, channels: int = 2) -> Samples:
    strict = ["-v", "warning", "-err_detect", "crccheck+bitstream+buffer+explode"]
    command = [get_ffmpeg_exe(), *strict, "-i", "pipe:0", "-f", "s16le", "-"]
    ran = subprocess.run(command, input=content, check=True, capture_output=True)
    said = [line for line in ran.stderr.decode().splitlines() if line and "Guessed Channel Layout" not in line]
    assert said == []
    return np.frombuffer(ran.stdout, np.int16).reshape(-1, channels)


def decoded_pieces(pieces: AudioPieces) -> Samples:
    bodies = [piece.body for piece in all_pieces(pieces)]
    return decoded(pieces.init() + b"".join(bodies), pieces.channels)


@pytest.fixture(scope="module")
def ten_minutes(tmp_path_factory: pytest.TempPathFactory) -> dict[Track, OpenAudio]:
    folder = tmp_path_factory.mktemp("ten_minutes")
    master = write_wav(folder / "m.wav", clicks(600))
    made = derive(master, folder, listening=True)
    assert made.listening
    return {
        "master": sealed(folder, master, "master"),
        "listening": sealed(folder, made.listening, "listening"),
    }


def test_the_pieces_of_a_master_decode_to_its_samples_bit_for_bit(ten_minutes: dict[Track, OpenAudio]) -> None:
    pieces = AudioPieces.of(ten_minutes["master"], "master")
    assert (pieces.codec, pieces.channels, pieces.duration_ms) == ('audio/mp4; codecs="flac"', 2, 600_000)
    assert np.array_equal(decoded_pieces(pieces), clicks(600))


def test_the_pieces_of_a_listening_copy_decode_as_the_copy_does(ten_minutes: dict[Track, OpenAudio]) -> None:
    audio = ten_minutes["listening"]
    pieces = AudioPieces.of(audio, "listening")
    assert (pieces.codec, pieces.channels, pieces.duration_ms) == ('audio/mp4; codecs="opus"', 2, 600_000)
    heard, copy = decoded_pieces(pieces), decoded(audio.range(0, audio.length))
    # ffmpeg does not shorten the last packet of an MP4 in fragments.
    assert len(copy) <= len(heard) < len(copy) + 960
    assert np.array_equal(heard[: len(copy)], copy)


@pytest.mark.parametrize("track", ["master", "listening"])
def test_a_piece_from_the_middle_lies_at_its_time(ten_minutes: dict[Track, OpenAudio], track: Track) -> None:
    pieces = AudioPieces.of(ten_minutes[track], track)
    piece = pieces.piece(300_000)
    assert piece is not None
    assert piece.from_ms <= 300_000 < piece.to_ms
    rate, lead = (48_000, 312) if track == "listening" else (RATE, 0)
    heard = decoded(pieces.init() + piece.body)
    onset = int(np.argmax(np.abs(heard[:, 0].astype(int)) > 8_000))
    # Counted from its end, because ffmpeg leaves out the lead of whatever it begins with.
    assert piece.to_ms / 1000 - (len(heard) - onset) / rate == pytest.approx(300, abs=0.002)
    assert decode_time(piece) == pytest.approx(piece.from_ms * rate / 1000 + lead, abs=rate / 1000)


def test_the_pieces_do_not_depend_on_what_is_asked_for(ten_minutes: dict[Track, OpenAudio]) -> None:
    for track, audio in ten_minutes.items():
        pieces = AudioPieces.of(audio, track)
        for piece in all_pieces(pieces)[::20]:
            asked = [pieces.piece(at) for at in (piece.from_ms, piece.from_ms + 1, piece.to_ms - 1)]
            assert asked == [piece] * 3


@pytest.mark.parametrize("track", ["master", "listening"])
def test_behind_the_end_there_is_no_piece(ten_minutes: dict[Track, OpenAudio], track: Track) -> None:
    pieces = AudioPieces.of(ten_minutes[track], track)
    assert pieces.piece(599_999) is not None
    assert [pieces.piece(at) for at in (600_000, 600_001, 10**12)] == [None] * 3
    with pytest.raises(Refused, match="before the beginning"):
        pieces.piece(-1)


@pytest.mark.parametrize("track", ["master", "listening"])
def test_facts_that_were_kept_spare_reading_them_again(ten_minutes: dict[Track, OpenAudio], track: Track) -> None:
    audio = ten_minutes[track]
    first = AudioPieces.of(audio, track)
    counted = Bytes(audio.range(0, audio.length))
    again = AudioPieces.of(counted, track, first.facts)
    assert again.init() == first.init()
    assert counted.reads == []
    assert again.piece(300_000) == first.piece(300_000)
    assert 0 < len(counted.reads) <= 5


def test_facts_of_another_track_are_not_taken(ten_minutes: dict[Track, OpenAudio]) -> None:
    facts = AudioPieces.of(ten_minutes["master"], "master").facts
    with pytest.raises(Broken, match="of another track"):
        AudioPieces.of(ten_minutes["listening"], "listening", facts)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", RATES)
def test_a_master_of_any_rate_is_heard_bit_for_bit_in_pieces_that_fit(rate: int, channels: int) -> None:
    samples = noise(2.345, channels, rate)
    pieces = AudioPieces.of(Bytes(wav_bytes(samples, rate)), "master")
    assert np.array_equal(decoded_pieces(pieces), samples)
    lengths = [len(piece.body) for piece in all_pieces(pieces)]
    assert all(length > 60_000 for length in lengths[:-1])


@pytest.mark.parametrize("samples", [1, 15, 16, 999, 1_000, 1_001, 16_000, 16_001])
def test_a_master_may_end_with_any_sample(samples: int) -> None:
    there = noise(1, 2)[:1].repeat(samples, axis=0)
    assert np.array_equal(decoded_pieces(AudioPieces.of(Bytes(wav_bytes(there)), "master")), there)


def test_the_last_piece_of_37_hours_is_numbered_rightly() -> None:
    """By its header alone such a WAV is long: no more of it is read than the piece."""
    samples = noise(2, 2)
    end = (1 << 32) // 4
    layout = Layout(channels=2, frame_rate=RATE, samples_at=44, samples_bytes=end * 4, oddities=())

    class Long(Bytes):
        def range(self, start: int, length: int) -> bytes:
            return samples.tobytes()[:length]

    pieces = AudioPieces.of(Long(b""), "master", layout)
    piece = pieces.piece(pieces.duration_ms - 1)
    assert piece is not None
    assert piece.to_ms == pieces.duration_ms == -(-end * 1000 // RATE)
    heard = decoded(pieces.init() + piece.body)
    assert np.array_equal(heard, samples[: len(heard)])


@pytest.mark.parametrize(
    "content",
    [
        wav_bytes(tone(3)).replace(b"data\x80\xbb\0\0", b"data\xff\xff\xff\xff"),
        wav_bytes(tone(3)) + b"some bytes behind it",
        wav_bytes(tone(3))[:-1],
        riff(pcm_format(1), chunk(b"LIST", bytes(70_000)), chunk(b"data", tone(3).tobytes())),
        wav_bytes(tone(3))[: 44 + RATE],
    ],
    ids=["length not filled in", "bytes behind it", "half a sample", "samples far behind", "cut off"],
)
def test_an_odd_master_is_heard_as_far_as_it_goes(content: bytes) -> None:
    heard = decoded_pieces(AudioPieces.of(Bytes(content), "master"))
    assert len(heard) >= RATE / 2
    assert np.array_equal(heard[:, 0], tone(3)[: len(heard)])


def test_a_recording_without_a_sample_has_no_piece(tmp_path: Path) -> None:
    master = write_wav(tmp_path / "m.wav", np.zeros((0, 2), np.int16))
    made = derive(master, tmp_path, listening=True)
    assert made.listening
    for file, track in ((master, "master"), (made.listening, "listening")):
        pieces = AudioPieces.of(Bytes(file.read_bytes()), track)  # type: ignore[arg-type]  # each is one
        assert (pieces.duration_ms, pieces.piece(0)) == (0, None)


@pytest.mark.parametrize("tag", [7, 85])
def test_a_master_whose_samples_cannot_be_read_is_refused(tag: int) -> None:
    with pytest.raises(Refused, match="wav: other_format"):
        AudioPieces.of(Bytes(riff(pcm_format(tag=tag), chunk(b"data", bytes(100)))), "master")


@pytest.mark.parametrize("content", [b"", b"<html>", b"RIFF"])
def test_a_master_that_is_no_audio_is_refused(content: bytes) -> None:
    with pytest.raises(NotAudio):
        AudioPieces.of(Bytes(content), "master")


def test_a_master_that_became_shorter_is_broken() -> None:
    content = wav_bytes(noise(10, 2))
    pieces = AudioPieces.of(Bytes(content), "master")
    shorter = AudioPieces.of(Bytes(content[:100_000]), "master", pieces.facts)
    assert shorter.piece(0) == pieces.piece(0)
    with pytest.raises(Broken, match="shorter than it was"):
        shorter.piece(4_000)


def listening(packets: list[bytes], **more: Any) -> AudioPieces:
    return AudioPieces.of(Bytes(ogg(packets, **more)), "listening")


@given(st.lists(st.sampled_from([3, 60, 254, 255, 1_275, 2_560]), min_size=1, max_size=12), st.integers(1, 90))
def test_packets_of_any_size_come_whole_and_in_pieces_that_fit(sizes: list[int], times: int) -> None:
    packets = [packet(n, size) for n, size in enumerate((sizes * times)[:450])]
    pieces = listening(packets, segments=[255, 7])
    bodies = [piece.body for piece in all_pieces(pieces)]
    assert b"".join(body[body.index(b"mdat") + 4 :] for body in bodies) == b"".join(packets)


def test_packets_that_fill_a_piece_to_its_last_byte_fit() -> None:
    assert len(all_pieces(listening([packet(n, 504) for n in range(128)], trimmed=1))) == 2


@pytest.mark.parametrize("trimmed", [0, 1, 959, 960, 961, 5_000])
def test_what_fills_up_the_last_packets_is_not_part_of_the_time(trimmed: int) -> None:
    pieces = listening([packet(n, 60) for n in range(250)], trimmed=trimmed)
    assert pieces.duration_ms == -(-(250 * 960 - trimmed - 312) // 48)
    assert all_pieces(pieces)[-1].to_ms == pieces.duration_ms


@pytest.mark.parametrize(
    "packets",
    [
        [b"\xfc" + bytes(50), bytes([0b11110_0_00]) + bytes(50)],  # 10 ms
        [b"\xfc" + bytes(50), bytes([0b11111_0_01]) + bytes(50)],  # twice 20 ms
        [b"\xfc" + bytes(50), b"\xff"],
        [b"\xfc" + bytes(50), b""],
        [b"\xfc" + bytes(50), b"\xfc" + bytes(2_560)],
    ],
)
def test_a_copy_with_other_packets_than_of_20_ms_is_broken(packets: list[bytes]) -> None:
    with pytest.raises(Broken, match="other packets"):
        listening(packets).piece(0)


@pytest.mark.parametrize("packets", [[bytes([0b11110_0_01])], [bytes([0b11111_0_11, 1])], [bytes([0b01101_0_00])]])
def test_every_way_to_write_20_ms_is_taken(packets: list[bytes]) -> None:
    assert listening(packets).piece(0) is not None


def test_a_copy_whose_pages_tell_of_other_packets_than_they_hold_is_broken() -> None:
    content = ogg([packet(n, 60) for n in range(450)])
    lacking = content.replace(page(192_000, [], b"")[:14], page(191_990, [], b"")[:14])
    pieces = AudioPieces.of(Bytes(lacking), "listening")
    assert pieces.piece(3_000) is not None
    with pytest.raises(Broken, match="other packets"):
        pieces.piece(4_000)


@pytest.mark.parametrize(
    "head",
    [
        b"OpusTags" + bytes(11),
        opus_head(channels=3),
        opus_head(family=1),
        opus_head(version=16),
        b"Opus",
        b"\x01vorbis",
    ],
)
def test_another_head_than_of_our_copies_is_broken(head: bytes) -> None:
    with pytest.raises(Broken, match="is no Opus"):
        listening([packet(0, 60)], head=head)


@given(st.data())
def test_a_copy_that_was_damaged_is_broken_or_ends_earlier_and_never_lasts(data: st.DataObject) -> None:
    content = bytearray(ogg([packet(n, 200) for n in range(400)]))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    audio = Bytes(bytes(content[: data.draw(st.integers(0, len(content)))]))
    with suppress(Broken):
        pieces = AudioPieces.of(audio, "listening")
        for at in range(0, 9_000, 1_500):
            piece = pieces.piece(at)
            assert piece is None or len(piece.body) <= PIECE_BYTES_MAX


def test_ffmpeg_sees_a_frame_with_a_wrong_sum() -> None:
    """Else the tests above would take any."""
    pieces = AudioPieces.of(Bytes(wav_bytes(noise(1, 2))), "master")
    piece = pieces.piece(0)
    assert piece is not None
    with pytest.raises((AssertionError, subprocess.CalledProcessError)):
        decoded(pieces.init() + piece.body[:-1] + bytes([piece.body[-1] ^ 1]))


def decode_time(piece: Piece) -> int:
    at = piece.body.index(b"tfdt") + 8
    return int.from_bytes(piece.body[at : at + 8], "big")
