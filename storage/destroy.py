"""The job *destroy*: no copy of a recording remains, at Twilio or here, and the log says so.

Twilio's copy goes first: what it still records must end before anything else matters. Then our objects, the leavings of
cut attempts, the key that could open a backup, and what the spool holds.
"""

from datetime import datetime

from sqlalchemy import Connection, delete

from evidence.events import Event
from policies.lifecycle import RecordingEvent, RecordingState
from storage import permits, recordings
from storage.audio_key import AudioKey
from storage.calls import Call
from storage.errors import Unavailable
from storage.intake import Workshop, clear_spool, delete_at_provider, look
from storage.job_steps import Steps
from storage.permits import Permit
from storage.recordings import Recording
from storage.tables import audio_object, recording_key


def destroy(shop: Workshop, steps: Steps, recording_id: str) -> None:
    """Does nothing to a recording that is neither condemned nor expired when the job gets to it."""
    if not steps("look", lambda: _must_go(shop, recording_id)):
        return
    steps("stop", lambda: _stop(shop, recording_id))
    steps("delete at provider", lambda: delete_at_provider(shop, look(shop, recording_id)[1]))
    steps("delete here", lambda: _delete_here(shop, *look(shop, recording_id)))
    steps("certify", lambda: shop.database.write(lambda connection: _certify(shop, connection, recording_id)))


def delete_again(shop: Workshop, steps: Steps, recording_id: str) -> None:
    """Twilio lists a recording that it had confirmed to be gone."""
    steps("delete at provider", lambda: delete_at_provider(shop, look(shop, recording_id)[1]))


def _must_go(shop: Workshop, recording_id: str) -> bool:
    _, known = look(shop, recording_id)
    is_kept = known.state in {RecordingState.STORED, RecordingState.KEPT}
    is_expired = is_kept and known.retain_until is not None and known.retain_until <= shop.now()
    return is_expired or known.state is RecordingState.CONDEMNED


def _stop(shop: Workshop, recording_id: str) -> None:
    owner, known = look(shop, recording_id)
    shop.provider.stop(owner.call_sid, known.recording_sid)


def _delete_here(shop: Workshop, owner: Call, known: Recording) -> None:
    clear_spool(shop, known.id)
    shop.database.write(lambda connection: _forget_key(connection, known.id))
    with shop.database.read() as connection:
        permit = permits.permit_of(connection, owner.id)
    if permit is None:
        return  # nothing of it was ever stored
    folder = AudioKey(permit.retention, owner.received_at.date(), known.id, "any").folder
    for key in list(shop.store.list(folder)):
        shop.store.delete(key)
    if any(True for _ in shop.store.list(folder)):
        raise Unavailable(f"recording {known.id}: the audio store still lists it")


def _forget_key(connection: Connection, recording_id: str) -> None:
    connection.execute(delete(recording_key).where(recording_key.c.recording_id == recording_id))


def _certify(shop: Workshop, connection: Connection, recording_id: str) -> None:
    owner, known = recordings.with_call(connection, recording_id)
    rule = _rule(known, permits.permit_of(connection, owner.id), shop.now())
    connection.execute(delete(audio_object).where(audio_object.c.recording_id == recording_id))
    told = Event(
        "recording.destroyed", {"recording": recording_id, "where": ["provider", "store", "key"], "rule": rule}
    )
    recordings.advance(connection, shop.moment(), owner, known, RecordingEvent.DESTROYED, told)


def _rule(known: Recording, permit: Permit | None, now: datetime) -> str:
    """Why it had to go, as the certificate says it."""
    if known.permit is None or permit is None:
        return "no permit"
    return "retention" if permit.retain_until <= now else "withdrawn"
