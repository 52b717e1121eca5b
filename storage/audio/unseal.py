"""Unseals a kept recording. Permission is not checked here: every access goes through `storage.custody.access`, which
does.

The only other caller is the check of our promises, which must open recordings that nobody may hear.
"""

from dataclasses import dataclass, field

from sqlalchemy import Connection, select

from storage.audio import audio_objects, sealing
from storage.audio.audio_key import AudioKey
from storage.audio.contract import AudioStore
from storage.audio.sealing import OpenAudio
from storage.database.tables import recording_key
from storage.errors import Broken

_MASTER = "master"


@dataclass(frozen=True)
class KeptAudio:
    """The provider's WAV as it lies sealed in the store, and the key to it: whoever holds this can hear it."""

    recording_id: str
    key: AudioKey
    version_id: str
    _data_key: bytes = field(repr=False)
    _store: AudioStore = field(repr=False)

    def open(self) -> OpenAudio:
        """Reads from the store, so not for inside a transaction. Raises Missing, Unavailable, Broken."""
        return sealing.open_sealed(
            lambda start, length: self._store.read(self.key, self.version_id, start, length),
            data_key=self._data_key,
            recording_id=f"{self.recording_id}/{_MASTER}",
        )


def kept_audio(connection: Connection, recording_id: str, *, store: AudioStore, key_encryption_key: bytes) -> KeptAudio:
    """Raises Broken where there is no audio, or no key to it."""
    master = next((stored for stored in audio_objects.of(connection, recording_id) if stored.name == _MASTER), None)
    wrapped = connection.scalar(select(recording_key.c.wrapped_key).where(recording_key.c.recording_id == recording_id))
    if master is None or wrapped is None:
        raise Broken(f"recording {recording_id}: its {'key' if master else 'master'} is gone")
    data_key = sealing.unwrap_key(key_encryption_key, bytes(wrapped), recording_id)
    return KeptAudio(recording_id, AudioKey.parse(master.key), master.version_id or "", data_key, store)
