"""Listening under a lease: opened for a purpose, renewed by reports, and the pieces of sound that it allows.

`POST /calls/CALL/recordings/RECORDING/lease` with JSON `{"purpose": "quality"}` opens one. `POST /leases/LEASE` with
`{"n": 1, "position_ms": 0, "ranges": [[0, 4000]], "played_ms": 4000}` renews it; the answer is `{"go": true}`, or
`{"stop": …, "why": …}`. `GET /leases/LEASE/piece?track=listening&from_ms=0` is a piece of fragmented MP4 of 64 KiB at
most, near the position that was reported; without a living lease of one's own session it is 403.
"""

from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any, get_args

from flask import Response, g, jsonify, request

from console.calls.lease_body import Misread, read_body, read_purpose, read_report
from console.calls.track_facts import TrackFacts
from console.sentences import NOBODY, translated
from console.viewer import Viewer, viewer
from policies.listening import LOST_AFTER, RENEWED_EVERY, Range, Stop, common, is_near
from policies.purposes import NotGranted
from policies.sessions import Limits
from storage.audio.contract import AudioStore
from storage.audio.pieces import AudioPieces, Track
from storage.audio.unseal import KeptAudio
from storage.custody import access, leases
from storage.custody.access import Refusal
from storage.custody.leases import Lease, Listener, Stopped
from storage.database.engine import Database
from storage.errors import Refused
from storage.moment import Moment
from storage.rows.recordings import Recording

_TRACKS: tuple[Track, ...] = get_args(Track)
UNREADABLE = "unreadable"


@dataclass(frozen=True)
class Listening:
    database: Database
    store: AudioStore
    key_encryption_key: bytes = field(repr=False)
    limits: Limits
    now: Callable[[], datetime]
    facts: TrackFacts = field(default_factory=TrackFacts)

    def views(self) -> Mapping[str, Callable[..., Any]]:
        return {"lease_open": self.open, "lease": self.renew, "piece": self.piece, "lanes": self.lanes}

    def open(self, call_id: str, recording_id: str) -> Response:
        moment, listener = Moment(self.now()), _listener(viewer())
        try:
            purpose = read_purpose(read_body(request))
            opened = self.database.write(
                lambda connection: leases.open_lease(
                    connection,
                    moment,
                    recording_id,
                    purpose,
                    listener,
                    store=self.store,
                    key_encryption_key=self.key_encryption_key,
                )
            )
        except (Misread, Refused) as error:
            return _answer(HTTPStatus.BAD_REQUEST, {"error": str(error)})
        if isinstance(opened, Refusal):
            return _answer(HTTPStatus.CONFLICT, _told(Stopped(Stop.NOT_TO_BE_OPENED, opened.reason)))
        held, audio = opened
        tracks = list(self._readable(audio))
        if not tracks:
            return _answer(HTTPStatus.CONFLICT, {"stop": UNREADABLE, "why": ""})
        return jsonify(
            {
                "lease": held.id,
                "renewed_every_ms": int(RENEWED_EVERY.total_seconds() * 1000),
                "lost_after_ms": int(LOST_AFTER.total_seconds() * 1000),
                "tracks": tracks,
            }
        )

    def renew(self, lease_id: str) -> Response:
        """From a session that has just ended a last report is taken as well: what was heard until the page knew."""
        moment, mine = Moment(self.now()), str(g.session_id)
        try:
            report = read_report(read_body(request))
        except Misread as error:
            return _answer(HTTPStatus.BAD_REQUEST, {"error": str(error)})
        stopped = self.database.write(
            lambda connection: leases.renew(connection, moment, lease_id, mine, report, self.limits)
        )
        if g.viewer is None and stopped:
            return _answer(HTTPStatus.UNAUTHORIZED, _told(stopped))
        return jsonify(_told(stopped) if stopped else {"go": True})

    def piece(self, lease_id: str) -> Response:
        """403 for whoever has no living lease of their own session; a try with another's is an event as well."""
        try:
            track, from_ms = _wanted()
        except Misread as error:
            return _answer(HTTPStatus.BAD_REQUEST, {"error": str(error)})
        listener: Viewer | None = g.viewer
        opened = self._opened(lease_id, listener)
        if isinstance(opened, Stopped):
            if opened is leases.OUT_OF_SCOPE:
                self._log_try(lease_id, listener)
            return _answer(HTTPStatus.FORBIDDEN, _told(opened))
        held, audio = opened
        piece = self._pieces(audio, track).piece(from_ms) if track in audio.names else None
        if piece is None:
            return Response(status=HTTPStatus.NO_CONTENT)
        if not is_near(held.position_ms, (piece.from_ms, piece.to_ms)):
            return _answer(HTTPStatus.FORBIDDEN, {"error": "too far from the position that was reported"})
        if stopped := self._hand_out(held, (piece.from_ms, piece.to_ms)):
            return _answer(HTTPStatus.FORBIDDEN, _told(stopped))
        place = {"X-From-Ms": str(piece.from_ms), "X-To-Ms": str(piece.to_ms)}
        return Response(piece.body, content_type="audio/mp4", headers=place)

    def lanes(self, call_id: str, recording_id: str) -> Response:
        """The peaks of a recording that might be heard: a picture of it, of which no word can be made out."""
        found: Recording = g.object
        with self.database.read() as connection:
            audio = access.picture_of(
                connection,
                found.id,
                self.now(),
                store=self.store,
                key_encryption_key=self.key_encryption_key,
            )
        if isinstance(audio, NotGranted) or not {"peaks", "levels"} <= audio.names:
            return Response(status=HTTPStatus.NO_CONTENT)
        peaks, levels = audio.open("peaks"), audio.open("levels")
        return jsonify(
            {
                "peaks": b64encode(peaks.range(0, peaks.length)).decode(),
                "levels": levels.range(0, levels.length).decode(),
            }
        )

    def _readable(self, audio: KeptAudio) -> Iterator[Mapping[str, object]]:
        """The tracks that there are. The master of a recording that is kept just as it came may be of a form that
        cannot be read here.
        """
        for track in _TRACKS:
            if track in audio.names:
                try:
                    yield _described(track, self._pieces(audio, track))
                except Refused:
                    continue

    def _opened(self, lease_id: str, listener: Viewer | None) -> tuple[Lease, KeptAudio] | Stopped:
        session_id, now = listener.session.id if listener else None, self.now()
        with self.database.read() as connection:
            return leases.audio_under(
                connection,
                lease_id,
                session_id,
                now,
                self.limits,
                store=self.store,
                key_encryption_key=self.key_encryption_key,
            )

    def _hand_out(self, held: Lease, piece: Range) -> Stopped | None:
        if common(held.handed, (piece,)) == (piece,):
            return None
        return self.database.write(lambda connection: leases.hand_out(connection, held.id, piece))

    def _log_try(self, lease_id: str, listener: Viewer | None) -> None:
        moment, actor = Moment(self.now()), listener.account.name if listener else NOBODY
        self.database.write(
            lambda connection: leases.refuse_others(connection, moment, lease_id, self.limits, actor=actor)
        )

    def _pieces(self, audio: KeptAudio, track: Track) -> AudioPieces:
        pieces = AudioPieces.of(audio.open(track), track, self.facts.of(audio.recording_id, track))
        self.facts.keep(audio.recording_id, track, pieces.facts)
        return pieces


def _listener(somebody: Viewer) -> Listener:
    return Listener(somebody.account.id, somebody.account.name, somebody.session.id)


def _wanted() -> tuple[Track, int]:
    track, from_ms = request.args.get("track", ""), request.args.get("from_ms", "")
    found = next((known for known in _TRACKS if known == track), None)
    if found is None or not (from_ms.isascii() and from_ms.isdigit() and len(from_ms) <= 9):
        raise Misread("track is listening or master, and from_ms a number of milliseconds")
    return found, int(from_ms)


def _described(track: Track, pieces: AudioPieces) -> Mapping[str, object]:
    return {
        "track": track,
        "codec": pieces.codec,
        "channels": pieces.channels,
        "duration_ms": pieces.duration_ms,
        "init": b64encode(pieces.init()).decode(),
    }


def _told(stopped: Stopped) -> dict[str, object]:
    return {"stop": stopped.by, "why": translated(stopped.why)}


def _answer(status: HTTPStatus, body: Mapping[str, object]) -> Response:
    answer = jsonify(body)
    answer.status_code = status
    return answer
