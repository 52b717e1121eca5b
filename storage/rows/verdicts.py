"""Verdicts on the recordings of a call: which one its permit covers, and where that leaves each of them.

On a call that nobody agreed to record, each recording is condemned the moment it is heard of. On one that somebody
agreed to, `policies.attribution` tells.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from policies.attribution import FOREIGN_SOURCES, Attributed, Candidate, Times, Verdict, attribute
from policies.consent import RECORDING_OUTCOMES, Outcome
from policies.lifecycle import RecordingEvent, RecordingState, after
from storage.moment import Moment
from storage.row_check.logged_calls import check_outcome
from storage.rows import permits
from storage.rows.calls import Call
from storage.rows.recordings import Recording

STORED = frozenset({RecordingState.STORED, RecordingState.KEPT})
GIVEN_UP = frozenset({RecordingState.CONDEMNED, RecordingState.DESTROYED})
WITHDRAWN = Attributed(Verdict.FOREIGN, "its consent was withdrawn")
_NO_PERMIT = Attributed(Verdict.FOREIGN, "no permit covers it")
_SAYS = {
    Verdict.OURS: RecordingEvent.IDENTIFIED,
    Verdict.FOREIGN: RecordingEvent.CONDEMNED,
    Verdict.UNCLEAR: RecordingEvent.QUARANTINED,
}


@dataclass(frozen=True, slots=True)
class Heard:
    """A recording as it was, with all that is told of it now, and the events that Twilio tells. `before` is None for a
    new one.
    """

    before: Recording | None
    now: Recording
    events: Sequence[RecordingEvent]


@dataclass(frozen=True, slots=True)
class Judged:
    """A recording as it was and as it is from now on; `found` is the verdict on it, None where nobody judges it."""

    before: Recording | None
    now: Recording
    found: Attributed | None

    @property
    def moves(self) -> bool:
        return self.before is None or self.now.state is not self.before.state


def judge(connection: Connection, moment: Moment, known: Call, heard: Sequence[Heard], times: Times) -> list[Judged]:
    """Raises Contradicted where the verdict rests on an outcome that the call's events do not have."""
    verdicts = _verdicts(connection, known, heard, times)
    judged = [_judged(moment, one, verdicts.get(one.now.id)) for one in heard]
    if any(_rests_on_the_outcome(one) for one in judged):
        check_outcome(connection, known.id, known.outcome)
    return _one_permit(judged)


def _verdicts(connection: Connection, known: Call, heard: Sequence[Heard], times: Times) -> Mapping[str, Attributed]:
    """By the recordings' ids. What a permit covered before it was withdrawn is for the withdrawal to condemn."""
    if not _is_permitted(connection, known):
        return {one.now.id: _without_permit(known, one.now) for one in heard if one.now.permit is None}
    return attribute([_candidate(one.now, one.before) for one in heard if _counts(one.now)], times)


def _without_permit(known: Call, row: Recording) -> Attributed:
    """One that reports to us had a permit once: the withdrawal overtook the first news of it."""
    return WITHDRAWN if row.reported_at and known.outcome == Outcome.WITHDRAWN else _NO_PERMIT


def _is_permitted(connection: Connection, known: Call) -> bool:
    """The self-test agrees to being recorded, and nobody is there to record."""
    if known.synthetic or known.outcome not in RECORDING_OUTCOMES:
        return False
    return permits.permit_of(connection, known.id) is not None


def _counts(row: Recording) -> bool:
    """A recording that was condemned as another's is out of the question; ours remains ours when it is destroyed."""
    return row.state not in GIVEN_UP or row.permit is not None or row.reported_at is not None


def _candidate(row: Recording, before: Recording | None) -> Candidate:
    return Candidate(
        name=row.id,
        source=row.source,
        reports_to_us=row.reported_at is not None,
        is_permitted=row.permit is not None,
        is_quarantined=before is not None and before.state is RecordingState.QUARANTINED,
        channels=row.channels,
        track=row.track,
        started_at=row.started_at,
    )


def _judged(moment: Moment, heard: Heard, found: Attributed | None) -> Judged:
    row, before = heard.now, heard.before
    state = after(row.state, _SAYS[found.verdict]) if found else row.state
    permit = _permit(row, state, found.verdict) if found else row.permit
    for event in heard.events:
        state = after(state, event)
    moved_at = row.moved_at if before and state is before.state else moment.at
    return Judged(before, replace(row, state=state, permit=permit, moved_at=moved_at), found)


def _rests_on_the_outcome(one: Judged) -> bool:
    """Whether the verdict makes a difference that the call's outcome decides. A row alone is not believed then."""
    if one.found is None or one.now.source in FOREIGN_SOURCES:
        return False
    return one.moves or (one.before is not None and one.now.permit != one.before.permit)


def _permit(row: Recording, state: RecordingState, verdict: Verdict) -> str | None:
    """One that is in doubt loses its permit, but where it is stored, or was never made; `row` is as it was before.

    What was given up keeps it, as long as no other of the call gets it.
    """
    if row.state in GIVEN_UP:
        return row.permit
    match verdict:
        case Verdict.OURS:
            return row.call_id
        case Verdict.FOREIGN:
            return None
        case Verdict.UNCLEAR:
            return row.permit if state in STORED | {RecordingState.ABSENT} else None


def _one_permit(judged: list[Judged]) -> list[Judged]:
    """A recording that gets the permit takes it from the one that was given up."""
    if all(one.now.permit is None or (one.before and one.before.permit) for one in judged):
        return judged
    return [replace(one, now=replace(one.now, permit=None)) if one.now.state in GIVEN_UP else one for one in judged]
