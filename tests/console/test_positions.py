"""Places in a recording, as they are written, read, and named by an address."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.calls.positions import position, read_position, start_of


@pytest.mark.parametrize(
    ("ms", "text"), [(0, "0:00"), (7_999, "0:07"), (725_000, "12:05"), (3_723_000, "1:02:03"), (-12_345, "−0:12")]
)
def test_a_place_is_written_in_whole_seconds(ms: int, text: str) -> None:
    assert position(ms) == text


@pytest.mark.parametrize(("ms", "text"), [(0, "0:00.0"), (12_345, "0:12.3"), (-12_345, "−0:12.3")])
def test_a_place_is_written_with_tenths_where_asked(ms: int, text: str) -> None:
    assert position(ms, tenths=True) == text


@given(st.integers(0, 40 * 3600))
def test_a_place_that_is_written_is_read_again(second: int) -> None:
    assert read_position(position(second * 1000)) == second * 1000


@pytest.mark.parametrize(("text", "ms"), [(" 1:05 ", 65_000), ("90", 90_000), ("0:07.25", 7_250), ("0:07,5", 7_500)])
def test_a_place_is_read_as_people_write_it(text: str, ms: int) -> None:
    assert read_position(text) == ms


@pytest.mark.parametrize("text", ["", "x", "1:", ":5", "-5", "1:2:3:4", "nan", "inf", "1e3", "٣", "9" * 9])
def test_a_place_that_makes_no_sense_is_none(text: str) -> None:
    assert read_position(text) is None


@pytest.mark.parametrize(
    ("text", "at_ms", "said"),
    [
        (None, 0, ""),
        ("12.345", 12_345, ""),
        ("60", 60_000, ""),
        ("60.001", 60_000, "after the recording"),
        ("1e9", 60_000, "after the recording"),
        ("inf", 60_000, "after the recording"),
        ("-1", 0, "before the recording"),
        ("-inf", 0, "before the recording"),
        ("nan", 0, "no second"),
        ("", 0, "no second"),
        ("<b>", 0, "no second"),
    ],
)
def test_an_address_leads_to_the_nearest_place_and_what_cannot_be_is_said(
    text: str | None, at_ms: int, said: str
) -> None:
    start = start_of(text, 60_000)
    assert start.at_ms == at_ms
    assert (said in start.said) == bool(start.said or not said)
