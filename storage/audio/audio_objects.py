"""Which objects in the audio store a kept recording consists of: the master, and what was derived from it."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from storage.database.tables import audio_object


@dataclass(frozen=True, slots=True)
class AudioObject:
    """An object of a kept recording, as it lies sealed in the audio store."""

    name: str
    key: str
    version_id: str | None
    size_bytes: int
    sha256: str
    plain_sha256: str


_NAMES = tuple(AudioObject.__dataclass_fields__)


def keep(connection: Connection, recording_id: str, objects: Sequence[AudioObject]) -> None:
    rows = [{"recording_id": recording_id, **{name: getattr(stored, name) for name in _NAMES}} for stored in objects]
    connection.execute(insert(audio_object), rows)


def of(connection: Connection, recording_id: str) -> list[AudioObject]:
    columns = [audio_object.c[name] for name in _NAMES]
    rows = connection.execute(select(*columns).where(audio_object.c.recording_id == recording_id).order_by("name"))
    return [AudioObject(**row._asdict()) for row in rows]
