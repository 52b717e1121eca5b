"""A listening goes on while it is reported, and hands out sound only near the place that was reported."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.listening import (
    AHEAD_MS,
    BEHIND_MS,
    LOGGED_EVERY,
    LOST_AFTER,
    RANGES_MAX,
    RENEWED_EVERY,
    STOPPED_BECAUSE,
    Report,
    Stop,
    believed,
    coarse,
    common,
    is_lost,
    is_near,
    is_plausible,
    is_to_be_logged,
    union,
)
from tests.conftest import NOON

SPANS = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)).map(lambda pair: tuple(sorted(pair))), max_size=20)


@given(SPANS)
def test_a_union_covers_what_its_ranges_cover_and_nothing_else(spans: list[tuple[int, int]]) -> None:
    found = union(spans)
    assert {ms for begin, end in found for ms in range(begin, end)} == {
        ms for begin, end in spans for ms in range(begin, end)
    }
    assert all(one[1] < other[0] for one, other in pairwise(found))


@given(SPANS, SPANS)
def test_what_is_common_lies_in_both(some: list[tuple[int, int]], others: list[tuple[int, int]]) -> None:
    one, other = ({ms for begin, end in spans for ms in range(begin, end)} for spans in (some, others))
    assert {ms for begin, end in common(some, others) for ms in range(begin, end)} == one & other


@pytest.mark.parametrize(
    ("passed_ms", "told_ms", "counts_ms"), [(4_000, 27_000, 27_000), (4_000, 27_001, 27_000), (-1, 16_000, 15_000)]
)
def test_what_was_played_is_believed_as_far_as_time_allows(passed_ms: int, told_ms: int, counts_ms: int) -> None:
    assert believed(told_ms, timedelta(milliseconds=passed_ms)) == counts_ms


@given(SPANS, st.integers(1, 20))
def test_coarse_ranges_are_few_and_fill_the_narrowest_gaps(spans: list[tuple[int, int]], most: int) -> None:
    whole = union(spans)
    found = coarse(whole, most)
    assert len(found) == min(len(whole), most)
    assert union(found) == found == union((*found, *whole))
    gaps = sorted((other[0] - one[1] for one, other in pairwise(whole)), reverse=True)
    left = sorted((other[0] - one[1] for one, other in pairwise(found)), reverse=True)
    assert left == gaps[: len(left)]


def test_a_page_reports_often_enough_that_sound_ends_in_six_seconds() -> None:
    assert timedelta(seconds=5) >= RENEWED_EVERY
    assert 2 * RENEWED_EVERY < LOST_AFTER <= timedelta(seconds=12)


@pytest.mark.parametrize(
    ("piece", "is_handed_out"),
    [
        ((100_000, 104_000), True),
        ((100_000 - BEHIND_MS, 90_000), True),
        ((100_000 - BEHIND_MS - 1, 90_000), False),
        ((156_000, 100_000 + AHEAD_MS), True),
        ((156_000, 100_000 + AHEAD_MS + 1), False),
    ],
)
def test_sound_is_handed_out_near_the_reported_position(piece: tuple[int, int], is_handed_out: bool) -> None:
    assert is_near(100_000, piece) is is_handed_out


def test_a_lease_is_lost_when_no_report_came_for_too_long() -> None:
    assert not is_lost(NOON, NOON + LOST_AFTER)
    assert is_lost(NOON, NOON + LOST_AFTER + timedelta(milliseconds=1))


def test_what_was_heard_is_logged_each_minute_if_anything_was() -> None:
    assert is_to_be_logged(NOON, NOON + LOGGED_EVERY, [(0, 1)])
    assert not is_to_be_logged(NOON, NOON + LOGGED_EVERY, [])
    assert not is_to_be_logged(NOON, NOON + LOGGED_EVERY - timedelta(seconds=1), [(0, 1)])


@pytest.mark.parametrize(
    "report",
    [
        Report(0, 0),
        Report(1, -1),
        Report(1, 11_001),
        Report(1, 0, ((0, 11_001),)),
        Report(1, 0, ((5, 5),)),
        Report(1, 0, ((5, 4),)),
        Report(1, 0, ((0, 1),) * (RANGES_MAX + 1)),
        Report(1, 0, played_ms=-1),
        Report(1, 0, played_ms=10**9),
    ],
)
def test_a_report_that_is_of_no_recording_is_seen(report: Report) -> None:
    assert not is_plausible(report, 10_000)
    assert is_plausible(Report(1, 11_000, ((0, 11_000),), 22_000), 10_000)


def test_every_stop_has_its_words() -> None:
    assert STOPPED_BECAUSE.keys() == set(Stop)
