from datetime import UTC, datetime
from itertools import product

import pytest

from policies.consent import RECORDING_OUTCOMES, Outcome
from policies.lifecycle import CALL, CallEvent, CallState, after
from policies.rulebook.read import parse
from policies.rules import OnWithdrawal
from policies.withdrawal import OPEN, REASONS, Effect, WithdrawnBy, effect_of, is_remembered, remembered_until
from tests.policies.test_rulebook import GOOD

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)


@pytest.mark.parametrize("on_recording", OnWithdrawal)
@pytest.mark.parametrize("outcome", RECORDING_OUTCOMES)
def test_a_consent_ends_whatever_becomes_of_the_recording(outcome: str, on_recording: OnWithdrawal) -> None:
    assert effect_of(outcome, None, on_recording) is Effect.ENDS


@pytest.mark.parametrize(
    ("kept", "again", "effect"),
    [
        (True, OnWithdrawal.DESTROY, Effect.DESTROYS),
        (True, OnWithdrawal.KEEP, Effect.STANDS),
        (False, OnWithdrawal.KEEP, Effect.STANDS),
        (False, OnWithdrawal.DESTROY, Effect.STANDS),
        (None, OnWithdrawal.KEEP, Effect.STANDS),
    ],
)
def test_the_first_withdrawal_stands_and_only_a_kept_recording_can_still_go(
    kept: bool | None, again: OnWithdrawal, effect: Effect
) -> None:
    assert effect_of(Outcome.WITHDRAWN, kept, again) is effect


def test_where_nobody_agreed_nothing_is_withdrawn_and_an_undecided_call_is_declined() -> None:
    without = {*Outcome} - RECORDING_OUTCOMES - {Outcome.WITHDRAWN}
    effects = {effect_of(outcome, None, kind) for outcome, kind in product(without, OnWithdrawal)}
    assert effects == {Effect.NOTHING}
    assert effect_of(OPEN, None, OnWithdrawal.KEEP) is Effect.DECLINES


def test_a_no_during_the_call_is_remembered_and_a_request_is_not() -> None:
    for effect in {*Effect} - {Effect.DESTROYS}:
        remembered = {by for by in WithdrawnBy if is_remembered(effect, by)}
        assert remembered == {WithdrawnBy.CALLER, WithdrawnBy.AGENT}


def test_it_is_remembered_as_long_as_the_rulebook_says_and_never_for_a_line_that_must_record() -> None:
    assert remembered_until(parse(GOOD), "opt_in", NOON) == NOON.replace(year=2027)
    assert remembered_until(parse(GOOD), "must_record", NOON) is None
    never = parse(GOOD + '\n[declines]\nremember = "never"\n')
    assert remembered_until(never, "opt_in", NOON) is None
    assert REASONS.keys() == {*WithdrawnBy}


@pytest.mark.parametrize("event", set(CallEvent) - {CallEvent.REFUSED, CallEvent.ENDED})
def test_nothing_leads_from_a_withdrawn_consent_back_to_a_recording(event: CallEvent) -> None:
    withdrawn = after(CallState.RECORDING, CallEvent.WITHDRAWN)
    assert withdrawn is CallState.SUPPRESSED
    assert CALL[withdrawn].get(event, CallState.SUPPRESSED) is CallState.SUPPRESSED
