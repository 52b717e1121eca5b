"""The staff's face while it has no accounts: it shows the log's size and root, and nothing about any call."""

import re
import secrets
from html.parser import HTMLParser

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Connection

from console.app import HEADERS, OPEN, create_app
from evidence.events import Event
from onrecord.processes.health import Readiness, add_health
from storage.database.engine import Database
from storage.log import consent_log
from tests.conftest import NOON

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
PATHS = (
    "/",
    "/healthz",
    "/readyz",
    "/static/console.css",
    "/static/icon.svg",
    "/static/",
    "/static/x",
    "/x",
    "/%00",
)


@pytest.fixture
def app(database: Database) -> Flask:
    app = create_app(database)
    readiness = Readiness({})
    add_health(app, readiness)
    return app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


class Page(HTMLParser):
    """What a page loads, and what would step around its content policy."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.inline: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in {"href", "src", "action"}:
                self.loads.append(value or "")
            if name == "style" or name.startswith("on"):
                self.inline.append(name)
        if tag in {"script", "style", "form", "iframe"}:
            self.inline.append(tag)


@pytest.mark.parametrize("method", METHODS)
def test_every_answer_is_closed_in_and_sets_no_cookie(client: FlaskClient, method: str) -> None:
    for path in PATHS:
        answer = client.open(path, method=method, buffered=True)
        assert answer.status_code < 500
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
        assert "Set-Cookie" not in answer.headers


def test_the_content_policy_lets_nothing_run_and_nobody_frame_it() -> None:
    policy = dict(part.strip().partition(" ")[::2] for part in HEADERS["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert "script-src" not in policy
    assert (policy["frame-ancestors"], policy["base-uri"], policy["form-action"]) == ("'none'", "'none'", "'none'")


def test_every_route_is_one_that_was_opened_by_name(app: Flask) -> None:
    assert {rule.endpoint for rule in app.url_map.iter_rules()} == OPEN


def test_a_route_that_nobody_opened_is_not_there(app: Flask) -> None:
    app.add_url_rule("/calls", "calls", lambda: "+14155550111", methods=list(METHODS))
    client = app.test_client()
    for method in METHODS:
        answer = client.open("/calls", method=method)
        assert answer.status_code == 404
        assert b"+1415" not in answer.data


def test_only_reading_is_possible(client: FlaskClient) -> None:
    for path in ("/", "/healthz", "/readyz", "/static/console.css"):
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            assert client.open(path, method=method).status_code == 405


def test_the_front_page_shows_the_logs_size_and_root(client: FlaskClient, database: Database) -> None:
    def append(connection: Connection) -> None:
        events = [Event("selftest.passed"), Event("selftest.passed")]
        consent_log.append(connection, events, call_id=None, first_n=None, at=NOON, random=secrets.token_bytes)

    database.write(append)
    with database.read() as connection:
        root = consent_log.root(connection).hex()
    page = client.get("/").text
    assert re.search(r"<dd>2</dd>", page)
    assert root in page


def test_the_front_page_loads_only_its_own_files(client: FlaskClient) -> None:
    answer = client.get("/")
    assert answer.content_type == "text/html; charset=utf-8"
    page = Page(answer.text)
    assert sorted(page.loads) == ["/static/console.css", "/static/icon.svg"]
    assert page.inline == []
    assert all(client.get(path, buffered=True).status_code == 200 for path in page.loads)


def test_nothing_that_was_sent_comes_back(client: FlaskClient) -> None:
    for path in ("/<script>alert(1)</script>", "/?q=<script>alert(1)</script>", "/static/<script>alert(1)</script>"):
        assert b"alert(1)" not in client.get(path, headers={"X-Forwarded-Host": "alert(1)", "Host": "alert(1)"}).data


def test_a_database_that_is_gone_is_told_and_not_thrown(app: Flask, database: Database) -> None:
    database.write(lambda connection: connection.exec_driver_sql("ALTER TABLE log_head RENAME TO elsewhere"))
    answer = app.test_client().get("/")
    assert answer.status_code == 503
    assert answer.text == "The service cannot look at its database at the moment.\n"
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
