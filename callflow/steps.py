"""The answer to each request of Twilio's, whatever fails.

Two opposite failure rules. A voice step that fails connects the caller, unrecorded, and says 200: the call matters more
than the recording. The request is on disk before the answer leaves, and waits there until it can be settled. A callback
that fails says 503, so that Twilio repeats it: no caller is waiting, and a worker asks Twilio for lost callbacks.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from time import monotonic
from typing import TypeVar

from sqlalchemy import Connection

from callflow import forms, twiml
from callflow.callbacks import Callbacks
from callflow.conversation import Conversation
from callflow.decide import Facts
from callflow.late_steps import ENDPOINTS
from callflow.refusals import Signed
from callflow.repeats import step_of
from callflow.twiml import Meeting
from callflow.unasked import Unasked
from callflow.urls import RECORDED, Stay
from callflow.waiting_requests import WaitingRequests
from policies.consent import WITHDRAWAL_DIGIT, Mode
from policies.rules import Line, OnWithdrawal
from policies.wording_pack import nearest, texts_of
from policies.words_after import parting_text
from storage.database.engine import Database
from storage.errors import Refused, Unavailable
from storage.journal.kept_request import Kept
from storage.moment import Moment
from storage.rows import calls

log = logging.getLogger(__name__)

R = TypeVar("R")

_A_CALLER_WAITS = frozenset({"answer", "language", "choice", "consent", "fallback"})
_NOTED_WITHIN_S = 1.0


@dataclass(frozen=True, slots=True)
class Answer:
    """`twiml` is empty for a callback."""

    status: HTTPStatus
    twiml: bytes = b""


Step = Callable[[Signed], Answer]


@dataclass(frozen=True, slots=True)
class Steps:
    database: Database
    conversation: Conversation
    callbacks: Callbacks
    waiting: WaitingRequests
    now: Callable[[], datetime]
    deadline_s: float

    def by_endpoint(self) -> Mapping[str, Step]:
        return {
            "answer": self.answer,
            "language": self.language,
            "choice": self.choice,
            "consent": self.consent,
            "whisper": self.whisper,
            "ended": self.ended,
            "join": self.join,
            "left": self.left,
            "star": self.star,
            "withdraw": self.withdraw,
            "alone": self.alone,
            "fallback": self.fallback,
            "call_progress": self.call_progress,
            "recording": self.recording,
        }

    def answer(self, asked: Signed) -> Answer:
        return self._voice(
            asked,
            lambda: self._write(asked, self.conversation.answer, forms.IncomingCall.parse(asked.form)),
            failed=lambda: self._connect(asked),
        )

    def language(self, asked: Signed) -> Answer:
        return self._voice(
            asked,
            lambda: self._write(asked, self.conversation.language, asked.call_id, forms.Answered.parse(asked.form)),
            failed=lambda: self._connect(asked),
        )

    def choice(self, asked: Signed) -> Answer:
        round_ = int(asked.route.step)
        return self._voice(
            asked,
            lambda: self._write(asked, self.conversation.choice, asked.call_id, round_, forms.Heard.parse(asked.form)),
            failed=lambda: self._connect(asked),
        )

    def consent(self, asked: Signed) -> Answer:
        def respond() -> bytes:
            heard = forms.Answered.parse(asked.form)
            return self._write(asked, self.conversation.consent, asked.call_id, int(asked.route.step), heard)

        return self._voice(asked, respond, failed=lambda: self._connect(asked, stops=forms.is_refusal(asked.form)))

    def ended(self, asked: Signed) -> Answer:
        return self._voice(
            asked,
            lambda: self._write(asked, self.conversation.ended, asked.call_id, forms.CallEnded.parse(asked.form)),
            failed=lambda: self._part(asked),
        )

    def star(self, asked: Signed) -> Answer:
        stay = Stay.read(asked.route.step)
        return self._voice(
            asked,
            lambda: self._write(asked, self.conversation.star, asked.call_id, stay, forms.CallEnded.parse(asked.form)),
            failed=lambda: self._offer(asked, stay),
        )

    def withdraw(self, asked: Signed) -> Answer:
        stay = Stay.read(asked.route.step)

        def respond() -> bytes:
            heard = forms.Answered.parse(asked.form)
            return self._write(asked, self.conversation.withdraw, asked.call_id, stay, heard)

        return self._voice(
            asked,
            respond,
            failed=lambda: self._meet(asked, stay.next, stops=forms.pressed(asked.form) == WITHDRAWAL_DIGIT),
        )

    def alone(self, asked: Signed) -> Answer:
        return self._voice(
            asked,
            lambda: self._write(asked, self.conversation.alone, asked.call_id, forms.Heard.parse(asked.form)),
            failed=twiml.hangup,
        )

    def join(self, asked: Signed) -> Answer:
        """The agent's leg comes into the conference, whatever else fails."""
        call_id, round_, urls = asked.call_id, int(asked.route.step), self.conversation.urls

        def respond() -> bytes:
            self._note(asked, self.conversation.agent_joined)
            return twiml.join(call_id, round_, urls, self._facts(call_id).whispered)

        return self._voice(asked, respond, failed=lambda: twiml.join(call_id, round_, urls, None))

    def left(self, asked: Signed) -> Answer:
        self._note(asked, self.conversation.agent_left)
        return self._voice(asked, twiml.nothing, failed=twiml.nothing)

    def fallback(self, asked: Signed) -> Answer:
        return self._voice(
            asked,
            lambda: self._write(asked, self.conversation.fallback, forms.FallbackAsked.parse(asked.form)),
            failed=twiml.hangup if forms.was_parting(asked.form) else lambda: self._connect(asked),
        )

    def whisper(self, asked: Signed) -> Answer:
        return self._voice(asked, lambda: self._whisper(asked), failed=twiml.nothing)

    def call_progress(self, asked: Signed) -> Answer:
        return self._callback(
            lambda: self._write(asked, self.callbacks.call_progressed, forms.CallProgress.parse(asked.form))
        )

    def recording(self, asked: Signed) -> Answer:
        def hear() -> None:
            progress = forms.RecordingProgress.parse(asked.form)
            self._write(asked, self.callbacks.recording_progressed, asked.call_id, progress)

        return self._callback(hear)

    def _write(self, asked: Signed, step: Callable[..., R], *heard: object) -> R:
        """Run a step in one transaction, after all waiting requests. On return all its rows are on disk. If it raises,
        nothing was written, but for one case: the disk confirmed the commit after the deadline.
        """
        until = monotonic() + self.deadline_s
        self.waiting.go_first(self.deadline_s)
        moment, request_sha256 = Moment(self.now()), asked.sha256
        return self.database.write(
            lambda connection: step(connection, moment, request_sha256, *heard), within_s=max(0.0, until - monotonic())
        )

    def _note(self, asked: Signed, step: Callable[..., None]) -> None:
        """Write what is known about an agent's leg. Without it the call goes on as well: the caller has no star key, or
        is looked after a little later, and the agent does not find the call among their own.
        """
        try:
            heard, moment, request_sha256 = forms.LegHeard.parse(asked.form), Moment(self.now()), asked.sha256
            self.database.write(
                lambda connection: step(connection, moment, request_sha256, asked.call_id, heard),
                within_s=_NOTED_WITHIN_S,
            )
        except Exception:  # the edge: the agent's leg goes on
            log.exception("call %s: an agent's leg could not be noted", asked.call_id)

    def _whisper(self, asked: Signed) -> bytes:
        is_recorded = may_meet = asked.route.step == RECORDED
        try:
            facts = self._facts(asked.call_id)
            may_meet = is_recorded and facts.line.withdrawal_key
            return twiml.whisper(facts.whispered, recorded=is_recorded)
        finally:  # the agent has answered, whether or not anything can be said to them
            self._note(asked, self.conversation.agent_to_meet if may_meet else self.conversation.agent_answered)

    def _facts(self, call_id: str) -> Facts:
        moment = Moment(self.now())

        def find(connection: Connection) -> Facts | None:
            call = calls.peek(connection, call_id)
            return self.conversation.facts(connection, moment, call) if call else None

        facts = self.database.look(find, within_s=self.deadline_s)
        if facts is None:
            raise Refused(f"call {call_id}: there is no such call")
        return facts

    def _voice(self, asked: Signed, respond: Callable[[], bytes], *, failed: Callable[[], bytes]) -> Answer:
        received_at = self.now()
        try:
            body = self._or_put_through(asked, respond)
        except Refused as error:
            log.error("a voice step was refused; the caller is connected, unrecorded: %s", error)
            body = failed()  # it would be refused again, whenever it is settled
        except Unavailable as error:
            log.error("a voice step failed; the caller is connected, unrecorded: %s", error)
            body = self._kept(asked, received_at, failed())
        except Exception:  # the edge: whatever it is, a caller is waiting
            log.exception("a voice step failed; the caller is connected, unrecorded")
            body = self._kept(asked, received_at, failed())
        return Answer(HTTPStatus.OK, body)

    def _or_put_through(self, asked: Signed, respond: Callable[[], bytes]) -> bytes:
        """The answer of a step. A request that cannot be acted on is logged before its caller is connected."""
        try:
            return respond()
        except Refused as error:
            endpoint, arguments = asked.route.endpoint, asked.route.arguments
            is_parting = endpoint == "fallback" and forms.was_parting(asked.form)
            if is_parting or endpoint not in _A_CALLER_WAITS:
                raise
            log.warning("a request cannot be gone by; the caller is connected, unrecorded: %s", error)
            arrived, unasked = forms.IncomingCall.read_leniently(asked.form), Unasked(self.conversation)
            step = step_of(endpoint, arguments)
            return self._write(asked, unasked.put_through, arrived, step, asked.call_id, str(error))

    def _kept(self, asked: Signed, received_at: datetime, answer: bytes) -> bytes:
        """The answer, once the request is kept where it can't be lost."""
        route = asked.route
        if route.endpoint in ENDPOINTS:
            self.waiting.keep(Kept(route.endpoint, route.arguments, asked.sent, asked.token, received_at, answer))
        return answer

    def _callback(self, hear: Callable[[], None]) -> Answer:
        try:
            hear()
        except Refused as error:
            log.warning("callback refused: %s", error)  # it would be refused again, so it need not come again
        except Unavailable as error:
            log.error("a callback failed, and must come again: %s", error)
            return Answer(HTTPStatus.SERVICE_UNAVAILABLE)
        except Exception:  # the edge: it must come again
            log.exception("a callback failed")
            return Answer(HTTPStatus.SERVICE_UNAVAILABLE)
        return Answer(HTTPStatus.NO_CONTENT)

    def _connect(self, asked: Signed, *, stops: bool = False) -> bytes:
        ended_url = self.conversation.urls.ended(asked.call_id) if asked.call_id else ""
        return twiml.connect(self._line(asked), ended_url=ended_url, stops=stops)

    def _offer(self, asked: Signed, stay: Stay) -> bytes:
        """The menu after a star, in the line's first language: the call's own cannot be read."""
        line = self._line(asked)
        wording, said = self.conversation.wording_of(line), texts_of(nearest(line.languages[0])).withdrawal_key
        keeps = line.on_withdrawal is OnWithdrawal.KEEP
        text = said.menu(keeps=keeps, ends_call=line.consent == Mode.MUST_RECORD)
        return twiml.withdrawal_menu(wording, text, withdraw_url=self.conversation.urls.withdraw(asked.call_id, stay))

    def _meet(self, asked: Signed, stay: Stay, *, stops: bool = False) -> bytes:
        """Back to the agent. The wish to end the recording is heeded: what is kept of it is settled later."""
        line = self._line(asked)
        wording, said = self.conversation.wording_of(line), texts_of(nearest(line.languages[0])).withdrawal_key
        text = said.done(keeps=line.on_withdrawal is OnWithdrawal.KEEP) if stops else ""
        meeting = Meeting(wording, stay, heeds_star=not stops, text=text, stops=stops)
        return twiml.meet(asked.call_id, self.conversation.urls, meeting)

    def _part(self, asked: Signed) -> bytes:
        """The end of a conversation whose row cannot be read: a caller who still waits for an agent is connected, or
        hears in the line's first language that nobody is free. An agent who may wait in the conference of the call's
        first round is not left there.
        """
        line = self._line(asked)
        try:
            heard = forms.CallEnded.parse(asked.form)
        except Refused:
            return twiml.connect(line)
        if line.withdrawal_key and heard.may_be_redirected and not heard.has_hung_up:
            return self._meet(asked, Stay(1))
        if heard.was_cut:
            return twiml.connect(line)
        wording = self.conversation.wording_of(line)
        return twiml.ended(wording, text=parting_text(wording, heard.dial_call_status))

    def _line(self, asked: Signed) -> Line:
        rulebook = self.conversation.rulebook
        return rulebook.line_or_first(forms.IncomingCall.read_leniently(asked.form).to)
