"""A small support line to call, for tests of the exchange: it answers each step with what the test gives it."""

from collections.abc import Callable, Mapping
from typing import Any

from flask import Flask, Response, request
from werkzeug.datastructures import MultiDict

from simulator.clock import Clock, VirtualClock
from simulator.config import Config
from simulator.exchange import Exchange
from simulator.phone_call import Hook, PhoneCall
from simulator.plans import CallPlan

ORIGIN = "https://line.example"
LINE, CALLER, AGENT = "+14155550100", "+14155550199", "+14155550123"
ACCOUNT = "AC" + "0123456789abcdef" * 2
TOKEN = "token-of-the-tests"

IMPATIENT = {
    "request_s": 0.0,
    "callback_s": 0.01,
    "processing_s": 0.05,
    "ring_s": 0.1,
    "think_s": 0.05,
    "recording_min_s": 0.1,
}

Answer = str | tuple[str, int] | Response

RECORD = (
    "<Start><Recording channels='dual' track='both' trim='do-not-trim' recordingStatusCallback='"
    f"{ORIGIN}/recording' recordingStatusCallbackEvent='in-progress completed absent'/></Start>"
)
DIAL = f"<Dial action='/ended'><Number url='/whisper'>{AGENT}</Number></Dial>"


class Office:
    """Answers path by path; what it was asked is in `seen`, in order, with the form it came with."""

    def __init__(
        self, clock: Clock | None = None, clock_ahead_s: float = 0.0, **answers: Answer | Callable[[], Answer]
    ) -> None:
        self.answers: dict[str, Answer | Callable[[], Answer]] = {
            "answer": "<Say>This call may be recorded.</Say><Redirect>/choice</Redirect>",
            "choice": "<Gather numDigits='1' finishOnKey='' timeout='4' actionOnEmptyResult='true' action='/consent'>"
            "<Say>May we record?</Say></Gather>",
            "consent": f"{RECORD}<Say>This call is now being recorded.</Say>{DIAL}",
            "whisper": "<Say>The call is recorded.</Say>",
            "ended": "<Hangup/>",
            "fallback": DIAL,
            "status": ("", 204),
            "recording": ("", 204),
            **answers,
        }
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.headers: list[dict[str, str]] = []
        self.bodies: list[MultiDict[str, str]] = []
        self.clock: Clock = clock or VirtualClock()
        self.exchange = Exchange(self._config(clock_ahead_s), self.clock)
        self.exchange.mount(ORIGIN, self._app())

    def call(
        self,
        caller: Mapping[str, Any] | None = None,
        agent: Mapping[str, Any] | bool | None = None,
        faults: Mapping[str, Any] | None = None,
        hooks: Mapping[str, Hook] | None = None,
        from_: str = CALLER,
        **more: Any,
    ) -> PhoneCall:
        """Place a call, stay on it, and let its callbacks arrive."""
        plan = CallPlan.of({"from": from_, "to": LINE, "caller": caller, "agent": agent, "faults": faults, **more})
        placed = self.exchange.place_call(plan, hooks)
        self.exchange.settle()
        return placed

    def asked(self) -> list[str]:
        """The paths that were asked during the call, callbacks left out."""
        return [path for path, _ in self.seen if path not in ("status", "recording")]

    def forms(self, path: str) -> list[dict[str, str]]:
        return [form for seen, form in self.seen if seen == path]

    def _config(self, clock_ahead_s: float) -> Config:
        urls = {
            "voice_url": f"{ORIGIN}/answer",
            "voice_fallback_url": f"{ORIGIN}/fallback",
            "status_callback": f"{ORIGIN}/status",
        }
        timing = {} if isinstance(self.clock, VirtualClock) else IMPATIENT
        return Config.of(
            {
                "account_sid": ACCOUNT,
                "auth_token": TOKEN,
                "numbers": {LINE: urls},
                "timing": timing,
                "clock_ahead_s": clock_ahead_s,
            }
        )

    def _app(self) -> Flask:
        app = Flask(__name__)

        @app.route("/<path>", methods=["GET", "POST"])
        def step(path: str) -> Answer:
            self.seen.append((path, request.values.to_dict()))
            self.headers.append(dict(request.headers))
            self.bodies.append(request.form)
            answer = self.answers[path]
            given = answer if isinstance(answer, str | tuple | Response) else answer()
            return twiml(given) if isinstance(given, str) else given

        return app


def twiml(verbs: str) -> Response:
    return Response(f"<Response>{verbs}</Response>", content_type="text/xml; charset=utf-8")


def heard(call: PhoneCall) -> list[str]:
    """The words that the caller heard, in order."""
    return [entry["text"] for entry in call.journal.of("heard") if entry["who"] != "caller" and entry["text"]]
