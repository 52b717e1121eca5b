"""Verdicts on the recordings of a call: which of them its permit covers, and the state of each after that.

Without consent to record the call, each recording is condemned at its first news. With consent, `policies.attribution`
decides.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from policies import coverage
from policies.attribution import FOREIGN_SOURCES, SEEN_FOR_OURS, Attributed, Candidate, Times, attribute
from policies.consent import Outcome
from policies.coverage import Standing
from policies.lifecycle import RecordingEvent, RecordingState
from storage.moment import Moment
from storage.row_check.logged_calls import check_outcome, logged
from storage.rows import permits
from storage.rows.calls import Call
from storage.rows.recordings import Recording


@dataclass(frozen=True, slots=True)
class Heard:
    """A recording as it was and with the facts of the news, and the events that the provider reported. `before` is None
    for a new recording.
    """

    before: Recording | None
    now: Recording
    events: Sequence[RecordingEvent]


@dataclass(frozen=True, slots=True)
class Judged:
    """A recording as it was and as it is from now on; `found` is the verdict on it, None where it is not judged."""

    before: Recording | None
    now: Recording
    found: Attributed | None

    @property
    def moves(self) -> bool:
        return self.before is None or self.now.state is not self.before.state


def judge(connection: Connection, moment: Moment, call: Call, heard: Sequence[Heard], times: Times) -> list[Judged]:
    """Raises Contradicted where the verdict rests on an outcome that the call's events do not have."""
    verdicts = _verdicts(connection, call, heard, times)
    judged = [_judged(moment, recording, verdicts.get(recording.now.id)) for recording in heard]
    if any(_rests_on_the_outcome(recording) for recording in judged):
        check_outcome(connection, call.id, call.outcome)
    return _one_permit(judged)


def _verdicts(connection: Connection, call: Call, heard: Sequence[Heard], times: Times) -> Mapping[str, Attributed]:
    """By the recordings' ids. A recording that a permit covered is left out: the withdrawal of consent condemns it."""
    keeps = call.outcome == Outcome.WITHDRAWN and logged(connection, call.id).keeps_recording
    if _has_permit(connection, call, keeps=keeps):
        possible = [recording for recording in heard if _may_be_ours(recording.now)]
        found = attribute([_candidate(recording.now, recording.before) for recording in possible], times)
        return _begun_before(times, possible, found) if keeps else found
    ours = {recording.now.id for recording in heard if recording.now.permit or recording.now.reported_at}
    return {
        recording.now.id: coverage.without_permit(call.outcome, was_ordered=_was_ordered(recording.now, ours))
        for recording in heard
        if recording.now.permit is None
    }


def _begun_before(times: Times, possible: Sequence[Heard], found: Mapping[str, Attributed]) -> dict[str, Attributed]:
    return {
        recording.now.id: coverage.before_withdrawal(
            found[recording.now.id],
            was_covered=recording.before is not None and recording.before.permit is not None,
            started_at=recording.now.started_at,
            withdrawn_by=times.withdrawn_by,
        )
        for recording in possible
    }


def _has_permit(connection: Connection, call: Call, *, keeps: bool) -> bool:
    if not coverage.covers_some(call.outcome, is_synthetic=call.synthetic, keeps=keeps):
        return False
    return permits.permit_of(connection, call.id) is not None


def _was_ordered(row: Recording, ours: Set[str]) -> bool:
    """A source tells it only as long as no recording of the call is certainly `ours`: others' TwiML has the same."""
    return row.id in ours if ours else row.source == SEEN_FOR_OURS


def _may_be_ours(row: Recording) -> bool:
    return coverage.may_be_ours(_standing(row), reports_to_us=row.reported_at is not None)


def _standing(row: Recording) -> Standing:
    return Standing(row.state, row.permit is not None)


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
    standing = coverage.standing_after(_standing(row), found.verdict if found else None, heard.events)
    moved_at = row.moved_at if before and standing.state is before.state else moment.at
    return Judged(before, replace(_standing_at(row, standing), moved_at=moved_at), found)


def _standing_at(row: Recording, standing: Standing) -> Recording:
    return replace(row, state=standing.state, permit=row.call_id if standing.is_covered else None)


def _rests_on_the_outcome(recording: Judged) -> bool:
    """Whether the verdict changes the recording because of the call's outcome. Then the events must confirm the row."""
    if recording.found is None or recording.now.source in FOREIGN_SOURCES:
        return False
    return recording.moves or (recording.before is not None and recording.now.permit != recording.before.permit)


def _one_permit(judged: list[Judged]) -> list[Judged]:
    before = [_standing(recording.before) if recording.before else None for recording in judged]
    standings = coverage.with_one_permit(before, [_standing(recording.now) for recording in judged])
    return [
        replace(recording, now=_standing_at(recording.now, to)) for recording, to in zip(judged, standings, strict=True)
    ]
