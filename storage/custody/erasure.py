"""Erases a call: its personal data goes, in one transaction with the event that says so.

The rest names nobody: the events, whose personal fields can no longer be opened, and the rows of the call and its
recordings under random ids. Earlier proofs cover the events alone, so they still hold.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, delete, func, select, update

from evidence.disclosures import read_disclosure
from evidence.events import Event, Value, without_names
from policies.erasure import Standing, goes, obstacle, stand_in
from policies.lifecycle import CallState, RecordingEvent, RecordingState
from storage.database.tables import (
    audio_object,
    call_listing,
    comment,
    delay,
    disclosure,
    handoff,
    incident,
    leg,
    log_leaf,
    provider_account,
    provider_copy,
    recording_key,
    remembered_decline,
    reply,
    taken_by,
)
from storage.database.tables import (
    call as call_table,
)
from storage.database.tables import (
    recording as recording_table,
)
from storage.errors import Broken
from storage.log import consent_log
from storage.moment import Moment
from storage.rows import call_end, calls, holds, listing, provider_copies, recordings, watermarks
from storage.rows.calls import Call
from storage.rows.recordings import DESTROY, Jobs, Recording

# The erased call's rows in these tables are deleted.
# An agent's phone is no datum of the caller's, but it goes too: the telephone company's bill for it shows, to the
# second, whose call the agent took.
_WHOLE = (reply, provider_account, remembered_decline, leg, handoff, provider_copy, taken_by, comment)
TABLES = (*_WHOLE, delay, audio_object, recording_key, recording_table, incident, disclosure, call_table, call_listing)
_NO_AUDIO = frozenset({RecordingState.ABSENT, RecordingState.DESTROYED})


@dataclass(frozen=True, slots=True)
class Request:
    """Why and by whom a call is erased. `basis` is public and stays in the log.

    `requester` and `ticket` are the staff's own words. `again`: a restored backup has brought an erased call back.
    """

    basis: str
    actor: str
    requester: str = ""
    ticket: str = ""
    again: bool = False


@dataclass(frozen=True, slots=True)
class Traces:
    """Personal data of a call. `digests` are of the disclosures that go, `fields` the names in them.

    `recordings` are the recordings whose provider's sid is still kept; `rows` counts the rest.
    """

    call_id: str
    fields: tuple[str, ...]
    digests: tuple[str, ...]
    recordings: tuple[Recording, ...]
    rows: int

    @property
    def destroyed(self) -> tuple[Recording, ...]:
        """Recordings whose audio is destroyed."""
        return tuple(recording for recording in self.recordings if recording.state not in _NO_AUDIO)

    def __bool__(self) -> bool:
        return bool(self.digests or self.recordings or self.rows)


@dataclass(frozen=True, slots=True)
class NotErased:
    """The erasure has to wait, and why. A value: the other calls of the same person are erased all the same."""

    call_id: str
    why: str


def known_in_log(connection: Connection) -> dict[str, str]:
    """The basis of each erasure in the log, by the call's id. Reads the whole log."""
    query = select(log_leaf.c.idx, log_leaf.c.leaf).where(log_leaf.c.leaf.contains('"type":"privacy.erased"'))
    events = [consent_log.read_event(row.idx, row.leaf) for row in connection.execute(query)]
    return {event["call"]: event["basis"] for event in events if event["type"] == "privacy.erased"}


def look(connection: Connection, call_id: str, *, again: bool = False) -> Traces | NotErased:
    """Personal data that an erasure would remove, or why it has to wait. Changes nothing."""
    call = calls.peek(connection, call_id)
    if call is None:
        raise Broken(f"call {call_id}: there is no such row")
    found = traces(connection, call)
    why = obstacle(standing(connection, call), again=again) if found else ""
    return NotErased(call_id, why) if why else found


def erase(connection: Connection, moment: Moment, call_id: str, request: Request, jobs: Jobs) -> Traces | NotErased:
    """Erase a call, log it, and return the data that is gone; empty where none was left.

    The audio can't be opened from then on; a job deletes it.
    """
    call = calls.existing(connection, call_id)
    found = look(connection, call_id, again=request.again)
    if isinstance(found, NotErased) or not found:
        return found
    for table in _WHOLE:  # before the log is held: the same caller may be declining on another call
        connection.execute(delete(table).where(table.c.call_id == call_id))
    if request.again:
        call_end.end(connection, moment, call, status="erased before", duration_s=None)
    update_call = update(call_table).where(call_table.c.id == call_id)
    connection.execute(update_call.values(erased_at=call.erased_at or moment.at, sweep_at=None, corroborate_at=None))
    for recording in found.recordings:
        _give_up(connection, moment, call_id, recording, jobs)
    connection.execute(delete(disclosure).where(disclosure.c.digest.in_(found.digests)))
    _clear_incidents(connection, call, found)
    mine = select(recording_table.c.id).where(recording_table.c.call_id == call_id)
    # A reason may name a recording as the provider does.
    connection.execute(delete(delay).where(delay.c.recording_id.in_(mine)))
    connection.execute(update_call.values(call_sid=stand_in(call_id), caller_hash=None))
    listing.renew(connection, call_id)
    calls.append_events(connection, moment, calls.existing(connection, call_id), _event(found, request))
    return found


def traces(connection: Connection, call: Call) -> Traces:
    bodies = connection.execute(
        select(disclosure.c.digest, disclosure.c.body).where(disclosure.c.call_id == call.id)
    ).all()
    going = [(name, row.digest) for row in bodies if goes(name := _open(row.body)[0])]
    named = [
        recording
        for recording in recordings.of_call(connection, call.id)
        if recording.recording_sid != stand_in(recording.id)
    ]
    own = (call.call_sid != stand_in(call.id)) + (call.caller_hash is not None)
    return Traces(
        call_id=call.id,
        fields=tuple(sorted({name for name, _ in going})),
        digests=tuple(digest for _, digest in going),
        recordings=tuple(named),
        rows=own + sum(_count(connection, table, table.c.call_id == call.id) for table in _WHOLE),
    )


def standing(connection: Connection, call: Call) -> Standing:
    """How far a call has come, by its rows."""
    gone_through = watermarks.reached(connection, watermarks.CALLS)
    is_listed = gone_through is not None and gone_through <= call.received_at
    return Standing(
        has_ended=call.state is CallState.ENDED,
        is_asked_about=call.sweep_at is not None or is_listed,
        recordings=[recording.state for recording in recordings.of_call(connection, call.id)],
        holds=holds.holding(connection, call.id),
        copies=sum(row.gone_at is None for row in provider_copies.of_call(connection, call.id)),
    )


def _give_up(connection: Connection, moment: Moment, call_id: str, recording: Recording, jobs: Jobs) -> None:
    """From here on the recording can't be opened, and its sid at the provider is gone."""
    if recording.state not in _NO_AUDIO:
        condemned = Event(
            "recording.condemned", {"recording": recording.id, "source": recording.source, "why": "erased"}
        )
        recordings.advance(
            connection, moment, calls.existing(connection, call_id), recording, RecordingEvent.CONDEMNED, condemned
        )
        for table in (audio_object, recording_key):
            connection.execute(delete(table).where(table.c.recording_id == recording.id))
        jobs.enqueue(connection, DESTROY, f"{recording.id}:{moment.at:%Y%m%dT%H%M%S}", recording.id)
    unnamed = {"recording_sid": stand_in(recording.id), "object_key": None, "under_sid": None}
    connection.execute(update(recording_table).where(recording_table.c.id == recording.id).values(unnamed))


def _clear_incidents(connection: Connection, call: Call, found: Traces) -> None:
    sids = [call.call_sid, *(recording.recording_sid for recording in found.recordings)]
    rows = connection.execute(select(incident.c.id, incident.c.detail).where(incident.c.call_id == call.id)).all()
    for row in rows:
        cleared = row.detail
        for sid in sids:
            cleared = cleared.replace(sid, "(erased)")
        connection.execute(update(incident).where(incident.c.id == row.id).values(detail=without_names(cleared)))


def _event(found: Traces, request: Request) -> Event:
    public: dict[str, Value] = {
        "basis": request.basis,
        "fields": list(found.fields),
        "disclosures": len(found.digests),
        "recordings": len(found.destroyed),
    }
    said = {"actor": request.actor, "requester": request.requester, "ticket": request.ticket}
    return Event(
        "privacy.erased",
        {**public, "again": True} if request.again else public,
        {name: text for name, text in said.items() if text},
    )


def _open(body: str) -> tuple[str, Any]:
    try:
        return read_disclosure(body)
    except ValueError as error:
        raise Broken("consent log: a disclosure can't be read; run `onrecord log verify`") from error


def _count(connection: Connection, table: Table, mine: ColumnElement[bool]) -> int:
    return connection.scalar(select(func.count()).select_from(table).where(mine)) or 0
