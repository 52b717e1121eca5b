"""Each thing that can be wrong with the service is found by the self-test, and called by its name."""

import io
import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest
from twilio.request_validator import RequestValidator
from werkzeug.wrappers import Response

from callflow import events
from callflow.urls import Urls
from evidence.events import Event
from onrecord.selftest.http import Answer, TooSlow, Wire
from policies import disclosure
from storage.database.engine import Database
from tests.callflow.conftest import TOKEN
from tests.onrecord.tested_service import RECORDED, RULES, Sabotage, served

pytestmark = pytest.mark.parametrize("used_database", ["sqlite"], indirect=True)
ASKS, NOTICE, NEVER, MUST_RECORD = 5, 1, 2, 3
ANSWER, CHOICE, CONSENT, AUDIO = "/voice/answer", "/voice/choice", "/voice/consent", "/voice/audio"
RECORDING = b'<Start><Recording channels="dual" track="both"/></Start>'

Form = dict[str, str]
Serve = Callable[[WSGIEnvironment, Form], Response]


def standing_between(serve: Callable[[WSGIApplication], Serve]) -> Sabotage:
    """Whoever stands before the service, and has read what it will hear."""

    def sabotage(app: WSGIApplication) -> WSGIApplication:
        def between(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            environ["wsgi.input"] = io.BytesIO(body)
            return serve(app)(environ, dict(parse_qsl(body.decode(), keep_blank_values=True)))(environ, start)

        return between

    return sabotage


def altering(path: str, change: Callable[[bytes], bytes], *, digits: str | None = None) -> Sabotage:
    """What is answered below that path (to that key) is not what the service said."""

    def serve(app: WSGIApplication) -> Serve:
        def altered(environ: WSGIEnvironment, form: Form) -> Response:
            answer = Response.from_app(app, environ)
            if environ["PATH_INFO"].startswith(path) and (digits is None or form.get("Digits") == digits):
                answer.data = change(answer.data)
            return answer

        return altered

    return standing_between(serve)


def answering(path: str, answer: Callable[[], Response]) -> Sabotage:
    """The service is not asked below that path."""

    def serve(app: WSGIApplication) -> Serve:
        return lambda environ, _: answer() if environ["PATH_INFO"].startswith(path) else Response.from_app(app, environ)

    return standing_between(serve)


def signing_for_anybody(app: WSGIApplication) -> Serve:
    def signed(environ: WSGIEnvironment, form: Form) -> Response:
        url = f"http://{environ['HTTP_HOST']}{environ['PATH_INFO']}"
        environ["HTTP_X_TWILIO_SIGNATURE"] = RequestValidator(TOKEN).compute_signature(url, form)
        return Response.from_app(app, environ)

    return signed


def replacing(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    """Where it stands; elsewhere the answer stays as it is."""
    return lambda body: re.sub(old, new, body, flags=re.DOTALL)


def before(verb: bytes, what: bytes) -> Callable[[bytes], bytes]:
    return replacing(b"<" + verb + b"(?=[ >])", what + b"<" + verb)


@dataclass(frozen=True)
class Case:
    sabotage: Sabotage
    found: set[str]
    line: int = ASKS
    rules: str = RULES


CASES = {
    "the disclosure is dropped": Case(altering(ANSWER, replacing(b"<Say.*?</Say>", b"")), {"disclosure"}),
    "a word of it is another": Case(altering(ANSWER, replacing(b"(<Say[^>]*>)\\w+", rb"\1Hello")), {"disclosure"}),
    "it is said in another language": Case(
        altering(ANSWER, replacing(b'language="en-US"', b'language="de-DE"')), {"disclosure"}
    ),
    "it can be cut short": Case(altering(ANSWER, replacing(b"(<Say.*?</Say>)", rb"<Gather>\1</Gather>")), {"uncut"}),
    "something else comes first": Case(altering(ANSWER, before(b"Say", b'<Pause length="1"/>')), {"uncut"}),
    "it records before the question": Case(altering(ANSWER, before(b"Redirect", RECORDING)), {"gate"}),
    "it records with the question": Case(altering(CHOICE, before(b"Gather", RECORDING)), {"gate"}),
    "it streams before the question": Case(
        altering(ANSWER, before(b"Redirect", b'<Start><Stream url="wss://x.example"/></Start>')), {"gate"}
    ),
    "it asks something else": Case(
        altering(CHOICE, replacing(b"(<Gather.*?<Say[^>]*>)\\w+", rb"\1Hello")), {"question"}
    ),
    "it does not ask": Case(altering(CHOICE, replacing(b"<Gather.*</Gather>", b"")), {"question"}),
    "it records who declines": Case(altering(CONSENT, before(b"Dial", RECORDING), digits="2"), {"declined"}),
    "it records who declines, by the dial": Case(
        altering(CONSENT, replacing(b"<Dial ", b'<Dial record="record-from-answer-dual" '), digits="2"), {"declined"}
    ),
    "it records who says nothing": Case(altering(CONSENT, before(b"Dial", RECORDING), digits=""), {"silent"}),
    "it records who was not told": Case(altering(CHOICE, before(b"Dial", RECORDING)), {"too_early"}),
    "it records where it never does": Case(altering(ANSWER, before(b"Dial", RECORDING)), {"gate", "never"}, line=NEVER),
    "it never records": Case(altering(CONSENT, replacing(b"<Start>.*</Start>", b"")), {"accepted"}),
    "it never records on a notice": Case(
        altering(CHOICE, replacing(b"<Start>.*</Start>", b"")), {"accepted"}, line=NOTICE
    ),
    "it records one side": Case(altering(CONSENT, replacing(b'track="both"', b'track="inbound"')), {"accepted"}),
    "it does not want to know of the recording": Case(
        altering(CONSENT, replacing(b'recordingStatusCallback="[^"]*"', b"")), {"accepted"}
    ),
    "the recording does not say so": Case(
        altering(CONSENT, replacing(b"<Say.*?</Say>", b""), digits="1"), {"accepted"}
    ),
    "it records twice": Case(
        altering(CONSENT, replacing(b"<Dial ", b'<Dial record="record-from-answer" '), digits="1"), {"accepted"}
    ),
    "it does not say that nothing is recorded": Case(
        altering(CONSENT, replacing(b"<Say.*?</Say>", b""), digits="2"), {"told"}
    ),
    "it rings somebody else": Case(altering(CONSENT, replacing(rb"\+12125550199", b"+12125550177")), {"connected"}),
    "it rings nobody": Case(altering(CONSENT, replacing(b"<Dial.*</Dial>", b"")), {"connected"}),
    "it connects who must be recorded": Case(
        altering(CONSENT, replacing(b"<Hangup/>", b"<Dial><Number>+12125550199</Number></Dial>")),
        {"refused"},
        line=MUST_RECORD,
    ),
    "it fails": Case(answering(CHOICE, lambda: Response(status=500)), {"answers"}),
    "it fails from the first": Case(answering(ANSWER, lambda: Response(status=500)), {"answers", "signature"}),
    "what it says is no XML": Case(altering(CONSENT, replacing(b"</Response>", b"")), {"answers"}),
    "what it says has declarations": Case(
        altering(CONSENT, replacing(b"<Response>", b"<!DOCTYPE x><Response>")), {"answers"}
    ),
    "it leads elsewhere": Case(
        altering(ANSWER, replacing(b'(<Redirect method="POST">)http://[^/]*', rb"\1http://127.0.0.1:9")), {"answers"}
    ),
    "it does not know the call": Case(
        answering(ANSWER, lambda: Response("<Response><Say>Welcome.</Say></Response>", status=200)),
        {"logged", "signature"},
    ),
    "it does not hear that a call has ended": Case(
        answering("/callbacks/call", lambda: Response(status=204)), {"logged"}
    ),
    "other sounds are played": Case(altering(AUDIO, lambda body: body[:-1] + b"\2"), {"disclosure"}, rules=RECORDED),
    "the sounds are gone": Case(answering(AUDIO, lambda: Response(status=404)), {"disclosure"}, rules=RECORDED),
    "it hears whoever asks": Case(standing_between(signing_for_anybody), {"signature"}),
}


@pytest.mark.parametrize("wrong", CASES)
def test_what_is_wrong_is_found_by_its_name(wrong: str, used_database: Database) -> None:
    case = CASES[wrong]
    with served(used_database, case.rules, case.sabotage) as service:
        verdict = service.run(case.line)
        assert set(verdict.failed) == case.found, verdict.faults
        assert service.logged()["type"] == "selftest.failed"
        assert set(service.logged()["failed"]) == case.found


def test_a_service_that_lets_the_disclosure_be_cut_is_found(
    used_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disclosure, "SPOKEN_SHARE_MIN", 0.0)
    with served(used_database) as service:
        assert "too_early" in service.run(ASKS).failed


LIES: dict[str, tuple[str, Callable[[Event], Event]]] = {
    "that the disclosure did not end": ("disclosure_completed", lambda told: Event("call.unread")),
    "that another key was pressed": ("consent_choice", lambda told: Event(told.type, {**told.public, "digit": "7"})),
    "that other words were said": (
        "disclosure_served",
        lambda told: Event(told.type, {**told.public, "prompt_sha256": "0" * 64}),
    ),
    "that somebody called": (
        "call_received",
        lambda told: Event(told.type, {**told.public, "synthetic": False}, told.private),
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_log_that_lies_is_found(lie: str, used_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    name, change = LIES[lie]
    tell: Callable[..., Event] = getattr(events, name)
    monkeypatch.setattr(events, name, lambda *told, **more: change(tell(*told, **more)))
    with served(used_database) as service:
        assert service.run(ASKS).failed == ("logged",)


def test_a_service_that_has_another_key_is_found(used_database: Database) -> None:
    with served(used_database) as service:
        means = service.test.means
        other = replace(means, urls=Urls(means.urls.public_base_url, b"o" * 32))
        assert replace(service.test, means=other).run(means.rulebook.lines[NEVER]).failed == ("logged",)


def test_a_service_that_stops_answering_is_not_waited_for_by_every_call(
    used_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def ask(wire: Wire, method: str, url: str, *signed: object) -> Answer:
        asked.append(url)
        if len(asked) > 1:
            raise TooSlow
        return Answer(403, "", b"")

    monkeypatch.setattr(Wire, "_ask", ask)
    with served(used_database) as service:
        verdict = service.run()
    assert verdict.failed == ("in_time",)
    assert len(asked) <= 13  # the stranger's, and the first and the last of two calls to each of three lines


def test_a_slow_service_is_found(used_database: Database) -> None:
    released = threading.Event()

    def late() -> Response:
        released.wait(30)
        return Response(status=500)

    with served(used_database, sabotage=answering(CHOICE, late), answer_s=0.2) as service:
        try:
            assert service.run(NOTICE).failed == ("in_time",)
        finally:
            released.set()


def test_a_service_that_nobody_reaches_is_found_and_logged(used_database: Database) -> None:
    with served(used_database) as service:
        pass
    verdict = service.run()
    assert verdict.failed == ("reachable",)
    assert verdict.calls == ()
    assert service.logged()["type"] == "selftest.failed"
    assert "reachable" in service.incidents()[-1].detail


def test_a_fault_names_a_line_by_its_place_and_no_number(used_database: Database) -> None:
    sabotage = altering(CONSENT, replacing(rb"\+12125550199", b"+12125550177"))
    with served(used_database, sabotage=sabotage) as service:
        faults = service.run(ASKS).faults
    assert {fault.what.partition(":")[0] for fault in faults} == {
        "line 6, a caller who declines",
        "line 6, a caller who says nothing",
        "line 6, a caller who agrees",
    }
    assert not re.search(r"\d{4}", str(faults))
