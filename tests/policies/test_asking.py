"""When a call is asked about and looked at, and when it counts as over, at the edges of each time."""

from datetime import UTC, datetime, timedelta

import pytest

from policies.asking import ask_next, is_over, look_next

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
MOMENT, MINUTE, HOUR, DAY = timedelta(microseconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize("age", [timedelta(0), 25 * HOUR, 25 * HOUR + MOMENT])
def test_of_a_call_that_the_provider_knows_its_word_counts(age: timedelta) -> None:
    assert is_over(NOON - age, True, NOON)
    assert not is_over(NOON - age, False, NOON)


@pytest.mark.parametrize(("age", "over"), [(timedelta(0), False), (25 * HOUR, False), (25 * HOUR + MOMENT, True)])
def test_a_call_that_it_does_not_know_is_over_when_no_call_can_last_so_long(age: timedelta, over: bool) -> None:
    assert is_over(NOON - age, None, NOON) is over


@pytest.mark.parametrize("age", [timedelta(0), MINUTE, 10 * DAY])
def test_a_call_that_the_provider_knows_is_asked_about_every_minute(age: timedelta) -> None:
    assert ask_next(NOON - age, NOON, is_known=True) == NOON + MINUTE


@pytest.mark.parametrize(
    ("age", "pause"), [(timedelta(0), MINUTE), (MINUTE, MINUTE), (2 * MINUTE, 2 * MINUTE), (DAY, DAY)]
)
def test_a_call_that_the_provider_does_not_know_is_asked_about_ever_more_rarely(
    age: timedelta, pause: timedelta
) -> None:
    assert ask_next(NOON - age, NOON, is_known=False) == NOON + pause


@pytest.mark.parametrize(
    ("age", "after"),
    [
        (timedelta(0), 10 * MINUTE),
        (10 * MINUTE - MOMENT, 10 * MINUTE),
        (10 * MINUTE, HOUR),
        (HOUR - MOMENT, HOUR),
        (HOUR, DAY),
        (DAY - MOMENT, DAY),
    ],
)
def test_an_ended_call_is_looked_at_three_times(age: timedelta, after: timedelta) -> None:
    assert look_next(NOON - age, NOON) == NOON - age + after


@pytest.mark.parametrize("age", [DAY, 2 * DAY])
def test_a_day_after_its_end_a_call_is_looked_at_no_more(age: timedelta) -> None:
    assert look_next(NOON - age, NOON) is None


def test_a_call_without_an_end_is_looked_at_daily() -> None:
    assert look_next(None, NOON) == NOON + DAY
