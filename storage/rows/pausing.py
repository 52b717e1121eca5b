"""Asking for a pause of a call's recording and for its end, in the transaction of whoever asks: event, row and job.

The call's row must be locked. The jobs ask the provider (`storage.custody.pausing`).
"""

from sqlalchemy import Connection

from policies.consent import RECORDING_OUTCOMES
from policies.lifecycle import CallState, RecordingState
from policies.pausing import Pausing
from storage.errors import Refused
from storage.moment import Moment
from storage.rows import pauses, recordings
from storage.rows.calls import Call
from storage.rows.pauses import Pause
from storage.rows.recordings import PAUSE, RESUME, Jobs, Recording


def pause(connection: Connection, moment: Moment, call: Call, rule: Pausing, jobs: Jobs, *, actor: str) -> Pause:
    """Ask for a pause, also before the first news of the recording. `rule` is of the rules that the call came in under.

    Raises Refused where nothing is recorded, or is paused already.
    """
    if not may_record(call):
        raise Refused(f"call {call.id}: it is not being recorded")
    made = [row for row in recordings.of_call(connection, call.id) if row.permit]
    if made and covered(made) is None:
        raise Refused(f"call {call.id}: its recording has ended")
    asked = pauses.ask(connection, moment, call, actor=actor, limit=rule.limit, at_limit=rule.at_limit)
    jobs.enqueue(connection, PAUSE, str(asked.id), str(asked.id))
    return asked


def resume(connection: Connection, moment: Moment, call: Call, jobs: Jobs, *, actor: str) -> Pause:
    """Ask for the end of a pause. Raises Refused where none is open, or nothing may be recorded any more."""
    asked = pauses.open_of(connection, call.id)
    if asked is None or not may_record(call):
        raise Refused(f"call {call.id}: its recording is not paused")
    if asked.resume_asked_at is None:
        asked = pauses.ask_to_resume(connection, moment, asked, actor=actor)
    jobs.enqueue(connection, RESUME, str(asked.id), str(asked.id))
    return asked


def may_record(call: Call) -> bool:
    """Whether the call goes on and its consent stands."""
    return call.outcome in RECORDING_OUTCOMES and call.state is not CallState.ENDED and not call.synthetic


def covered(rows: list[Recording]) -> Recording | None:
    """The recording that runs under the call's permit, by its row."""
    return next((row for row in rows if row.permit and row.state is RecordingState.STARTED), None)
