"""Who may open audio, over the full product of outcomes, states, permits and times at their edge."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from policies.access import Audio, may_open
from policies.consent import RECORDING_OUTCOMES, Outcome
from policies.lifecycle import RecordingState
from policies.purposes import Allowed, Granted, NotGranted

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SOON = NOON + timedelta(microseconds=1)
QUALITY = (Granted("quality", SOON),)
OPEN_TO_US = Audio(Outcome.CONSENTED, RecordingState.KEPT, True, QUALITY, SOON, is_in_doubt=False)
OUTCOMES = [*Outcome, "open"]


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("state", RecordingState)
def test_audio_opens_only_where_nothing_at_all_is_against_it(outcome: str, state: RecordingState) -> None:
    grants = [None, (), QUALITY, (Granted("training", SOON),), (Granted("quality", NOON),)]
    claims = (True, False)
    for is_permitted, granted, until, is_in_doubt, outlives in product(
        claims, grants, (None, NOON, SOON), claims, claims
    ):
        audio = Audio(outcome, state, is_permitted, granted, until, is_in_doubt, outlives)
        is_agreed = outcome in RECORDING_OUTCOMES or (outcome == Outcome.WITHDRAWN and outlives)
        agreed = is_agreed and is_permitted and granted == QUALITY
        in_order = agreed and state is RecordingState.KEPT and until == SOON and not is_in_doubt
        assert isinstance(may_open(audio, "quality", NOON), Allowed) is in_order


@pytest.mark.parametrize(
    ("against", "reason"),
    [
        ({"outcome": Outcome.WITHDRAWN, "state": RecordingState.DESTROYED}, "its caller has withdrawn the consent"),
        ({"state": RecordingState.STORED, "is_permitted": False}, "it is stored, not kept"),
        ({"is_permitted": False, "retain_until": NOON}, "no permit covers it"),
        ({"granted": None}, "no permit covers it"),
        ({"outcome": Outcome.DECLINED}, "no permit covers it"),
        ({"retain_until": NOON, "granted": ()}, "the time for which it is kept is over"),
        ({"retain_until": None}, "the time for which it is kept is over"),
        ({"granted": (), "is_in_doubt": True}, "its caller did not agree to its use for quality"),
        ({"granted": (Granted("quality", NOON),)}, "its use for quality ended on 2026-11-24"),
        ({"is_in_doubt": True}, "it is unclear which recording of the call is the one that was agreed to"),
    ],
)
def test_the_first_reason_against_it_is_the_one_that_is_told(against: dict[str, object], reason: str) -> None:
    audio = replace(OPEN_TO_US, **against)  # type: ignore[arg-type]  # whatever a row of the table changes
    assert may_open(audio, "quality", NOON) == NotGranted(reason)
    assert may_open(OPEN_TO_US, "quality", NOON) == Allowed()
