"""The jobs *pause* and *resume*: a recording is paused at the provider, and goes on, when somebody asks for it.

A pause that lasts too long is ended as the rules say. Silence takes the place of the sound, so that times stay right.
The provider's answer to a request is the only place where it says `paused`, so the answer is what is gone by.
"""

from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import Connection

from policies.incidents import IncidentKind
from policies.pausing import AtLimit, PauseEnd
from storage.custody import stopping
from storage.custody.workshop import Workshop
from storage.errors import Unavailable
from storage.jobs.contract import JobKind
from storage.jobs.steps import Steps
from storage.provider import ClocksApart, ProviderRecording
from storage.row_check.logged_calls import check_outcome
from storage.rows import calls, pauses, recordings
from storage.rows.calls import Call
from storage.rows.incidents import raise_incident, was_raised
from storage.rows.pauses import Pause
from storage.rows.pausing import covered, may_record
from storage.rows.recordings import PAUSE, RESUME, Jobs, Recording

_AT_ONCE = 200
_MID_SECOND = timedelta(seconds=0.5)  # the provider tells whole seconds
# An end after which the recording is to run: a pause that the provider began later must be undone.
_UNDONE = frozenset({PauseEnd.RESUMED, PauseEnd.NEVER_BEGUN})
_TOLD = {
    AtLimit.STOP: "the recording is stopped",
    AtLimit.RESUME: "the recording goes on",
    AtLimit.ALARM: "the recording stays paused until somebody resumes or stops it",
}


class KnownJobs(Jobs, Protocol):
    """A job's id begins with that of the pause it is about."""

    def under_way(self, kind: JobKind) -> frozenset[str]: ...


def pause(workshop: Workshop, steps: Steps, number: str) -> None:
    """Does nothing while there is no recording to pause: the first news of it queue the job again."""
    steps("pause", lambda: _pause(workshop, int(number)))


def resume(workshop: Workshop, steps: Steps, number: str) -> None:
    """End a pause, where somebody asked for it or its limit has come."""
    steps("resume", lambda: _end(workshop, int(number)))


def see_to_pauses(workshop: Workshop, jobs: KnownJobs) -> None:
    """End pauses that have reached their limit, and queue jobs for those that no job moves."""
    with workshop.database.read() as connection:
        found = pauses.open_pauses(connection, limit=_AT_ONCE)
    now = workshop.now()
    due = [asked for asked in found if asked.limit_at <= now or asked.resume_asked_at or not asked.begun_at]
    if not due:
        return
    busy = {kind: {job_id.partition(":")[0] for job_id in jobs.under_way(kind)} for kind in (PAUSE, RESUME)}

    def see_to(connection: Connection) -> None:
        for asked in sorted(due, key=lambda asked: asked.call_id):
            call = calls.existing(connection, asked.call_id)
            _see_to_one(connection, workshop, jobs, call, asked.id, busy)

    workshop.database.write(see_to)


def _see_to_one(
    connection: Connection,
    workshop: Workshop,
    jobs: KnownJobs,
    call: Call,
    number: int,
    busy: dict[JobKind, set[str]],
) -> None:
    asked, moment = pauses.by_id(connection, number), workshop.moment()
    if asked is None or asked.ended_at is not None:
        return
    is_late, about = asked.limit_at <= moment.at, f"pause:{asked.id}"
    if is_late and not was_raised(connection, IncidentKind.PAUSE_FORGOTTEN, about):
        detail = f"the recording was paused for too long; {_TOLD[asked.at_limit]}"
        raise_incident(connection, moment, IncidentKind.PAUSE_FORGOTTEN, about=about, call_id=call.id, detail=detail)
    turn = f"{number}:{moment.at:%Y%m%dT%H%M}"
    if asked.resume_asked_at or (is_late and asked.at_limit is not AtLimit.ALARM):
        if str(number) not in busy[RESUME]:
            jobs.enqueue(connection, RESUME, f"{turn}:{is_late}", str(number))
    elif asked.begun_at is None and str(number) not in busy[PAUSE] and covered(recordings.of_call(connection, call.id)):
        jobs.enqueue(connection, PAUSE, turn, str(number))


def _pause(workshop: Workshop, number: int) -> None:
    with workshop.database.read() as connection:
        asked, call, recording = _look(connection, number)
    if asked is None or call is None or recording is None:
        return
    if asked.ended_at is None and asked.begun_at is None:
        found = workshop.provider.pause(recording.under_sid or call.call_sid, recording.recording_sid)
        if found is None:
            return  # the recording has ended, and the pause ends with its call
        if found.status != "paused":
            raise Unavailable(f"recording {recording.id}: it is {found.status}, and was to be paused")
        at_ms = _at_ms(found, workshop.now(), workshop.provider.clocks_apart())
        asked = workshop.database.write(lambda connection: _begun(connection, workshop, number, recording.id, at_ms))
    if asked and asked.ended_at and asked.how in _UNDONE:
        _go_on(workshop, call, recording)


def _begun(
    connection: Connection, workshop: Workshop, number: int, recording_id: str, at_ms: int | None
) -> Pause | None:
    """The pause as it is now: it may have ended while the provider was asked."""
    asked = pauses.by_id(connection, number)
    if asked is None:
        return None
    call = calls.existing(connection, asked.call_id)
    asked = pauses.by_id(connection, number)
    if asked and asked.ended_at is None and asked.begun_at is None:
        return pauses.begun(connection, workshop.moment(), call, asked, recording_id, at_ms)
    return asked


def _end(workshop: Workshop, number: int) -> None:
    with workshop.database.read() as connection:
        asked, call, recording = _look(connection, number)
    if asked is None or call is None or asked.ended_at is not None:
        return
    is_late = asked.limit_at <= workshop.now() and asked.resume_asked_at is None
    if asked.resume_asked_at is None and not (is_late and asked.at_limit is not AtLimit.ALARM):
        return
    how = PauseEnd.LIMIT if is_late else PauseEnd.RESUMED
    if recording is None or not may_record(call):
        _write_end(workshop, number, PauseEnd.CALL_ENDED)
    elif is_late and asked.at_limit is AtLimit.STOP:
        stopping.stop(workshop, call, recording)
        _write_end(workshop, number, how)
    else:
        found = _go_on(workshop, call, recording)
        if found is None:
            _write_end(workshop, number, PauseEnd.CALL_ENDED)
        else:
            at_ms = _at_ms(found, workshop.now(), workshop.provider.clocks_apart())
            _write_end(workshop, number, how, goes_on=True, at_ms=at_ms)


def _go_on(workshop: Workshop, call: Call, recording: Recording) -> ProviderRecording | None:
    """Let the recording go on: only with consent, by the call's events, and stop it where that was withdrawn meanwhile.

    None where it has ended.
    """
    with workshop.database.read() as connection:
        check_outcome(connection, call.id, call.outcome)
    if not may_record(call):
        return None
    under_sid = recording.under_sid or call.call_sid
    found = workshop.provider.resume(under_sid, recording.recording_sid)
    with workshop.database.read() as connection:
        now = calls.peek(connection, call.id)
    if now is not None and not may_record(now):
        workshop.provider.stop(under_sid, recording.recording_sid)
    if found is not None and found.status != "in-progress":
        raise Unavailable(f"recording {recording.id}: it is {found.status}, and was to go on")
    return found


def _write_end(
    workshop: Workshop,
    number: int,
    how: PauseEnd,
    *,
    goes_on: bool = False,
    at_ms: int | None = None,
) -> None:
    def write(connection: Connection) -> None:
        asked = pauses.by_id(connection, number)
        call = calls.existing(connection, asked.call_id) if asked else None
        asked = pauses.by_id(connection, number)
        if asked is None or call is None or asked.ended_at is not None:
            return
        moment, was_begun = workshop.moment(), asked.begun_at is not None
        how_ended = how if was_begun or how is PauseEnd.LIMIT else PauseEnd.NEVER_BEGUN
        pauses.end(connection, moment, call, asked, how_ended, goes_on=goes_on and was_begun, at_ms=at_ms)

    workshop.database.write(write)


def _look(connection: Connection, number: int) -> tuple[Pause | None, Call | None, Recording | None]:
    asked = pauses.by_id(connection, number)
    call = calls.peek(connection, asked.call_id) if asked else None
    return asked, call, covered(recordings.of_call(connection, asked.call_id)) if asked else None


def _at_ms(found: ProviderRecording, now: datetime, apart: ClocksApart | None) -> int | None:
    """How far into the recording, to about half a second; None where the provider does not say when it began."""
    if found.started_at is None:
        return None
    at_provider = now - apart.about if apart else now
    return max(0, round((at_provider - found.started_at - _MID_SECOND) // timedelta(milliseconds=1), -2))
