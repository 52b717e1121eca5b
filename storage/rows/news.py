"""News of recordings, from callbacks and the provider's lists, in any order and number: settled as rows and events.

`storage.rows.verdicts` judges which recording the permit covers: it is taken in. Foreign recordings are condemned, and
a doubtful recording is quarantined until a callback or the provider's own account of the call shows whose it is.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from evidence.events import Event, Value
from policies.attribution import UNTIMED, Attributed, Times, Verdict
from policies.coverage import BEGUN_LATER, GIVEN_UP, WITHDRAWN
from policies.disposition import STORED_HERE
from policies.incidents import IncidentKind
from policies.lifecycle import RecordingEvent, RecordingState, after, first
from storage.errors import Refused
from storage.moment import Moment
from storage.provider import WITHOUT_AUDIO, ProviderRecording, recording_event
from storage.rows import calls, pauses, recordings
from storage.rows.calls import Call
from storage.rows.incidents import raise_incident, resolve, was_raised
from storage.rows.recordings import DELETE_AGAIN, IN_DOUBT, INTAKE, PAUSE, Jobs, Recording
from storage.rows.verdicts import Heard, Judged, judge

_LOGGED_AS = {
    RecordingState.STARTED: "recording.started",
    RecordingState.COMPLETED: "recording.completed",
    RecordingState.ABSENT: "recording.absent",
}
_NEW = first(RecordingEvent.QUARANTINED)  # until the verdict, which is given at once
_DOUBTED_ANEW = timedelta(hours=1)
_GONE_THERE = frozenset({RecordingState.KEPT, RecordingState.DESTROYED})


@dataclass(frozen=True, slots=True)
class News:
    """A report of the provider's on a recording; None and an empty source stand for missing facts.

    `reports_to_us`: it came to the address that only our record.xml names. `started_at` is by the provider's clock.
    """

    recording_sid: str
    event: RecordingEvent
    source: str
    reports_to_us: bool = False
    duration_s: int | None = None
    channels: int | None = None
    track: str | None = None
    started_at: datetime | None = None
    under_sid: str = ""
    """Of the leg or conference that the provider has it under; empty where that is the caller's leg, or unknown."""


def take_news(connection: Connection, moment: Moment, call: Call, news: News, jobs: Jobs) -> Recording:
    """Take in news of a recording. Raises Refused when the recording is another call's.

    The call's row must be locked, here and in the functions below.
    """
    heard = hear_all(connection, moment, call, [news], jobs)
    if not heard:
        raise Refused(f"call {call.id}: the news is of a recording that belongs to another call")
    return heard[0]


def take_in(
    connection: Connection,
    moment: Moment,
    call: Call,
    listed: Sequence[ProviderRecording],
    jobs: Jobs,
    times: Times = UNTIMED,
) -> None:
    """Take in the provider's list of a call's recordings. A recording of another call is only an incident."""
    heard = hear_all(connection, moment, call, [from_list(call.call_sid, row) for row in listed], jobs, times)
    for recording in heard:
        if recording.state in _GONE_THERE:  # its deletion was confirmed, and yet it is listed
            jobs.enqueue(connection, DELETE_AGAIN, f"{recording.id}:{moment.at:%Y%m%d%H}", recording.id)
    if strangers := len({one.recording_sid for one in listed}) - len(heard):
        detail = f"Twilio lists {strangers} recordings under this call that belong to others"
        raise_incident(
            connection, moment, IncidentKind.CALL_NOT_UNDERSTOOD, about=call.id, call_id=call.id, detail=detail
        )


def is_news(row: Recording, call_sid: str, found: ProviderRecording, *, listed_at: datetime) -> bool:
    """Whether the provider's list, asked for at `listed_at`, says anything of a recording that its row does not."""
    if row.state in _GONE_THERE:
        is_without_audio = row.state is RecordingState.DESTROYED and found.status in WITHOUT_AUDIO
        return row.moved_at < listed_at and not is_without_audio
    heard = from_list(call_sid, found)
    if after(row.state, heard.event) is not row.state or _with_facts(listed_at, row, [heard]) != row:
        return True
    # A doubt may rest on the clocks, which are compared anew each time.
    return row.state is RecordingState.QUARANTINED and listed_at - row.moved_at < _DOUBTED_ANEW


def hear_all(
    connection: Connection, moment: Moment, call: Call, news: Iterable[News], jobs: Jobs, times: Times = UNTIMED
) -> list[Recording]:
    """Take in news of a call's recordings at one time, and return these recordings. Another call's are left out."""
    before = {one.recording_sid: one for one in recordings.of_call(connection, call.id)}
    mine = _by_sid(one for one in news if one.recording_sid in before or _is_new(connection, one))
    new = {sid: _new(moment, call, sid) for sid in mine if sid not in before}
    heard = [_heard(moment, before.get(sid), row, mine.get(sid, ())) for sid, row in {**before, **new}.items()]
    judged = judge(connection, moment, call, heard, times)
    _save(connection, moment, judged)
    if events := [event for one in judged for event in _reported(one, _told(connection, moment, one, jobs))]:
        calls.append_events(connection, moment, call, *events)
    return [one.now for one in judged if one.now.recording_sid in mine]


def from_list(call_sid: str, found: ProviderRecording) -> News:
    """A row of the provider's list, of a recording that belongs to the call with that sid."""
    under_sid = found.conference_sid or found.call_sid
    return News(
        recording_sid=found.recording_sid,
        event=recording_event(found.status),
        source=found.source,
        duration_s=found.duration_s,
        channels=found.channels,
        track=found.track,
        started_at=found.started_at,
        under_sid=under_sid if under_sid != call_sid else "",
    )


def _is_new(connection: Connection, one: News) -> bool:
    return recordings.peek_sid(connection, one.recording_sid) is None


def _by_sid(news: Iterable[News]) -> dict[str, list[News]]:
    found: dict[str, list[News]] = {}
    for one in news:
        found.setdefault(one.recording_sid, []).append(one)
    return found


def _new(moment: Moment, call: Call, recording_sid: str) -> Recording:
    return Recording(
        id=moment.new_id(),
        recording_sid=recording_sid,
        call_id=call.id,
        permit=None,
        state=_NEW,
        source="",
        duration_s=None,
        channels=None,
        noticed_at=moment.at,
        moved_at=moment.at,
    )


def _heard(moment: Moment, before: Recording | None, row: Recording, told: Sequence[News]) -> Heard:
    return Heard(before, _with_facts(moment.at, row, told), [one.event for one in told])


def _with_facts(at: datetime, row: Recording, told: Iterable[News]) -> Recording:
    """Later news wins; for duration and channels only until the audio is stored. The first source stays."""
    for one in told:
        is_open = row.state not in STORED_HERE | GIVEN_UP
        row = replace(
            row,
            source=row.source or one.source,
            started_at=one.started_at or row.started_at,
            reported_at=row.reported_at or (at if one.reports_to_us else None),
            duration_s=one.duration_s if is_open and one.duration_s is not None else row.duration_s,
            channels=one.channels if is_open and one.channels is not None else row.channels,
            track=one.track if is_open and one.track is not None else row.track,
            under_sid=one.under_sid or row.under_sid,
        )
    return row


def _save(connection: Connection, moment: Moment, judged: Iterable[Judged]) -> None:
    """Save rows that lose the permit first, before another recording gets it."""
    for one in sorted(judged, key=lambda one: one.now.permit is not None):
        if one.before is None:
            recordings.add(connection, one.now)
        elif one.now != one.before:
            recordings.save(connection, moment, one.before, one.now)


def _told(connection: Connection, moment: Moment, one: Judged, jobs: Jobs) -> list[Event]:
    """The events of a change; its incidents are raised and its jobs queued here too."""
    now, before, found = one.now, one.before, one.found
    if now.state in GIVEN_UP:
        return [_condemned(connection, moment, now, before, found, jobs)] if one.moves and found else []
    if found and found.verdict is Verdict.UNCLEAR:
        if one.moves or not was_raised(connection, IN_DOUBT, now.id):  # once a person has closed it, it stays closed
            detail = _doubt(now, found)
            raise_incident(connection, moment, IN_DOUBT, about=now.id, call_id=now.call_id, detail=detail)
    elif before:
        resolve(connection, moment, IN_DOUBT, now.id)
    if not one.moves:
        return _corrected(connection, moment, before, now, jobs)
    if found and now.state is RecordingState.QUARANTINED:
        return [_event("recording.quarantined", now, why=found.why)]
    identified = []
    if found and before and before.state is RecordingState.QUARANTINED:
        identified = [_event("recording.identified", now, why=found.why)]
    _follow_up(connection, moment, now, before, jobs)
    return [*identified, _event(_LOGGED_AS[now.state], now)]


def _reported(one: Judged, told: list[Event]) -> list[Event]:
    """Adds to the events that the recording reported to us for the first time: it is ours for certain then."""
    if not one.now.reported_at or (one.before and one.before.reported_at):
        return told
    first_told, *others = told or [_event("recording.reported", one.now)]
    return [replace(first_told, public={**first_told.public, "reported": True}), *others]


def _condemned(
    connection: Connection, moment: Moment, now: Recording, before: Recording | None, found: Attributed, jobs: Jobs
) -> Event:
    """A withdrawal raises no incident. `permitted: false` is logged where the permit covered the recording before."""
    if found not in (WITHDRAWN, BEGUN_LATER):
        recordings.without_permit(connection, moment, now, found.why)
    told = recordings.condemned_for(connection, moment, now, jobs, why=found.why)
    if before and before.permit and not now.permit:
        return replace(told, public={**told.public, "permitted": False})
    return told


def _doubt(now: Recording, found: Attributed) -> str:
    where = "is stored, and not heard" if now.state in STORED_HERE else "stays at Twilio"
    return (
        f"whether the recording is the one that was agreed to is unclear: {found.why}; until that is clear it {where}"
    )


def _corrected(
    connection: Connection, moment: Moment, before: Recording | None, now: Recording, jobs: Jobs
) -> list[Event]:
    """The provider has corrected the duration of a completed recording: queue its intake again."""
    if before is None or now.state is not RecordingState.COMPLETED or now.duration_s == before.duration_s:
        return []
    jobs.enqueue(connection, INTAKE, f"{now.id}:{moment.at:%Y%m%dT%H%M%S}", now.id)
    return [_event("recording.corrected", now)]


def _follow_up(connection: Connection, moment: Moment, now: Recording, before: Recording | None, jobs: Jobs) -> None:
    if now.state is RecordingState.STARTED and (asked := pauses.open_of(connection, now.call_id)):
        jobs.enqueue(connection, PAUSE, f"{asked.id}:{now.id}", str(asked.id))
    if now.state is RecordingState.COMPLETED:
        resolve(connection, moment, IncidentKind.RECORDING_ABSENT, now.id)
        resolve(connection, moment, IncidentKind.RECORDING_MISSING, now.id, now.call_id)
        was_completed = before is not None and before.state is RecordingState.QUARANTINED
        job_id = f"{now.id}:{moment.at:%Y%m%dT%H%M%S}" if was_completed else now.id  # the first job may have ended
        jobs.enqueue(connection, INTAKE, job_id, now.id)
    if now.state is RecordingState.ABSENT:
        resolve(connection, moment, IncidentKind.RECORDING_MISSING, now.id)  # what follows says more
        detail = "Twilio made no recording although the caller had agreed to one"
        raise_incident(
            connection, moment, IncidentKind.RECORDING_ABSENT, about=now.id, call_id=now.call_id, detail=detail
        )


def _event(name: str, now: Recording, **public: Value) -> Event:
    told: dict[str, Value] = {"recording": now.id, "source": now.source, **public}
    if now.duration_s is not None:
        told["duration_s"] = now.duration_s
    return Event(name, told, {"provider_recording_id": now.recording_sid})
