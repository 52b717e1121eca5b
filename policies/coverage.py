"""Which recordings a call's permit covers, and where a verdict and the provider's news leave each of them.

On a call without consent no recording is covered. On a call with consent, `policies.attribution` decides.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from policies.attribution import Attributed, Verdict
from policies.consent import RECORDING_OUTCOMES, Outcome
from policies.disposition import STORED_HERE
from policies.lifecycle import RecordingEvent, RecordingState, after

GIVEN_UP = frozenset({RecordingState.CONDEMNED, RecordingState.DESTROYED})
WITHDRAWN = Attributed(Verdict.FOREIGN, "its consent was withdrawn")
NO_PERMIT = Attributed(Verdict.FOREIGN, "no permit covers it")
_EVENT_OF = {
    Verdict.OURS: RecordingEvent.IDENTIFIED,
    Verdict.FOREIGN: RecordingEvent.CONDEMNED,
    Verdict.UNCLEAR: RecordingEvent.QUARANTINED,
}


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a recording stands: its state, and whether the permit of its call covers it."""

    state: RecordingState
    is_covered: bool


def covers_some(outcome: str, *, is_synthetic: bool) -> bool:
    """Whether a call of that outcome has a permit to cover a recording with.

    The self-test agrees to being recorded, and nobody is there to record.
    """
    return outcome in RECORDING_OUTCOMES and not is_synthetic


def without_permit(outcome: str, *, reports_to_us: bool) -> Attributed:
    """The verdict on a recording of a call without a permit.

    A recording that reports to us had a permit once: the withdrawal overtook the first news of it.
    """
    return WITHDRAWN if reports_to_us and outcome == Outcome.WITHDRAWN else NO_PERMIT


def may_be_ours(standing: Standing, *, reports_to_us: bool) -> bool:
    """A recording that was condemned as another's is out of the question; ours remains ours when it is destroyed."""
    return standing.state not in GIVEN_UP or standing.is_covered or reports_to_us


def standing_after(before: Standing, verdict: Verdict | None, news: Iterable[RecordingEvent] = ()) -> Standing:
    """Where a recording stands after a verdict (None: not judged) and the provider's `news`, in order."""
    state, is_covered = before.state, before.is_covered
    if verdict is not None:
        state = after(state, _EVENT_OF[verdict])
        is_covered = _is_covered(before, state, verdict)
    for event in news:
        state = after(state, event)
    return Standing(state, is_covered)


def _is_covered(before: Standing, state: RecordingState, verdict: Verdict) -> bool:
    """A recording in doubt loses the permit, unless it is stored, or was never made.

    A recording that was given up keeps it, as long as no other recording of the call gets it.
    """
    if before.state in GIVEN_UP:
        return before.is_covered
    if verdict is Verdict.UNCLEAR:
        return before.is_covered and state in STORED_HERE | {RecordingState.ABSENT}
    return verdict is Verdict.OURS


def with_one_permit(before: Sequence[Standing | None], now: Sequence[Standing]) -> list[Standing]:
    """All recordings of a call: the recording that gets the permit takes it from the one that was given up.

    `before` is None for a recording that is new.
    """
    changes_hands = any(new.is_covered and not (old and old.is_covered) for old, new in zip(before, now, strict=True))
    if not changes_hands:
        return list(now)
    return [replace(standing, is_covered=False) if standing.state in GIVEN_UP else standing for standing in now]
