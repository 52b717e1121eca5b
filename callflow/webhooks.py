"""The public endpoints: for Twilio alone, closed to everybody else.

A request that is not Twilio's gets a bare 403. A genuine request that cannot be acted on connects its caller,
unrecorded and logged (`callflow.unasked`). The transport and spelling of a genuine request never matter.

Two opposite failure rules. A voice step that fails connects the caller, unrecorded, and says 200: the call matters more
than the recording. The request is on disk before the answer leaves, and waits there until it can be settled. A callback
that fails says 503, so that Twilio repeats it: no caller is waiting, and a worker asks Twilio for lost callbacks.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import TypeVar

from flask import Flask, Response, g, request
from sqlalchemy import Connection

from callflow import forms, twiml
from callflow.callbacks import Callbacks
from callflow.conversation import Conversation
from callflow.late_steps import ENDPOINTS
from callflow.refusals import SIGNED_METHODS, Gate
from callflow.repeats import step_of
from callflow.twiml import Meeting
from callflow.unasked import Unasked
from callflow.urls import ANSWER_PATH, CALL_PROGRESS_PATH, FALLBACK_PATH, RECORDED, Stay
from callflow.waiting_requests import WaitingRequests
from policies.consent import WITHDRAWAL_DIGIT, Mode
from policies.rules import Line, OnWithdrawal
from policies.wording import Wording
from policies.wording_pack import nearest, texts_of
from policies.words_after import parting_text
from storage.database.engine import Database
from storage.errors import Refused, Unavailable
from storage.journal.kept_request import Kept
from storage.moment import Moment, utc_now
from storage.rows import calls
from storage.rows.prompts import audio_of

log = logging.getLogger(__name__)

R = TypeVar("R")

_A_CALLER_WAITS = frozenset({"answer", "language", "choice", "consent", "fallback"})
_PROMPT_FOR_S = 86_400
# Twilio waits 5 s for a step and 4 s for a callback (see `callflow.urls`), and then the caller hears an error.
DEADLINE_S = 3.0
_NOTED_WITHIN_S = 1.0


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
    app = Flask("callflow", static_folder=None)
    app.url_map.strict_slashes = False  # a redirect would lose the parameters of the POST
    app.url_map.merge_slashes = False
    parts.add_health(app)
    gate = Gate(parts.conversation.urls, parts.webhook_secrets, parts.account_sid, parts.now)
    app.before_request(gate.admit)
    steps = _Steps(parts)
    for endpoint, rule, view in steps.routes():
        app.add_url_rule(rule, endpoint, view, methods=SIGNED_METHODS, provide_automatic_options=False)
    app.add_url_rule(
        "/voice/audio/<sha256>/<mac>", "audio", steps.audio, methods=["GET"], provide_automatic_options=False
    )
    return app


class _Steps:
    def __init__(self, parts: Webhooks) -> None:
        self._parts = parts
        self._conversation = parts.conversation
        self._callbacks = parts.callbacks
        self._unasked = Unasked(parts.conversation)
        self._prompts: dict[str, bytes] = {}

    def routes(self) -> list[tuple[str, str, Callable[..., Response]]]:
        return [
            ("answer", ANSWER_PATH, self.answer),
            ("language", "/voice/language/<call_id>/<mac>", self.language),
            ("choice", "/voice/choice/<call_id>/<int:round_>/<mac>", self.choice),
            ("consent", "/voice/consent/<call_id>/<int:prompt>/<mac>", self.consent),
            ("whisper", "/voice/whisper/<call_id>/<state>/<mac>", self.whisper),
            ("ended", "/voice/ended/<call_id>/<mac>", self.ended),
            ("join", "/voice/join/<call_id>/<int:round_>/<mac>", self.join),
            ("left", "/voice/left/<call_id>/<mac>", self.left),
            ("star", "/voice/star/<call_id>/<stay>/<mac>", self.star),
            ("withdraw", "/voice/withdraw/<call_id>/<stay>/<mac>", self.withdraw),
            ("alone", "/voice/alone/<call_id>/<mac>", self.alone),
            ("fallback", FALLBACK_PATH, self.fallback),
            ("call_progress", CALL_PROGRESS_PATH, self.call_progress),
            ("recording", "/callbacks/recording/<call_id>/<mac>", self.recording),
        ]

    def answer(self) -> Response:
        return self._voice(
            lambda: self._write(self._conversation.answer, forms.IncomingCall.parse(g.form)), failed=self._connect
        )

    def language(self, call_id: str, mac: str) -> Response:
        return self._voice(
            lambda: self._write(self._conversation.language, call_id, forms.Answered.parse(g.form)),
            failed=lambda: self._connect(call_id),
        )

    def choice(self, call_id: str, round_: int, mac: str) -> Response:
        return self._voice(
            lambda: self._write(self._conversation.choice, call_id, round_, forms.Heard.parse(g.form)),
            failed=lambda: self._connect(call_id),
        )

    def consent(self, call_id: str, prompt: int, mac: str) -> Response:
        return self._voice(
            lambda: self._write(self._conversation.consent, call_id, prompt, forms.Answered.parse(g.form)),
            failed=lambda: self._connect(call_id, stops=forms.is_refusal(g.form)),
        )

    def ended(self, call_id: str, mac: str) -> Response:
        return self._voice(
            lambda: self._write(self._conversation.ended, call_id, forms.CallEnded.parse(g.form)),
            failed=lambda: self._part(call_id),
        )

    def star(self, call_id: str, stay: str, mac: str) -> Response:
        return self._voice(
            lambda: self._write(self._conversation.star, call_id, Stay.read(stay), forms.CallEnded.parse(g.form)),
            failed=lambda: self._offer(call_id, Stay.read(stay)),
        )

    def withdraw(self, call_id: str, stay: str, mac: str) -> Response:
        return self._voice(
            lambda: self._write(self._conversation.withdraw, call_id, Stay.read(stay), forms.Answered.parse(g.form)),
            failed=lambda: self._meet(call_id, Stay.read(stay).next, stops=forms.pressed(g.form) == WITHDRAWAL_DIGIT),
        )

    def alone(self, call_id: str, mac: str) -> Response:
        return self._voice(
            lambda: self._write(self._conversation.alone, call_id, forms.Heard.parse(g.form)), failed=twiml.hangup
        )

    def join(self, call_id: str, round_: int, mac: str) -> Response:
        """The agent's leg comes into the conference, whatever else fails."""
        urls = self._conversation.urls

        def respond() -> bytes:
            self._note(self._conversation.agent_joined, call_id)
            return twiml.join(call_id, round_, urls, self._whispered(call_id))

        return self._voice(respond, failed=lambda: twiml.join(call_id, round_, urls, None))

    def left(self, call_id: str, mac: str) -> Response:
        self._note(self._conversation.agent_left, call_id)
        return self._voice(twiml.nothing, failed=twiml.nothing)

    def fallback(self) -> Response:
        return self._voice(
            lambda: self._write(self._conversation.fallback, forms.FallbackAsked.parse(g.form)),
            failed=twiml.hangup if forms.was_parting(g.form) else self._connect,
        )

    def whisper(self, call_id: str, state: str, mac: str) -> Response:
        return self._voice(lambda: self._whisper(call_id, recorded=state == RECORDED), failed=twiml.nothing)

    def audio(self, sha256: str, mac: str) -> Response:
        """A recorded prompt. Without it Twilio turns to the fallback, and the caller is connected."""
        body = self._prompts.get(sha256)
        if body is None:
            try:
                body = self._parts.database.look(
                    lambda connection: audio_of(connection, sha256), within_s=self._parts.deadline_s
                )
            except Unavailable as error:
                log.error("a recorded prompt cannot be read: %s", error)
                return Response(status=503)
            if body is None:
                return Response(status=404)
            self._prompts[sha256] = body  # as many as the rulebooks name, and never changed
        fetched = Response(body, content_type="audio/wav")
        fetched.cache_control.max_age = _PROMPT_FOR_S
        fetched.set_etag(sha256)
        fetched.make_conditional(request)
        return fetched

    def call_progress(self) -> Response:
        return self._callback(lambda: self._write(self._callbacks.call_progressed, forms.CallProgress.parse(g.form)))

    def recording(self, call_id: str, mac: str) -> Response:
        return self._callback(
            lambda: self._write(self._callbacks.recording_progressed, call_id, forms.RecordingProgress.parse(g.form))
        )

    def _write(self, step: Callable[..., R], *heard: object) -> R:
        """Run a step in one transaction, after all waiting requests. On return all its rows are on disk. If it raises,
        nothing was written, but for one case: the disk confirmed the commit after the deadline.
        """
        self._parts.waiting.go_first()
        moment = Moment(self._parts.now())
        request_sha256 = sha256(g.sent).hexdigest()
        return self._parts.database.write(
            lambda connection: step(connection, moment, request_sha256, *heard), within_s=self._parts.deadline_s
        )

    def _note(self, step: Callable[..., None], call_id: str) -> None:
        """Write what is known about an agent's leg. Without it the call goes on as well: the caller has no star key, or
        is looked after a little later, and the agent does not find the call among their own.
        """
        try:
            heard, moment = forms.LegHeard.parse(g.form), Moment(self._parts.now())
            request_sha256 = sha256(g.sent).hexdigest()
            self._parts.database.write(
                lambda connection: step(connection, moment, request_sha256, call_id, heard), within_s=_NOTED_WITHIN_S
            )
        except Exception:  # the edge: the agent's leg goes on
            log.exception("call %s: an agent's leg could not be noted", call_id)

    def _whisper(self, call_id: str, *, recorded: bool) -> bytes:
        may_meet = recorded and any(line.withdrawal_key for line in self._conversation.rulebook.lines)
        try:
            return twiml.whisper(self._whispered(call_id), recorded=recorded)
        finally:  # the agent has answered, whether or not anything can be said to them
            conversation = self._conversation
            self._note(conversation.agent_to_meet if may_meet else conversation.agent_answered, call_id)

    def _whispered(self, call_id: str) -> Wording:
        moment = Moment(self._parts.now())

        def find(connection: Connection) -> Wording | None:
            call = calls.peek(connection, call_id)
            return self._conversation.facts(connection, moment, call).whispered if call else None

        wording = self._parts.database.look(find, within_s=self._parts.deadline_s)
        if wording is None:
            raise Refused(f"call {call_id}: there is no such call")
        return wording

    def _voice(self, respond: Callable[[], bytes], *, failed: Callable[[], bytes]) -> Response:
        received_at = self._parts.now()
        try:
            body = self._or_put_through(respond)
        except Refused as error:
            log.error("a voice step was refused; the caller is connected, unrecorded: %s", error)
            body = failed()  # it would be refused again, whenever it is settled
        except Unavailable as error:
            log.error("a voice step failed; the caller is connected, unrecorded: %s", error)
            body = self._kept(received_at, failed())
        except Exception:  # the edge: whatever it is, a caller is waiting
            log.exception("a voice step failed; the caller is connected, unrecorded")
            body = self._kept(received_at, failed())
        return Response(body, content_type="text/xml; charset=utf-8")

    def _or_put_through(self, respond: Callable[[], bytes]) -> bytes:
        """The answer of a step. A request that cannot be acted on is logged before its caller is connected."""
        try:
            return respond()
        except Refused as error:
            is_parting = request.endpoint == "fallback" and forms.was_parting(g.form)
            if is_parting or request.endpoint not in _A_CALLER_WAITS:
                raise
            log.warning("a request cannot be gone by; the caller is connected, unrecorded: %s", error)
            path = request.view_args or {}
            step, arrived = step_of(str(request.endpoint), path), forms.IncomingCall.read_leniently(g.form)
            return self._write(self._unasked.put_through, arrived, step, str(path.get("call_id", "")), str(error))

    def _kept(self, received_at: datetime, answer: bytes) -> bytes:
        """The answer, once the request is kept where it can't be lost."""
        if request.endpoint in ENDPOINTS:
            path = {name: str(value) for name, value in (request.view_args or {}).items() if name != "mac"}
            token = request.headers.get("I-Twilio-Idempotency-Token", "")
            kept = Kept(request.endpoint, path, g.sent, token, received_at, answer)
            self._parts.waiting.keep(kept)
        return answer

    def _callback(self, hear: Callable[[], None]) -> Response:
        try:
            hear()
        except Refused as error:
            log.warning("callback refused: %s", error)  # it would be refused again, so it need not come again
        except Unavailable as error:
            log.error("a callback failed, and must come again: %s", error)
            return Response(status=503)
        except Exception:  # the edge: it must come again
            log.exception("a callback failed")
            return Response(status=503)
        return Response(status=204)

    def _connect(self, call_id: str = "", *, stops: bool = False) -> bytes:
        ended_url = self._conversation.urls.ended(call_id) if call_id else ""
        return twiml.connect(self._line(), ended_url=ended_url, stops=stops)

    def _offer(self, call_id: str, stay: Stay) -> bytes:
        """The menu after a star, in the line's first language: the call's own cannot be read."""
        line = self._line()
        wording, said = self._conversation.wording_of(line), texts_of(nearest(line.languages[0])).withdrawal_key
        keeps = line.on_withdrawal is OnWithdrawal.KEEP
        text = said.menu(keeps=keeps, ends_call=line.consent == Mode.MUST_RECORD)
        return twiml.withdrawal_menu(wording, text, withdraw_url=self._conversation.urls.withdraw(call_id, stay))

    def _meet(self, call_id: str, stay: Stay, *, stops: bool = False) -> bytes:
        """Back to the agent. The wish to end the recording is heeded: what is kept of it is settled later."""
        line = self._line()
        wording, said = self._conversation.wording_of(line), texts_of(nearest(line.languages[0])).withdrawal_key
        text = said.done(keeps=line.on_withdrawal is OnWithdrawal.KEEP) if stops else ""
        return twiml.meet(
            call_id, self._conversation.urls, Meeting(wording, stay, heeds_star=not stops, text=text, stops=stops)
        )

    def _part(self, call_id: str) -> bytes:
        """The end of a conversation whose row cannot be read: a caller who still waits for an agent is connected, or
        hears in the line's first language that nobody is free. An agent who may wait in the conference of the call's
        first round is not left there.
        """
        line = self._line()
        try:
            heard = forms.CallEnded.parse(g.form)
        except Refused:
            return twiml.connect(line)
        if line.withdrawal_key and heard.may_be_redirected and not heard.has_hung_up:
            return self._meet(call_id, Stay(1))
        if heard.was_cut:
            return twiml.connect(line)
        wording = self._conversation.wording_of(line)
        return twiml.ended(wording, text=parting_text(wording, heard.dial_call_status))

    def _line(self) -> Line:
        rulebook = self._conversation.rulebook
        return rulebook.line(forms.IncomingCall.read_leniently(g.form).to) or rulebook.lines[0]
