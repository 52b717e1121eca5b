"""Incidents of both web servers: what lies open, who says where we are, how much is read, and what the logs tell."""

import asyncio
import io
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection
from werkzeug.test import EnvironBuilder, TestResponse, run_wsgi_app

from callflow.signature import BODY_BYTES_MAX
from console.app import BODY_MAX
from console.guard import ENTRY_COOKIE, SESSION_COOKIE
from console.request_forgery import FIELD, form_token
from console.routes import BY_ENDPOINT, ROUTES, Need
from onrecord.processes.body_gate import BodyGate
from onrecord.settings.logging_setup import PlainHandler
from policies.permissions import Role
from storage.database.engine import Database
from storage.errors import Unavailable
from tests.callflow.conftest import BASE, CALLER, PRIVATE, TOKEN, PhoneCall
from tests.console.conftest import BASE_URL, Person
from tests.console.provider import ISSUER
from tests.console.test_listening import open_lease, piece, report
from tests.incidents.conftest import API_TOKEN, Service
from tests.incidents.hostile import EVIL, FORGED_HEADERS, METHODS, ask, paths_of, paths_of_webhooks, told, with_ids
from tests.onrecord.carried import FORM, Request
from tests.source import ROOT

Answered = Callable[[TestResponse], object]
OPEN = {"healthz", "readyz", "static"} | {route.endpoint for route in ROUTES if route.needs is Need.ENTRY}


def test_incident_01_an_open_web_server_held_calls_with_the_callers_numbers_in_their_names(service: Service) -> None:
    """2.7 million calls to a health line lay on a web server that asked nobody who they were, each file named by the
    number of its caller (Sweden, 1177, found in 2019; the supervisory authority's decision DI-2019-3375).
    """
    call, kept = service.keeps_a_call()
    person = service.staff.somebody()
    lease = open_lease(person, kept).get_json()["lease"]
    values = with_ids(kept.call_id, kept.id, lease, call.sid)
    personal = [CALLER[2:], call.sid, kept.recording_sid, person.account.name, person.account.display_name]
    secret = [one.encode() for one in personal] + [b"RIFF", b"moof", b"quality"]
    seen = set()
    for app, base_url, signed in (
        (service.webhooks, BASE, paths_of_webhooks(values)),
        (service.console, BASE_URL, iter(())),
    ):
        for endpoint, path in (*((rule.endpoint, path) for rule, path in paths_of(app, values)), *signed):
            seen.add(endpoint)
            for method in METHODS:
                answer = ask(app, path, method, base_url=base_url)
                is_open = endpoint in OPEN or method == "OPTIONS"  # which says only the methods that there are
                assert is_open or answer.status_code in {303, 401, 403, 404, 405}, (method, path)
                body = told(answer).replace(path.encode(), b"")
                assert [one for one in secret if one in body] == [], (method, path)
    assert seen >= BY_ENDPOINT.keys()
    names = [str(key) for key in service.premises.shop.store.list("")]
    names += [path.name for path in service.premises.shop.spool.parent.rglob("*")]
    assert len(names) > 3
    assert [name for name in names for one in personal if one in name] == []


def test_incident_02_folders_of_recordings_could_be_browsed(service: Service) -> None:
    """More than a million recordings of one lender, and 54,000 of another, lay in folders that any browser could list
    (Bank of Cardiff and Filialcoop, reported by The Parallax).
    """
    _, kept = service.keeps_a_call()
    keys = [str(key) for key in service.premises.shop.store.list("")]
    folders = {part for key in keys for part in _folders(key)} | {str(one) for one in keys}
    folders |= {"audio", "var", "spool", "recordings", "static", "templates", "", ".", ".git"}
    folders |= {
        str(path.relative_to(ROOT / "console")) for path in (ROOT / "console/static").rglob("*") if path.is_dir()
    }
    person = service.staff.somebody(Role.COMPLIANCE)
    for folder in sorted(folders):
        for way in (
            f"/{folder}",
            f"/{folder}/",
            f"/static/{folder}",
            f"/static/..%2f{folder}/",
            f"/static/../{folder}",
        ):
            answers = [
                ask(service.webhooks, way),
                ask(service.console, way, base_url=BASE_URL),
                person.get(way, buffered=True),
            ]
            assert {answer.status_code for answer in answers} <= {303, 403, 404}, way
            assert [answer for answer in answers if kept.id in answer.text.replace(folder, "")] == []
    assert ask(service.console, "/static/console.css", base_url=BASE_URL).status_code == 200


def _folders(key: str) -> Iterator[str]:
    parts = key.split("/")
    yield from ("/".join(parts[:length]) for length in range(1, len(parts)))


def test_incident_12_a_forged_header_said_where_the_service_was(service: Service) -> None:
    """A receiver of the same webhooks made the signed URL of headers that any sender can write, and so let in whoever
    signed for another host (CVE-2026-28465).
    """
    others = {name: value for name, value in FORGED_HEADERS.items() if name != "Host"}
    person, leaving = service.staff.somebody(Role.SUPERVISOR), service.staff.somebody()
    plain = {what: _leads(answer) for what, answer in _pages(service, person, {}).items()}
    for forged in ({"Host": EVIL}, others, {"Host": EVIL, **others}):
        for what, answer in _pages(service, person, forged).items():
            assert _leads(answer) == plain[what], what
            assert _is_of_here(answer), what
        _signing_out_leads_to_the_own_entry(service, service.staff.sign_in(leaving.account), forged)
    for forged in ({"Host": EVIL}, *({name: value} for name, value in others.items()), {"Host": EVIL, **others}):
        _webhooks_go_by_their_own_url(service, forged)


def _webhooks_go_by_their_own_url(service: Service, forged: dict[str, str]) -> None:
    call = service.twilio.dial()
    params = call.params(CallStatus="ringing")
    genuine = service.twilio.sign("/voice/answer", params)
    headers = {"X-Twilio-Signature": genuine.signature, "Content-Type": FORM}
    plain = ask(service.webhooks, genuine.path, "POST", data=genuine.body, headers=headers)
    again = ask(service.webhooks, genuine.path, "POST", data=genuine.body, headers=headers | forged)
    assert (plain.status_code, again.status_code, again.data) == (200, 200, plain.data)
    assert EVIL.encode() not in told(again)
    kept = service.everything()
    for origin in (f"https://{EVIL}", f"http://{EVIL}", "http://voice.example.com", f"{BASE}:8443", f"{BASE}//{EVIL}"):
        theirs = headers | {"X-Twilio-Signature": _signed(service, f"{origin}{genuine.path}", params)}
        answer = ask(service.webhooks, genuine.path, "POST", data=genuine.body, headers=theirs | forged)
        assert answer.status_code == 403, origin
    assert service.everything() == kept


def _signed(service: Service, url: str, params: Mapping[str, str]) -> str:
    from twilio.request_validator import RequestValidator

    signature: str = RequestValidator(TOKEN).compute_signature(
        url, {"AccountSid": service.twilio.account_sid, **params}
    )
    return signature


def _signing_out_leads_to_the_own_entry(service: Service, person: Person, forged: dict[str, str]) -> None:
    headers = {"Cookie": f"{SESSION_COOKIE}={person.token}", **forged}  # a jar would keep it from another host
    leave = partial(ask, service.console, "/leave", "POST", base_url=BASE_URL, data={FIELD: form_token(person.token)})
    assert leave(headers={**headers, "Origin": f"https://{EVIL}"}).status_code == 403
    assert leave(headers=headers).headers["Location"].startswith("/enter?")


def _is_of_here(answer: TestResponse) -> bool:
    leads_here = answer.headers.get("Location", "/").startswith(("/", ISSUER))
    return leads_here and EVIL.encode() not in told(answer) and "Domain=" not in answer.headers.get("Set-Cookie", "")


def _pages(service: Service, person: Person, headers: dict[str, str]) -> Mapping[str, TestResponse]:
    """Every page that can be asked for, to somebody signed in and to nobody."""
    call_id = "0" * 32
    paths = [path for _, path in paths_of(service.console, with_ids(call_id, call_id, call_id, "CA" + call_id))]
    paths += ["/log/", "/calls//x", "/static//console.css", "/log?next=//x", "/enter?next=https://x"]
    visitors = {"signed in": {"Cookie": f"{SESSION_COOKIE}={person.token}"}, "nobody": dict[str, str]()}
    return {
        f"{path} by {who}": ask(service.console, path, base_url=BASE_URL, headers={**cookie, **headers})
        for path in paths
        for who, cookie in visitors.items()
    }


def _leads(answer: TestResponse) -> object:
    """The status, and where an answer leads, without what is random there."""
    links = re.findall(r'(?:href|src|action|data-[a-z-]+)="([^"]*/[^"]*)"', answer.text)
    to = [answer.headers.get("Location", ""), *links]
    return answer.status_code, [re.sub(r"state=[\w-]+", "state", one) for one in to]


class Unread(io.RawIOBase):
    """A body that nobody may touch."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        raise AssertionError("the body was read")


class Endless(io.RawIOBase):
    """A body without an end, and how much of it was read."""

    read_bytes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        buffer[:] = b"x" * len(buffer)
        self.read_bytes += len(buffer)
        return len(buffer)


def test_incident_17_a_body_was_read_before_anybody_knew_whose_it_was(service: Service) -> None:
    """A receiver of the same webhooks took whole bodies into memory before it looked at their signatures, and whoever
    sent enough of them brought it down (GHSA-rm59-992w-x2mv).
    """
    endless = b"x" * 20 * BODY_BYTES_MAX
    for headers, is_read in (
        ({}, False),
        ({"content-length": "100"}, False),
        ({"x-twilio-signature": "x", "content-length": str(BODY_BYTES_MAX + 1)}, False),
        ({"x-twilio-signature": "x", "content-length": "9" * 4000}, False),
        ({"x-twilio-signature": "x", "transfer-encoding": "chunked"}, True),
    ):
        sent = Request("/voice/answer", {"content-type": FORM, **headers}, endless)
        asyncio.run(BodyGate(service.webhooks).__rsgi__(sent, sent))
        assert ([status for status, *_ in sent.answered], sent.was_read) == ([403], is_read)
        assert sent.sent_bytes <= BODY_BYTES_MAX + 128
    paths = [path for _, path in paths_of_webhooks(_POSTED)]
    for environ in _posts([*paths, *_paths(service.webhooks)], BASE, {"CONTENT_LENGTH": "1000"}):
        assert run_wsgi_app(service.webhooks, {**environ, "wsgi.input": Unread()})[1][:3] in {"403", "405"}
    for environ in _posts(_paths(service.console), BASE_URL, {"CONTENT_LENGTH": "1000"}):
        status = run_wsgi_app(service.console, {**environ, "wsgi.input": Unread()})[1]
        assert status[:3] in {"401", "403", "405"}, (status, environ["PATH_INFO"])
    _console_reads_no_more_than_its_limit(service)


def _console_reads_no_more_than_its_limit(service: Service) -> None:
    person = service.staff.somebody(Role.ADMIN)
    cookies = {"HTTP_COOKIE": f"{SESSION_COOKIE}={person.token}; {ENTRY_COOKIE}=x", "HTTP_AUTHORIZATION": "Bearer x"}
    for environ in _posts(_paths(service.console), BASE_URL, {**cookies, "CONTENT_LENGTH": str(BODY_MAX + 1)}):
        status = run_wsgi_app(service.console, {**environ, "wsgi.input": Unread()})[1]
        assert status[:3] in {"401", "403", "404", "405", "413"}, (status, environ["PATH_INFO"])
    chunked = {**cookies, "HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}
    for environ in _posts(_paths(service.console), BASE_URL, chunked):
        body = Endless()
        status = run_wsgi_app(service.console, {**environ, "wsgi.input": io.BufferedReader(body, 1024)})[1]
        assert status[:3] in {"401", "403", "404", "405", "413"}, (status, environ["PATH_INFO"])
        assert body.read_bytes <= 3 * BODY_MAX


_POSTED = with_ids("0" * 32, "0" * 32, "0" * 32, "CA" + "0" * 32)


def _paths(app: Flask) -> list[str]:
    return [path for _, path in paths_of(app, _POSTED)]


def _posts(paths: Iterable[str], base_url: str, more: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A POST to each path, as a web server hands it on."""
    for path in paths:
        environ = EnvironBuilder(path=path, method="POST", content_type=FORM, base_url=base_url).get_environ()
        environ.pop("CONTENT_LENGTH", None)
        yield {**environ, **more}


def test_incident_20_the_logs_held_the_personal_data_of_those_who_were_refused(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    """Failed sign-ins were written to the debug log with the whole query, and so with everything personal in it (yap,
    issue 1573).
    """
    caplog.set_level(logging.DEBUG)
    for chatty in ("werkzeug", "asyncio", "urllib3", "botocore"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    call, kept = service.keeps_a_call()
    for delivery, _ in service.twilio.sent:
        for signature in ("", "A" * 28, delivery.signature[::-1]):
            headers = {"X-Twilio-Signature": signature, "Content-Type": FORM}
            ask(service.webhooks, f"{delivery.path}?From={CALLER}", "POST", data=delivery.body, headers=headers)
    service.twilio.post("/voice/answer", call.params(CallSid="x", From=CALLER))
    person, lease = _listens(service, kept)
    with _away(service.database):
        _calls_again(service.twilio.dial())
        person.get(f"/calls/{kept.call_id}/recordings/{kept.id}/lanes?number={CALLER}")
    logged = "\n".join(PlainHandler(io.StringIO()).format(record) for record in caplog.records)
    secrets = [TOKEN, API_TOKEN, person.token, form_token(person.token), lease, CALLER[2:], kept.recording_sid]
    assert "requests refused: 1, bad_signature" in logged
    assert "a page failed" in logged
    assert [one for one in secrets if one in logged] == []
    assert PRIVATE.findall(logged) == []


def _listens(service: Service, kept: Any) -> tuple[Person, str]:
    """Somebody hears a recording, and others try everything that fails."""
    person, thief = service.staff.somebody(), service.staff.somebody(Role.ADMIN)
    lease = open_lease(person, kept).get_json()["lease"]
    assert piece(person, lease, 0).status_code == 200
    piece(thief, lease, 0)
    open_lease(thief, kept)
    open_lease(person, kept, "training")
    report(person, lease, 1)
    ask(service.console, f"/leases/{lease}/piece?track=master&from_ms=0", base_url=BASE_URL)
    for authorization in (f"Bearer {API_TOKEN}", f"Bearer {API_TOKEN}x", ""):
        headers = {"Authorization": authorization}
        path = f"/api/calls/{CALLER[1:]}/pause"
        ask(service.console, path, "POST", base_url=BASE_URL, headers=headers, json={"actor": CALLER})
    person.post("/leave", headers={"Origin": "https://evil.example"})
    return person, lease


def _calls_again(call: PhoneCall) -> None:
    call.arrives()
    call.twilio.post("/callbacks/call", call.params(CallStatus="completed"))


@contextmanager
def _away(database: Database) -> Iterator[None]:
    def fails(*_: object, **__: object) -> Connection:
        raise Unavailable("database (DATABASE_URL): it does not answer")

    with pytest.MonkeyPatch.context() as patch:
        for method in ("read", "write", "look"):
            patch.setattr(Database, method, fails)
        yield
