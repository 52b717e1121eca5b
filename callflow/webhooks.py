"""The public endpoints: for Twilio alone, closed to everybody else.

A request that is not Twilio's gets a bare 403. A genuine request that cannot be acted on connects its caller,
unrecorded and logged (`callflow.unasked`). The transport and spelling of a genuine request never matter.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Flask, Response, request

from callflow.callbacks import Callbacks
from callflow.conversation import Conversation
from callflow.refusals import Gate
from callflow.routes import needs_no_signature, route_of
from callflow.steps import Answer, Step, Steps
from callflow.waiting_requests import WaitingRequests
from storage.database.engine import Database
from storage.errors import Unavailable
from storage.moment import utc_now
from storage.rows.prompts import audio_of

log = logging.getLogger(__name__)

_PROMPT_FOR_S = 86_400
# Twilio waits 5 s for a step and 4 s for a callback (see `callflow.urls`), and then the caller hears an error.
DEADLINE_S = 3.0


@dataclass(frozen=True, slots=True)
class Webhooks:
    """The parts of the public web server. `account_sid` and `webhook_secrets` identify Twilio, `add_health` adds the
    health endpoints.
    """

    database: Database
    conversation: Conversation
    callbacks: Callbacks
    account_sid: str
    webhook_secrets: tuple[str, ...]
    add_health: Callable[[Flask], None]
    waiting: WaitingRequests
    now: Callable[[], datetime] = utc_now
    deadline_s: float = DEADLINE_S


def create_app(parts: Webhooks) -> Flask:
    """Flask serves what needs no signature: health, and recorded prompts. In front of it each signed request goes to
    its step, in less time than Flask takes to find it.
    """
    app = Flask("callflow", static_folder=None)
    app.url_map.strict_slashes = False
    parts.add_health(app)
    gate = Gate(parts.conversation.urls, parts.webhook_secrets, parts.account_sid, parts.now)
    audio = _Prompts(parts.database, gate, parts.deadline_s).audio
    app.add_url_rule("/voice/audio/<sha256>/<mac>", "audio", audio, methods=["GET"], provide_automatic_options=False)
    steps = Steps(
        parts.database, parts.conversation, parts.callbacks, parts.waiting, now=parts.now, deadline_s=parts.deadline_s
    )
    app.wsgi_app = _Front(gate, steps.by_endpoint(), app.wsgi_app)  # type: ignore[assignment,method-assign]  # as Flask advises
    return app


class _Front:
    """A WSGI application. `unsigned` serves the requests that need no signature."""

    def __init__(self, gate: Gate, steps: Mapping[str, Step], unsigned: WSGIApplication) -> None:
        self._gate, self._steps, self._unsigned = gate, steps, unsigned

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if needs_no_signature(environ["REQUEST_METHOD"], path):
            return self._unsigned(environ, start)
        try:
            answer = self._answer(environ, path)
        except Exception:  # the server says 500 then, and nothing else: Twilio turns to the fallback
            log.exception("a request could not be answered")
            raise
        return _said(answer, start)

    def _answer(self, environ: WSGIEnvironment, path: str) -> Answer:
        signed = self._gate.admit(environ, route_of(path))
        if signed is None:
            return Answer(HTTPStatus.FORBIDDEN)
        step = self._steps.get(signed.route.endpoint)
        return step(signed) if step else Answer(HTTPStatus.NOT_FOUND)


class _Prompts:
    def __init__(self, database: Database, gate: Gate, deadline_s: float) -> None:
        self._database, self._gate, self._deadline_s = database, gate, deadline_s
        self._bodies: dict[str, bytes] = {}

    def audio(self, sha256: str, mac: str) -> Response:
        """A recorded prompt. Without it Twilio turns to the fallback, and the caller is connected."""
        if not self._gate.admits_audio(sha256, mac):
            return Response(status=403)
        body = self._bodies.get(sha256)
        if body is None:
            try:
                body = self._database.look(lambda connection: audio_of(connection, sha256), within_s=self._deadline_s)
            except Unavailable as error:
                log.error("a recorded prompt cannot be read: %s", error)
                return Response(status=503)
            if body is None:
                return Response(status=404)
            self._bodies[sha256] = body  # as many as the rulebooks name, and never changed
        fetched = Response(body, content_type="audio/wav")
        fetched.cache_control.max_age = _PROMPT_FOR_S
        fetched.set_etag(sha256)
        fetched.make_conditional(request)
        return fetched


def _said(answer: Answer, start: StartResponse) -> Iterable[bytes]:
    headers = [("Content-Type", "text/xml; charset=utf-8")] if answer.twiml else []
    if answer.status is not HTTPStatus.NO_CONTENT:
        headers.append(("Content-Length", str(len(answer.twiml))))
    start(f"{answer.status.value} {answer.status.phrase}", headers)
    return [answer.twiml]
