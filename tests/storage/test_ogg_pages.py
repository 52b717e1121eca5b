"""Packets of an Ogg file are found by time, whatever way its pages are cut, and in a few reads."""

from math import log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.audio.ogg_pages import OggPages
from storage.audio.ranges import BLOCK_BYTES
from storage.errors import Broken
from tests.storage.oggs import SERIAL, Bytes, ogg, packet, page

# A pattern over and over: most files take several blocks.
SIZES = st.builds(
    list.__mul__,
    st.lists(st.sampled_from([1, 60, 254, 255, 256, 510, 1275, 9_000]), min_size=1, max_size=12),
    st.integers(1, 80),
)
SEGMENTS = st.lists(st.integers(1, 255), min_size=1, max_size=5)


def packets_from(audio: Bytes, number: int, end: int) -> list[bytes]:
    pages = OggPages.of(audio)
    found = pages.until(number * 960, end)
    assert 0 <= found.granule <= number * 960
    return list(pages.packets_behind(found))[number - found.granule // 960 :]


@given(SIZES, SEGMENTS, st.data())
def test_the_packet_of_any_time_is_found_however_the_pages_are_cut(
    sizes: list[int], segments: list[int], data: st.DataObject
) -> None:
    packets = [packet(n, size) for n, size in enumerate(sizes)]
    audio = Bytes(ogg(packets, segments=segments))
    number = data.draw(st.integers(0, len(packets) - 1))
    assert packets_from(audio, number, len(packets) * 960) == packets[number:]


@given(SIZES, SEGMENTS, st.data())
def test_the_page_of_a_time_is_the_last_that_does_not_go_beyond_it(
    sizes: list[int], segments: list[int], data: st.DataObject
) -> None:
    audio = Bytes(ogg([packet(n, size) for n, size in enumerate(sizes)], segments=segments))
    pages = OggPages.of(audio)
    granule = data.draw(st.integers(0, len(sizes) * 960))
    granules = [each.granule for each in (pages.at(0), *pages.behind(pages.at(0)))]
    assert pages.until(granule, len(sizes) * 960).granule == max(known for known in granules if 0 <= known <= granule)


@pytest.mark.parametrize("number", [0, 1, 77_777, 179_999, 359_950])
def test_two_hours_of_steady_sound_take_few_reads(number: int) -> None:
    audio = Bytes(two_hours([60]))
    found = OggPages.of(audio, SERIAL).until(number * 960, 360_000 * 960)
    assert number - 50 < found.granule / 960 <= number
    assert len(audio.reads) <= 6
    assert {length for _, length in audio.reads} == {BLOCK_BYTES}


@pytest.mark.parametrize("number", [0, 179_999, 180_000, 200_000, 359_950])
def test_two_hours_of_which_the_first_is_silent_do_not_take_many(number: int) -> None:
    audio = Bytes(two_hours([3, 110]))
    found = OggPages.of(audio, SERIAL).until(number * 960, 360_000 * 960)
    assert number - 50 < found.granule / 960 <= number
    assert len(audio.reads) <= 2 * log2(audio.length / BLOCK_BYTES) + 2


def two_hours(sizes: list[int]) -> bytes:
    """As many hours of each size as make up two."""
    return ogg([packet(n, sizes[n * len(sizes) // 360_000]) for n in range(360_000)])


def test_what_looks_like_a_page_within_a_packet_is_taken_for_none() -> None:
    looks = page(1, [4], b"beef", serial=SERIAL + 1)
    packets = [packet(n, 100) + looks for n in range(2_000)]
    assert packets_from(Bytes(ogg(packets)), 1_234, 2_000 * 960) == packets[1_234:]


def test_the_last_page_is_found_also_where_it_begins_in_the_block_before() -> None:
    packets = [packet(n, 9_000) for n in range(14)]
    audio = Bytes(ogg(packets, segments=[255]))
    last = OggPages.of(audio).last()
    assert last.ends_at == audio.length
    assert last.granule == 14 * 960
    assert last.at // BLOCK_BYTES < (audio.length - 1) // BLOCK_BYTES


@pytest.mark.parametrize("content", [b"", b"OggS", b"RIFF" + bytes(100), b"OggS\x01" + bytes(100)])
def test_what_does_not_begin_with_a_page_is_no_copy(content: bytes) -> None:
    with pytest.raises(Broken, match="does not begin with a page"):
        OggPages.of(Bytes(content))


@given(st.integers(1, 5_000))
def test_a_copy_that_was_cut_off_has_no_last_page_or_ends_with_another(lost: int) -> None:
    whole = ogg([packet(n, 60) for n in range(200)])
    cut = Bytes(whole[: len(whole) - lost])
    try:
        last = OggPages.of(cut).last()
    except Broken:
        return
    assert last.ends_at == cut.length
    assert last.granule in {0, 50 * 960, 100 * 960, 150 * 960}


def test_pages_of_another_stream_among_its_own_are_not_passed_over() -> None:
    content = ogg([packet(n, 60) for n in range(100)])
    another = page(200 * 960, [4], b"beef", serial=SERIAL + 1)
    pages = OggPages.of(Bytes(content + another))
    with pytest.raises(Broken, match="no page of one/listening begins at byte"):
        list(pages.behind(pages.at(0)))


def test_a_packet_whose_end_is_missing_is_not_given_out() -> None:
    pages = [page(0, [1], b"h"), page(960, [255], bytes(255)), page(1920, [4], b"beef")]
    ogg_pages = OggPages.of(Bytes(b"".join(pages)))
    with pytest.raises(Broken, match="does not go on"):
        list(ogg_pages.packets_behind(ogg_pages.at(0)))


def test_a_packet_without_an_end_is_given_up_before_it_fills_the_memory() -> None:
    endless = [page(-1, [255] * 255, bytes(255 * 255), flags=int(n > 0)) for n in range(40)]
    audio = Bytes(page(0, [1], b"h") + b"".join(endless))
    ogg_pages = OggPages.of(audio)
    with pytest.raises(Broken, match="does not go on"):
        list(ogg_pages.packets_behind(ogg_pages.at(0)))
    assert len(audio.reads) < 5
