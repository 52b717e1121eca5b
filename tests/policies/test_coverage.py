"""Which recordings a permit covers: every state, covered or not, under every verdict."""

from datetime import UTC, datetime
from itertools import product

import pytest

from policies.attribution import Attributed, Verdict
from policies.consent import RECORDING_OUTCOMES, Outcome
from policies.coverage import (
    BEGUN_LATER,
    BEGUN_WHEN,
    GIVEN_UP,
    NO_PERMIT,
    WITHDRAWN,
    Standing,
    before_withdrawal,
    covers_some,
    may_be_ours,
    standing_after,
    with_one_permit,
    without_permit,
)
from policies.lifecycle import RecordingEvent, RecordingState

# Written from the promises, not from the code: the state that a verdict leads to, and whether a recording is covered
# from then on. "stays" is as before.
TABLE = """
before        ours                  foreign            unclear
started       started yes           condemned no       quarantined no
completed     completed yes         condemned no       quarantined no
stored        stored yes            condemned no       stored stays
kept          kept yes              condemned no       kept stays
absent        absent yes            condemned no       absent stays
quarantined   started yes           condemned no       quarantined no
condemned     condemned stays       condemned stays    condemned stays
destroyed     destroyed stays       destroyed stays    destroyed stays
"""
VERDICTS = (Verdict.OURS, Verdict.FOREIGN, Verdict.UNCLEAR)
CELLS = [
    (RecordingState(before), verdict, RecordingState(states[at]), states[at + 1])
    for before, *states in map(str.split, TABLE.strip().splitlines()[1:])
    for verdict, at in zip(VERDICTS, (0, 2, 4), strict=True)
]


def test_the_table_has_every_state_and_verdict() -> None:
    assert {(before, verdict) for before, verdict, *_ in CELLS} == set(product(RecordingState, Verdict))


@pytest.mark.parametrize(("before", "verdict", "state", "covered"), CELLS)
@pytest.mark.parametrize("was_covered", [False, True])
def test_a_verdict_leads_where_the_table_says(
    before: RecordingState, verdict: Verdict, state: RecordingState, covered: str, was_covered: bool
) -> None:
    is_covered = {"yes": True, "no": False, "stays": was_covered}[covered]
    assert standing_after(Standing(before, was_covered), verdict) == Standing(state, is_covered)


@pytest.mark.parametrize("state", RecordingState)
@pytest.mark.parametrize("is_covered", [False, True])
def test_what_nobody_judges_stays_as_it_is(state: RecordingState, is_covered: bool) -> None:
    assert standing_after(Standing(state, is_covered), None) == Standing(state, is_covered)


def test_news_are_taken_in_after_the_verdict_and_in_their_order() -> None:
    news = [RecordingEvent.IN_PROGRESS, RecordingEvent.ABSENT, RecordingEvent.COMPLETED]
    doubted = Standing(RecordingState.QUARANTINED, is_covered=False)
    assert standing_after(doubted, Verdict.OURS, news) == Standing(RecordingState.COMPLETED, is_covered=True)
    assert standing_after(doubted, Verdict.OURS, news[:2]) == Standing(RecordingState.ABSENT, is_covered=True)
    assert standing_after(doubted, Verdict.UNCLEAR, news) == doubted
    assert standing_after(doubted, Verdict.FOREIGN, news).state is RecordingState.CONDEMNED


@pytest.mark.parametrize("outcome", [*Outcome, "open"])
def test_only_a_call_of_a_caller_who_agreed_has_a_permit_and_the_self_test_has_none(outcome: str) -> None:
    assert covers_some(outcome, is_synthetic=False) is (outcome in RECORDING_OUTCOMES)
    assert not covers_some(outcome, is_synthetic=True, keeps=True)
    is_kept = outcome in RECORDING_OUTCOMES or outcome == "withdrawn"
    assert covers_some(outcome, is_synthetic=False, keeps=True) is is_kept


@pytest.mark.parametrize("outcome", [*Outcome, "open"])
def test_only_what_reports_to_us_was_overtaken_by_a_withdrawal(outcome: str) -> None:
    assert without_permit(outcome, was_ordered=False) is NO_PERMIT
    assert without_permit(outcome, was_ordered=True) is (WITHDRAWN if outcome == "withdrawn" else NO_PERMIT)


@pytest.mark.parametrize("state", RecordingState)
def test_only_a_recording_that_was_condemned_as_anothers_is_out_of_the_question(state: RecordingState) -> None:
    assert may_be_ours(Standing(state, is_covered=False), reports_to_us=False) is (state not in GIVEN_UP)
    assert may_be_ours(Standing(state, is_covered=True), reports_to_us=False)
    assert may_be_ours(Standing(state, is_covered=False), reports_to_us=True)


COVERED, UNCOVERED = (Standing(RecordingState.STARTED, is_covered) for is_covered in (True, False))
GONE = Standing(RecordingState.DESTROYED, is_covered=True)


def test_a_recording_that_gets_the_permit_takes_it_from_the_one_that_was_given_up() -> None:
    without = Standing(RecordingState.DESTROYED, is_covered=False)
    assert with_one_permit([GONE, UNCOVERED], [GONE, COVERED]) == [without, COVERED]
    assert with_one_permit([GONE, None], [GONE, COVERED]) == [without, COVERED]


def test_what_was_given_up_keeps_the_permit_as_long_as_no_other_gets_it() -> None:
    assert with_one_permit([GONE, UNCOVERED], [GONE, UNCOVERED]) == [GONE, UNCOVERED]
    assert with_one_permit([GONE, None], [GONE, UNCOVERED]) == [GONE, UNCOVERED]
    assert with_one_permit([GONE], [GONE]) == [GONE]


BEFORE, AT, LATER = (datetime(2026, 11, 28, 12, 0, second, tzinfo=UTC) for second in (1, 2, 3))
OURS, IN_DOUBT = Attributed(Verdict.OURS, ""), Attributed(Verdict.UNCLEAR, "")


@pytest.mark.parametrize("found", [OURS, IN_DOUBT])
@pytest.mark.parametrize(
    ("started_at", "withdrawn_by", "after"),
    [(BEFORE, AT, None), (AT, AT, None), (LATER, AT, BEGUN_LATER), (None, AT, BEGUN_WHEN), (BEFORE, None, BEGUN_WHEN)],
)
def test_only_what_began_before_the_withdrawal_is_kept(
    found: Attributed, started_at: datetime | None, withdrawn_by: datetime | None, after: Attributed | None
) -> None:
    new = before_withdrawal(found, was_covered=False, started_at=started_at, withdrawn_by=withdrawn_by)
    assert new == (after or found)
    assert before_withdrawal(found, was_covered=True, started_at=started_at, withdrawn_by=withdrawn_by) == found
    assert before_withdrawal(NO_PERMIT, was_covered=False, started_at=BEFORE, withdrawn_by=AT) is NO_PERMIT
