"""The job *intake*: a recording that Twilio completed becomes one that is kept, and Twilio's copy goes.

fetch → check → derive → seal → put → read back → commit → delete at Twilio → see that it is gone → commit. It may be
cut at every arrow and run twice at once: each attempt puts objects under names of its own, the row names the attempt
that won, and what others left behind is swept out of the recording's folder.
"""

import secrets
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, insert, select

from evidence.events import Event
from policies.lifecycle import RecordingEvent, RecordingState
from storage import audio_work, calls, permits, recordings, sealing
from storage.audio_key import AudioKey
from storage.audio_store import AudioStore, read_back
from storage.calls import Call, Moment
from storage.database import Database
from storage.disk import disk_edge, sha256_of, sha512_of
from storage.errors import Broken, Refused, Unavailable
from storage.job_steps import Steps
from storage.permits import Permit
from storage.provider import Provider
from storage.recordings import AudioObject, Recording
from storage.spool import spool
from storage.tables import recording_key
from storage.wav import inspect_wav

MASTER = "master"
_DERIVED = ("peaks", "levels", "listening")
_WAV = "master.wav"
# Four hours of Twilio's WAV: two channels of 8,000 16-bit samples a second.
MEDIA_BYTES_MAX = 4 * 3600 * 32_000
MEDIA_SECONDS_MAX = 1800.0
_DURATION_TOLERANCE_S = 2.0


@dataclass(frozen=True)
class Workshop:
    """What the jobs on audio work with."""

    database: Database
    provider: Provider
    store: AudioStore
    spool: Path
    key_encryption_key: bytes
    ffmpeg: str | None
    random: Callable[[int], bytes] = secrets.token_bytes
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def moment(self) -> Moment:
        return Moment(self.now(), self.random)

    def folder(self, recording_id: str) -> Path:
        """Where a recording's audio lies in the clear while it is worked on."""
        return self.spool / recording_id


def intake(shop: Workshop, steps: Steps, recording_id: str) -> None:
    attempt = steps("fetch", lambda: _fetch(shop, recording_id))
    steps("store", lambda: _store(shop, recording_id, attempt))
    steps("release", lambda: _release(shop, recording_id))


def _fetch(shop: Workshop, recording_id: str) -> str:
    """Twilio's WAV, whole and checked, lies in the spool; nothing is fetched for a recording that moved on.

    It lies in a folder of this attempt, whose name is returned: another may be under way on the same machine.
    """
    attempt = shop.random(4).hex()
    _, known = look(shop, recording_id)
    if known.state is RecordingState.COMPLETED:
        _download(shop, known, shop.folder(recording_id) / attempt)
    return attempt


def _download(shop: Workshop, known: Recording, folder: Path) -> None:
    """Nothing is left of a download that failed: it will be tried many times, and is in the clear."""
    with disk_edge(f"spool of recording {known.id}"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    late_at = time.monotonic() + MEDIA_SECONDS_MAX
    media = shop.provider.media(known.recording_sid)
    try:
        master = folder / _WAV
        spool(media, master, size_max_bytes=MEDIA_BYTES_MAX, is_late=lambda: time.monotonic() > late_at)
        _check(known, master)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _check(known: Recording, master: Path) -> None:
    """A cut download looks like a damaged recording, so it is fetched again; one that stays damaged is an incident."""
    try:
        facts = inspect_wav(master)
    except Refused as error:
        raise Unavailable(f"recording {known.id}: {error}") from error
    if known.duration_s is not None and abs(facts.duration_s - known.duration_s) > _DURATION_TOLERANCE_S:
        raise Unavailable(
            f"recording {known.id}: Twilio says {known.duration_s} s, the audio has {facts.duration_s:.1f} s"
        )


def _store(shop: Workshop, recording_id: str, attempt: str) -> None:
    """Our copy, verified and committed, under names that only this try has; of a try in vain nothing is left."""
    owner, known = look(shop, recording_id)
    if known.state is not RecordingState.COMPLETED:
        return
    folder = shop.folder(recording_id) / attempt
    if not (folder / _WAV).exists():
        _download(shop, known, folder)  # the job went on on another machine
    permit = _permit(shop, owner)
    suffix = shop.random(4).hex()
    keys = {name: _key(permit, owner, recording_id, f"{name}-{suffix}") for name in (MASTER, *_DERIVED)}
    try:
        objects = _put_all(shop, known, folder, keys)
        with disk_edge(f"spool of recording {known.id}"):
            audio_sha512 = sha512_of(folder / _WAV)
    except (Refused, Unavailable, Broken):
        _remove(shop, keys)
        if look(shop, recording_id)[1].state is RecordingState.COMPLETED:
            raise
        return  # condemned meanwhile, or stored by another attempt: it was swept out from under us

    def commit(connection: Connection) -> bool:
        return _commit(shop, connection, recording_id, permit, objects, audio_sha512=audio_sha512)

    if not shop.database.write(commit):
        _remove(shop, keys)


def _remove(shop: Workshop, keys: Mapping[str, AudioKey]) -> None:
    with suppress(Unavailable):  # then the next attempt's release does it, or the recording's destruction
        for key in keys.values():
            shop.store.delete(key)


def _put_all(shop: Workshop, known: Recording, folder: Path, keys: Mapping[str, AudioKey]) -> list[AudioObject]:
    derived = audio_work.derive_what_can_be(folder / _WAV, folder, ffmpeg=shop.ffmpeg)
    data_key = _data_key(shop, known.id)
    plain = {MASTER: folder / _WAV, "peaks": derived.peaks, "levels": derived.levels, "listening": derived.listening}
    return [
        _put(shop, known, data_key, name=name, file=file, key=keys[name])
        for name, file in plain.items()
        if file is not None
    ]


def _put(shop: Workshop, known: Recording, data_key: bytes, *, name: str, file: Path, key: AudioKey) -> AudioObject:
    sealed_file = file.with_suffix(file.suffix + ".sealed")
    sealed = sealing.seal(file, sealed_file, data_key=data_key, recording_id=f"{known.id}/{name}")
    stored = shop.store.put(key, sealed_file, sha256=sealed.sha256, retain_until=None)
    read_back(shop.store, stored)
    with disk_edge(f"spool of recording {known.id}"):
        plain_sha256 = sha256_of(file)
    return AudioObject(name, str(key), stored.version_id, stored.size_bytes, stored.sha256, plain_sha256)


def _commit(
    shop: Workshop,
    connection: Connection,
    recording_id: str,
    permit: Permit,
    objects: list[AudioObject],
    *,
    audio_sha512: str,
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
        },
        {"audio_sha256": master.plain_sha256, "audio_sha512": audio_sha512, "object": master.key},
    )
    recordings.keep_objects(connection, recording_id, objects)
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
    """Delete Twilio's copy, now that ours is verified, and see that it is gone; and what attempts have left."""
    owner, known = look(shop, recording_id)
    clear_spool(shop, recording_id)
    sweep_folder(shop, owner, known)
    if known.state is not RecordingState.STORED:
        return
    delete_at_provider(shop, known)

    def commit(connection: Connection) -> None:
        owner, known = recordings.with_call(connection, recording_id)
        told = Event("recording.deleted", {"recording": recording_id, "where": "provider", "rule": "stored here"})
        recordings.advance(connection, shop.moment(), owner, known, RecordingEvent.PROVIDER_COPY_GONE, told)

    shop.database.write(commit)


def delete_at_provider(shop: Workshop, known: Recording) -> None:
    shop.provider.delete(known.recording_sid)
    if shop.provider.recording(known.recording_sid) is not None:
        raise Unavailable(f"recording {known.id}: Twilio still has it")


def clear_spool(shop: Workshop, recording_id: str) -> None:
    """Nothing of a recording lies in this machine's spool any more."""
    folder = shop.folder(recording_id)
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        raise Unavailable(f"recording {recording_id}: its folder in the spool can't be removed")


def sweep_folder(shop: Workshop, owner: Call, known: Recording) -> None:
    """Delete what the recording's folder holds beyond its objects: the leavings of attempts that were cut."""
    with shop.database.read() as connection:
        permit = permits.permit_of(connection, owner.id)
        named = {one.key for one in recordings.objects_of(connection, known.id)}
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
