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
from policies.lifecycle import RecordingEvent, RecordingState
from storage.audio import audio_objects, derived_files, sealing
from storage.audio.audio_key import AudioKey
from storage.audio.audio_objects import AudioObject
from storage.audio.contract import read_back
from storage.audio.judging import judge
from storage.custody.fetching import MASTER_FILE, download
from storage.custody.workshop import Workshop
from storage.database.tables import recording_key
from storage.disk import disk_edge, sha512_of
from storage.errors import Broken, Refused, Unavailable
from storage.jobs.steps import Steps
from storage.provider import WITHOUT_AUDIO
from storage.row_check.logged_calls import check_stored
from storage.rows import calls, permits, recordings
from storage.rows.calls import Call
from storage.rows.permits import Permit
from storage.rows.recordings import Recording

MASTER = "master"
_DERIVED = ("peaks", "levels", "listening")
DELETED, ABSENT = "deleted", "absent"


def intake(shop: Workshop, steps: Steps, recording_id: str) -> None:
    attempt = steps("fetch", lambda: _fetch(shop, recording_id))
    try:
        steps("store", lambda: _store(shop, recording_id, attempt))
    except (Refused, Unavailable, Broken):
        shutil.rmtree(shop.folder(recording_id) / attempt, ignore_errors=True)  # the next job fetches it anew
        raise
    steps("release", lambda: _release(shop, recording_id))


def _fetch(shop: Workshop, recording_id: str) -> str:
    """Fetch the provider's WAV into the spool, whole and checked; nothing for a recording that moved on.

    It lies in a folder of this attempt, whose name is returned: another may be under way on the same machine.
    """
    attempt = shop.random(4).hex()
    _, known = look(shop, recording_id)
    if known.state is RecordingState.COMPLETED:
        download(shop, known, shop.folder(recording_id) / attempt)
    return attempt


def _store(shop: Workshop, recording_id: str, attempt: str) -> None:
    """Store our copy, verified and committed, under names of this try alone; a failed try leaves nothing."""
    owner, known = look(shop, recording_id)
    if known.state is not RecordingState.COMPLETED:
        return
    folder = shop.folder(recording_id) / attempt
    if not (folder / MASTER_FILE).exists():
        download(shop, known, folder)  # the job went on on another machine
    permit = _permit(shop, owner)
    suffix = shop.random(4).hex()
    keys = {name: _key(permit, owner, recording_id, f"{name}-{suffix}") for name in (MASTER, *_DERIVED)}
    try:
        verdict = judge(folder / MASTER_FILE, known.duration_s)
        objects = _put_all(shop, known, folder, keys)
        with disk_edge(f"spool of recording {known.id}"):
            audio_sha512 = sha512_of(folder / MASTER_FILE)
    except (Refused, Unavailable, Broken):
        _remove(shop, keys)
        if look(shop, recording_id)[1].state is RecordingState.COMPLETED:
            raise
        return  # condemned meanwhile, or stored by another attempt: it was swept out from under us

    def commit(connection: Connection) -> bool:
        return _commit(
            shop, connection, recording_id, permit, objects, audio_sha512=audio_sha512, oddities=verdict.oddities
        )

    if not shop.database.write(commit):
        _remove(shop, keys)


def _remove(shop: Workshop, keys: Mapping[str, AudioKey]) -> None:
    with suppress(Unavailable):  # then the next attempt's release does it, or the recording's destruction
        for key in keys.values():
            shop.store.delete(key)


def _put_all(shop: Workshop, known: Recording, folder: Path, keys: Mapping[str, AudioKey]) -> list[AudioObject]:
    shop.store.stat(keys[MASTER], None)  # a store that is away is to be found out before the work, not after it
    data_key = _data_key(shop, known.id)
    derived = derived_files.derive_what_can_be(folder / MASTER_FILE, folder, ffmpeg=shop.ffmpeg)
    plain = {MASTER: folder / MASTER_FILE, **(derived.files() if derived else {})}
    return [_put(shop, known, data_key, name=name, file=file, key=keys[name]) for name, file in plain.items()]


def _put(shop: Workshop, known: Recording, data_key: bytes, *, name: str, file: Path, key: AudioKey) -> AudioObject:
    sealed_file = file.with_suffix(file.suffix + ".sealed")
    sealed = sealing.seal(file, sealed_file, data_key=data_key, recording_id=f"{known.id}/{name}")
    stored = shop.store.put(key, sealed_file, sha256=sealed.sha256, retain_until=None)
    read_back(shop.store, stored)
    sealed_file.unlink(missing_ok=True)
    return AudioObject(name, str(key), stored.version_id, stored.size_bytes, stored.sha256, sealed.plain_sha256)


def _commit(
    shop: Workshop,
    connection: Connection,
    recording_id: str,
    permit: Permit,
    objects: list[AudioObject],
    *,
    audio_sha512: str,
    oddities: Sequence[str],
) -> bool:
    """False where another attempt won, or the recording was condemned meanwhile."""
    owner, known = recordings.with_call(connection, recording_id)
    if known.state is not RecordingState.COMPLETED:
        return False
    master = objects[0]
    stored = Event(
        "recording.stored",
        {
            "recording": recording_id,
            "size_bytes": master.size_bytes,
            "objects": [one.name for one in objects],
            "retain_until": permit.retain_until.isoformat(),
            **({"oddities": [str(one) for one in oddities]} if oddities else {}),
        },
        {"audio_sha256": master.plain_sha256, "audio_sha512": audio_sha512, "object": master.key},
    )
    audio_objects.keep(connection, recording_id, objects)
    recordings.advance(
        connection,
        shop.moment(),
        owner,
        known,
        RecordingEvent.STORED,
        stored,
        object_key=master.key,
        retain_until=permit.retain_until,
    )
    return True


def _release(shop: Workshop, recording_id: str) -> None:
    """Delete the provider's copy, now that ours is verified, see that it is gone, and delete attempts' leavings."""
    owner, known = look(shop, recording_id)
    clear_spool(shop, recording_id)
    sweep_folder(shop, owner, known)
    if known.state is not RecordingState.STORED:
        return
    with shop.database.read() as connection:
        check_stored(connection, known.call_id, recording_id)
    delete_at_provider(shop, known)

    def commit(connection: Connection) -> None:
        owner, known = recordings.with_call(connection, recording_id)
        told = Event("recording.deleted", {"recording": recording_id, "where": "provider", "rule": "stored here"})
        recordings.advance(connection, shop.moment(), owner, known, RecordingEvent.PROVIDER_COPY_GONE, told)

    shop.database.write(commit)


def delete_at_provider(shop: Workshop, known: Recording) -> str:
    """The provider's copy is now "deleted", or "absent" where no audio was made and there is nothing to delete."""
    refusal: Exception | None = None
    try:
        shop.provider.delete(known.recording_sid)
    except (Refused, Unavailable) as error:
        refusal = error
    left = shop.provider.recording(known.recording_sid)
    if left is None:
        return DELETED
    if left.status in WITHOUT_AUDIO:
        return ABSENT
    raise refusal or Unavailable(f"recording {known.id}: Twilio still has it")


def clear_spool(shop: Workshop, recording_id: str) -> None:
    """Delete the recording's folder in this machine's spool. Raises Unavailable where it remains."""
    folder = shop.folder(recording_id)
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        raise Unavailable(f"recording {recording_id}: its folder in the spool can't be removed")


def sweep_folder(shop: Workshop, owner: Call, known: Recording) -> None:
    """Delete the leavings of interrupted attempts from the recording's folder in the store."""
    with shop.database.read() as connection:
        permit = permits.permit_of(connection, owner.id)
        named = {one.key for one in audio_objects.of(connection, known.id)}
    if permit is None or known.state is RecordingState.COMPLETED:
        return
    for key in list(shop.store.list(_key(permit, owner, known.id, MASTER).folder)):
        if str(key) not in named:
            shop.store.delete(key)


def _data_key(shop: Workshop, recording_id: str) -> bytes:
    """The recording's own key, durable before anything is sealed with it."""
    fresh = sealing.new_data_key(shop.random)
    wrapped = sealing.wrap_key(shop.key_encryption_key, fresh, recording_id)

    def settle(connection: Connection) -> bytes:
        _, known = recordings.with_call(connection, recording_id)
        if known.state is not RecordingState.COMPLETED:
            raise Refused(f"recording {recording_id}: it is {known.state} and gets no key any more")
        query = select(recording_key.c.wrapped_key).where(recording_key.c.recording_id == recording_id)
        if (kept := connection.scalar(query)) is not None:
            return bytes(kept)
        connection.execute(insert(recording_key), {"recording_id": recording_id, "wrapped_key": wrapped})
        return wrapped

    return sealing.unwrap_key(shop.key_encryption_key, shop.database.write(settle), recording_id)


def look(shop: Workshop, recording_id: str) -> tuple[Call, Recording]:
    with shop.database.read() as connection:
        known = recordings.peek(connection, recording_id)
        owner = calls.peek(connection, known.call_id) if known else None
    if known is None or owner is None:
        raise Broken(f"recording {recording_id}: there is no such row")
    return owner, known


def _permit(shop: Workshop, owner: Call) -> Permit:
    with shop.database.read() as connection:
        permit = permits.permit_of(connection, owner.id)
    if permit is None:
        raise Broken(f"call {owner.id}: a recording was to be stored without a permit")
    return permit


def _key(permit: Permit, owner: Call, recording_id: str, name: str) -> AudioKey:
    return AudioKey(permit.retention, owner.received_at.date(), recording_id, f"{name}.sealed")
