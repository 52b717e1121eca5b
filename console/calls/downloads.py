"""A copy of a recording to take away: another permission than listening, and another event of the log.

It is read from the store piece by piece while it is sent, and asked between the pieces whether it may still be opened,
and by this person: a consent that is withdrawn meanwhile breaks the download off, and so does a session that ends.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any

from flask import Response, request

from console import viewer as viewers
from console.calls.page import CallPages, Tried
from console.calls.within_reach import recording_of
from console.language import gettext
from console.sentences import translated
from console.viewer import Viewer, viewer
from policies.permissions import Act
from policies.purposes import NotGranted
from policies.sessions import Limits
from storage.audio.contract import AudioStore
from storage.audio.sealing import OpenAudio
from storage.custody import access
from storage.custody.access import Refusal
from storage.database.engine import Database
from storage.errors import Broken, Refused
from storage.moment import Moment
from storage.rows import calls

_PIECE_BYTES = 1 << 18
_ASKED_EVERY = 16  # pieces: 4 MiB


@dataclass(frozen=True)
class Downloads:
    database: Database
    store: AudioStore
    key_encryption_key: bytes = field(repr=False)
    pages: CallPages
    limits: Limits
    now: Callable[[], datetime]

    def views(self) -> Mapping[str, Callable[..., Any]]:
        return {"download": self.download}

    def download(self, call_id: str, recording_id: str) -> Response | tuple[str, int]:
        moment, taker, purpose = Moment(self.now()), viewer(), request.form.get("purpose", "")
        try:
            opened = self.database.write(
                lambda connection: access.open_for_purpose(
                    connection,
                    moment,
                    recording_id,
                    purpose,
                    store=self.store,
                    key_encryption_key=self.key_encryption_key,
                    actor=taker.account.name,
                )
            )
        except Refused:
            return self._refused(
                call_id, gettext("Choose a purpose for the download."), HTTPStatus.UNPROCESSABLE_ENTITY
            )
        if isinstance(opened, Refusal):
            said = gettext("Nothing was downloaded: %(why)s.") % {"why": translated(opened.reason)}
            return self._refused(call_id, said, HTTPStatus.CONFLICT)
        audio = opened.open()  # so that a store that is away is said before anything is sent
        headers = {"Content-Disposition": f'attachment; filename="{self._name(call_id)}"'}
        answer = Response(
            self._pieces(audio, taker, {"call_id": call_id, "recording_id": recording_id}, purpose),
            content_type="audio/wav",
            headers=headers,
        )
        answer.content_length = audio.length
        return answer

    def _refused(self, call_id: str, problem: str, status: HTTPStatus) -> tuple[str, int]:
        return self.pages.rendered(call_id, Tried("download", problem)), status

    def _name(self, call_id: str) -> str:
        """Names nobody: the call's reference and its day."""
        with self.database.read() as connection:
            call = calls.peek(connection, call_id)
        assert call is not None
        return f"call-{call.reference}-{call.received_at:%Y-%m-%d}.wav"

    def _pieces(self, audio: OpenAudio, taker: Viewer, names: Mapping[str, str], purpose: str) -> Iterator[bytes]:
        for number, start in enumerate(range(0, audio.length, _PIECE_BYTES)):
            if number and number % _ASKED_EVERY == 0:
                self._require_open(taker, names, purpose)
            yield audio.range(start, _PIECE_BYTES)

    def _require_open(self, taker: Viewer, names: Mapping[str, str], purpose: str) -> None:
        now, recording_id = self.now(), names["recording_id"]
        with self.database.read() as connection:
            person = viewers.find(connection, taker.token, now, self.limits)
            if person is None or not person.may(Act.DOWNLOAD) or recording_of(connection, person, names) is None:
                raise Broken(f"recording {recording_id}: a download of it was broken off: its person may no longer")
            decided = access.would_open(connection, recording_id, purpose, now)
        if isinstance(decided, NotGranted):
            raise Broken(f"recording {recording_id}: a download of it was broken off: {decided.reason}")
