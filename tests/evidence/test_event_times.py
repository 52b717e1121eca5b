"""Which events are dated well before what stands before them in the log."""

from hypothesis import given
from hypothesis import strategies as st

from evidence.event_times import EventTimes

DAYS = [f"2026-11-{day:02}T12:00:00.000Z" for day in range(1, 31)]


def turns(*days: int) -> list[tuple[int, int | None]]:
    times = EventTimes()
    for index, day in enumerate(days):
        times.add(index, DAYS[day], None)
    return [(turn.index, turn.until) for turn in times.turns]


def test_times_that_run_on_are_no_matter() -> None:
    assert turns(*range(30)) == turns(5, 5, 5) == []


def test_a_clock_that_was_set_back_is_one_turn_and_goes_on_from_there() -> None:
    assert turns(1, 20, 2, 3, 4) == [(2, None)]


def test_what_was_put_in_between_has_an_end() -> None:
    assert turns(20, 3, 3, 4, 21) == [(1, 4)]
    assert turns(20, 10, 3, 11, 21) == [(1, 4), (2, 3)]


def test_many_small_steps_are_seen_when_they_have_become_a_long_one() -> None:
    times = EventTimes()
    for index, minute in enumerate(range(59, 0, -4)):
        times.add(index, f"2026-11-01T12:{minute:02}:00.000Z", "c1")
    assert [turn.index for turn in times.turns] == [3, 6, 9, 12]
    assert " of call c1 is dated 2026-11-01T12:47" in str(times.turns[0])
    assert list(times.in_words())[1] == "times run back at 4 places in all, first at event 3"


def test_who_saw_the_log_dates_what_comes_later() -> None:
    times = EventTimes()
    times.add(0, DAYS[0], None)
    times.seen(DAYS[20], "the signature of w")
    times.add(1, DAYS[3], None)
    assert "stands in the log after the signature of w, of 2026-11-21T12" in str(times.turns[0])


@given(st.lists(st.integers(0, 29), min_size=1))
def test_none_is_told_where_times_never_run_back_and_else_there_is_one(days: list[int]) -> None:
    assert bool(turns(*days)) is (days != sorted(days))
