"""What was heard is a union: nothing counts twice, and nothing that was not heard counts."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.call_page.listeners import length_of, listeners
from policies.listening import union
from tests.compliance.call_page.told import happens

PARTS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)))


@given(PARTS)
def test_what_was_heard_is_what_lies_in_any_part(parts: list[tuple[int, int]]) -> None:
    found = union(parts)
    heard = {ms for begin, end in parts for ms in range(begin, end)}
    assert {ms for begin, end in found for ms in range(begin, end)} == heard
    assert length_of(found) == len(heard)
    assert all(begin < end for begin, end in found)
    assert all(left[1] < right[0] for left, right in pairwise(found))


@pytest.mark.parametrize(
    ("parts", "heard"),
    [
        ([], ()),
        ([(0, 10), (10, 20)], ((0, 20),)),
        ([(0, 10), (11, 20)], ((0, 10), (11, 20))),
        ([(5, 20), (0, 10), (7, 8)], ((0, 20),)),
        ([(5, 5), (9, 7)], ()),
    ],
)
def test_parts_that_touch_are_one(parts: list[tuple[int, int]], heard: tuple[tuple[int, int], ...]) -> None:
    assert union(parts) == heard


def test_a_call_that_nobody_listened_to_has_no_listeners() -> None:
    found = listeners(happens((0, "call.received", {})))
    assert (found.accesses, found.listenings) == ((), ())
