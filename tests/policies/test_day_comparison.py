"""A day's calls on two lists: which of one are missing on the other, where some were erased."""

from datetime import UTC, datetime, timedelta

from policies.day_comparison import APART_MAX, Came, missing

AT = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
LINE, OTHER_LINE = "+12125550100", "+12125550101"


def came(name: str, *, line: str = LINE, after: timedelta = timedelta(0)) -> Came:
    return Came(name, line, AT + after)


def test_a_call_that_is_here_is_not_missing_and_another_is() -> None:
    assert missing([came("a"), came("b")], {"a"}, []) == ("b",)


def test_a_call_that_can_be_an_erased_one_is_not_missing() -> None:
    assert missing([came("a")], set(), [came("erased", after=APART_MAX)]) == ()


def test_an_erased_call_stands_for_one_call_only() -> None:
    assert missing([came("a"), came("b")], set(), [came("erased")]) == ("b",)


def test_an_erased_call_of_another_line_or_time_stands_for_none() -> None:
    erased = [came("x", line=OTHER_LINE), came("y", after=APART_MAX + timedelta(seconds=1))]
    assert missing([came("a")], set(), erased) == ("a",)


def test_the_nearest_erased_call_is_taken_first() -> None:
    minute = timedelta(minutes=1)
    listed = [came("a"), came("b", after=2 * minute + minute)]
    assert missing(listed, set(), [came("x", after=minute), came("y")]) == ()
