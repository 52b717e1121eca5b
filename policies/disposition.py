"""When a recording must be gone: condemned at once, kept until its time is over, and a legal hold suspends the latter.

The rule is asked of the recording as its events make it, right before anything is destroyed. A query for recordings
that may be due only proposes them.
"""

from datetime import datetime

from policies.lifecycle import RecordingState

STORED_HERE = frozenset({RecordingState.STORED, RecordingState.KEPT})
NOT_STORED_YET = frozenset({RecordingState.STARTED, RecordingState.COMPLETED, RecordingState.QUARANTINED})


def must_be_gone(state: RecordingState, retain_until: datetime | None, *, is_held: bool, at: datetime) -> bool:
    """Whether no copy of a recording may remain. No hold keeps a condemned one: nobody may hear it."""
    return state is RecordingState.CONDEMNED or is_over(state, retain_until, is_held=is_held, at=at)


def is_over(state: RecordingState, retain_until: datetime | None, *, is_held: bool, at: datetime) -> bool:
    """Whether the time is over for which a recording is kept here. `retain_until` is the first moment without it."""
    return state in STORED_HERE and not is_held and retain_until is not None and retain_until <= at


def is_given_up(state: RecordingState, permitted_until: datetime, *, is_held: bool, at: datetime) -> bool:
    """Whether a recording was not stored here in the time of its permit: at Twilio too it lives no longer than that."""
    return state in NOT_STORED_YET and not is_held and permitted_until <= at
