"""Unseals a kept recording. Permission is not checked here: every access goes through `storage.custody.access`, which
does.

The only other caller is the check of our promises, which must open recordings that nobody may hear.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, select

from storage.audio import audio_objects, sealing
from storage.audio.audio_key import AudioKey
from storage.audio.audio_objects import AudioObject
from storage.audio.contract import AudioStore
from storage.audio.sealing import OpenAudio
from storage.database.tables import recording_key
from storage.errors import Broken, Missing

_MASTER = "master"


@dataclass(frozen=True)
class KeptAudio:
    """The objects of a recording as they lie sealed in the store, and the key to them: whoever holds this can hear it.

    The `master`, which is the provider's WAV, is always among the `names`; `listening`, `peaks` and `levels` are where
    they could be made.
    """

    recording_id: str
    _objects: Mapping[str, AudioObject] = field(repr=False)
    _data_key: bytes = field(repr=False)
    _store: AudioStore = field(repr=False)

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self._objects)

    def open(self, name: str = _MASTER) -> OpenAudio:
        """Reads from the store, so not for inside a transaction. Raises Missing, Unavailable, Broken."""
        if name not in self._objects:
            raise Missing(f"recording {self.recording_id}: it is kept without {name}")
        stored = self._objects[name]
        key, version_id = AudioKey.parse(stored.key), stored.version_id or ""
        return sealing.open_sealed(
            lambda start, length: self._store.read(key, version_id, start, length),
            data_key=self._data_key,
            recording_id=f"{self.recording_id}/{name}",
        )


def kept_audio(connection: Connection, recording_id: str, *, store: AudioStore, key_encryption_key: bytes) -> KeptAudio:
    """Raises Broken where there is no audio, or no key to it."""
    objects = {stored.name: stored for stored in audio_objects.of(connection, recording_id)}
    wrapped = connection.scalar(select(recording_key.c.wrapped_key).where(recording_key.c.recording_id == recording_id))
    if _MASTER not in objects or wrapped is None:
        raise Broken(f"recording {recording_id}: its {'key' if _MASTER in objects else 'master'} is gone")
    data_key = sealing.unwrap_key(key_encryption_key, bytes(wrapped), recording_id)
    return KeptAudio(recording_id, objects, data_key, store)
