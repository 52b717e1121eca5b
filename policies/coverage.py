"""Which recordings a call's permit covers, and where a verdict and the provider's news leave each of them.

On a call without consent no recording is covered. On a call with consent, `policies.attribution` decides.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from policies.attribution import Attributed, Verdict
from policies.consent import RECORDING_OUTCOMES, Outcome
from policies.disposition import STORED_HERE
from policies.lifecycle import RecordingEvent, RecordingState, after

GIVEN_UP = frozenset({RecordingState.CONDEMNED, RecordingState.DESTROYED})
WITHDRAWN = Attributed(Verdict.FOREIGN, "its consent was withdrawn")
BEGUN_LATER = Attributed(Verdict.FOREIGN, "it began after the consent had been withdrawn")
BEGUN_WHEN = Attributed(Verdict.UNCLEAR, "whether it began before the consent was withdrawn is unclear")
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


def covers_some(outcome: str, *, is_synthetic: bool, keeps: bool = False) -> bool:
    """Whether a call of that outcome has a permit to cover a recording with. `keeps`: its consent was withdrawn, and
    the recording up to then is kept.

    The self-test agrees to being recorded, and nobody is there to record.
    """
    return (outcome in RECORDING_OUTCOMES or (outcome == Outcome.WITHDRAWN and keeps)) and not is_synthetic


def before_withdrawal(
    found: Attributed, *, was_covered: bool, started_at: datetime | None, withdrawn_by: datetime | None
) -> Attributed:
    """The verdict on a recording of a call whose withdrawal keeps the recording up to then.

    First news may come after the withdrawal, of a recording that began before it. Both times are by the provider's
    clock, in whole seconds: a recording of the same second counts as begun before. As long as either is unknown the
    recording is in doubt.
    """
    if was_covered or found.verdict is Verdict.FOREIGN:
        return found
    if started_at is None or withdrawn_by is None:
        return BEGUN_WHEN
    return BEGUN_LATER if started_at > withdrawn_by else found


def without_permit(outcome: str, *, was_ordered: bool) -> Attributed:
    """The verdict on a recording of a call without a permit.

    `was_ordered`: it reports to us, or no other recording is ours and it has the source of recordings that a document
    of ours orders. Then it had a permit once, and the withdrawal overtook the first news of it.
    """
    return WITHDRAWN if was_ordered and outcome == Outcome.WITHDRAWN else NO_PERMIT


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
