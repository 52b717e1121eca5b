"""Nobody gets to a page who is not signed in, and nothing is there that the table of routes does not have."""

import secrets

import pytest
from flask import Flask
from sqlalchemy import Connection

from console.guard import ENTRY_COOKIE, SESSION_COOKIE
from console.headers import HEADERS
from console.request_forgery import FIELD, HEADER, form_token
from console.routes import BY_ENDPOINT, ROUTES, Need, Permission, Route
from evidence.events import Event
from policies.permissions import Role
from storage.database.engine import Database
from storage.log import consent_log
from storage.staff import accounts
from tests.conftest import NOON
from tests.console.conftest import BASE_URL, Clock, Staff

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
CLOSED = [
    route for route in ROUTES if route.needs in (Need.SIGNED_IN, Need.REPORT) or isinstance(route.needs, Permission)
]
PATHS = ("/", "/enter", "/healthz", "/readyz", "/static/console.css", "/static/", "/static/x", "/x", "/%00", "/log")


def path_of(route: Route) -> str:
    """With an id in the place of each argument."""
    parts = (part if "<" not in part else "0" * 32 for part in route.rule.split("/"))
    return "/".join(parts)


@pytest.mark.parametrize("method", METHODS)
def test_every_answer_is_closed_in(app: Flask, method: str) -> None:
    client = app.test_client()
    for path in PATHS:
        answer = client.open(path, method=method, base_url=BASE_URL, buffered=True)
        assert answer.status_code < 500
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
        policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["Content-Security-Policy"].split(";"))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == "'self'"
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        assert answer.headers["Strict-Transport-Security"].startswith("max-age=31536000")


def test_each_page_has_a_nonce_of_its_own(staff: Staff) -> None:
    person = staff.somebody()
    policies = {person.get("/log").headers["Content-Security-Policy"] for _ in range(3)}
    assert len(policies) == 3


def test_who_is_not_signed_in_gets_no_further_than_the_entry(app: Flask) -> None:
    asked = [(route, method) for route in CLOSED for method in route.methods]
    assert len(asked) > 10
    for token in ("", "x", secrets.token_urlsafe(32)):
        client = app.test_client()
        client.set_cookie(SESSION_COOKIE, token, domain="console.example.com")
        for route, method in asked:
            answer = client.open(path_of(route), method=method, base_url=BASE_URL)
            assert answer.status_code in (303, 401), route
            assert answer.headers.get("Location", "/enter").startswith("/enter"), route


def test_no_answer_leads_to_the_host_that_a_request_names(app: Flask, staff: Staff) -> None:
    for cookie in ("", f"{SESSION_COOKIE}={staff.somebody().token}"):
        headers, client = {"Host": "evil.example", "Cookie": cookie}, app.test_client(use_cookies=False)
        for path in ("/log", "/calls//x", "/static//console.css", "//log", "/enter/", "///", "/log//"):
            answer = client.get(path, base_url=BASE_URL, headers=headers, buffered=True)
            assert "evil.example" not in answer.text + str(answer.headers), path


@pytest.mark.parametrize("host", ["x" * 64, "x" * 300 + ".example", "a..b"])
def test_a_host_that_is_none_is_refused_as_closed_in_as_all_else(app: Flask, host: str) -> None:
    answer = app.test_client().get("/enter", base_url=BASE_URL, headers={"Host": host})
    assert answer.status_code == 400
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert host not in answer.text


def test_what_is_no_id_is_looked_up_nowhere(app: Flask, staff: Staff) -> None:
    person, routes = staff.somebody(), [route for route in ROUTES if "/<id:" in route.rule]
    assert len(routes) > 3
    for odd in ("%00" * 32, "0" * 31 + "%00", "é" * 32, "0" * 31 + "'", "0" * 33, "A" * 32, "%F0%9F%98%80" * 32):
        for path in (path_of(route).replace("0" * 32, odd) for route in routes):
            assert person.get(path).status_code == 404
            assert app.test_client().get(path, base_url=BASE_URL).status_code == 404


@pytest.mark.parametrize("path", ["/log?x=1", "/", "//evil.example/x", "/\\evil.example"])
def test_the_way_back_is_a_path_of_this_console(app: Flask, path: str) -> None:
    answer = app.test_client().get(path, base_url=BASE_URL)
    assert answer.headers.get("Location", "/enter").startswith("/enter")


def test_a_route_that_is_not_in_the_table_is_not_there(app: Flask, staff: Staff) -> None:
    app.add_url_rule("/planted", "planted", lambda: "+14155550111", methods=["GET", "POST"])
    for person in (staff.somebody(role) for role in Role):
        for answer in (person.get("/planted"), person.post("/planted")):
            assert answer.status_code == 404
            assert b"+1415" not in answer.data


def test_every_route_of_the_app_is_in_the_table(app: Flask) -> None:
    assert {rule.endpoint for rule in app.url_map.iter_rules()} <= BY_ENDPOINT.keys()
    assert len(BY_ENDPOINT) == len(ROUTES)


def test_a_post_without_its_token_changes_nothing(staff: Staff) -> None:
    person = staff.somebody(Role.ADMIN)
    person.get("/enter")
    entry = person.client.get_cookie(ENTRY_COOKIE, domain="console.example.com")
    assert entry
    other = form_token(secrets.token_urlsafe(32))
    posted = [route for route in ROUTES if "POST" in route.methods and route.needs is not Need.TOKEN]
    assert len(posted) > 10
    for route in posted:
        own = form_token(entry.value if route.needs is Need.ENTRY else person.token)
        others = form_token(person.token if route.needs is Need.ENTRY else entry.value)
        answers = [
            person.client.post(path_of(route), base_url=BASE_URL, data=data, headers=headers)
            for data, headers in (
                ({}, {}),
                ({FIELD: ""}, {}),
                ({FIELD: other}, {}),
                ({FIELD: others}, {}),
                ({}, {HEADER: other}),
                ({}, {HEADER: "é"}),
                ({FIELD: own}, {"Sec-Fetch-Site": "cross-site"}),
                ({FIELD: own}, {"Sec-Fetch-Site": "same-site"}),
                ({FIELD: own}, {"Origin": "https://evil.example"}),
                ({FIELD: own}, {"Origin": "null"}),
                ({FIELD: own}, {"Origin": "null", "Sec-Fetch-Site": "none"}),
                ({FIELD: own}, {"Origin": "null", "Sec-Fetch-Site": "cross-site"}),
            )
        ]
        assert [answer.status_code for answer in answers] == [403] * len(answers), route
    assert person.get("/log").status_code == 200


def test_a_form_of_our_own_page_is_taken_as_browsers_send_it(staff: Staff) -> None:
    """A browser that sends no referrer names no origin for a form either, and vouches for the site alone."""
    for headers in (
        {"Origin": "null", "Sec-Fetch-Site": "same-origin"},
        {"Origin": BASE_URL, "Sec-Fetch-Site": "same-origin"},
        {"Origin": BASE_URL},
        {},
    ):
        assert staff.somebody().post("/leave", headers=headers).status_code == 303


def test_an_entry_post_needs_the_token_of_its_own_cookie(app: Flask) -> None:
    client = app.test_client()
    cookie = client.get("/enter", base_url=BASE_URL).headers["Set-Cookie"]
    assert cookie.startswith(f"{ENTRY_COOKIE}=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= {part.strip() for part in cookie.split(";")}
    assert "Set-Cookie" not in client.get("/enter", base_url=BASE_URL).headers


def test_signing_out_ends_the_session_for_good(staff: Staff) -> None:
    person = staff.somebody()
    assert person.get("/log").status_code == 200
    assert person.post("/leave").status_code == 303
    assert person.get("/log").status_code == 303


def test_an_idle_session_ends_and_a_busy_one_does_not(staff: Staff, clock: Clock) -> None:
    busy, idle = staff.somebody(), staff.somebody()
    for _ in range(3):
        clock.passes(minutes=20)
        assert busy.get("/log").status_code == 200
    assert idle.get("/log").status_code == 303
    clock.passes(hours=12)
    assert busy.get("/log").status_code == 303


def test_a_disabled_account_is_out_at_once(staff: Staff, database: Database) -> None:
    person = staff.somebody()
    database.write(lambda c: accounts.disable(c, staff.moment(), person.account, actor="root"))
    assert person.get("/log").status_code == 303


def test_a_part_of_a_page_leads_to_the_entry_by_a_header(app: Flask) -> None:
    answer = app.test_client().get("/log", base_url=BASE_URL, headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/enter?because=ended")
    assert answer.data == b""


@pytest.mark.parametrize("path", ["/calls/" + "0" * 32, "/x", "/%00", "/calls/..%2f..%2fetc", "/static/../app.py"])
def test_nothing_is_found_in_the_same_bytes(staff: Staff, path: str) -> None:
    person = staff.somebody()
    assert person.get(path).data == person.get("/nothing").data
    assert person.get(path).status_code == 404


def test_the_log_page_shows_the_size_and_root(staff: Staff, database: Database) -> None:
    def append(connection: Connection) -> None:
        events = [Event("selftest.passed"), Event("selftest.passed")]
        consent_log.append(connection, events, call_id=None, first_n=None, at=NOON, random=secrets.token_bytes)

    person = staff.somebody()
    database.write(append)
    with database.read() as connection:
        size, root = consent_log.size(connection), consent_log.root(connection).hex()
    page = person.get("/log").text
    assert f"<dd>{size}</dd>" in page
    assert root in page


def test_a_database_that_is_away_is_said_so_and_not_why(
    staff: Staff, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = staff.somebody()
    database.close()

    def away() -> None:
        from storage.errors import Unavailable

        raise Unavailable("database: secret details")

    monkeypatch.setattr(type(database), "read", lambda _: away())
    answer = person.get("/log")
    assert answer.status_code == 503
    assert "secret" not in answer.text


def test_a_body_that_is_too_long_is_refused(staff: Staff) -> None:
    person = staff.somebody()
    assert person.post("/leave", {"x": "y" * 70_000}).status_code == 413
