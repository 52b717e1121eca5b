"""The job *destroy*: no copy of a recording remains, at the provider or here, and the log says so.

The provider's copy goes first, since a recording that still runs must be stopped before anything else. Then the key
that could open a backup, the spool, our objects and the leavings of interrupted attempts.

For an erased call the provider is not asked: its name for the recording is gone, and its copy was seen to be gone
before the erasure.
"""

from datetime import datetime

from sqlalchemy import Connection, delete

from evidence.events import Event, Value
from policies.disposition import must_be_gone
from policies.lifecycle import RecordingEvent, RecordingState
from storage.audio.audio_key import AudioKey
from storage.custody.intake import ABSENT, clear_spool, delete_at_provider, look
from storage.custody.workshop import Workshop
from storage.database.tables import audio_object, recording_key
from storage.errors import Unavailable
from storage.jobs.steps import Steps
from storage.log import consent_log
from storage.row_check.claims import moment as moment_of
from storage.row_check.logged_calls import Contradicted, logged
from storage.rows import delays, holds, permits, recordings
from storage.rows.calls import Call
from storage.rows.permits import Permit
from storage.rows.recordings import Recording


# Events after which a recording can no longer run.
_ENDED = frozenset({"recording.completed", "recording.absent", "recording.stored", "recording.stopped"})


def destroy(workshop: Workshop, steps: Steps, recording_id: str) -> None:
    """Does nothing to a recording that is neither condemned nor expired when the job begins.

    A legal hold keeps an expired recording, also when it is placed while the job runs.
    """
    if not steps("look", lambda: _must_go(workshop, recording_id)):
        _waits_no_more(workshop, recording_id)
        return
    steps("stop", lambda: _stop(workshop, recording_id))
    at_provider = steps("delete at provider", lambda: _delete_at_provider(workshop, recording_id))
    if steps("delete here", lambda: _delete_here(workshop, *look(workshop, recording_id))) is False:
        return
    steps(
        "certify",
        lambda: workshop.database.write(lambda connection: _certify(workshop, connection, recording_id, at_provider)),
    )


def delete_again(workshop: Workshop, steps: Steps, recording_id: str) -> None:
    """The provider lists a recording that it had confirmed to be gone."""
    steps("delete at provider", lambda: _delete_at_provider(workshop, recording_id))
    _waits_no_more(workshop, recording_id)


def _waits_no_more(workshop: Workshop, recording_id: str) -> None:
    """Clear the recording's delay: nothing is left for the job to do, and its state stays as it is."""
    workshop.database.write(lambda connection: delays.clear(connection, workshop.moment(), recording_id))


def _must_go(workshop: Workshop, recording_id: str) -> bool:
    recording = look(workshop, recording_id)[1]
    with workshop.database.read() as connection:
        return _goes(connection, recording, workshop.now())


def _goes(connection: Connection, recording: Recording, now: datetime) -> bool:
    """Judged by its events, since deletion is final. Raises Contradicted where only its row says that it must go."""
    call = logged(connection, recording.call_id)
    is_held = call.is_held or bool(holds.holding(connection, recording.call_id))
    by_events = call.recordings.get(recording.id)
    if by_events and must_be_gone(by_events.state, moment_of(by_events.retain_until), is_held=is_held, at=now):
        return True
    if not is_held and must_be_gone(recording.state, recording.retain_until, is_held=False, at=now):
        raise Contradicted(f"recording {recording.id}", "its row says that it must go, and its events do not")
    return False


def _stop(workshop: Workshop, recording_id: str) -> None:
    """A condemned recording has stopped when the provider shows it as stopped, whatever it answers to being asked to.

    A recording that is stored here was complete. Of a conference that refuses it is waited for the end.
    """
    call, recording = look(workshop, recording_id)
    if call.erased_at is not None or recording.state is not RecordingState.CONDEMNED:
        return
    workshop.provider.stop(recording.under_sid or call.call_sid, recording.recording_sid)
    left = workshop.provider.recording(recording.recording_sid)
    if left is not None and not left.has_stopped:
        raise Unavailable(f"recording {recording.id}: Twilio was asked to stop it, and shows it as {left.status!r}")
    seen = left.status if left else "gone"
    workshop.database.write(lambda connection: _note_stopped(workshop, connection, recording_id, seen))


def _note_stopped(workshop: Workshop, connection: Connection, recording_id: str, seen: str) -> None:
    call, _ = recordings.with_call(connection, recording_id)
    events = consent_log.events_of_call(connection, call.id)
    if not any(event["type"] in _ENDED and event["recording"] == recording_id for _, event in events):
        recordings.stopped(connection, workshop.moment(), call, recording_id, seen=seen)


def _delete_at_provider(workshop: Workshop, recording_id: str) -> str:
    call, recording = look(workshop, recording_id)
    return delete_at_provider(workshop, recording) if call.erased_at is None else ""


def _delete_here(workshop: Workshop, call: Call, recording: Recording) -> bool:
    """False where the recording is held by now, and nothing here was deleted."""
    if not workshop.database.write(lambda connection: _forget_key(workshop, connection, recording.id)):
        return False
    clear_spool(workshop, recording.id)
    with workshop.database.read() as connection:
        permit = permits.permit_of(connection, call.id)
    if permit is None:
        return True  # nothing of it was ever stored
    folder = AudioKey(permit.retention, call.received_at.date(), recording.id, "any").folder
    for key in list(workshop.store.list(folder)):
        workshop.store.delete(key)
    if any(True for _ in workshop.store.list(folder)):
        raise Unavailable(f"recording {recording.id}: the audio store still lists it")
    return True


def _forget_key(workshop: Workshop, connection: Connection, recording_id: str) -> bool:
    """Deleting the key is final, so holds are checked once more: placing a hold takes the same lock."""
    _, recording = recordings.with_call(connection, recording_id)
    if recording.state is not RecordingState.DESTROYED and not _goes(connection, recording, workshop.now()):
        return False
    connection.execute(delete(recording_key).where(recording_key.c.recording_id == recording_id))
    return True


def _certify(workshop: Workshop, connection: Connection, recording_id: str, at_provider: str | None) -> None:
    call, recording = recordings.with_call(connection, recording_id)
    rule = _rule(call, recording, permits.permit_of(connection, call.id), workshop.now())
    connection.execute(delete(audio_object).where(audio_object.c.recording_id == recording_id))
    # Of an erased call nothing was asked of the provider: its copy was seen to be gone when ours was stored.
    where = ["provider", "store", "key"] if call.erased_at is None else ["store", "key"]
    public: dict[str, Value] = {"recording": recording_id, "where": where, "rule": rule}
    if at_provider == ABSENT:
        public["at_provider"] = "no audio was made"
    destroyed = Event("recording.destroyed", public)
    recordings.advance(connection, workshop.moment(), call, recording, RecordingEvent.DESTROYED, destroyed)


def _rule(call: Call, recording: Recording, permit: Permit | None, now: datetime) -> str:
    """Why the recording had to go, in the certificate's words."""
    if call.erased_at is not None:
        return "erased"
    if recording.permit is None or permit is None:
        return "no permit"
    return "retention" if permit.retain_until <= now else "withdrawn"
