"""The list of calls: all of them within reach, found by filters that stand in the address, and no number in it."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask

from console.app import Console, create_app
from console.calls.filter_form import line_name
from policies.consent import Outcome
from policies.permissions import Role, Scope
from policies.rulebook.read import parse
from storage.number_hash import number_hash
from storage.rows import agents
from storage.rows.listing_projection import Projection
from storage.staff import accounts
from storage.staff.accounts import Position
from tests.console.conftest import BASE_URL, Person, Staff
from tests.faults.conftest import premises
from tests.faults.premises import KEK, LINE, ONE_MACHINE, Premises
from tests.policies.test_rulebook import GOOD

__all__ = ["premises"]
pytestmark = ONE_MACHINE
KEY, NUMBER, OTHERS_LINE = b"N" * 32, "+14155550111", "+12125550999"
ALICE = "client:alice"


@dataclass
class Site:
    premises: Premises
    app: Flask
    staff: Staff

    def call(self, outcome: Outcome | None = Outcome.DECLINED, number: str = "") -> str:
        """Its id. Each is a minute later than the one before."""
        self.premises.clock.passes(minutes=1)
        return self.premises.call(outcome, caller_hash=number_hash(KEY, number)).id

    def listed(self, person: Person, query: str = "") -> list[str]:
        """The ids of the calls on the page."""
        while Projection(self.premises.shop.database).step():
            pass
        page = person.get(f"/calls{query}").text
        return list(dict.fromkeys(re.findall(r'href="/calls/([0-9a-f]{32})"', page)))

    def page(self, person: Person, query: str = "") -> str:
        self.listed(person)
        return person.get(f"/calls{query}").text


@pytest.fixture
def site(premises: Premises) -> Site:
    rulebook = parse(GOOD)
    rulebook = replace(rulebook, lines=(replace(rulebook.lines[0], number=LINE), *rulebook.lines[1:]))
    console = Console(
        premises.shop.database,
        BASE_URL,
        rulebook=rulebook,
        number_hash_key=KEY,
        store=premises.shop.store,
        key_encryption_key=KEK,
        now=premises.clock,
    )
    app = create_app(console)
    return Site(premises, app, Staff(premises.shop.database, app, premises.clock))  # type: ignore[arg-type]  # a clock


def test_every_call_is_a_row_newest_first_recorded_or_not(site: Site) -> None:
    made = [site.call(outcome) for outcome in Outcome] + [site.call(None)]
    assert site.listed(site.staff.somebody()) == made[::-1]


def test_pages_go_on_from_the_last_row_and_miss_none(site: Site) -> None:
    made = [site.call() for _ in range(120)]
    reviewer, found, query = site.staff.somebody(), [], ""
    site.listed(reviewer)
    while True:
        page = reviewer.get(f"/calls{query}").text
        found += list(dict.fromkeys(re.findall(r'href="/calls/([0-9a-f]{32})"', page)))
        link = re.search(r'href="/calls(\?[^"]*after=[^"]*)"', page)
        if link is None:
            break
        query = unescape(link[1])
    assert found == made[::-1]


@pytest.mark.parametrize(
    ("query", "is_found"),
    [
        ("outcome=declined", True),
        ("outcome=consented", False),
        (f"line={line_name(LINE)}", True),
        ("audio=none", True),
        ("audio=kept", False),
        ("reviewed=no", True),
        ("reviewed=yes", False),
        ("mode=opt_in", True),
        ("mode=notice", False),
        ("outcome=declined&audio=none&reviewed=no", True),
        ("outcome=declined&audio=kept", False),
        ("from=2026-11-22&until=2026-11-22", True),
        ("until=2026-11-21", False),
        ("from=2026-11-23", False),
        ("due=30", False),
    ],
)
def test_a_filter_finds_what_is_like_that(site: Site, query: str, is_found: bool) -> None:
    made = site.call(Outcome.DECLINED)
    assert site.listed(site.staff.somebody(), f"?{query}") == ([made] if is_found else [])


@pytest.mark.parametrize(
    "query",
    [
        "outcome=x",
        "line=+12125550100",
        "place=%27%3B--",
        "due=1",
        "from=yesterday",
        "reviewed=1",
        "after=x",
        "after=2026-11-22~a",
        "after=0001-01-01T00:00:00%2B23:59~a",
        "after=9999-12-31T23:59:59-23:59~a",
        "caller=x",
        "caller=" + "A" * 500,
        "agent=" + "0" * 32,
        "outcome=%00",
        "from=2026-13-01",
        "until=9999-12-31",
    ],
)
def test_a_filter_that_makes_no_sense_is_left_out_and_named(site: Site, query: str) -> None:
    made = site.call()
    reviewer = site.staff.somebody()
    answer = reviewer.get(f"/calls?{query}")
    assert answer.status_code == 200
    assert site.listed(reviewer, f"?{query}") == [made]
    if not query.startswith("after"):
        assert "could not be understood" in answer.text


def test_a_caller_is_found_by_number_and_no_number_is_in_any_address(site: Site) -> None:
    theirs, _ = site.call(number=NUMBER), site.call(number="+14155550122")
    reviewer = site.staff.somebody()
    answer = reviewer.post("/calls/search", {"number": "+1 (415) 555-0111"})
    assert answer.status_code == 303
    to = answer.headers["Location"]
    assert "4155550111" not in to
    assert (number_hash(KEY, NUMBER) or "") not in to
    assert site.listed(reviewer, to.removeprefix("/calls")) == [theirs]
    page = reviewer.get(to).text
    assert "4155550111" not in page


def test_a_link_to_a_callers_calls_opens_nothing_in_another_session(site: Site) -> None:
    site.call(number=NUMBER), site.call()
    reviewer = site.staff.somebody()
    to = reviewer.post("/calls/search", {"number": NUMBER}).headers["Location"].removeprefix("/calls")
    again = site.staff.sign_in(reviewer.account)
    assert len(site.listed(reviewer, to)) == 1
    assert len(site.listed(again, to)) == 2
    assert "could not be understood" in again.get(f"/calls{to}").text


def test_a_link_to_a_callers_calls_opens_nothing_once_the_role_may_not_search(site: Site) -> None:
    site.call(number=NUMBER), site.call()
    reviewer = site.staff.somebody()
    to = reviewer.post("/calls/search", {"number": NUMBER}).headers["Location"].removeprefix("/calls")
    admin = Position(Role.ADMIN, Scope(everywhere=True))
    site.premises.write(
        lambda c: accounts.change(c, site.premises.moment(), reviewer.account, admin, actor="root"),
    )
    assert len(site.listed(reviewer, to)) == 2
    assert "could not be understood" in reviewer.get(f"/calls{to}").text


@pytest.mark.parametrize("number", ["", "0111", "+1", "anonymous", "+1415555011100000000", "=1+1", "<b>", "\x00"])
def test_what_is_no_number_is_refused_with_a_way_to_write_it(site: Site, number: str) -> None:
    answer = site.staff.somebody().post("/calls/search", {"number": number})
    assert answer.status_code == 422
    assert "Write a plus" in answer.text
    assert "<b>" not in answer.text.partition("<main")[2]


def test_who_may_not_search_by_number_gets_nothing(site: Site) -> None:
    for role in (Role.AGENT, Role.ADMIN):
        assert site.staff.somebody(role).post("/calls/search", {"number": NUMBER}).status_code == 404


def test_calls_beyond_the_scope_are_not_listed_whatever_is_asked(site: Site) -> None:
    taken, _ = site.call(number=NUMBER), site.call(number=NUMBER)
    site.premises.write(lambda c: agents.note(c, site.premises.moment(), taken, ALICE))
    nothing = site.staff.somebody(everywhere=False)
    other_line = site.staff.somebody(everywhere=False, lines=[OTHERS_LINE])
    alice = site.staff.sign_in(site.staff.account("alice", Role.AGENT, team="sales", addresses=frozenset({ALICE})))
    team = site.staff.sign_in(site.staff.account("lead", Role.SUPERVISOR, Scope(teams=frozenset({"sales"}))))
    queries = ["", "?outcome=declined", "?due=90", f"?line={line_name(LINE)}", "?audio=none&reviewed=no"]
    for query in queries:
        expected = [] if "due" in query else [taken]
        assert site.listed(nothing, query) == site.listed(other_line, query) == []
        assert site.listed(alice, query) == expected
        assert site.listed(team, query) == expected
    assert "is for no calls yet" in site.page(nothing)


@pytest.mark.parametrize(
    ("query", "expected"), [("", "r"), ("?tests=too", "tr"), ("?tests=only", "t"), ("?tests=no", "r")]
)
def test_calls_of_the_service_to_itself_are_there_for_whoever_asks(site: Site, query: str, expected: str) -> None:
    made = {"r": site.call(Outcome.CONSENTED)}
    site.premises.clock.passes(minutes=1)
    made["t"] = site.premises.call(Outcome.CONSENTED, synthetic=True).id
    assert site.listed(site.staff.somebody(), query) == [made[name] for name in expected]


def test_no_recording_of_a_call_of_the_service_to_itself_is_expected(site: Site) -> None:
    site.premises.call(Outcome.CONSENTED, synthetic=True)
    page = site.page(site.staff.somebody(), "?tests=only")
    assert "not recorded" in page.partition("<tbody")[2]


@pytest.mark.parametrize("name", ["", " ", "x" * 65, "a\x00b"])
def test_a_filter_under_a_name_that_is_none_is_said_and_stays_set(site: Site, name: str) -> None:
    answer = site.staff.somebody().post("/filters", {"name": name, "outcome": "declined"})
    assert answer.status_code == 422
    assert "It was not saved: a name has 1 to 64 characters" in answer.text
    assert '<option value="declined" selected>' in answer.text


def test_a_filter_is_saved_used_and_forgotten_by_its_own_person_alone(site: Site) -> None:
    site.call()
    reviewer, other = site.staff.somebody(), site.staff.somebody()
    to = reviewer.post("/filters", {"name": "No thanks <b>", "outcome": "declined", "caller": "x"}).headers["Location"]
    assert parse_qs(urlsplit(to).query) == {"outcome": ["declined"]}
    page = site.page(reviewer)
    assert "No thanks &lt;b&gt;" in page
    assert "No thanks" not in site.page(other)
    [path] = re.findall(r'action="(/filters/[0-9a-f]{32}/forget)"', page)
    assert other.post(path).status_code == 404
    assert reviewer.post(path).status_code == 303
    assert "No thanks" not in site.page(reviewer)


def test_what_was_searched_by_number_can_not_be_saved(site: Site) -> None:
    site.call(number=NUMBER)
    reviewer = site.staff.somebody()
    to = reviewer.post("/calls/search", {"number": NUMBER}).headers["Location"]
    assert 'action="/filters"' not in site.page(reviewer, to.removeprefix("/calls"))


def test_the_list_says_when_it_is_not_up_to_date(site: Site) -> None:
    site.call()
    reviewer = site.staff.somebody()
    assert "The list is as of" in reviewer.get("/calls").text
    assert "The list is as of" not in site.page(reviewer)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda site: site.staff.somebody().get("/calls"), "There are no calls yet"),
        (lambda site: site.staff.somebody().get("/calls?outcome=declined"), "No call is like that"),
    ],
)
def test_an_empty_list_says_what_to_do_next(site: Site, make: Callable[[Site], object], says: str) -> None:
    assert says in make(site).text  # type: ignore[attr-defined]  # an answer


def test_the_time_of_a_call_has_its_zone_written_out(site: Site) -> None:
    site.call()
    assert re.search(r"22 Nov 2026, 12:01:00 UTC", site.page(site.staff.somebody()))


def test_a_call_that_was_recorded_is_marked_as_kept(premises: Premises, site: Site) -> None:
    recording = premises.stored()
    reviewer = site.staff.somebody()
    assert site.listed(reviewer, "?audio=kept&due=90") == [recording.call_id]
    assert "listen=quality" in site.page(reviewer)
    assert "listen=" not in site.page(site.staff.somebody(Role.ADMIN))
