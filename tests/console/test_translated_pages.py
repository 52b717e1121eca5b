"""No page says anything that cannot be translated: each text is a message, or data, or marked as English.

The pages are asked for in a language of which every message stands between marks. What is left outside of them would be
English on a Spanish page.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from gettext import NullTranslations
from typing import Any

import pytest
from flask import Flask, request
from sqlalchemy import Connection
from sqlalchemy import text as sql

from console.app import Console, create_app
from console.routes import ROUTES
from policies.consent import Outcome
from policies.permissions import Role, Scope
from policies.rulebook.read import parse
from storage.custody import erasure
from storage.rows import calls, holds
from storage.rows.listing_projection import Projection
from tests.console.conftest import BASE_URL, Person, Staff, entry_of
from tests.console.newcomer import Newcomer
from tests.console.page_texts import BEGIN, END, Texts, source_texts
from tests.console.provider import Provider
from tests.console.test_call_page import arriving, in_doubt, running
from tests.console.test_comments import ids, say
from tests.console.test_listening import open_lease, piece, report
from tests.console.test_sign_on import connect
from tests.faults.conftest import premises
from tests.faults.premises import KEK, LINE, ONE_MACHINE, Premises
from tests.policies.test_rulebook import GOOD
from tests.source import ROOT, text_of

__all__ = ["premises"]
TEMPLATES = ROOT / "console/templates"
IN_MARKS = {"Accept-Language": "es"}
# Data: names, numbers, zones, units, and the program's own name.
_DATA = re.compile(
    r"[\w-]+-[0-9a-fA-F]{8}|[A-Z]\w+(?:/[\w+-]+)+|UTC|onrecord|Español|id\.example\.com|https://\S+|[0-9a-f]{8}…?"
    r"|\b[a-z]{2}-[A-Z]{2}\b|\b(?:[A-Z]{2}|s)\b|client:\w+|quality-90d|support|sales|phone|bob@example\.com|\{\w+\}|Escape|\bC\b"
)


class Marked(NullTranslations):
    """Each message between marks, without the values that are put into it, and which were asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[str] = set()

    def gettext(self, message: str) -> str:
        self.asked.add(message)
        return _marked(message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        self.asked.add(msgid1)
        return _marked(msgid1 if n == 1 else msgid2)


def _marked(message: str) -> str:
    return BEGIN + re.sub(r"%\(\w+\)\w", lambda value: END + value[0] + BEGIN, message) + END


@dataclass
class Site:
    """A console with all its parts, which keeps every page that it answers with."""

    premises: Premises
    app: Flask
    staff: Staff
    provider: Provider
    pages: list[tuple[str, str]] = field(default_factory=list)
    endpoints: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, premises: Premises) -> "Site":
        shop, clock, provider = premises.shop, premises.clock, Provider()
        rulebook = parse(GOOD)
        console = Console(
            shop.database,
            BASE_URL,
            rulebook=replace(rulebook, lines=(replace(rulebook.lines[0], number=LINE), *rulebook.lines[1:])),
            number_hash_key=b"N" * 32,
            store=shop.store,
            key_encryption_key=KEK,
            entry=entry_of(shop.database, clock),
            sign_on=provider,
            lines=(LINE, "+12125550101"),
            now=clock,
        )
        app = create_app(console)
        made = cls(premises, app, Staff(shop.database, app, clock), provider)  # type: ignore[arg-type]  # a clock too
        app.after_request(made._keep)
        return made

    def somebody(self, role: Role, scope: Scope | None = None, **more: Any) -> Person:
        """Somebody whose browser asks for the language of marks."""
        self.made = getattr(self, "made", 0) + 1
        person = self.staff.sign_in(self.staff.account(f"{role}-{self.made:08x}", role, scope, **more))
        return _in_marks(person)

    def _keep(self, answer: Any) -> Any:
        if request.endpoint:
            self.endpoints.add(request.endpoint)
        if answer.mimetype == "text/html" and not answer.is_streamed:
            self.pages.append((f"{request.method} {request.full_path}", answer.get_data(as_text=True)))
        return answer


def _in_marks(person: Person) -> Person:
    person.client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "es"
    return person


def everybody_enters(site: Site) -> None:
    newcomer = Newcomer(site.app.test_client())
    newcomer.client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "es"
    for because in ("", "ended", "again", "left", "not_let_in", "unreachable", "needs_passkey"):
        newcomer.get(f"/enter?because={because}")
    newcomer.sign_in_by_password("nobody", "123456")
    link = site.staff.invite("invited-00000000", Role.REVIEWER)
    newcomer.get(f"/welcome/{link}")
    newcomer.get(f"/welcome/{link}/password")
    for password in ("short", "x" * 999, "password1234", "wombat-teapot-7-gravel"):
        newcomer.post(f"/welcome/{link}/password", {"password": password, "sealed": "", "code": "1"})
    newcomer.post(f"/welcome/{link}/passkey", {"response": "{}", "label": "x"})
    newcomer.get("/welcome/spent")
    newcomer.set_up_password(link, site.premises.clock)  # type: ignore[arg-type]  # a clock as well
    for path in ("/me", "/", "/enter/sign-on"):
        newcomer.get(path)
    newcomer.client.post("/leave", base_url=BASE_URL)  # without the token of a page


def everybody_keeps_their_account(site: Site) -> None:
    said = re.findall(r'^  "(\w+)": _\(', (TEMPLATES / "me/said.html").read_text(), re.MULTILINE)
    assert len(said) > 10
    newcomer = Newcomer(site.app.test_client())
    newcomer.client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "es"
    newcomer.set_up_passkey(site.staff.invite("keeper-00000000", Role.REVIEWER))
    person = site.somebody(Role.REVIEWER)
    person.client.environ_base["HTTP_USER_AGENT"] = "odd"
    connect(person, site.provider, "alice")
    for path in ("/me", "/me/password", "/me/password/change", "/me/authenticator", "/log", "/keys?saved="):
        person.get(path)
        newcomer.get(path)
    for name in said:
        person.get(f"/me?said={name}")
    person.post("/me/password/change", {"old": "x", "password": "wombat-teapot-7-gravel"})
    person.post("/me/password", {"password": "wombat-teapot-7-gravel", "sealed": "x", "code": "1"})
    person.post("/keys", {"play": "odd-00000000", "back": "Escape", "forward": "M"})
    person.get("/keys")
    person.get("/me")
    back = site.provider.agrees(newcomer.get("/me/sign-on/begin").headers["Location"], "bob")
    newcomer.get(back)
    newcomer.get("/me/sign-on")
    other = _in_marks(site.staff.sign_in(person.account))
    other.get("/me")
    site.premises.clock.passes(minutes=11)
    other.get("/me")


def administrators_look_after_accounts(site: Site) -> None:
    admin, scope = site.somebody(Role.ADMIN), Scope(False, frozenset({LINE}), frozenset({"sales"}))
    one = site.somebody(Role.REVIEWER, scope, team="support", addresses=frozenset({"client:one"})).account
    off = site.somebody(Role.AGENT).account
    admin.post(f"/staff/{off.id}/disable")
    site.staff.invite("linked-00000000", Role.SUPERVISOR)
    for path in ("/staff", "/staff/add", f"/staff/{one.id}", f"/staff/{off.id}", f"/staff/{admin.account.id}"):
        admin.get(path)
    for said in ("changed", "unchanged", "disabled", "enabled", "sessions_ended"):
        admin.get(f"/staff/{one.id}?said={said}")
    for role in (*Role, ""):
        admin.post(f"/staff/{one.id}", {"role": role, "teams": "sales, support", "team": "", "addresses": ""})
        admin.post(f"/staff/{one.id}", {"role": role, "everywhere": "on", "team": "sales", "addresses": "client:two"})
    admin.post(f"/staff/{admin.account.id}/disable")
    admin.post(f"/staff/{one.id}/link")
    for name in ("1-00000000", one.name, "fine-00000000"):
        admin.post("/staff/add", {"name": name, "display_name": name, "role": "agent"})
    admin.post("/staff/add", {"name": "other-00000000"})
    site.premises.clock.passes(minutes=11)
    late = {"role": "agent", "name": "late-00000000", "display_name": "late-00000000"}
    admin.post("/staff/add", late)


def calls_are_listed(site: Site) -> None:
    person = site.somebody(Role.SUPERVISOR, Scope(everywhere=True))
    agent = site.somebody(Role.AGENT, addresses=frozenset({"client:alice"}))
    for scope in (Scope(), Scope(everywhere=True)):
        site.somebody(Role.SUPERVISOR, scope).get("/calls")
    for outcome in (*Outcome, None):
        site.premises.clock.passes(minutes=1)
        site.premises.call(outcome)
    site.premises.stored()
    arriving(site.premises)
    while Projection(site.premises.shop.database).step():
        pass
    for query in ("", "?outcome=declined", "?due=7", "?line=none&from=odd", "?after=2026-01-01T00:00:00%2B00:00~0"):
        person.get(f"/calls{query}")
    person.post("/filters", {"name": "filter-00000000", "outcome": "declined"})
    person.post("/calls/search", {"number": "1"})
    person.get("/calls?outcome=withdrawn")
    agent.get("/calls")
    agent.get("/none")


def the_page_of(site: Site, call_id: str, *roles: Role, query: str = "") -> None:
    for role in roles or (Role.COMPLIANCE, Role.REVIEWER, Role.ADMIN):
        answer = site.somebody(role, Scope(everywhere=True)).get(f"/calls/{call_id}{query}")
        assert answer.status_code == 200


def calls_without_recording_are_looked_at(site: Site) -> None:
    for outcome in (*Outcome, None):
        the_page_of(site, site.premises.call(outcome).id)
    for made in (arriving, running):
        the_page_of(site, made(site.premises).call_id)


def recordings_are_looked_at(site: Site) -> None:
    premises = site.premises
    recording = premises.stored({"quality": timedelta(days=90), "training": timedelta(days=30)})
    listener = site.somebody(Role.SUPERVISOR, Scope(everywhere=True))
    lease = open_lease(listener, recording).get_json()["lease"]
    piece(listener, lease, 0)
    report(listener, lease, 1, 1200, ranges=[[0, 500], [700, 1200]], played_ms=1000)
    report(listener, lease, 2, 1200, closes=True)
    left = open_lease(listener, recording).get_json()["lease"]
    piece(listener, left, 0)
    report(listener, left, 1, 900, ranges=[[0, 900]], played_ms=900)
    open_lease(listener, recording, "transcription")
    for at in ("", "0:01"):
        say(listener, recording, "good-00000000", at=at)
    say(listener, recording, "good-00000000", part=False, at="odd")
    first, *_ = ids(listener.get(f"/calls/{recording.call_id}").text)
    say(listener, recording, "good-00000000", answers=first)
    listener.post(f"/calls/{recording.call_id}/comments/{first}/remove")
    listener.post(f"/calls/{recording.call_id}/comments/{first}/remove")
    say(listener, recording, "x" * 9999)
    listener.post(f"/calls/{recording.call_id}/review")
    write_hold(site, recording.call_id)
    for purpose in ("transcription", "no such", "quality"):
        listener.post(f"/calls/{recording.call_id}/recordings/{recording.id}/download", {"purpose": purpose})
    for query in ("", "?t=99", "?t=-3", "?t=odd"):
        the_page_of(site, recording.call_id, query=query)
    premises.clock.passes(days=31)
    the_page_of(site, recording.call_id)
    premises.clock.passes(days=31 * 12)
    the_page_of(site, recording.call_id)


def write_hold(site: Site, call_id: str) -> None:
    def hold(connection: Connection) -> None:
        call = calls.existing(connection, call_id)
        holds.place(connection, site.premises.moment(), call, reason="case", actor="maria-00000000")

    site.premises.write(hold)


def recordings_that_are_gone_are_looked_at(site: Site) -> None:
    premises, recording = site.premises, site.premises.stored()
    premises.condemn(recording)
    the_page_of(site, recording.call_id)
    premises.work()
    the_page_of(site, recording.call_id)
    owner = premises.call(Outcome.DECLINED)
    premises.company.hang_up(owner.call_sid)
    for _ in range(2):
        premises.clock.passes(days=2)
        premises.sweep()
    request_ = erasure.Request("gdpr-17", "root")
    premises.write(lambda c: erasure.erase(c, premises.moment(), owner.id, request_, premises.jobs))
    the_page_of(site, owner.id)


def calls_that_are_odd_are_looked_at(site: Site) -> None:
    doubtful = in_doubt(site.premises)
    the_page_of(site, doubtful.id)
    recording = site.premises.stored()
    site.premises.write(lambda c: c.execute(sql("UPDATE call SET language = 'xx'")))
    the_page_of(site, recording.call_id)


VISITS: tuple[Callable[[Site], None], ...] = (
    everybody_enters,
    everybody_keeps_their_account,
    administrators_look_after_accounts,
    calls_are_listed,
    calls_without_recording_are_looked_at,
    recordings_are_looked_at,
    recordings_that_are_gone_are_looked_at,
    calls_that_are_odd_are_looked_at,
)


@ONE_MACHINE
def test_every_text_of_every_page_is_a_message_or_data_or_marked_as_english(
    premises: Premises, monkeypatch: pytest.MonkeyPatch
) -> None:
    marked = Marked()
    monkeypatch.setattr("console.language._translations", lambda name: marked if name == "es" else NullTranslations())
    site = Site.of(premises)
    for visit in VISITS:
        visit(site)
    left = {f"{text}: {path}" for path, page in site.pages for text in untranslated(page)}
    assert sorted(left) == []
    assert pages_not_visited(site) == set()
    assert len(site.pages) > 150
    assert len(marked.asked) > 700


def untranslated(page: str) -> Iterator[str]:
    for text in Texts(page, "es").found:
        if re.search(r"[^\W\d_]", _DATA.sub("", text.partition("> ")[2])):
            yield text


def pages_not_visited(site: Site) -> set[str]:
    """Routes that are asked for, and templates of which none was rendered."""
    asked = {route.endpoint for route in ROUTES if "GET" in route.methods}
    no_pages = {"healthz", "readyz", "static", "session", "piece", "lanes", "proof"}
    rendered = {key[1] for key in site.app.jinja_env.cache or ()}
    return (asked - no_pages - site.endpoints) | (set(site.app.jinja_env.list_templates()) - rendered)


@pytest.mark.parametrize(
    ("page", "found"),
    [
        ("<p>⟦Sign in⟧ 0:07</p>", []),
        ("<p>⟦It ended: <b>⟦stopped⟧</b>.⟧</p>", []),
        ('<p>⟦a⟧ <span lang="en">b</span> <code>c</code></p>', []),
        ("<p>Sign in</p>", ["<p> Sign in"]),
        ("<p>⟦It ended⟧: stopped</p>", ["<p> : stopped"]),
        ('<input aria-label="Name">', ["<input> Name"]),
        ('<p lang="en"><b>b</b></p><p lang="es">c</p>', ["<p> c"]),
        ("<svg><title>Drawing</title><rect/></svg>", ["<title> Drawing"]),
    ],
)
def test_a_text_that_is_no_message_is_seen(page: str, found: list[str]) -> None:
    assert list(untranslated(page)) == found


def test_no_template_has_words_that_are_no_message() -> None:
    """Also in parts that no visit above comes to."""
    sources = {path.relative_to(TEMPLATES): text_of(path.relative_to(ROOT)) for path in TEMPLATES.rglob("*.html")}
    assert len(sources) > 40
    left = {str(name): words for name, text in sources.items() if (words := _words(text))}
    assert left == {}


def _words(source: str) -> list[str]:
    return [text for text in source_texts(source) if _DATA.sub("", text.partition("> ")[2]).strip(" ·×")]


@pytest.mark.parametrize("source", ["<p>Sign in {{ name }}</p>", '{% if a %}<a title="Sign in">{% endif %}'])
def test_a_template_with_words_of_its_own_is_seen(source: str) -> None:
    assert _words(source)
