"""Every page of the console for everybody: light and dark, narrow and wide, by eye, by ear and by the keyboard."""

import pytest
from playwright.sync_api import Browser, Page
from sqlalchemy import Connection

from compliance.staff.administration import Administration
from console.routes import ROUTES
from policies.consent import Outcome
from policies.permissions import Role, Scope
from policies.sign_in import ConsoleRules
from storage.rows import calls, holds
from storage.staff.accounts import Account, Position
from tests.browser.call_site import CallSite, RunningClock, conversation
from tests.browser.console_visit import ConsoleVisit, visiting
from tests.browser.shown import NO_PAGES, SHOWN, Places, Shown, unfold


@pytest.fixture(scope="module")
def people(site: CallSite) -> dict[Role, Account]:
    made = {role: site.account(role, everywhere=role is not Role.AGENT) for role in Role}
    return made | {Role.SUPERVISOR: site.with_password("simone", Role.SUPERVISOR)}


@pytest.fixture(scope="module")
def places(site: CallSite, people: dict[Role, Account]) -> Places:
    kept = site.kept(conversation(60), pauses_ms=[(20_000, 28_000)])
    gone = site.kept(conversation(5))
    premises, clock = site.premises, site.premises.clock
    assert isinstance(clock, RunningClock)
    with clock.standing():
        declined = premises.call(Outcome.DECLINED)
        premises.condemn(gone)
        premises.work()

        def hold(connection: Connection) -> None:
            owner = calls.existing(connection, kept.call_id)
            holds.place(connection, premises.moment(), owner, reason="case 7", actor="maria")

        premises.write(hold)
    site.list_calls()
    staff = Administration(premises.shop.database, ConsoleRules(), premises.moment)
    invited = staff.add("newcomer", "Nadia", Position(Role.REVIEWER, Scope(everywhere=True)), actor="a test")
    other = staff.add("other", "Otto", Position(Role.REVIEWER, Scope()), actor="a test")
    return {
        "recorded": kept.call_id,
        "declined": declined.id,
        "destroyed": gone.call_id,
        "reviewer": people[Role.REVIEWER].id,
        "admin": people[Role.ADMIN].id,
        "newcomer": other.account.id,
        "link": invited.link,
        "spent_link": "0" * 32,
    }


def open_whole(visit: ConsoleVisit, site: CallSite, people: dict[Role, Account], shown: Shown, places: Places) -> Page:
    if shown.role:
        visit.sign_in(site.session(people[shown.role]))
    if shown.refuses:
        visit.expected = ("Failed to load resource",)
    shown.open(visit.page, site.url, places)
    unfold(visit.page)
    return visit.page


def test_every_page_of_the_table_of_routes_is_shown() -> None:
    pages = {route.endpoint for route in ROUTES if "GET" in route.methods}
    assert {shown.endpoint for shown in SHOWN} | NO_PAGES.keys() == pages
    assert not {shown.endpoint for shown in SHOWN} & NO_PAGES.keys()


@pytest.mark.parametrize("shown", SHOWN, ids=lambda shown: shown.name)
def test_everybody_can_use_it_in_light_and_dark_and_where_there_is_little_room(
    browser: Browser, site: CallSite, people: dict[Role, Account], places: Places, shown: Shown
) -> None:
    with visiting(browser, site.url) as visit:
        page = open_whole(visit, site, people, shown, places)
        visit.require_accessible()
        visit.require_narrow()
        page.emulate_media(color_scheme="dark")
        visit.require_accessible()


@pytest.mark.parametrize("shown", SHOWN, ids=lambda shown: shown.name)
def test_the_tab_key_leads_to_every_control_and_out_again(
    browser: Browser, site: CallSite, people: dict[Role, Account], places: Places, shown: Shown
) -> None:
    with visiting(browser, site.url) as visit:
        page = open_whole(visit, site, people, shown, places)
        wanted = int(page.evaluate("() => reach.mark()"))
        seen = set()
        for _ in range(wanted + 10):
            page.keyboard.press("Tab")
            number, is_visible = page.evaluate("() => reach.here()")
            assert number is None or is_visible, page.evaluate("() => document.activeElement.outerHTML")
            seen.add(number)
        assert seen >= set(range(wanted))
