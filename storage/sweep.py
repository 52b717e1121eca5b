"""The job *sweep*: finds what nothing moves, and what nobody told us.

Callbacks are best effort, so Twilio is asked: about every call that has not ended, and about every ended one ever more
rarely for a day. What it says of recordings is taken in exactly as from a callback. Then rows that wait too long are
handed to a job again, and what has lived as long as its rule says is destroyed.
"""

import logging
import shutil
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Select, select

from policies.lifecycle import RecordingEvent, RecordingState
from storage import calls, recordings
from storage.calls import Call, Moment
from storage.errors import Broken, Unavailable
from storage.incidents import raise_incident
from storage.intake import Workshop
from storage.job_queue import JobKind, Lane
from storage.job_steps import Steps
from storage.provider import ProviderCall, ProviderRecording
from storage.recordings import DESTROY, INTAKE, Jobs, News
from storage.tables import call, recording

log = logging.getLogger(__name__)

# What Twilio calls a recording that somebody else's request, setting or verb started: never the one of our record.xml.
# The list is Twilio's documented set; `<Start><Recording>` is not in it (it was seen as StartCallRecordingTwiML).
FOREIGN_SOURCES = frozenset(
    {
        "Conference",
        "DialVerb",
        "OutboundAPI",
        "RecordVerb",
        "StartCallRecordingAPI",
        "StartConferenceRecordingAPI",
        "Trunking",
    }
)
SWEEP = JobKind("sweep", Lane.PROMPT)
_RECORDING_EVENT = {"completed": RecordingEvent.COMPLETED, "absent": RecordingEvent.ABSENT}
_AT_ONCE = 50
_LIVE_EVERY = timedelta(seconds=10)
_ASK_UNTIL = timedelta(days=1)
_LATE = timedelta(minutes=10)
_VERY_LATE = timedelta(hours=1)
_WAITING = (RecordingState.COMPLETED, RecordingState.STORED, RecordingState.CONDEMNED)


def ask_for_one(shop: Workshop, jobs: Jobs) -> None:
    """Queue a sweep where there is something to sweep: one for all workers, by the time in its id."""
    now = shop.moment().at
    with shop.database.read() as connection:
        waits = any(connection.execute(query.limit(1)).first() for query in _whats_due(now))
    if waits or any(shop.spool.glob("*")):
        shop.database.write(lambda connection: jobs.enqueue(connection, SWEEP, f"{now:%Y%m%dT%H%M%S}", ""))


def _whats_due(now: datetime) -> list[Select[tuple[str]]]:
    return [
        select(call.c.id).where(call.c.sweep_at <= now),
        select(recording.c.id).where(_late(now)),
        select(recording.c.id).where(_expired(now)),
    ]


def sweep(shop: Workshop, jobs: Jobs, steps: Steps) -> None:
    steps("ask", lambda: _ask(shop, jobs))
    steps("chase", lambda: shop.database.write(lambda connection: _chase(connection, shop.moment(), jobs)))
    steps("expire", lambda: shop.database.write(lambda connection: _expire(connection, shop.moment(), jobs)))
    steps("tidy", lambda: _tidy(shop))


def _ask(shop: Workshop, jobs: Jobs) -> None:
    """One call that Twilio does not answer about does not keep the others from being asked about."""
    failures = []
    for call_id, call_sid in _due(shop):
        try:
            _ask_about(shop, jobs, call_id, call_sid)
        except Unavailable as error:
            failures.append(error)
    if failures:
        log.warning("sweep: %d calls could not be asked about; the first: %s", len(failures), failures[0])


def _due(shop: Workshop) -> list[tuple[str, str]]:
    now = shop.moment().at
    query = select(call.c.id, call.c.call_sid).where(call.c.sweep_at <= now).order_by(call.c.sweep_at).limit(_AT_ONCE)
    with shop.database.read() as connection:
        return [(row.id, row.call_sid) for row in connection.execute(query)]


def _ask_about(shop: Workshop, jobs: Jobs, call_id: str, call_sid: str) -> None:
    at_provider = shop.provider.call(call_sid)
    found = shop.provider.recordings_of(call_sid)
    shop.database.write(lambda connection: _take_in(connection, shop.moment(), jobs, call_id, at_provider, found))


def _take_in(
    connection: Connection,
    moment: Moment,
    jobs: Jobs,
    call_id: str,
    at_provider: ProviderCall | None,
    found: Sequence[ProviderRecording],
) -> None:
    known = _call(connection, call_id)
    if at_provider is None or at_provider.ended:
        status = at_provider.status if at_provider else "unknown to Twilio"
        calls.end(connection, moment, known, status=status, duration_s=at_provider.duration_s if at_provider else None)
    for one in found:
        recordings.hear(connection, moment, _call(connection, call_id), _news(one), jobs)
    known = _call(connection, call_id)
    _miss(connection, moment, known)
    calls.ask_again(connection, known, _next_time(moment.at, known.ended_at))


def _news(found: ProviderRecording) -> News:
    return News(
        recording_sid=found.recording_sid,
        event=_RECORDING_EVENT.get(found.status, RecordingEvent.IN_PROGRESS),
        source=found.source,
        ours=found.source not in FOREIGN_SOURCES,
        duration_s=found.duration_s,
        channels=found.channels,
    )


def _miss(connection: Connection, moment: Moment, known: Call) -> None:
    """A caller agreed and nothing was recorded: no false "recorded", but somebody should know."""
    if known.ended_at is None or moment.at - known.ended_at < _LATE:
        return
    if calls.permit_of(connection, known.id) and not recordings.of_call(connection, known.id):
        detail = "the caller agreed to be recorded, and Twilio has no recording of the call"
        raise_incident(connection, moment, "recording_missing", about=known.id, call_id=known.id, detail=detail)


def _next_time(now: datetime, ended_at: datetime | None) -> datetime | None:
    """Live calls every few seconds; ended ones ever more rarely, and after a day no more."""
    if ended_at is None:
        return now + _LIVE_EVERY
    age = now - ended_at
    return now + max(age, _LIVE_EVERY) if age < _ASK_UNTIL else None


def _chase(connection: Connection, moment: Moment, jobs: Jobs) -> None:
    """Rows that stand still: their job failed for good, or was never asked for. Once an hour it gets another."""
    for known in recordings.where(connection, _late(moment.at), limit=_AT_ONCE):
        kind = DESTROY if known.state is RecordingState.CONDEMNED else INTAKE
        jobs.enqueue(connection, kind, f"{known.id}:{moment.at:%Y%m%d%H}", known.id)
        if moment.at - known.moved_at > _VERY_LATE:
            detail = f"the recording has been {known.state} for more than an hour"
            raise_incident(
                connection,
                moment,
                f"recording_stays_{known.state}",
                about=known.id,
                call_id=known.call_id,
                detail=detail,
            )


def _expire(connection: Connection, moment: Moment, jobs: Jobs) -> None:
    for known in recordings.where(connection, _expired(moment.at), limit=_AT_ONCE):
        jobs.enqueue(connection, DESTROY, f"{known.id}:{moment.at:%Y%m%d%H}", known.id)


def _late(now: datetime) -> ColumnElement[bool]:
    return recording.c.state.in_(_WAITING) & (recording.c.moved_at < now - _LATE)


def _expired(now: datetime) -> ColumnElement[bool]:
    return recording.c.state.in_((RecordingState.STORED, RecordingState.KEPT)) & (recording.c.retain_until <= now)


def _tidy(shop: Workshop) -> None:
    """Audio in the clear has no business in the spool once its recording has moved on."""
    for folder in shop.spool.glob("*") if shop.spool.is_dir() else ():
        with shop.database.read() as connection:
            known = recordings.peek(connection, folder.name)
        if known is None or known.state is not RecordingState.COMPLETED:
            shutil.rmtree(folder, ignore_errors=True)


def _call(connection: Connection, call_id: str) -> Call:
    known = calls.by_id(connection, call_id)
    if known is None:
        raise Broken(f"call {call_id}: there is no such row")
    return known
