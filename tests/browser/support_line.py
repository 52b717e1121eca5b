"""A support line to call, and what it says about each call: a small service on loopback that stands for ours."""

import itertools
import threading
from types import TracebackType
from typing import Any
from xml.sax.saxutils import quoteattr

from flask import Flask, Response, jsonify, request
from werkzeug.serving import WSGIRequestHandler, make_server

AGENT = "+14155550123"
DISCLOSURE = "Thanks for calling. We would like to record this call."
QUESTION = "May we record? Press 1 for yes, 2 for no."
RECORDED = "This call is now being recorded."
NOT_RECORDED = "All right. This call is not being recorded."
OUTCOMES = {"1": ("consented", "accepted"), "2": ("declined", "declined"), "": ("silent", "silent")}
RETAIN_UNTIL = "2027-02-20T00:00:00+00:00"
RULING = {
    "because": [
        {"about": "caller in US-TX", "says": "one_party", "by": "Tex. Penal Code 16.02"},
        {"about": "consent for quality", "says": "opt_in", "by": "the line says opt_in"},
    ]
}
SPANISH = {DISCLOSURE: "Gracias por llamar. Nos gustaría grabar esta llamada.", QUESTION: "¿Podemos grabar?"}


class SupportLine:
    """Asks every caller, and records where 1 is pressed. `stories` is what it will say of each call, by its sid, and
    `console_url` where the staff find its page.
    """

    def __init__(self) -> None:
        self.stories: dict[str, dict[str, Any]] = {}
        self.console_url = ""
        self._numbers = itertools.count()
        self._server = make_server("127.0.0.1", 0, self._app(), threaded=True, request_handler=_QuietHandler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "SupportLine":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def withdraw(self, sid: str, *, keeps: bool) -> None:
        """The agent takes the yes back; `carry_out` is when that was done."""
        self.stories[sid]["outcome"] = "withdrawn"
        self.stories[sid]["withdrawal"] = {"by": "agent", "keeps": keeps, "carried_out_at": None}
        self.tell(sid, "consent.withdrawn", by="agent", keeps=keeps)

    def carry_out(self, sid: str) -> None:
        self.tell(sid, "recording.stopped", seen="completed")
        self.stories[sid]["withdrawal"]["carried_out_at"] = RETAIN_UNTIL

    def tell(self, sid: str, kind: str, **public: object) -> None:
        event = {"index": next(self._numbers), "ts": "2026-11-22T12:00:00.000Z", "type": kind, **public}
        self.stories[sid]["events"].append(event)

    def _app(self) -> Flask:
        app = Flask(__name__)
        steps = (self._answer, self._choice, self._consent, self._whisper, self._ended, self._status, self._recording)
        for step in steps:
            app.add_url_rule(step.__name__.replace("_", "/"), view_func=step, methods=["POST"])
        app.add_url_rule("/calls/<sid>", view_func=self._observe)
        return app

    def _answer(self) -> Response:
        sid = request.form["CallSid"]
        self.stories[sid] = story(sid, request.form["To"], "es-MX" if self._is_spanish() else "en-US")
        self._tell("call.received", mode="opt_in", ruling=RULING)
        self._tell("disclosure.served", prompt="opt_in@1")
        return twiml(f"{self._say(DISCLOSURE)}<Redirect>/choice</Redirect>")

    def _choice(self) -> Response:
        self._tell("disclosure.completed", elapsed_ms=3100)
        gather = "<Gather numDigits='1' finishOnKey='' timeout='60' actionOnEmptyResult='true' action='/consent'>"
        return twiml(f"{gather}{self._say(QUESTION)}</Gather>")

    def _consent(self) -> Response:
        digits = request.form.get("Digits", "")
        outcome, answer = OUTCOMES.get(digits, ("unclear", "unrecognized"))
        action = "record" if digits == "1" else "suppress"
        self._tell("consent.choice", attempt=1, input="dtmf", digit=digits, answer=answer, action=action)
        self._story()["outcome"] = outcome
        dial = f"<Dial action='/ended'><Number url='/whisper'>{AGENT}</Number></Dial>"
        if action == "suppress":
            self._tell("recording.suppressed", outcome=outcome, reason="")
            return twiml(self._say(NOT_RECORDED) + dial)
        self._tell("recording.permitted", basis="express", retain_until=RETAIN_UNTIL)
        callback = quoteattr(f"{self.url}/recording")
        start = f"<Start><Recording channels='dual' recordingStatusCallback={callback}/></Start>"
        return twiml(start + self._say(RECORDED) + dial)

    def _whisper(self) -> Response:
        return twiml("<Say>Mind what you say.</Say>")

    def _ended(self) -> Response:
        return twiml("<Hangup/>")

    def _status(self) -> tuple[str, int]:
        about = self._story()
        about["state"] = "ended"
        about["outcome"] = "hung_up_in_choice" if about["outcome"] == "open" else about["outcome"]
        self._tell("call.completed", status=request.form["CallStatus"], duration_s=4, events=7)
        return "", 204

    def _recording(self) -> tuple[str, int]:
        kept = {
            "recording_sid": request.form["RecordingSid"],
            "state": "kept",
            "duration_s": 4,
            "stored": True,
            "object_key": "2026/11/22/0123abcd/master.wav",
            "retain_until": RETAIN_UNTIL,
            "destroyed_at": None,
        }
        self._story()["recordings"].append(kept)
        self._tell("recording.stored", retain_until=RETAIN_UNTIL)
        return "", 204

    def _observe(self, sid: str) -> Response | tuple[str, int]:
        return jsonify({**self.stories[sid], "console_url": self.console_url}) if sid in self.stories else ("", 404)

    def _say(self, words: str) -> str:
        if self._is_spanish():
            return f"<Say language='es-MX'>{SPANISH.get(words, words)}</Say>"
        return f"<Say>{words}</Say>"

    def _is_spanish(self) -> bool:
        return request.form["From"].startswith("+52")

    def _story(self) -> dict[str, Any]:
        return self.stories[request.form["CallSid"]]

    def _tell(self, kind: str, **public: object) -> None:
        self.tell(request.form["CallSid"], kind, **public)


def story(sid: str, line: str, language: str) -> dict[str, Any]:
    """A call as the service tells it, before anything is decided."""
    return {
        "call_sid": sid,
        "line": line,
        "mode": "opt_in",
        "language": language,
        "outcome": "open",
        "reason": "",
        "state": "disclosing",
        "rules_version": "5f2c9b71" * 8,
        "recordings": [],
        "incidents": [],
        "withdrawal": None,
        "events": [],
    }


def twiml(verbs: str) -> Response:
    return Response(f"<Response>{verbs}</Response>", content_type="text/xml; charset=utf-8")


class _QuietHandler(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None: ...
