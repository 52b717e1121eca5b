"""The job *intake*: a recording that the provider completed is stored here, and the provider's copy is deleted.

fetch → check → derive → seal → put → read back → commit → delete at the provider → see that it is gone → commit. It may
be cut at every arrow and run twice at once: each attempt puts objects under names of its own, the row names the attempt
that won, and the leavings of others are swept out of the recording's folder.
"""

import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from sqlalchemy import Connection, insert, select

from evidence.events import Event
from policies.consent import RECORDING_OUTCOMES
from policies.copies import TRANSCRIPTION_PURPOSE
from policies.lifecycle import RecordingEvent, RecordingState
from storage.audio import audio_objects, derived_files, sealing
from storage.audio.audio_key import AudioKey
from storage.audio.audio_objects import AudioObject
from storage.audio.judging import judge
from storage.audio.reading_back import read_back
from storage.custody.copies import remove_what_goes
from storage.custody.fetching import MASTER_FILE, MASTER_SHA256_FILE, download
from storage.custody.workshop import Workshop
from storage.database.tables import recording_key
from storage.disk import disk_edge, sha256_of
from storage.errors import Broken, Refused, Unavailable
from storage.jobs.steps import Steps
from storage.provider import ABSENT, DELETED, WITHOUT_AUDIO
from storage.row_check.logged_calls import check_stored
from storage.rows import calls, permits, recordings
from storage.rows.calls import Call
from storage.rows.permits import Permit
from storage.rows.recordings import Recording

MASTER = "master"
_DERIVED = ("peaks", "levels", "listening")


def intake(workshop: Workshop, steps: Steps, recording_id: str) -> None:
    attempt = steps("fetch", lambda: _fetch(workshop, recording_id))
    try:
        steps("store", lambda: _store(workshop, recording_id, attempt))
    except (Refused, Unavailable, Broken):
        shutil.rmtree(workshop.folder(recording_id) / attempt, ignore_errors=True)  # the next job fetches it anew
        raise
    steps("release", lambda: _release(workshop, recording_id))


def _fetch(workshop: Workshop, recording_id: str) -> str:
    """Fetch the provider's WAV into the spool, whole and checked; nothing for a recording that moved on.

    It lies in a folder of this attempt, whose name is returned: another may be under way on the same machine.
    """
    attempt = workshop.random(4).hex()
    _, recording = look(workshop, recording_id)
    if recording.state is RecordingState.COMPLETED:
        download(workshop, recording, workshop.folder(recording_id) / attempt)
    return attempt


def _store(workshop: Workshop, recording_id: str, attempt: str) -> None:
    """Store our copy, verified and committed, under names of this try alone; a failed try leaves nothing."""
    call, recording = look(workshop, recording_id)
    if recording.state is not RecordingState.COMPLETED:
        return
    folder = workshop.folder(recording_id) / attempt
    if not (folder / MASTER_SHA256_FILE).exists():
        download(workshop, recording, folder)  # the job went on on another machine
    permit = _permit(workshop, call)
    suffix = workshop.random(4).hex()
    keys = {name: _key(permit, call, recording_id, f"{name}-{suffix}") for name in (MASTER, *_DERIVED)}
    try:
        verdict = judge(folder / MASTER_FILE, recording.duration_s)
        objects, audio_sha512 = _put_all(workshop, recording, folder, keys)
    except (Refused, Unavailable, Broken):
        _remove(workshop, keys)
        if look(workshop, recording_id)[1].state is RecordingState.COMPLETED:
            raise
        return  # condemned meanwhile, or stored by another attempt: it was swept out from under us

    def commit(connection: Connection) -> bool:
        return _commit(
            workshop, connection, recording_id, permit, objects, audio_sha512=audio_sha512, oddities=verdict.oddities
        )

    if not workshop.database.write(commit):
        _remove(workshop, keys)


def _remove(workshop: Workshop, keys: Mapping[str, AudioKey]) -> None:
    with suppress(Unavailable):  # then the next attempt's release does it, or the recording's destruction
        for key in keys.values():
            workshop.store.delete(key)


def _put_all(
    workshop: Workshop, recording: Recording, folder: Path, keys: Mapping[str, AudioKey]
) -> tuple[list[AudioObject], str]:
    """The objects, the master first, and the SHA-512 of the audio in it."""
    workshop.store.stat(keys[MASTER], None)  # a store that is away is to be found out before the work, not after it
    data_key = _data_key(workshop, recording.id)
    master = folder / MASTER_FILE
    listening = workshop.listening_copies and not workshop.is_behind()
    derived = derived_files.derive_what_can_be(master, folder, listening=listening)
    with disk_edge(f"spool of recording {recording.id}"):
        files = {
            master: (MASTER, (folder / MASTER_SHA256_FILE).read_text()),
            **{file: (name, sha256_of(file)) for name, file in (derived.files() if derived else {}).items()},
        }
    put = [
        _put(workshop, recording, data_key, keys[name], name=name, file=file, sha256=sha256)
        for file, (name, sha256) in files.items()
    ]
    return [stored for stored, _ in put], put[0][1]


def _put(
    workshop: Workshop, recording: Recording, data_key: bytes, key: AudioKey, *, name: str, file: Path, sha256: str
) -> tuple[AudioObject, str]:
    """The object, which opens to the content with that hash, and the content's SHA-512."""
    sealed_file, about = file.with_suffix(file.suffix + ".sealed"), f"{recording.id}/{name}"
    sealing.seal(file, sealed_file, data_key=data_key, recording_id=about, random=workshop.random)
    stored = workshop.store.put(key, sealed_file, retain_until=None)
    content = read_back(workshop.store, stored, data_key=data_key, recording_id=about)
    if content.sha256 != sha256:
        raise Broken(f"recording {recording.id}: the spool has changed what came as {name}")
    sealed_file.unlink(missing_ok=True)
    return AudioObject(name, str(key), stored.version_id, stored.size_bytes, stored.sha256, sha256), content.sha512


def _commit(
    workshop: Workshop,
    connection: Connection,
    recording_id: str,
    permit: Permit,
    objects: list[AudioObject],
    *,
    audio_sha512: str,
    oddities: Sequence[str],
) -> bool:
    """False where another attempt won, or the recording was condemned meanwhile."""
    call, recording = recordings.with_call(connection, recording_id)
    if recording.state is not RecordingState.COMPLETED:
        return False
    master = objects[0]
    stored = Event(
        "recording.stored",
        {
            "recording": recording_id,
            "size_bytes": master.size_bytes,
            "objects": [each.name for each in objects],
            "retain_until": permit.retain_until.isoformat(),
            **({"oddities": [str(oddity) for oddity in oddities]} if oddities else {}),
        },
        {"audio_sha256": master.plain_sha256, "audio_sha512": audio_sha512, "object": master.key},
    )
    audio_objects.keep(connection, recording_id, objects)
    recordings.advance(
        connection,
        workshop.moment(),
        call,
        recording,
        RecordingEvent.STORED,
        stored,
        object_key=master.key,
        retain_until=permit.retain_until,
    )
    return True


def _release(workshop: Workshop, recording_id: str) -> None:
    _delete_theirs(workshop, recording_id)
    _remove_copies(workshop, recording_id)


def _delete_theirs(workshop: Workshop, recording_id: str) -> None:
    """Delete the provider's copy, now that ours is verified, see that it is gone, and delete attempts' leavings."""
    call, recording = look(workshop, recording_id)
    clear_spool(workshop, recording_id)
    sweep_folder(workshop, call, recording)
    if recording.state is not RecordingState.STORED:
        return
    with workshop.database.read() as connection:
        check_stored(connection, recording.call_id, recording_id)
    delete_at_provider(workshop, recording)

    def commit(connection: Connection) -> None:
        call, recording = recordings.with_call(connection, recording_id)
        deleted = Event("recording.deleted", {"recording": recording_id, "where": "provider", "rule": "stored here"})
        recordings.advance(connection, workshop.moment(), call, recording, RecordingEvent.PROVIDER_COPY_GONE, deleted)

    workshop.database.write(commit)


def _remove_copies(workshop: Workshop, recording_id: str) -> None:
    """Delete the texts and results that were made of the recording although nobody agreed to that."""
    call, recording = look(workshop, recording_id)
    if recording.state is RecordingState.KEPT and not may_have_texts(_permit(workshop, call), call.outcome):
        remove_what_goes(workshop, call.id)


def may_have_texts(permit: Permit, outcome: str) -> bool:
    """No text stays of a call whose consent was withdrawn, also where its recording is kept."""
    return outcome in RECORDING_OUTCOMES and any(
        granted.purpose == TRANSCRIPTION_PURPOSE for granted in permit.purposes
    )


def delete_at_provider(workshop: Workshop, recording: Recording) -> str:
    """The provider's copy is now "deleted", or "absent" where no audio was made and there is nothing to delete."""
    refusal: Exception | None = None
    try:
        workshop.provider.delete(recording.recording_sid)
    except (Refused, Unavailable) as error:
        refusal = error
    left = workshop.provider.recording(recording.recording_sid)
    if left is None:
        return DELETED
    if left.status in WITHOUT_AUDIO:
        return ABSENT
    raise refusal or Unavailable(f"recording {recording.id}: Twilio still has it")


def clear_spool(workshop: Workshop, recording_id: str) -> None:
    """Delete the recording's folder in this machine's spool. Raises Unavailable where it remains."""
    folder = workshop.folder(recording_id)
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        raise Unavailable(f"recording {recording_id}: its folder in the spool can't be removed")


def sweep_folder(workshop: Workshop, call: Call, recording: Recording) -> None:
    """Delete the leavings of interrupted attempts from the recording's folder in the store."""
    with workshop.database.read() as connection:
        permit = permits.permit_of(connection, call.id)
        named = {kept.key for kept in audio_objects.of(connection, recording.id)}
    if permit is None or recording.state is RecordingState.COMPLETED:
        return
    for key in list(workshop.store.list(_key(permit, call, recording.id, MASTER).folder)):
        if str(key) not in named:
            workshop.store.delete(key)


def _data_key(workshop: Workshop, recording_id: str) -> bytes:
    """The recording's own key, durable before anything is sealed with it."""
    fresh = sealing.new_data_key(workshop.random)
    wrapped = sealing.wrap_key(workshop.key_encryption_key, fresh, recording_id)

    def settle(connection: Connection) -> bytes:
        _, recording = recordings.with_call(connection, recording_id)
        if recording.state is not RecordingState.COMPLETED:
            raise Refused(f"recording {recording_id}: it is {recording.state} and gets no key any more")
        query = select(recording_key.c.wrapped_key).where(recording_key.c.recording_id == recording_id)
        if (kept := connection.scalar(query)) is not None:
            return bytes(kept)
        connection.execute(insert(recording_key), {"recording_id": recording_id, "wrapped_key": wrapped})
        return wrapped

    return sealing.unwrap_key(workshop.key_encryption_key, workshop.database.write(settle), recording_id)


def look(workshop: Workshop, recording_id: str) -> tuple[Call, Recording]:
    with workshop.database.read() as connection:
        recording = recordings.peek(connection, recording_id)
        call = calls.peek(connection, recording.call_id) if recording else None
    if recording is None or call is None:
        raise Broken(f"recording {recording_id}: there is no such row")
    return call, recording


def _permit(workshop: Workshop, call: Call) -> Permit:
    with workshop.database.read() as connection:
        permit = permits.permit_of(connection, call.id)
    if permit is None:
        raise Broken(f"call {call.id}: a recording was to be stored without a permit")
    return permit


def _key(permit: Permit, call: Call, recording_id: str, name: str) -> AudioKey:
    return AudioKey(permit.retention, call.received_at.date(), recording_id, f"{name}.sealed")
