"""Incidents of the staff's pages: recordings by another's number, hidden accounts, parameters, strings that run."""

import logging
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import closing
from itertools import product
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import Connection, func, select
from werkzeug.test import TestResponse

from compliance.withdrawals import Withdrawals
from console.app import Console, create_app
from console.guard import SESSION_COOKIE
from console.request_forgery import FIELD, HEADER, form_token
from console.routes import BY_ENDPOINT, ROUTES, Need, Permission, Route
from policies.permissions import Act, Role, Scope
from policies.rulebook.read import parse
from policies.sessions import SignedInBy
from policies.withdrawal import WithdrawnBy
from storage.database.engine import Database
from storage.database.tables import comment, metadata, saved_filter, staff, staff_passkey, staff_session
from storage.rows import agents, holds
from storage.rows.listing_projection import Projection
from storage.rows.recordings import Recording
from storage.rows.withdrawing import Wish
from storage.staff import accounts, passkeys, sessions
from storage.staff.accounts import Account, Position
from storage.staff.ceremonies import NewPasskey
from tests.callflow.conftest import CALLER, URLS
from tests.callflow.whole_calls import NOTICE
from tests.conftest import DIALECTS
from tests.console.conftest import BASE_URL, Person
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
from tests.source import text_of, tracked_files

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
    lease, own = str(open_lease(owner, kept).get_json()["lease"]), _things_of(service, owner, kept)
    for who, stranger in _strangers(service):
        _cannot_tell(service, who, stranger, with_ids(kept.call_id, kept.id, lease, **own), {"call_id", "lease_id"})
        _cannot_tell(service, who, stranger, with_ids(kept.call_id, kept.id, lease, **own), _THINGS)
    colleague = service.staff.somebody(lines=[THEIRS], everywhere=False)
    _cannot_tell(service, "a colleague", colleague, with_ids(NOTHING, **own), _THINGS - {"comment_id"})
    for verb in ("", "/remove"):
        path = f"/calls/{kept.call_id}/comments/{{}}{verb}"
        answers = [colleague.post(path.format(one), {"body": "x"}) for one in (own["comment_id"], NOTHING)]
        assert answers[0].status_code == answers[1].status_code
    for mixed in (with_ids(other.call_id, kept.id, **own), with_ids(kept.call_id, other.id)):
        _cannot_tell(service, "the owner", owner, mixed, {"recording_id"})
    assert _things_in(service, owner) == own
    assert ">mine<" in owner.get(f"/calls/{kept.call_id}").text
    assert piece(owner, lease, 0).status_code == 200
    assert report(owner, lease, 1) == {"go": True}


_THINGS = {"comment_id", "filter_id", "session_id", "account_id", "passkey_id"}


def _things_of(service: Service, owner: Person, kept: Recording) -> dict[str, str]:
    """The ids of what belongs to a person."""
    moment, new = service.premises.moment(), NewPasskey(b"credential", b"key", 0)
    owner.post(f"/calls/{kept.call_id}/comments", {"body": "mine"})
    owner.post("/filters", {"name": "mine", "outcome": "declined"})
    service.premises.write(lambda connection: passkeys.add(connection, moment, owner.account.id, new, "phone"))
    return _things_in(service, owner)


def _things_in(service: Service, owner: Person) -> dict[str, str]:
    tables = {"comment_id": comment.c.id, "filter_id": saved_filter.c.id, "session_id": staff_session.c.id}
    columns = {**tables, "passkey_id": staff_passkey.c.credential_sha256}
    with service.database.read() as connection:
        found = {
            name: str(
                connection.execute(select(column).where(column.table.c.staff_id == owner.account.id)).scalar_one()
            )
            for name, column in columns.items()
        }
    return {**found, "account_id": owner.account.id}


def _cannot_tell(
    service: Service, who: str, stranger: Person, values: Mapping[str, object], arguments: set[str]
) -> None:
    """A person gets the same for these ids as for those of nothing, by whatever method, and changes nothing."""
    before = _without_tries(service.everything())
    both = zip(paths_of(service.console, values), paths_of(service.console, with_ids(NOTHING)), strict=True)
    for (rule, path), (_, empty) in both:
        for method in METHODS if rule.arguments & arguments else ():
            answer, expected = _sent(stranger, method, path), _sent(stranger, method, empty)
            assert _alike(answer, expected), (who, method, path)
            assert not {"RIFF", "moof", str(values["call_id"])} & set(re.findall(r"\w+", answer.text)) - {NOTHING}
    assert _without_tries(service.everything()) == before, who


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
        is_list = route in LISTS
        wishes = [dict.fromkeys(PARAMETERS, value) for value in QUERIES[:: 1 if is_list else 4]]
        wishes += [{name: value} for name in PARAMETERS for value in QUERIES[::9] if is_list]
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
        for query in raw if is_list else ():
            assert person.get(f"{path}?{query}", buffered=True).status_code < 500, (path, query)
    for path in _odd_paths():
        for visitor in (person.client, service.console.test_client()):
            assert visitor.get(path, base_url=BASE_URL, buffered=True).status_code < 500, path
    assert service.everything() == before
    _no_form_is_sql(service, person, mine)


FORMS = ("' OR '1'='1", "\x00", "a\x00b", "9" * 40, "\ud7ff\ufffe\x1b[31m", "a" * 5000)


def _no_form_is_sql(service: Service, person: Person, kept: Recording) -> None:
    """Each field that a page has, in every form."""
    pages = [text_of(path) for path in tracked_files() if path.match("console/templates/**/*.html")]
    fields = {field for page in pages for field in re.findall(r'name="([a-z_]+)"', page)} - {FIELD, "csp-nonce"}
    assert {"body", "name", "number", "label", "answers"} <= fields
    for rule, path in paths_of(service.console, with_ids(kept.call_id, kept.id)):
        is_own = rule.endpoint in {"leave", "end_other_sessions"}
        for value in FORMS if "POST" in (rule.methods or ()) and not is_own else ():
            answer = person.post(path, dict.fromkeys(fields, value))
            assert answer.status_code < 500, (path, value)


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
    people = {role: _person_called(service, text, role) for text, role in zip(SCRIPTS, Role, strict=False)}
    ids = [kept.call_id, *(_written_about(service, people[Role.REVIEWER], text) for text in SCRIPTS)]
    while Projection(service.database).step():
        pass
    shown = set()
    for role, person in people.items():
        of_calls = ids if role is Role.COMPLIANCE else ids[:2]
        for endpoint, answer in _every_page(service, person, of_calls, kept.id):
            assert markup_of_others(answer.text) == [] or "html" not in answer.content_type, answer.request.path
            assert MARK not in str(answer.headers)
            shown |= {endpoint} if MARK in answer.text else set()
    assert shown >= {"log", "calls", "call", "me", "staff", "account"}
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
    """Somebody whose name, team, agents and browser are called that."""
    moment, team = service.premises.moment(), text[:64].strip()
    position = Position(role, Scope(everywhere=True, teams=frozenset({team})), team, frozenset({f"client:{text}"[:90]}))
    name = f"{role}-{secrets.token_hex(4)}"

    def add(connection: Connection) -> tuple[Account, str]:
        account = accounts.add(connection, moment, name, text, position, actor=text)
        by = SignedInBy.PASSKEY
        return account, sessions.begin(connection, moment, account.id, by, text, service.staff.limits)

    account, token = service.premises.write(add)
    return Person(account, service.console.test_client(), token)


def _written_about(service: Service, person: Person, text: str) -> str:
    """The id of a call about which people have written that wherever they can."""
    premises = service.premises
    call, other = service.twilio.dial(), premises.call()
    call.presses(call.to_the_question(), "1")
    known = service.call_of(call.sid)
    headers = {"Authorization": f"Bearer {API_TOKEN}"}
    for act in ("pause", "resume", "withdraw"):
        path = f"/api/calls/{known.id}/{act}"
        ask(service.console, path, "POST", base_url=BASE_URL, headers=headers, json={"actor": text[:100]})
    for held in (other, known):
        premises.write(
            lambda connection, held=held: holds.place(  # type: ignore[misc]  # mypy cannot infer a lambda with a default
                connection, premises.moment(), premises.row(connection, held), reason="case 12", actor=text
            )
        )
    withdrawals = Withdrawals(service.database, parse(RULES), premises.jobs, premises.moment)
    withdrawals.withdraw(other.id, Wish(WithdrawnBy.REQUEST, text))
    premises.write(lambda connection: agents.note(connection, premises.moment(), known.id, f"client:{text}"[:256]))
    for path in (f"/calls/{known.id}/comments", "/filters", "/me/settings", "/keys", f"/calls/{known.id}/review"):
        person.post(path, {"body": text, "name": text, "outcome": "declined", "at": text, "time_zone": text})
    return known.id


def _every_page(service: Service, person: Person, ids: list[str], recording_id: str) -> Iterator[tuple[str, Any]]:
    account = {"account_id": person.account.id}
    for nth, call_id in enumerate(ids):
        for rule, path in paths_of(service.console, with_ids(call_id, recording_id, **account)):
            if (
                "GET" not in (rule.methods or ())
                or rule.endpoint == "static"
                or (nth and "call_id" not in rule.arguments)
            ):
                continue
            yield rule.endpoint, person.get(path, buffered=True)
            wishes = urlencode({"next": SCRIPTS[3], "line": SCRIPTS[0], "t": SCRIPTS[1], "because": SCRIPTS[2]})
            if not nth:
                yield rule.endpoint, person.get(f"{path}{'&' if '?' in path else '?'}{wishes}", buffered=True)
