"""When a recording must be gone, for every state, at the edge of its time, with a legal hold and without."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from policies.disposition import is_given_up, is_over, must_be_gone
from policies.lifecycle import RecordingState

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)
# Until when it is kept, or permitted, and whether that is over at noon.
UNTIL = [(NOON - MOMENT, True), (NOON, True), (NOON + MOMENT, False)]
HERE = {RecordingState.STORED, RecordingState.KEPT}
NOT_YET_HERE = {RecordingState.STARTED, RecordingState.COMPLETED, RecordingState.QUARANTINED}


@pytest.mark.parametrize("state", RecordingState)
def test_audio_that_is_here_must_be_gone_from_the_first_moment_after_its_time(state: RecordingState) -> None:
    for (until, has_ended), is_held in product(UNTIL, (False, True)):
        must_go = has_ended and state in HERE and not is_held
        assert is_over(state, until, is_held=is_held, at=NOON) is must_go
        assert must_be_gone(state, until, is_held=is_held, at=NOON) is (must_go or state is RecordingState.CONDEMNED)


@pytest.mark.parametrize("state", RecordingState)
@pytest.mark.parametrize("is_held", [False, True])
def test_without_an_end_only_what_is_condemned_must_be_gone(state: RecordingState, is_held: bool) -> None:
    assert not is_over(state, None, is_held=is_held, at=NOON)
    assert must_be_gone(state, None, is_held=is_held, at=NOON) is (state is RecordingState.CONDEMNED)


@pytest.mark.parametrize("state", RecordingState)
def test_a_recording_that_is_not_stored_by_the_end_of_its_permit_is_given_up_unless_it_is_held(
    state: RecordingState,
) -> None:
    for (until, has_ended), is_held in product(UNTIL, (False, True)):
        is_due = has_ended and state in NOT_YET_HERE and not is_held
        assert is_given_up(state, until, is_held=is_held, at=NOON) is is_due
