"""Incidents of the staff's pages: recordings by another's number, hidden accounts, parameters, strings that run."""

import logging
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import closing
from itertools import product
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from compliance.withdrawals import Withdrawals
from console.app import Console, create_app
from console.guard import SESSION_COOKIE
from console.request_forgery import HEADER, form_token
from console.routes import BY_ENDPOINT, ROUTES, Need, Permission, Route
from policies.permissions import Act, Role, Scope
from policies.rulebook.read import parse
from policies.withdrawal import WithdrawnBy
from storage.database.engine import Database
from storage.database.tables import metadata, staff
from storage.rows import agents, holds
from storage.rows.listing_projection import Projection
from storage.rows.recordings import Recording
from storage.rows.withdrawing import Wish
from storage.staff import accounts
from storage.staff.accounts import Position
from tests.callflow.conftest import CALLER, URLS
from tests.callflow.whole_calls import NOTICE
from tests.conftest import DIALECTS
from tests.console.conftest import BASE_URL, Person
from tests.console.test_listening import ask as ask_json
from tests.console.test_listening import open_lease, piece, report
from tests.incidents.conftest import API_TOKEN, RULES, Rows, Service
from tests.incidents.hostile import (
    LINE_BREAKERS,
    MARK,
    METHODS,
    NOTHING,
    SCRIPTS,
    ask,
    markup_of_others,
    paths_of,
    with_ids,
)
from tests.onrecord.commands.conftest import fresh, site
from tests.onrecord.commands.site import Site

__all__ = ["fresh", "site"]
BOTH = pytest.mark.parametrize("service", DIALECTS, indirect=True)
THEIRS, OTHERS_LINE = "+12125550100", "+12125550101"
LISTS = [route for route in ROUTES if route.needs == Permission(Act.LIST_CALLS) and "GET" in route.methods]


def _strangers(service: Service) -> Iterator[tuple[str, Person]]:
    """Everybody to whom a call on the first line, taken by Anna, is no business."""
    made = service.staff
    addresses = frozenset({"client:bob"})
    yield "an agent who took another", made.sign_in(made.account("bob", Role.AGENT, team="blue", addresses=addresses))
    yield "an agent of that line", made.sign_in(made.account("carl", Role.AGENT, Scope(lines=frozenset({THEIRS}))))
    yield "a reviewer of another line", made.somebody(everywhere=False, lines=[OTHERS_LINE])
    team = Scope(teams=frozenset({"blue"}))
    yield "a supervisor of another team", made.sign_in(made.account("dora", Role.SUPERVISOR, team))
    yield "somebody for no calls", made.somebody(Role.COMPLIANCE, everywhere=False)


def test_incident_05_another_number_in_the_request_gave_anothers_recordings(service: Service) -> None:
    """An app for recording calls gave the recordings of whichever phone number stood in the request to whoever changed
    it there (Automatic Call Recorder, 2021, reported by PingSafe).
    """
    (_, kept), (_, other) = service.keeps_a_call(), service.keeps_a_call(NOTICE)
    owner = service.staff.somebody(lines=[THEIRS], everywhere=False)
    lease = str(open_lease(owner, kept).get_json()["lease"])
    theirs, nothing = with_ids(kept.call_id, kept.id, lease), with_ids(NOTHING)
    for who, stranger in _strangers(service):
        before = _without_tries(service.everything())
        for (rule, path), (_, empty) in zip(
            paths_of(service.console, theirs), paths_of(service.console, nothing), strict=True
        ):
            for method in METHODS if rule.arguments - {"filename", "name", "act"} else ():
                answer, expected = _sent(stranger, method, path), _sent(stranger, method, empty)
                assert _alike(answer, expected), (who, method, path)
                assert answer.status_code in {200, 403, 404, 405} or answer.status_code == expected.status_code
                assert not {kept.id, kept.recording_sid, "RIFF", "moof"} & set(re.findall(r"\w+", answer.text))
        assert _without_tries(service.everything()) == before, who
    for mixed in (with_ids(other.call_id, kept.id), with_ids(kept.call_id, other.id)):
        for (rule, path), (_, empty) in zip(
            paths_of(service.console, mixed), paths_of(service.console, nothing), strict=True
        ):
            if rule.arguments >= {"call_id", "recording_id"}:
                for method in METHODS:
                    assert _alike(_sent(owner, method, path), _sent(owner, method, empty)), (method, path)
    assert piece(owner, lease, 0).status_code == 200
    assert report(owner, lease, 1) == {"go": True}


def _sent(person: Person, method: str, path: str) -> TestResponse:
    headers, body = {HEADER: form_token(person.token)}, {"purpose": "quality", "n": 1, "position_ms": 0}
    return person.client.open(path, method=method, base_url=BASE_URL, headers=headers, json=body, buffered=True)


def _alike(one: TestResponse, other: TestResponse) -> bool:
    """Whether nobody could tell which of them is about something that is there."""
    answers = [
        (answer.status_code, answer.get_data(), {name: value for name, value in answer.headers if "Policy" not in name})
        for answer in (one, other)
    ]
    return answers[0] == answers[1]


def _without_tries(rows: Rows) -> Rows:
    """Tries with another's lease are on record, and that is all that they leave."""
    leaves = [row for row in rows["log_leaf"] if "recording.access_refused" not in str(row)]
    kept = {name: some for name, some in rows.items() if not name.startswith(("log_", "disclosure", "lease"))}
    return {**kept, "log_leaf": leaves, "call": [row[:1] for row in rows["call"]]}


_NEEDED = {
    "lease_open": {"lease", "renewed_every_ms", "lost_after_ms", "tracks"},
    "track": {"track", "codec", "channels", "duration_ms", "init"},
    "lease": {"go"},
    "lanes": {"peaks", "levels"},
}
"""All that a page's own script needs to know."""


def test_incident_06_whoever_was_signed_in_could_list_the_calls_of_others(service: Service) -> None:
    """An app that paid for recorded calls gave every user the calls of all others, and the addresses of recordings that
    opened for anybody (Neon, 2025, reported by TechCrunch).
    """
    calls = {line: service.keeps_a_call(line) for line in (THEIRS, OTHERS_LINE)}
    mine, others = calls[THEIRS][1], calls[OTHERS_LINE][1]
    while Projection(service.database).step():
        pass
    for person in _of_one_line(service):
        for route in LISTS:
            page = person.get(route.rule).text
            assert others.call_id not in page
            assert (mine.call_id in page) == ("<" not in route.rule)
    person = service.staff.somebody(lines=[THEIRS], everywhere=False)
    opened = open_lease(person, mine).get_json()
    lanes = f"/calls/{mine.call_id}/recordings/{mine.id}/lanes"
    answers = {"lease_open": opened, "lease": report(person, opened["lease"], 1), "lanes": person.get(lanes).get_json()}
    answers |= {"track": opened["tracks"][0]}
    assert {name: {*answer} for name, answer in answers.items()} == _NEEDED
    needless = (CALLER[2:], calls[THEIRS][0].sid, mine.recording_sid, person.account.name, "rec/", "http")
    assert [one for one in needless if one in str(answers)] == []
    for path in (lanes, f"/leases/{opened['lease']}/piece?track=master&from_ms=0"):
        assert person.get(path).status_code == 200
        assert ask(service.console, path, base_url=BASE_URL).status_code in {303, 401, 403}


def _of_one_line(service: Service) -> Iterator[Person]:
    for role in (Role.REVIEWER, Role.SUPERVISOR, Role.COMPLIANCE, Role.ADMIN):
        yield service.staff.somebody(role, lines=[THEIRS], everywhere=False)


_DEFAULTS = tuple(
    product(("admin", "root", "administrator", "nice", "user", "onrecord"), ("admin", "password", "", "x"))
)


def test_incident_09_a_hidden_account_and_a_listening_without_signing_in(site: Site) -> None:
    """A recorder of calls for courts and police had a hidden account of its maker's with every right, and let whoever
    knew an address listen without signing in (NICE Recording eXpress, 2014, found by SEC Consult).
    """
    assert not re.search(r"TOKEN|PASSWORD|SECRET", " ".join(name for name in site.environ if "CONSOLE" in name))
    with closing(site.database()) as database:
        app = create_app(Console(database, BASE_URL))
        assert _principals(database) == {table.name: 0 for table in _WAYS_IN}
        for name, password in _DEFAULTS:
            client = app.test_client()
            client.get("/enter", base_url=BASE_URL)
            entry = client.get_cookie("__Host-onrecord-entry", domain="console.example.com")
            headers = {HEADER: form_token(entry.value if entry else "")}
            form = {"name": name, "username": name, "password": password, "code": "000000"}
            for route in (one for one in ROUTES if one.needs is Need.ENTRY and "POST" in one.methods):
                client.post(re.sub("<.*?>", password or "x", route.rule), base_url=BASE_URL, data=form, headers=headers)
            client.set_cookie(SESSION_COOKIE, password, domain="console.example.com")
            basic = {"Authorization": f"Basic {name}:{password}"}
            assert client.get("/log", base_url=BASE_URL, headers=basic).status_code == 303
            path = f"/api/calls/{NOTHING}/pause"
            bearer = {"Authorization": f"Bearer {password}"}
            assert client.post(path, base_url=BASE_URL, json={"actor": "x"}, headers=bearer).status_code == 404
        assert _principals(database) == {table.name: 0 for table in _WAYS_IN}
    site.environ["CONSOLE_BASE_URL"] = BASE_URL
    for name in ("anna", "bert"):
        assert site.run("user", "add", name, "--role", "admin", "--everywhere").code == 0
    assert site.run("user", "disable", "bert").code == 0
    listed = site.run("user", "list").out.splitlines()
    with closing(site.database()) as database, database.read() as connection:
        assert [line.split()[0] for line in listed] == [account.name for account in accounts.everybody(connection)]
    assert len(listed) == 2
    assert all({"staff.id"} <= {key.target_fullname for key in table.foreign_keys} for table in _WAYS_IN[1:])


_WAYS_IN = (staff, *(table for table in metadata.sorted_tables if table.name.startswith("staff_")))


def _principals(database: Database) -> dict[str, int]:
    with database.read() as connection:
        return {table.name: connection.scalar(select(func.count()).select_from(table)) or 0 for table in _WAYS_IN}


PARAMETERS = (
    *("line", "outcome", "place", "audio", "reviewed", "mode", "language", "agent", "from", "until", "due", "after"),
    *("caller", "listen", "purpose", "order", "sort", "dir", "order_by", "page", "limit", "offset", "q", "search"),
    *("number", "name", "next", "because", "t", "track", "from_ms", "state", "code", "id", "team", "role", "zone"),
)
QUERIES = (
    *(
        "'",
        '"',
        "' OR '1'='1",
        "1; DROP TABLE call; --",
        "' UNION SELECT id FROM call --",
        "received_at; --",
        "(select 1)",
    ),
    *(
        "call_id desc",
        "1,2,3",
        "-1",
        "0",
        "9" * 40,
        "1e309",
        "NaN",
        "true",
        "null",
        "[]",
        "{}",
        "%",
        "_",
        "\\",
        "$1",
        ":a",
    ),
    *(
        "\x00",
        "a\x00b",
        "\ud7ff",
        "\ufffe",
        "\u202e",
        "ß",
        "😀" * 50,
        "٣",
        "２０２６-11-22",
        "a" * 5000,
        "\r\nX-A: b",
        "\x1b[31m",
    ),
    *("2026-11-22", "0001-01-01", "9999-12-31", "2026-11-22T12:00:00+00:00~" + "f" * 32, "0001-01-01T00:00:00+23:59~a"),
    *("9999-12-31T23:59:59-23:59~a", "2026-11-22T12:00:00~a", "2026-W47-7T00+00:00~a", "{{7*7}}", "../../etc/passwd"),
)


@BOTH
def test_incident_10_a_parameter_of_the_list_of_calls_was_sql(service: Service) -> None:
    """The list of calls of an exchange's pages put the parameters for its order, and others, into the SQL as they came
    (FreePBX, CVE-2026-44238 and CVE-2026-28210).
    """
    (_, mine), (_, others) = service.keeps_a_call(), service.keeps_a_call(NOTICE)
    while Projection(service.database).step():
        pass
    person = service.staff.somebody(lines=[THEIRS], everywhere=False)
    foreign = {others.call_id, others.id, others.recording_sid}
    before = service.everything()
    for route, path in _readable(service, mine):
        wishes = [dict.fromkeys(PARAMETERS, value) for value in QUERIES]
        wishes += [{name: value} for name in PARAMETERS for value in QUERIES[::7] if route in LISTS]
        for wish in wishes:
            answer = person.get(f"{path}?{urlencode(wish)}", buffered=True)
            assert answer.status_code < 500, (path, wish)
            assert [one for one in foreign if one in answer.text] == [], (path, wish)
        raw = (
            "line=%ff%fe",
            "line=a&line=b",
            "line[]=x",
            "%00=%00",
            "=",
            "&&&",
            "line=%",
            "after=%ed%a0%80",
            "a" * 9000,
        )
        for query in raw:
            assert person.get(f"{path}?{query}", buffered=True).status_code < 500, (path, query)
    for path in _odd_paths():
        for visitor in (person.client, service.console.test_client()):
            assert visitor.get(path, base_url=BASE_URL, buffered=True).status_code < 500, path
    assert service.everything() == before


def _readable(service: Service, kept: Recording) -> Iterator[tuple[Route, str]]:
    """Each page and answer that can be read, about a call within reach."""
    for rule, path in paths_of(service.console, with_ids(kept.call_id, kept.id)):
        if "GET" in (rule.methods or ()) and rule.endpoint not in {"static", "healthz", "readyz", "home"}:
            yield BY_ENDPOINT[rule.endpoint], path.partition("?")[0]


def _odd_paths() -> Iterator[str]:
    for route in ROUTES:
        if "<" in route.rule and "GET" in route.methods:
            for odd in ("%00" * 32, "0" * 31 + "%00", "'" * 32, "%FF" * 32, "%F0%9F%98%80" * 32, "0" * 32 + "%0a"):
                yield re.sub("<.*?>", odd, route.rule)


def test_incident_24_a_callers_own_words_ran_in_the_pages_of_the_staff(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    """Callers choose their name, their city and their SIP headers, and agents write comments: all of it comes onto
    pages, into titles, attributes and pictures, and into log lines (a class of its own, seen in many consoles).
    """
    caplog.set_level(logging.INFO)
    _, kept = service.keeps_a_call()
    seen = [_calls_with(service, text) for text in (*SCRIPTS, *LINE_BREAKERS)]
    assert [answer for answers in seen for answer in answers if MARK in answer] == []
    people = [_person_called(service, text, role) for text, role in zip(SCRIPTS, [*Role, *Role], strict=True)]
    ids = [kept.call_id, *(_written_about(service, people[0], kept, text) for text in SCRIPTS)]
    while Projection(service.database).step():
        pass
    names = 0
    for person in people:
        for call_id in dict.fromkeys((*ids[:1], *(ids if person.account.role is Role.COMPLIANCE else ()))):
            for answer in _every_page(service, person, with_ids(call_id, kept.id)):
                assert markup_of_others(answer.text) == [] or "html" not in answer.content_type, answer.request.path
                assert MARK not in str(answer.headers)
                names += MARK in answer.text
    assert names > len(people)
    assert markup_of_others(f"<svg><title>x</title><{MARK}/></svg>")
    assert markup_of_others(f"<p title='x' {MARK}=1>")
    odd = [record.getMessage() for record in caplog.records if not record.getMessage().isprintable()]
    assert odd == []
    assert [record for record in caplog.records if MARK in record.getMessage()] == []


def _calls_with(service: Service, text: str) -> list[str]:
    """What Twilio is answered in a call of which every text is that one."""
    more = dict.fromkeys(
        ("CallerName", "FromCity", "FromState", "CallerCity", "SipHeader_X-Name", "StirVerstat", "SpeechResult"), text
    )
    call = service.twilio.dial(caller=text[:200])
    url = URLS.answer()
    answers = [service.twilio.post(url, call.params(CallStatus="ringing", **more))]
    known = service.call_of(call.sid).id
    forms: list[tuple[str, Mapping[str, str]]] = [
        (URLS.choice(known, 1), {**more, "CallStatus": text}),
        (URLS.consent(known, 1), {**more, "Digits": text}),
        (URLS.whisper(known, recorded=False), {**more, "To": text, "ParentCallSid": call.sid}),
        (URLS.ended(known), {**more, "DialCallStatus": text, "DialBridged": text}),
        (URLS.fallback(), {**more, "ErrorCode": text, "ErrorUrl": text}),
        (URLS.recording(known), {**call.recorded("completed", RecordingSource=text), "RecordingUrl": text}),
        (URLS.call_progress(), {**more, "CallStatus": text}),
        (URLS.call_progress(), {**more, "To": text, "CallStatus": "completed"}),
    ]
    answers += [service.twilio.post(to, {**call.params(), **form}) for to, form in forms]
    elsewhere = service.twilio.dial(text[:200], text[:200])
    answers.append(service.twilio.post(url, elsewhere.params(CallStatus="ringing", **more)))
    assert {answer.status_code for answer in answers} <= {200, 204}
    return [answer.text for answer in answers]


def _person_called(service: Service, text: str, role: Role) -> Person:
    scope = Scope(everywhere=True, teams=frozenset({text[:64].strip()}))
    position = Position(role, scope, text[:64].strip(), frozenset({f"client:{quote(text)[:60]}"}))
    name = f"{role}-{secrets.token_hex(4)}"
    account = service.premises.write(
        lambda connection: accounts.add(connection, service.premises.moment(), name, text, position, actor=text)
    )
    return service.staff.sign_in(account)


def _written_about(service: Service, person: Person, kept: Recording, text: str) -> str:
    """The id of a call about which people have written that wherever they can."""
    premises = service.premises
    call, other = service.twilio.dial(), premises.call()
    call.presses(call.to_the_question(), "1")
    known = service.call_of(call.sid)
    headers = {"Authorization": f"Bearer {API_TOKEN}"}
    for act in ("pause", "resume", "withdraw"):
        path = f"/api/calls/{known.id}/{act}"
        ask(service.console, path, "POST", base_url=BASE_URL, headers=headers, json={"actor": text[:100]})
    premises.write(
        lambda connection: holds.place(
            connection, premises.moment(), premises.row(connection, other), reason="case 12", actor=text
        )
    )
    withdrawals = Withdrawals(service.database, parse(RULES), premises.jobs, premises.moment)
    withdrawals.withdraw(known.id, Wish(WithdrawnBy.REQUEST, text))
    premises.write(lambda connection: agents.note(connection, premises.moment(), known.id, f"client:{text}"[:256]))
    for path in (f"/calls/{known.id}/recordings/{kept.id}/lease", "/filters", f"/calls/{known.id}/comments"):
        ask_json(person, path, {"purpose": text, "name": text, "body": text})
        person.post(path, {"name": text, "body": text, "comment": text, "text": text, "outcome": "declined"})
    return known.id


def _every_page(service: Service, person: Person, values: Mapping[str, object]) -> Iterator[Any]:
    for rule, path in paths_of(service.console, values):
        if "GET" in (rule.methods or ()) and rule.endpoint != "static":
            for query in ("", f"{'&' if '?' in path else '?'}{urlencode({'next': SCRIPTS[3], 'line': SCRIPTS[0]})}"):
                yield person.get(path + query, buffered=True)
