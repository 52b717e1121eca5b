"""What the simulator tells the phone in the browser."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from flask import Flask, Response, redirect
from werkzeug.wrappers import Response as WerkzeugResponse

from simulator import observer
from simulator.plans import CallPlan
from simulator.server import create_app
from tests.simulator.office import CALLER, LINE, Office

OBSERVER = "https://observer.example"
Answer = Response | WerkzeugResponse | tuple[str, int] | dict[str, str]


class Told:
    """The phone's side, of an exchange whose service answers with what the test gives it."""

    def __init__(self, observer_url: str = f"{OBSERVER}/calls/{{call_sid}}") -> None:
        self.office = Office()
        self.asked: list[str] = []
        self.answer: Callable[[], Answer] = lambda: {"outcome": "open"}
        self.exchange = self.office.exchange
        self.exchange.config = replace(self.exchange.config, observer_url=observer_url)
        self.exchange.mount(OBSERVER, self._service())
        self.client = create_app(self.exchange).test_client()
        self.call = self.office.call({"hangs_up": "at_question"})

    def observed(self) -> object:
        return self.client.get(f"/simulator/calls/{self.call.sid}/observed").json

    def _service(self) -> Flask:
        app = Flask(__name__)

        @app.get("/<path:path>")
        def tell(path: str) -> Answer:
            self.asked.append(path)
            return self.answer()

        return app


@pytest.fixture
def told() -> Told:
    return Told()


def test_the_service_is_asked_about_the_call_and_its_answer_is_passed_on(told: Told) -> None:
    assert told.observed() == {"status": "known", "story": {"outcome": "open"}}
    assert told.asked == [f"calls/{told.call.sid}"]


def test_a_call_that_the_service_does_not_know_is_absent_which_is_no_failure(told: Told) -> None:
    told.answer = lambda: ("", 404)
    assert told.observed() == {"status": "absent"}


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (lambda: ("", 500), "HTTP 500"),
        (lambda: redirect("https://elsewhere.example/"), "HTTP 302"),
        (lambda: ("not JSON", 200), "the answer is not a JSON object"),
        (lambda: ("[1]", 200), "the answer is not a JSON object"),
        (lambda: ('{"a": "' + "x" * observer.SIZE_MAX + '"}', 200), "the answer is not a JSON object"),
    ],
)
def test_a_service_that_gives_no_story_is_unreachable(told: Told, answer: Callable[[], Answer], detail: str) -> None:
    told.answer = answer
    assert told.observed() == {"status": "unreachable", "detail": detail}


def test_a_service_that_is_not_there_is_unreachable() -> None:
    assert Told("http://127.0.0.1:1/{call_sid}").observed() == {"status": "unreachable", "detail": "ConnectionError"}


def test_without_an_observer_url_nobody_is_asked() -> None:
    assert Told("").observed() == {"status": "unasked"}


def test_the_service_is_asked_about_calls_of_this_exchange_only(told: Told) -> None:
    assert told.client.get(f"/simulator/calls/CA{'0' * 32}/observed").status_code == 404
    assert told.client.get("/simulator/calls/..%2Fsecret/observed").status_code == 404
    assert told.asked == []


def test_calls_are_listed_with_what_people_call_them_the_newest_first(told: Told) -> None:
    told.exchange.numbers[LINE].label = "Email support"
    newest = told.exchange.place_call(CallPlan.of({"from": CALLER, "to": LINE, "label": "Declines"}))
    first, second = told.client.get("/simulator/phone/calls").json["calls"]  # type: ignore[index]  # it is JSON
    assert (first["call_sid"], first["label"], first["line_label"]) == (newest.sid, "Declines", "Email support")
    assert (second["call_sid"], second["label"]) == (told.call.sid, "")


def test_the_page_names_the_lines_and_may_run_only_what_is_its_own(told: Told) -> None:
    told.exchange.numbers[LINE].description = "Asks <first>"
    page = told.client.get("/")
    assert "Asks &lt;first&gt;" in page.text
    assert "+1 415 555 0100" in page.text
    assert page.headers["Content-Security-Policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
