"""Webhooks are sent as Twilio sends them."""

from collections.abc import Callable
from urllib.parse import parse_qsl
from wsgiref.types import StartResponse

import pytest
import requests
from flask import Flask, Response, redirect, request
from twilio.request_validator import RequestValidator
from werkzeug.wrappers import Response as WerkzeugResponse

from simulator.clock import VirtualClock
from simulator.errors import FetchFailed
from simulator.overrides import Overrides
from simulator.webhooks import Attempt, Mischief, Sender, Session, Webhook
from simulator.wsgi import WsgiAdapter

ORIGIN = "https://line.example"
Answer = Response | WerkzeugResponse | str | tuple[str, int]


class Office:
    """The other side: an app that notes each request and answers with what the test gives it."""

    def __init__(self, answer: Callable[[], Answer] = lambda: "ok") -> None:
        self.seen: list[tuple[str, dict[str, str], dict[str, str]]] = []
        self.attempts: list[Attempt] = []
        self.mischief = Mischief()
        app = Flask(__name__)

        @app.route("/<path:_>", methods=["GET", "POST"])
        def note(_: str) -> Answer:
            target = request.environ["RAW_URI"]
            self.seen.append((f"{request.method} {target}", dict(request.headers), request.form.to_dict()))
            return answer()

        self.session = Session()
        self.session.mount(ORIGIN, WsgiAdapter(app))

    def send(self, url: str, method: str = "POST", params: dict[str, str] | None = None) -> Attempt:
        sender = Sender("secret", VirtualClock(), self.session, self.attempts.append, self.mischief)
        return sender.send(Webhook("voice", ORIGIN + url, params or {"CallSid": "CA1", "Empty": ""}, method))


def test_a_post_carries_twilios_headers_and_a_signature_that_twilios_validator_accepts() -> None:
    office = Office()
    office.send("/voice/answer?id=a-b_c#rc=2&rp=5xx")
    target, headers, form = office.seen[0]
    assert target == "POST /voice/answer?id=a-b_c"
    assert headers["User-Agent"] == "TwilioProxy/1.1"
    assert headers["Content-Type"] == "application/x-www-form-urlencoded; charset=utf-8"
    assert form == {"CallSid": "CA1", "Empty": ""}
    url = ORIGIN + "/voice/answer?id=a-b_c"
    assert RequestValidator("secret").validate(url, form, headers["X-Twilio-Signature"])


def test_a_get_puts_the_parameters_into_the_query_and_signs_them_there() -> None:
    office = Office()
    office.send("/prompt.wav?v=1", "GET", {"From": "+1555", "City": "São Paulo"})
    target, headers, _ = office.seen[0]
    assert dict(parse_qsl(target.partition("?")[2])) == {"v": "1", "From": "+1555", "City": "São Paulo"}
    url = ORIGIN + target.removeprefix("GET ")
    assert RequestValidator("secret").validate(url, {}, headers["X-Twilio-Signature"])


def test_a_wrong_signature_is_wrong() -> None:
    office = Office()
    office.mischief.wrong_signature = True
    office.send("/a")
    _, headers, form = office.seen[0]
    assert not RequestValidator("secret").validate(ORIGIN + "/a", form, headers["X-Twilio-Signature"])


def test_a_refused_connection_is_tried_once_more_with_the_same_token() -> None:
    office = Office()
    office.mischief.connect_failures = 1
    assert office.send("/a").status == 200
    assert [attempt.failure for attempt in office.attempts] == ["ct", ""]
    assert len({attempt.headers["I-Twilio-Idempotency-Token"] for attempt in office.attempts}) == 1


def test_two_refused_connections_are_one_too_many() -> None:
    office = Office()
    office.mischief.connect_failures = 2
    with pytest.raises(FetchFailed) as caught:
        office.send("/a")
    assert caught.value.code == 11202
    assert office.seen == []


def test_a_server_error_is_not_tried_again_unless_the_url_says_so() -> None:
    office = Office(lambda: ("oops", 502))
    with pytest.raises(FetchFailed) as caught:
        office.send("/a")
    assert (caught.value.code, len(office.seen)) == (11200, 1)
    with pytest.raises(FetchFailed):
        office.send("/a#rc=3&rp=ct,5xx")
    assert len(office.seen) == 1 + 4


def test_a_lost_answer_is_not_tried_again_unless_the_url_says_so() -> None:
    office = Office()
    office.mischief.lost_answers = 1
    with pytest.raises(FetchFailed):
        office.send("/a")
    office.mischief.lost_answers = 1
    assert office.send("/a#rp=rt").status == 200
    assert len(office.seen) == 3


def test_a_redirect_turns_a_post_into_a_signed_get_without_the_form() -> None:
    office = Office(lambda: redirect("/b") if request.path == "/a" else "ok")
    office.send("/a")
    (_, _, first), (target, headers, second) = office.seen
    assert (target, first != {}, second) == ("GET /b", True, {})
    assert RequestValidator("secret").validate(ORIGIN + "/b", {}, headers["X-Twilio-Signature"])


@pytest.mark.parametrize("target", ["http://[::1", "//[nowhere]/x", "javascript:alert(1)", "http://"])
def test_a_redirect_to_nowhere_is_the_services_error(target: str) -> None:
    def send_on(_: object, start: StartResponse) -> list[bytes]:
        start("302 Found", [("Location", target)])
        return [b""]

    office = Office()
    office.session.mount(ORIGIN, WsgiAdapter(send_on))
    with pytest.raises(FetchFailed) as caught:
        office.send("/a")
    assert caught.value.code == 11100


def test_the_eleventh_redirect_is_one_too_many() -> None:
    office = Office(lambda: redirect("/again"))
    with pytest.raises(FetchFailed) as caught:
        office.send("/a")
    assert (caught.value.code, len(office.seen)) == (11215, 11)


def test_cookies_come_back_with_the_next_request_of_the_session() -> None:
    def answer() -> Response:
        return Response("ok", headers={"Set-Cookie": "seen=yes; Path=/"})

    office = Office(answer)
    office.send("/a")
    office.send("/b")
    assert office.seen[1][1]["Cookie"] == "seen=yes"


def test_something_that_is_no_url_is_refused_as_one() -> None:
    with pytest.raises(FetchFailed) as caught:
        Sender("secret", VirtualClock(), requests.Session(), lambda _: None).send(Webhook("voice", "voice/answer"))
    assert caught.value.code == 11100


def test_overrides_are_read_and_kept_within_their_ranges() -> None:
    read = Overrides.of("https://a.example/b#rc=9&rp=all&ct=1&rt=2000&tt=99999")
    assert (read.retries, read.connect_s, read.read_s, read.total_s) == (5, 0.1, 2.0, 15.0)
    assert read.retry_on == {"ct", "rt", "4xx", "5xx"}
    assert Overrides.of("https://a.example/b") == Overrides()
