import hashlib
import hmac
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.audio.sealed_header import CHUNK_BYTES, HEADER_BYTES
from storage.audio.sealing import (
    new_data_key,
    open_sealed,
    plaintext_length,
    seal,
    unseal_range,
    unwrap_key,
    wrap_key,
)
from storage.errors import Broken, Refused, Unavailable

KEY = bytes(range(32))
ID = "0123456789abcdef" * 2
SECOND_ID = "fedcba9876543210" * 2
TAG = 16
LENGTHS = [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, 3 * CHUNK_BYTES + 7]


def plain(length: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(length)


def sealed(folder: Path, content: bytes, *, key: bytes = KEY, recording_id: str = ID) -> bytes:
    (folder / "plain").write_bytes(content)
    seal(folder / "plain", folder / "sealed", data_key=key, recording_id=recording_id)
    return (folder / "sealed").read_bytes()


def sealed_at_first(folder: Path, content: bytes) -> bytes:
    """With a salt made from the content, as it was before each sealing drew its own."""
    salt = hmac.digest(KEY, b"onrecord salt v1" + hashlib.sha256(content).digest() + ID.encode(), "sha256")
    (folder / "plain").write_bytes(content)
    seal(folder / "plain", folder / "sealed", data_key=KEY, recording_id=ID, random=lambda _: salt)
    return (folder / "sealed").read_bytes()


def reader(content: bytes) -> Callable[[int, int], bytes]:
    return lambda start, length: content[start : start + length]


def opened(content: bytes, *, key: bytes = KEY, recording_id: str = ID) -> bytes:
    """All of it, through the range reader."""
    length = plaintext_length(reader(content), data_key=key, recording_id=recording_id)
    return unseal_range(reader(content), data_key=key, recording_id=recording_id, start=0, length=length)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sealing")


@pytest.fixture(scope="module")
def long(folder: Path) -> bytes:
    return sealed(folder, plain(3 * CHUNK_BYTES + 7))


@pytest.mark.parametrize("length", LENGTHS)
def test_what_was_sealed_opens_to_the_same_bytes(folder: Path, length: int) -> None:
    content = sealed(folder, plain(length))
    assert opened(content) == plain(length)
    assert len(content) == HEADER_BYTES + length + max(1, -(-length // CHUNK_BYTES)) * TAG


def test_sealed_bytes_show_nothing_of_the_audio(folder: Path) -> None:
    content = sealed(folder, b"\x00" * 3 * CHUNK_BYTES)
    assert b"\x00" * 16 not in content
    assert content[HEADER_BYTES : HEADER_BYTES + 64] != content[HEADER_BYTES + CHUNK_BYTES + TAG :][:64]


@pytest.mark.parametrize("seeds", [(1, 2), (1, 1)], ids=["another content", "the same again"])
def test_no_two_sealings_share_a_chunk_key(folder: Path, seeds: tuple[int, int]) -> None:
    # Under one key and nonce, the difference of two ciphertexts is the difference of their contents.
    first, second = (sealed(folder, plain(64, seed))[HEADER_BYTES:][:64] for seed in seeds)
    mixed = bytes(a ^ b for a, b in zip(first, second, strict=True))
    assert mixed != bytes(a ^ b for a, b in zip(plain(64, seeds[0]), plain(64, seeds[1]), strict=True))


@given(st.integers(0, 4 * CHUNK_BYTES), st.integers(0, 4 * CHUNK_BYTES))
def test_any_range_is_the_slice_of_the_plain_audio(long: bytes, start: int, length: int) -> None:
    got = unseal_range(reader(long), data_key=KEY, recording_id=ID, start=start, length=length)
    assert got == plain(3 * CHUNK_BYTES + 7)[start : start + length]


@pytest.mark.parametrize(("start", "length"), [(-1, 5), (0, -1)])
def test_a_range_before_the_beginning_is_refused(long: bytes, start: int, length: int) -> None:
    with pytest.raises(Refused):
        unseal_range(reader(long), data_key=KEY, recording_id=ID, start=start, length=length)


def test_a_range_fetches_only_the_chunks_it_touches_and_in_one_read(long: bytes) -> None:
    fetched: list[tuple[int, int]] = []

    def read(start: int, length: int) -> bytes:
        fetched.append((start, length))
        return long[start : start + length]

    audio = open_sealed(read, data_key=KEY, recording_id=ID)
    audio.range(CHUNK_BYTES + 10, 20)
    assert fetched == [(0, HEADER_BYTES), (HEADER_BYTES + CHUNK_BYTES + TAG, CHUNK_BYTES + TAG)]


@given(st.data())
def test_any_flipped_bit_is_noticed(long: bytes, data: st.DataObject) -> None:
    at = data.draw(st.one_of(st.integers(0, HEADER_BYTES - 1), st.integers(0, len(long) - 1)))
    altered = bytearray(long)
    altered[at] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(Broken):
        opened(bytes(altered))


@given(st.data())
def test_any_missing_end_is_noticed(long: bytes, data: st.DataObject) -> None:
    edges = [HEADER_BYTES + n * (CHUNK_BYTES + TAG) for n in range(4)]
    kept = data.draw(st.one_of(st.sampled_from(edges), st.integers(0, len(long) - 1)))
    with pytest.raises(Broken):
        opened(long[:kept])


@given(st.binary(min_size=1, max_size=40))
def test_anything_appended_is_noticed(long: bytes, more: bytes) -> None:
    with pytest.raises(Broken):
        opened(long + more)


def test_something_appended_after_a_full_chunk_is_noticed(folder: Path) -> None:
    with pytest.raises(Broken):
        opened(sealed(folder, plain(CHUNK_BYTES)) + b"x")


def test_the_length_is_proven_by_the_header_alone(long: bytes) -> None:
    told = bytearray(long[:HEADER_BYTES])
    assert plaintext_length(reader(bytes(told)), data_key=KEY, recording_id=ID) == 3 * CHUNK_BYTES + 7
    told[19] ^= 1
    with pytest.raises(Broken):
        plaintext_length(reader(bytes(told)), data_key=KEY, recording_id=ID)


def test_the_format_is_the_one_that_recordings_already_kept_are_in(folder: Path) -> None:
    # Pinned: audio sealed by this version must open in every later one. A new format takes a new magic.
    digests = [hashlib.sha256(sealed_at_first(folder, plain(length))).hexdigest() for length in (0, 5, CHUNK_BYTES + 1)]
    assert digests == [
        "8f2b9564362829b33e3d9c383fd235f49c4ce120d5470410feb3405d6708b877",
        "8e858bb380fc342e61a5c8723cf96cf3564393d52fc050b4f429e6f48abf5f2f",
        "c1368f069fc87277b3abfc526268b962a81d237ed40344c1f2fd5702bef5bdca",
    ]


@given(st.permutations(range(3)).filter(lambda order: list(order) != [0, 1, 2]))
def test_chunks_in_another_order_are_noticed(long: bytes, order: list[int]) -> None:
    step = CHUNK_BYTES + TAG
    body = long[HEADER_BYTES:]
    moved = b"".join(body[n * step : (n + 1) * step] for n in order)
    with pytest.raises(Broken):
        opened(long[:HEADER_BYTES] + moved + body[3 * step :])


def test_a_shorter_recording_cannot_be_made_by_cutting_at_a_chunk_and_lying_in_the_header(
    long: bytes,
) -> None:
    shorter = bytearray(long[: HEADER_BYTES + 2 * (CHUNK_BYTES + TAG)])
    shorter[12:20] = (2 * CHUNK_BYTES).to_bytes(8, "big")
    with pytest.raises(Broken):
        opened(bytes(shorter))


def test_two_recordings_cannot_be_exchanged_even_under_one_key(folder: Path) -> None:
    mine = sealed(folder, plain(100))
    assert opened(mine) == plain(100)
    with pytest.raises(Broken):
        opened(mine, recording_id=SECOND_ID)


def test_a_chunk_of_another_recording_cannot_be_slipped_in(folder: Path, long: bytes) -> None:
    other = sealed(folder, plain(3 * CHUNK_BYTES + 7, seed=5))
    at = HEADER_BYTES + CHUNK_BYTES + TAG
    with pytest.raises(Broken):
        opened(long[:at] + other[at : at + CHUNK_BYTES + TAG] + long[at + CHUNK_BYTES + TAG :])


def test_another_key_does_not_open_it(long: bytes) -> None:
    with pytest.raises(Broken):
        opened(long, key=bytes(32))


def test_something_else_is_not_taken_for_sealed_audio() -> None:
    with pytest.raises(Broken):
        opened(b"RIFF" + bytes(200))


@pytest.mark.parametrize("length", [0, 99, 101, 3 * CHUNK_BYTES])
def test_audio_that_changes_its_length_while_it_is_sealed_is_not_sealed(folder: Path, length: int) -> None:
    source, target = folder / "changing", folder / "unsealed"
    source.write_bytes(plain(100))

    def random_meanwhile(count: int) -> bytes:
        source.write_bytes(plain(length))
        return os.urandom(count)

    with pytest.raises(Broken, match="changed"):
        seal(source, target, data_key=KEY, recording_id=ID, random=random_meanwhile)
    assert not target.exists()


def test_a_failed_sealing_leaves_no_file(folder: Path) -> None:
    with pytest.raises(Unavailable):
        seal(folder / "none", folder / "nothing", data_key=KEY, recording_id=ID)
    assert not (folder / "nothing").exists()


def test_only_we_can_read_what_was_sealed(folder: Path) -> None:
    sealed(folder, b"audio")
    assert (folder / "sealed").stat().st_mode & 0o777 == 0o600


def test_a_short_data_key_is_refused(folder: Path) -> None:
    with pytest.raises(Refused):
        sealed(folder, b"audio", key=b"short")


def test_a_data_key_is_32_bytes_of_what_is_random() -> None:
    assert new_data_key(lambda count: b"r" * count) == b"r" * 32
    assert new_data_key(os.urandom) != new_data_key(os.urandom)


def test_a_wrapped_key_unwraps_for_its_recording_only() -> None:
    kek = bytes(reversed(range(32)))
    wrapped = wrap_key(kek, KEY, ID)
    assert unwrap_key(kek, wrapped, ID) == KEY
    assert KEY not in wrapped
    with pytest.raises(Broken):
        unwrap_key(kek, wrapped, SECOND_ID)
    with pytest.raises(Broken):
        unwrap_key(bytes(32), wrapped, ID)


@given(st.integers(0, 59), st.integers(0, 7))
def test_any_flipped_bit_of_a_wrapped_key_is_noticed(at: int, bit: int) -> None:
    altered = bytearray(wrap_key(KEY, KEY, ID))
    altered[at] ^= 1 << bit
    with pytest.raises(Broken):
        unwrap_key(KEY, bytes(altered), ID)


@pytest.mark.parametrize("kept", [0, 5, 12, 59])
def test_a_wrapped_key_that_was_cut_is_broken(kept: int) -> None:
    with pytest.raises(Broken):
        unwrap_key(KEY, wrap_key(KEY, KEY, ID)[:kept], ID)


def test_a_short_wrapping_key_is_refused() -> None:
    with pytest.raises(Refused):
        wrap_key(b"short", KEY, ID)
