"""Notes failed work on a recording: the reason is kept beside its row, and an incident is raised in time.

Called by the worker, for every kind of job that is about a recording, and where Twilio is asked about a call.
"""

from datetime import timedelta
from typing import Any

from sqlalchemy import Connection

from policies.incidents import IncidentKind
from policies.lifecycle import RecordingState
from storage.custody import withdraw
from storage.custody.workshop import Workshop
from storage.errors import Broken, Unavailable, Unusable
from storage.jobs.contract import JobKind
from storage.moment import Moment
from storage.rows import delays, messages, recordings
from storage.rows.incidents import opened_since, raise_anew, raise_incident, resolve
from storage.rows.messages import TELL
from storage.rows.recordings import DELETE_AGAIN, DESTROY, EXPIRE, INTAKE, Recording
from storage.rows.withdrawing import WITHDRAW

# An incident is raised by then, but not for a fault that ends within a minute.
TOLD_AFTER = timedelta(minutes=5)
# The provider's file will not change soon; a fault of our store may be mended sooner.
_UNUSABLE_AGAIN = timedelta(days=1)
_AGAIN_FIRST, _AGAIN_MAX = timedelta(hours=1), timedelta(hours=6)
_STORED = frozenset({RecordingState.STORED, RecordingState.KEPT})
# The states in which a job has something left to do: in any other, another has done it.
_HAS_WORK = {
    INTAKE: frozenset({RecordingState.COMPLETED, RecordingState.STORED}),
    DESTROY: frozenset({RecordingState.CONDEMNED}),
    EXPIRE: _STORED,
    DELETE_AGAIN: frozenset({RecordingState.KEPT, RecordingState.DESTROYED}),
}


def note_wait(workshop: Workshop, kind: JobKind, argument: Any, error: Unavailable, wait_s: float) -> None:
    """A job has to wait. An incident says why where the next try would come later than `TOLD_AFTER`."""
    if kind == WITHDRAW:
        withdraw.note_wait(workshop, str(argument), error)
        return
    if kind == TELL:
        _note_untold(workshop, str(argument), f"waits: {error}", soon=timedelta(seconds=wait_s))
        return

    def note(connection: Connection) -> None:
        moment, recording = workshop.moment(), _about(connection, kind, argument)
        if recording is None:
            return
        kept = delays.note(connection, moment, recording.id, kind.name, str(error))
        if moment.at + timedelta(seconds=wait_s) - kept.since >= TOLD_AFTER:
            detail = f"{kind.name} waits: {error}"
            about, call_id = recording.id, recording.call_id
            raise_anew(
                connection,
                moment,
                IncidentKind.RECORDING_WAITS,
                about=about,
                call_id=call_id,
                detail=detail,
                since=kept.since,
            )

    workshop.database.write(note)


def note_failure(workshop: Workshop, kind: JobKind, argument: Any, error: Exception) -> None:
    """A job failed for good: raise an incident, and keep the reason and the next time beside the recording."""
    if kind == TELL:
        _note_untold(workshop, str(argument), str(error), soon=TOLD_AFTER)
        return
    about, detail = _name(kind, argument), f"{kind.name}: {error}"

    def note(connection: Connection) -> None:
        moment, found, said = workshop.moment(), _about(connection, kind, argument), detail
        if found is not None:
            before = delays.of(connection, found.id)
            failures = (before.failures if before else 0) + 1
            pause = _pause(kind, error, failures)
            again = {"failures": failures, "again_at": moment.at + pause}
            delays.note(connection, moment, found.id, kind.name, str(error), **again)
            said = f"{detail}; tried again in {pause // timedelta(hours=1)} h"
        recording = found or recordings.peek(connection, str(argument))
        call_id = recording.call_id if recording else None
        raise_anew(
            connection, moment, IncidentKind.JOB_FAILED, about=about, call_id=call_id, detail=said, since=moment.at
        )

    workshop.database.write(note)


def _note_untold(workshop: Workshop, message_id: str, why: str, *, soon: timedelta) -> None:
    """A message could not be told: an incident about its way, where the next try comes later than `TOLD_AFTER`."""

    def note(connection: Connection) -> None:
        moment, untold = workshop.moment(), messages.by_id(connection, message_id)
        if untold is not None and moment.at + soon - untold.made_at >= TOLD_AFTER:
            messages.not_told(connection, moment, message_id, why)

    workshop.database.write(note)


def note_success(workshop: Workshop, kind: JobKind, argument: Any) -> None:
    """A job has done all that it was to do: if an earlier one about the same failed, that has resolved itself."""
    about = _name(kind, argument)
    with workshop.database.read() as connection:
        has_failed = opened_since(connection, IncidentKind.JOB_FAILED, about) is not None
    if has_failed:
        workshop.database.write(
            lambda connection: resolve(connection, workshop.moment(), IncidentKind.JOB_FAILED, about)
        )


def note_not_understood(workshop: Workshop, moment: Moment, call_id: str, error: Broken) -> None:
    """An answer of Twilio about a call makes no sense."""
    kind, detail = IncidentKind.CALL_NOT_UNDERSTOOD, str(error)
    workshop.database.write(
        lambda connection: raise_incident(connection, moment, kind, about=call_id, call_id=call_id, detail=detail)
    )


def _name(kind: JobKind, argument: Any) -> str:
    """The subject of the incident about failed jobs of that kind and argument."""
    return f"{kind.name}:{argument}"[:64]


def _pause(kind: JobKind, error: Exception, failures: int) -> timedelta:
    """Destruction is tried every hour; intake more and more rarely, since it fetches the audio again."""
    if kind is not INTAKE:
        return _AGAIN_FIRST
    if isinstance(error, Unusable):
        return _UNUSABLE_AGAIN
    return min(_AGAIN_FIRST * (1 << (failures - 1)), _AGAIN_MAX)


def _about(connection: Connection, kind: JobKind, argument: Any) -> Recording | None:
    """The recording that a job is about, its row and its call's locked; None where nothing is left for it to do."""
    if kind not in _HAS_WORK or recordings.peek(connection, str(argument)) is None:
        return None
    _, recording = recordings.with_call(connection, str(argument))
    return recording if recording.state in _HAS_WORK[kind] else None
