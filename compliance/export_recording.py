"""`onrecord recording export`: a copy of a kept recording, for a purpose that its caller agreed to."""

import secrets
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from sqlalchemy import Connection

from compliance.call_log import CallLog
from onrecord.installation import House
from storage import recordings
from storage.audio.unseal import KeptAudio
from storage.custody import access
from storage.custody.access import Refusal
from storage.disk import PIECE_BYTES, new_private
from storage.errors import Broken, Refused
from storage.moment import Moment


def export(house: House, recording_sid: str, purpose: str, file: Path, *, actor: str) -> int:
    """Write the WAV to a new file, and return its size in bytes. Raises Refused, and then there is no file.

    That the file can be made is seen first: the log is not to tell of an access that could lead to nothing.
    """
    with new_private(file) as write:
        kept, digest = _ask(house, recording_sid, purpose, actor), sha256()
        audio = kept.open()
        for start in range(0, audio.length, PIECE_BYTES):
            piece = audio.range(start, PIECE_BYTES)
            digest.update(piece)
            write(piece)
        _require_as_stored(house, recording_sid, digest.hexdigest())
    return audio.length


def _require_as_stored(house: House, recording_sid: str, has: str) -> None:
    """Raises Broken where the log has committed to other audio. A hash that was erased says nothing any more."""
    with house.database.read() as connection:
        known = recordings.peek_sid(connection, recording_sid)
        log = CallLog.read(connection, known.call_id) if known else None
    if known is None or log is None:
        raise Refused("there is no recording with this sid")
    log.require_sound(known.call_id)
    stored = log.about(known.id, "recording.stored")
    if stored and stored.private.get("audio_sha256", has) != has:
        raise Broken(f"recording {known.id}: its audio is not what the log commits to: it was exchanged")


def _ask(house: House, recording_sid: str, purpose: str, actor: str) -> KeptAudio:
    moment = Moment(datetime.now(UTC), secrets.token_bytes)

    def ask(connection: Connection) -> KeptAudio | Refusal:
        known = recordings.peek_sid(connection, recording_sid)
        if known is None:
            raise Refused("there is no recording with this sid")
        return access.open_for(
            connection,
            moment,
            known.id,
            purpose,
            store=house.store,
            key_encryption_key=house.keys.key_encryption_key,
            actor=actor,
        )

    answer = house.database.write(ask)
    if isinstance(answer, Refusal):
        raise Refused(str(answer))
    return answer
