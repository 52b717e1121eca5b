"""The pages of the entry and of accounts in a real browser: coming in with a passkey or with a password and a code, the
warning before a session ends, and what is asked of a page that everybody is to use.
"""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect
from pyotp import TOTP

from compliance.staff.administration import Administration
from compliance.staff.entry import Entry
from console.app import Console, create_app
from policies.permissions import Role, Scope
from policies.sign_in import ConsoleRules
from storage.database.engine import Database
from storage.database.schema import migrate
from storage.moment import Moment, utc_now
from storage.staff import accounts
from storage.staff.accounts import Account, Position
from storage.staff.ceremonies import relying_party
from tests.browser.console_visit import ConsoleStaff, ConsoleVisit, served, visiting

LINE = "+12125550100"
PASSWORD = "wombat-teapot-7-gravel"


@dataclass
class Clock:
    """The real one, ahead of it by as much as a test says has passed."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return utc_now() + self.ahead

    def passes(self, page: Page | None = None, **time: float) -> None:
        """Here, and in a page whose clock the test holds."""
        self.ahead += timedelta(**time)
        if page:
            page.clock.fast_forward(round(timedelta(**time).total_seconds() * 1000))

    def moment(self) -> Moment:
        return Moment(self(), secrets.token_bytes)


@dataclass
class Site:
    url: str
    clock: Clock
    database: Database

    def invite(self, name: str, role: Role, scope: Scope | None = None) -> str:
        administration = Administration(self.database, ConsoleRules(), self.clock.moment)
        position = Position(role, scope or Scope())
        return f"/welcome/{administration.add(name, name.title(), position, actor='a test').link}"

    def session(self, role: Role) -> str:
        return ConsoleStaff(self.database, moment=self.clock.moment).somebody(role)

    def session_of(self, name: str) -> str:
        return ConsoleStaff(self.database, moment=self.clock.moment).session(self._named(name))

    def page_of(self, name: str) -> str:
        return f"/staff/{self._named(name).id}"

    def _named(self, name: str) -> Account:
        with self.database.read() as connection:
            account = accounts.by_name(connection, name)
        assert account
        return account


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    database, clock = Database.open(f"sqlite:///{tmp_path_factory.mktemp('console') / 'onrecord.db'}"), Clock()
    migrate(database)

    def make(url: str) -> Flask:
        entry = Entry(database, secrets.token_bytes(32), relying_party(url), ConsoleRules(), clock.moment)
        return create_app(Console(database, url, entry=entry, lines=(LINE,), now=clock))

    with served(make) as url:
        yield Site(url, clock, database)
    database.close()


@pytest.fixture
def visit(browser: Browser, site: Site) -> Iterator[ConsoleVisit]:
    with visiting(browser, site.url) as visit:
        yield visit


def press(visit: ConsoleVisit, name: str) -> None:
    visit.page.get_by_role("button", name=name, exact=True).click()


def follow(visit: ConsoleVisit, name: str) -> None:
    visit.page.get_by_role("link", name=name).click()


def code(page: Page, clock: Clock) -> str:
    return TOTP(page.locator("#secret").inner_text().replace(" ", "")).at(clock())


def test_the_first_admin_comes_in_by_a_link_and_lets_a_reviewer_in(
    visit: ConsoleVisit, browser: Browser, site: Site
) -> None:
    page, device = visit.page, visit.add_authenticator()
    visit.open(site.invite("ada", Role.ADMIN))
    press(visit, "Create a passkey")
    expect(page.get_by_role("heading", name="Consent log")).to_be_visible()
    assert len(device.credentials) == 1
    follow(visit, "Staff")
    follow(visit, "Add somebody")
    page.get_by_label("Name to sign in with").fill("rita")
    page.get_by_label("Name of the person").fill("Rita Reviewer")
    page.get_by_label("Reviewer", exact=True).check()
    page.get_by_label(f"Calls on {LINE}").check()
    press(visit, "Add and make a link")
    link = page.get_by_label("Link", exact=True).input_value()
    assert link.startswith(f"{site.url}/welcome/")
    visit.require_accessible()
    with visiting(browser, site.url) as rita:
        come_in_by_password(rita, link.removeprefix(site.url), site.clock)
    page.goto(f"{site.url}/staff")
    expect(page.get_by_role("row", name="Rita Reviewer")).to_contain_text("password and code")
    expect(page.get_by_role("row", name="Rita Reviewer")).to_contain_text(f"Calls on {LINE}")


def come_in_by_password(visit: ConsoleVisit, link: str, clock: Clock) -> None:
    """Sets it up, signs out, signs in by it, and ends the session."""
    page = visit.open(link)
    follow(visit, "Set up a password and a code")
    secret = page.locator("#secret").inner_text()
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_label("Code that the app shows now").fill(code(page, clock))
    press(visit, "Set up and sign in")
    expect(page.get_by_role("listitem")).to_have_count(10)
    visit.require_accessible()
    page.get_by_label("I have written them down").check()
    press(visit, "Go on")
    expect(page.get_by_role("heading", name="Consent log")).to_be_visible()
    press(visit, "Sign out")
    clock.passes(minutes=1)  # a code is good once
    page.get_by_label("Name", exact=True).fill("rita")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Code", exact=True).fill(TOTP(secret.replace(" ", "")).at(clock()))
    press(visit, "Sign in with password and code")
    follow(visit, "Rita Reviewer")
    press(visit, "End this session: sign out here")
    expect(page.get_by_text("You have signed out.")).to_be_visible()
    page.goto(f"{visit.url}/me")
    expect(page.get_by_role("heading", name="Sign in", exact=True)).to_be_visible()


def test_a_person_signs_in_and_adds_a_passkey_by_the_keyboard_alone(visit: ConsoleVisit, site: Site) -> None:
    page, keys = visit.page, visit.page.keyboard
    visit.add_authenticator()
    visit.open(site.invite("kay", Role.REVIEWER))
    visit.tab_to(page.get_by_role("button", name="Create a passkey"))
    keys.press("Enter")
    visit.tab_to(page.get_by_role("button", name="Sign out"))
    keys.press("Enter")
    expect(page.get_by_text("You have signed out.")).to_be_focused()
    visit.tab_to(page.get_by_role("button", name="Sign in with a passkey"))
    keys.press("Enter")
    visit.tab_to(page.get_by_role("link", name="Kay"))
    keys.press("Enter")
    visit.tab_to(page.locator("summary", has_text="Another name"))
    keys.press("Enter")
    visit.tab_to(page.get_by_label("Name of this passkey"))
    keys.press("Control+a")
    keys.type("Desk")
    keys.press("Enter")
    expect(page.get_by_text("The passkey has another name now.")).to_be_focused()
    expect(page.get_by_role("heading", name="Desk")).to_be_visible()


def test_a_passkey_that_was_not_given_is_said_and_nothing_is_lost(visit: ConsoleVisit, site: Site) -> None:
    page, device = visit.page, visit.add_authenticator()
    visit.open("/enter")
    page.get_by_label("Name", exact=True).fill("typed")
    press(visit, "Sign in with a passkey")  # there is none on this device
    said = page.get_by_text("No passkey was used")
    expect(said).to_be_visible()
    expect(page.get_by_label("Name", exact=True)).to_have_value("typed")
    expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_focused()
    visit.open(site.invite("nora", Role.REVIEWER))
    press(visit, "Create a passkey")
    follow(visit, "Nora")
    page.get_by_label("Name of the new passkey").fill("the same device")
    press(visit, "Add a passkey")
    expect(page.get_by_text("This device holds a passkey of your account already.")).to_be_visible()
    assert len(device.credentials) == 1


def test_everybody_can_use_these_pages(visit: ConsoleVisit, site: Site) -> None:
    link, token = site.invite("lee", Role.REVIEWER), site.session(Role.ADMIN)
    visit.expected = ("410 (GONE)",)
    for path in ("/enter?because=ended", link, f"{link}/password", "/welcome/none"):
        look_at(visit, path)
    visit.sign_in(token)
    for path in ("/me", "/staff", "/staff/add", site.page_of("lee")):
        look_at(visit, path)


def test_everybody_can_use_these_pages_in_the_dark(browser: Browser, site: Site) -> None:
    with visiting(browser, site.url, scheme="dark") as visit:
        visit.sign_in(site.session(Role.ADMIN))
        for path in ("/enter?because=ended", "/me", "/staff/add"):
            look_at(visit, path)


def look_at(visit: ConsoleVisit, path: str) -> None:
    visit.open(path)
    visit.page.evaluate("() => document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    visit.require_accessible()
    visit.require_narrow()


def test_a_person_is_warned_before_the_session_ends_and_stays(visit: ConsoleVisit, site: Site) -> None:
    page = visit.page
    page.clock.install()
    visit.sign_in(site.session(Role.ADMIN))
    visit.open("/staff/add")
    typed = page.get_by_label("Name of the person")
    typed.fill("Half a na")
    site.clock.passes(page, minutes=27)
    expect(page.get_by_role("dialog")).not_to_be_visible()
    site.clock.passes(page, minutes=1, seconds=5)
    dialog = page.get_by_role("dialog", name="You will be signed out soon")
    expect(dialog).to_contain_text("You will be signed out at")
    visit.require_accessible()
    stay = page.get_by_role("button", name="Stay signed in")
    expect(stay).to_be_focused()
    stay.click()
    expect(dialog).not_to_be_visible()
    expect(typed).to_be_focused()
    page.keyboard.type("me")
    expect(typed).to_have_value("Half a name")
    site.clock.passes(page, minutes=20)
    expect(page.get_by_role("dialog")).not_to_be_visible()
    press(visit, "Sign out")
    expect(page.get_by_text("You have signed out.")).to_be_visible()


def test_what_was_typed_outlives_the_session_and_is_sent_in_the_next(visit: ConsoleVisit, site: Site) -> None:
    page = visit.page
    visit.expected = ("401 (UNAUTHORIZED)",)
    page.clock.install()
    visit.add_authenticator()
    visit.open(site.invite("sam", Role.ADMIN))
    press(visit, "Create a passkey")
    follow(visit, "Sam")
    page.get_by_label("Speed").fill("1.75")
    site.clock.passes(page, minutes=28, seconds=5)
    page.get_by_role("dialog", name="You will be signed out soon").get_by_role("button", name="Close").click()
    site.clock.passes(page, minutes=2)
    dialog = page.get_by_role("dialog", name="You are signed out")
    expect(dialog).to_contain_text("What you typed on this page is still here")
    with page.expect_popup() as opened:
        dialog.get_by_role("link", name="Sign in again, in another tab").click()
    expect(opened.value.get_by_text("Your session has ended.")).to_be_visible()
    opened.value.close()
    visit.sign_in(site.session_of("sam"))  # as that tab would have done
    page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")
    expect(dialog).not_to_be_visible()
    expect(page.get_by_role("status")).to_have_text("You are signed in again. What you typed is still here.")
    press(visit, "Save the settings")
    expect(page.get_by_text("Your settings were saved.")).to_be_focused()
    expect(page.get_by_label("Speed")).to_have_value("1.75")


def test_a_page_of_another_person_is_said_to_be_one(visit: ConsoleVisit, site: Site) -> None:
    page = visit.page
    visit.sign_in(site.session(Role.REVIEWER))
    visit.open("/me")
    visit.sign_in(site.session(Role.REVIEWER))
    page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.get_by_role("dialog", name="Somebody else is signed in by now")).to_be_visible()
