"""A copy of a kept recording, for a purpose that its caller agreed to."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from sqlalchemy import Connection

from compliance.call_log import CallLog
from storage.audio.contract import AudioStore
from storage.audio.sealing import OpenAudio
from storage.audio.unseal import KeptAudio
from storage.custody import access
from storage.custody.access import Refusal
from storage.database.engine import Database
from storage.disk import PIECE_BYTES, new_private
from storage.errors import Broken, Refused
from storage.moment import Moment
from storage.rows import recordings


@dataclass(frozen=True)
class RecordingExport:
    database: Database
    store: AudioStore
    key_encryption_key: bytes

    def write(self, recording_sid: str, purpose: str, file: Path, *, actor: str) -> int:
        """Write the WAV to a new file, and return its size in bytes. Raises Refused, and then there is no file.

        The file is created first, so that no access is logged that can't be carried out.
        """
        with new_private(file) as write:
            audio, digest = self._open(recording_sid, purpose, actor).open(), sha256()
            for piece in _pieces(audio):
                digest.update(piece)
                write(piece)
            self._require_as_stored(recording_sid, digest.hexdigest())
        return audio.length

    def pieces(self, recording_sid: str, purpose: str, *, actor: str) -> Iterator[bytes]:
        """The WAV, for a stream: read to its end and found to be as it was stored before the first piece of it leaves.
        Raises Refused, and then nothing has left.
        """
        audio, digest = self._open(recording_sid, purpose, actor).open(), sha256()
        for piece in _pieces(audio):
            digest.update(piece)
        self._require_as_stored(recording_sid, digest.hexdigest())
        return _pieces(audio)

    def _open(self, recording_sid: str, purpose: str, actor: str) -> KeptAudio:
        moment = Moment.now()

        def ask(connection: Connection) -> KeptAudio | Refusal:
            recording = recordings.peek_sid(connection, recording_sid)
            if recording is None:
                raise Refused("there is no recording with this sid")
            return access.open_for_purpose(
                connection,
                moment,
                recording.id,
                purpose,
                store=self.store,
                key_encryption_key=self.key_encryption_key,
                actor=actor,
            )

        answer = self.database.write(ask)
        if isinstance(answer, Refusal):
            raise Refused(str(answer))
        return answer

    def _require_as_stored(self, recording_sid: str, has: str) -> None:
        """Raises Broken where the log has committed to other audio. An erased hash can't be compared."""
        with self.database.read() as connection:
            recording = recordings.peek_sid(connection, recording_sid)
            log = CallLog.read(connection, recording.call_id) if recording else None
        if recording is None or log is None:
            raise Refused("there is no recording with this sid")
        log.require_sound(recording.call_id)
        stored = log.about(recording.id, "recording.stored")
        if stored and stored.private.get("audio_sha256", has) != has:
            raise Broken(f"recording {recording.id}: its audio is not what the log commits to: it was exchanged")


def _pieces(audio: OpenAudio) -> Iterator[bytes]:
    return (audio.range(start, PIECE_BYTES) for start in range(0, audio.length, PIECE_BYTES))
