"""The job *destroy*: no copy of a recording remains, at the provider or here, and the log says so.

In this order: a recording that still runs is stopped; the texts and other copies that the provider made of it are
deleted, then the recording itself; then the key that could open a backup, the spool, our objects and the leavings of
interrupted attempts; then all copies at the provider are looked for again. It is certified only when none is left and
every kind could be looked for. Else an incident stays open, and the sweep has it tried again every hour, also to look
again: the recording itself, which nobody can play any more, is gone by then.

For an erased call the provider is not asked: its name for the recording is gone, and its copy was seen to be gone
before the erasure.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete

from evidence.events import Event, Value
from policies.disposition import must_be_gone
from policies.incidents import IncidentKind
from policies.lifecycle import RecordingEvent, RecordingState
from storage.audio import audio_objects
from storage.audio.audio_key import AudioKey
from storage.custody import copies, stopping
from storage.custody.certified import certified_copies, certified_residual
from storage.custody.copies import Looked
from storage.custody.intake import clear_spool, delete_at_provider, look
from storage.custody.workshop import Workshop
from storage.database.tables import audio_object, recording_key
from storage.errors import Unavailable
from storage.jobs.steps import Steps
from storage.moment import Moment
from storage.provider import ABSENT, CopiesSeen, Sight
from storage.row_check.claims import moment as moment_of
from storage.row_check.logged_calls import Contradicted, logged
from storage.rows import delays, holds, permits, provider_copies, recordings
from storage.rows.calls import Call
from storage.rows.incidents import raise_incident, resolve
from storage.rows.permits import Permit
from storage.rows.provider_copies import CopyRow
from storage.rows.recordings import Recording

# A job that waits for the hosts of copies takes the place of another, of which the audio may still be there. So it
# waits for them only while the recording is newly condemned, and the sweep asks for another.
_WAITS_FOR_COPIES = timedelta(minutes=10)


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
    steps("certify", lambda: _certify(workshop, recording_id, at_provider))


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
    """A recording that is stored here was complete. Of a conference that refuses it is waited for the end."""
    call, recording = look(workshop, recording_id)
    if call.erased_at is not None or recording.state is not RecordingState.CONDEMNED:
        return
    stopping.stop(workshop, call, recording)


def _delete_at_provider(workshop: Workshop, recording_id: str) -> str:
    """Texts go before the recording that they were made of. No host of theirs that is away may hold up the audio:
    they are looked for again in the end.
    """
    call, recording = look(workshop, recording_id)
    if call.erased_at is not None:
        return ""
    with suppress(Unavailable):
        copies.look_and_delete(workshop, call, condemned=recording.id)
    return delete_at_provider(workshop, recording)


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


def _certify(workshop: Workshop, recording_id: str, at_provider: str | None) -> None:
    """Look for the copies again, and certify where none is left. A copy that is found only now takes another look."""
    call, recording = look(workshop, recording_id)
    try:
        looked = _look_again(workshop, call, recording) if call.erased_at is None else Looked((), ())
    except Unavailable as error:
        if workshop.now() - recording.moved_at < _WAITS_FOR_COPIES:
            raise
        detail = f"{error}; it is tried again every hour"
        workshop.database.write(lambda connection: _tell_away(workshop, connection, recording_id, detail))
        return
    workshop.database.write(lambda connection: _settle(workshop, connection, recording_id, at_provider, looked))


def _look_again(workshop: Workshop, call: Call, recording: Recording) -> Looked:
    looked = copies.look_and_delete(workshop, call, condemned=recording.id)
    return copies.look_and_delete(workshop, call, condemned=recording.id) if looked.going else looked


def _settle(
    workshop: Workshop, connection: Connection, recording_id: str, at_provider: str | None, looked: Looked
) -> None:
    moment = workshop.moment()
    call, recording = recordings.with_call(connection, recording_id)
    unseen = [seen for seen in looked.seen if seen.sight is Sight.FORBIDDEN]
    _tell_unseen(connection, moment, recording, unseen)
    rows = _rows_of(connection, recording)
    if unseen or any(row.gone_at is None for row in (*rows, *looked.going) if _concerns(recording, row)):
        return
    if any(copy.recording_sid in ("", recording.recording_sid) for copy in looked.listed):
        return
    rule = _rule(call, recording, permits.permit_of(connection, call.id), moment.at)
    objects = len(audio_objects.of(connection, recording_id))
    connection.execute(delete(audio_object).where(audio_object.c.recording_id == recording_id))
    # Of an erased call nothing was asked of the provider: its copy was seen to be gone when ours was stored.
    where = ["provider", "store", "key"] if call.erased_at is None else ["store", "key"]
    public: dict[str, Value] = {
        "recording": recording_id,
        "where": where,
        "rule": rule,
        "copies": certified_copies(looked.seen, rows, at_provider=at_provider or "", objects=objects),
        "residual": certified_residual(moment.at, workshop.backups()),
    }
    if at_provider == ABSENT:
        public["at_provider"] = "no audio was made"
    destroyed = Event("recording.destroyed", public)
    recordings.advance(connection, moment, call, recording, RecordingEvent.DESTROYED, destroyed)


def _rows_of(connection: Connection, recording: Recording) -> list[CopyRow]:
    return [row for row in provider_copies.of_call(connection, recording.call_id) if _concerns(recording, row)]


def _concerns(recording: Recording, row: CopyRow) -> bool:
    """Copies of the call as a whole concern each of its recordings."""
    return row.recording_id in (None, recording.id)


def _tell_unseen(connection: Connection, moment: Moment, recording: Recording, unseen: Sequence[CopiesSeen]) -> None:
    if unseen:
        _not_looked_for(connection, moment, recording, copies.unseen_words(unseen))
    else:
        resolve(connection, moment, IncidentKind.COPIES_NOT_LOOKED_FOR, recording.id)


def _tell_away(workshop: Workshop, connection: Connection, recording_id: str, detail: str) -> None:
    _, recording = recordings.with_call(connection, recording_id)
    _not_looked_for(connection, workshop.moment(), recording, detail)


def _not_looked_for(connection: Connection, moment: Moment, recording: Recording, detail: str) -> None:
    kind, about = IncidentKind.COPIES_NOT_LOOKED_FOR, recording.id
    raise_incident(connection, moment, kind, about=about, call_id=recording.call_id, detail=detail)


def _rule(call: Call, recording: Recording, permit: Permit | None, now: datetime) -> str:
    """Why the recording had to go, in the certificate's words."""
    if call.erased_at is not None:
        return "erased"
    if recording.permit is None or permit is None:
        return "no permit"
    return "retention" if permit.retain_until <= now else "withdrawn"
