"""Rows that are missing are no act of the caller's: a hang-up has evidence, or it was our failure."""

import pytest

from policies.consent import Outcome, Suppress
from policies.hanging_up import IN_STATE, UNHEARD, Served, undecided
from policies.lifecycle import CallState

TOLD = Served(disclosure_s=10, question_s=6)
ASKED = Served(disclosure_s=10, question_s=6, questions=1)
IN_DISCLOSURE, IN_CHOICE = Suppress(Outcome.HUNG_UP_IN_DISCLOSURE), Suppress(Outcome.HUNG_UP_IN_CHOICE)


def ended(state: CallState, served: Served, duration_s: int | None, status: str = "completed") -> Suppress:
    return undecided(state, served, status=status, duration_s=duration_s)


def test_a_call_no_longer_than_what_was_served_was_left_in_it() -> None:
    assert ended(CallState.DISCLOSING, TOLD, 4) == IN_DISCLOSURE
    assert ended(CallState.CHOOSING, ASKED, 22) == IN_CHOICE


@pytest.mark.parametrize(("state", "served"), [(CallState.DISCLOSING, TOLD), (CallState.CHOOSING, ASKED)])
def test_a_call_that_went_on_for_longer_was_not_left_in_it(state: CallState, served: Served) -> None:
    longest_s = int(served.longest_s)
    assert ended(state, served, longest_s) == Suppress(IN_STATE[state])
    assert ended(state, served, longest_s + 1) == Suppress(Outcome.NOT_ASKED, UNHEARD)


def test_a_slow_voice_and_a_slow_network_make_no_failure_of_a_hang_up() -> None:
    assert TOLD.longest_s >= 10 * 1.5
    assert ASKED.longest_s >= (10 + 6) * 1.5 + 5


def test_what_was_heard_twice_takes_twice_as_long() -> None:
    again = Served(disclosure_s=10, question_s=6, disclosures=2, questions=2)
    assert again.longest_s - ASKED.longest_s >= 16
    assert Served(disclosure_s=10, question_s=6, languages=3).longest_s > TOLD.longest_s


def test_a_request_that_says_that_the_caller_left_is_evidence_however_long_the_call_was() -> None:
    left = Served(disclosure_s=10, question_s=6, has_left=True)
    for duration_s in (None, 0, 3600):
        assert ended(CallState.DISCLOSING, left, duration_s) == IN_DISCLOSURE


@pytest.mark.parametrize("status", ["canceled", "no-answer"])
def test_who_gives_up_while_it_rings_has_hung_up(status: str) -> None:
    assert ended(CallState.DISCLOSING, TOLD, None, status) == IN_DISCLOSURE


@pytest.mark.parametrize(("status", "duration_s"), [("completed", None), ("failed", 0), ("busy", 2), ("unknown", None)])
def test_where_nobody_tells_of_a_hang_up_nobody_was_asked(status: str, duration_s: int | None) -> None:
    found = ended(CallState.DISCLOSING, TOLD, duration_s, status)
    assert found.outcome is Outcome.NOT_ASKED
    assert found.reason


@pytest.mark.parametrize("state", [state for state in CallState if state not in IN_STATE])
def test_a_decided_call_has_no_hang_up_outcome(state: CallState) -> None:
    with pytest.raises(ValueError, match="already decided"):
        ended(state, TOLD, 4)
