"""When the provider is asked about a call, and when a call counts as over, at the edges of each time."""

from datetime import UTC, datetime, timedelta

import pytest

from policies.asking import ask_next, is_over

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
MOMENT, SECOND, HOUR, DAY = timedelta(microseconds=1), timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize("age", [timedelta(0), 25 * HOUR, 25 * HOUR + MOMENT])
def test_of_a_call_that_the_provider_knows_its_word_counts(age: timedelta) -> None:
    assert is_over(NOON - age, True, NOON)
    assert not is_over(NOON - age, False, NOON)


@pytest.mark.parametrize(("age", "over"), [(timedelta(0), False), (25 * HOUR, False), (25 * HOUR + MOMENT, True)])
def test_a_call_that_it_does_not_know_is_over_when_no_call_can_last_so_long(age: timedelta, over: bool) -> None:
    assert is_over(NOON - age, None, NOON) is over


@pytest.mark.parametrize("age", [timedelta(0), 10 * SECOND, 10 * DAY])
def test_a_live_call_is_asked_about_every_ten_seconds(age: timedelta) -> None:
    assert ask_next(NOON - age, None, NOON, is_known=True) == NOON + 10 * SECOND


@pytest.mark.parametrize(
    ("age", "pause"),
    [
        (timedelta(0), 10 * SECOND),
        (10 * SECOND, 10 * SECOND),
        (11 * SECOND, 11 * SECOND),
        (DAY - MOMENT, DAY - MOMENT),
    ],
)
def test_the_older_its_end_the_more_rarely(age: timedelta, pause: timedelta) -> None:
    for is_known in (True, False):
        assert ask_next(NOON - 2 * DAY, NOON - age, NOON, is_known=is_known) == NOON + pause
    assert ask_next(NOON - age, None, NOON, is_known=False) == NOON + pause


@pytest.mark.parametrize("is_known", [True, False])
def test_a_day_after_its_end_a_call_is_asked_about_no_more(is_known: bool) -> None:
    assert ask_next(NOON - 2 * DAY, NOON - DAY, NOON, is_known=is_known) is None


def test_a_call_without_an_end_is_asked_about_until_it_has_one() -> None:
    assert ask_next(NOON - 10 * DAY, None, NOON, is_known=False) == NOON + 10 * DAY
