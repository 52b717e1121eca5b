"""A disclosure counts as heard from the very moment at which it can have played, and not a millisecond sooner."""

from datetime import timedelta

import pytest

from policies.disclosure import can_have_played

MS = timedelta(milliseconds=1)
LENGTH = timedelta(seconds=12)


@pytest.mark.parametrize(("is_recorded", "edge"), [(False, timedelta(seconds=6)), (True, timedelta(seconds=11.4))])
def test_the_shortest_time_in_which_it_can_have_played(is_recorded: bool, edge: timedelta) -> None:
    assert can_have_played(edge, LENGTH, is_recorded=is_recorded)
    assert not can_have_played(edge - MS, LENGTH, is_recorded=is_recorded)
