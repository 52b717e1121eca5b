"""A caller who was connected without a decision: what stands of it, and what the log says."""

import pytest

from policies.connected import OUR_FAILURE, fallen_back, once_connected
from policies.consent import Ask, Decision, EndCall, Outcome, Record, Suppress, Withdraw
from policies.lifecycle import CallState

WHY = "Twilio reported error 11200"
BY_FALLBACK = {CallState.DISCLOSING: Outcome.DISCLOSURE_FAILED, CallState.CHOOSING: Outcome.NOT_ASKED}


@pytest.mark.parametrize("state", CallState)
def test_a_fallback_decides_only_a_call_that_is_undecided(state: CallState) -> None:
    outcome = BY_FALLBACK.get(state)
    assert fallen_back(state, 11200) == (Suppress(outcome, WHY) if outcome else None)


@pytest.mark.parametrize(
    ("decision", "becomes"),
    [
        (Suppress(Outcome.DECLINED, "x"), Suppress(Outcome.DECLINED, "x")),
        (EndCall(Outcome.SILENT, "x"), Suppress(Outcome.SILENT, OUR_FAILURE)),
        (Record(Outcome.CONSENTED), Suppress(Outcome.NOT_ASKED, OUR_FAILURE)),
        (Ask(2), Suppress(Outcome.NOT_ASKED, OUR_FAILURE)),
        (Withdraw("x", is_declined=True), Suppress(Outcome.NOT_ASKED, OUR_FAILURE)),
    ],
)
def test_a_refusal_stands_and_a_yes_permits_nothing(decision: Decision, becomes: Suppress) -> None:
    assert once_connected(decision) == becomes
