"""A visit to the console sees what it is there to see: each check is shown a page that it must fail."""

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page

from compliance.staff.entry import Entry
from console.app import Console, create_app
from console.headers import content_policy
from policies.permissions import Role
from policies.sign_in import ConsoleRules
from storage.database.engine import Database
from storage.database.schema import migrate
from storage.staff.ceremonies import relying_party
from tests.browser.console_visit import ConsoleStaff, axe_violations, served, too_small, visiting

GOOD = '<!doctype html><html lang="en"><title>x</title><main><h1>x</h1><a href="/">to the <br>first</a></main>'
BAD = {
    "axe": GOOD.replace("</main>", '<input name="x"></main>'),
    "small": GOOD.replace("</main>", "<button>·</button></main>"),
    "wide": GOOD.replace("</main>", "<pre>" + "x" * 400 + "</pre></main>"),
    "inline": GOOD + "<script>let x</script>",
    "elsewhere": GOOD + '<img alt="x" src="http://127.0.0.1:1/x.png">',
}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    app = Flask("pages")

    @app.get("/<name>")
    def page(name: str) -> tuple[str, dict[str, str]]:
        policy = content_policy("").replace("img-src", "img-src http:") if name == "elsewhere" else content_policy("")
        return BAD.get(name, GOOD), {"Content-Security-Policy": policy}

    with served(lambda _: app) as address:
        yield address


def test_a_good_page_passes(browser: Browser, url: str) -> None:
    with visiting(browser, url) as visit:
        visit.open("/good")
        visit.require_accessible()
        visit.require_narrow()


@pytest.mark.parametrize(("name", "check"), [("axe", axe_violations), ("small", too_small)])
def test_a_page_that_not_everybody_can_use_is_seen(
    browser: Browser, url: str, name: str, check: Callable[[Page], list[str]]
) -> None:
    with visiting(browser, url) as visit:
        visit.open(f"/{name}")
        assert len(check(visit.page)) == 1


def test_a_page_that_is_too_wide_is_seen(browser: Browser, url: str) -> None:
    with visiting(browser, url) as visit:
        visit.open("/wide")
        with pytest.raises(AssertionError, match="of 320"):
            visit.require_narrow()


@pytest.mark.parametrize("name", ["inline", "elsewhere"])
def test_what_the_policy_refuses_and_what_is_asked_of_others_is_seen(browser: Browser, url: str, name: str) -> None:
    with pytest.raises(AssertionError), visiting(browser, url) as visit:
        visit.open(f"/{name}")


def test_who_has_a_session_is_signed_in(browser: Browser, tmp_path: Path) -> None:
    database = Database.open(f"sqlite:///{tmp_path / 'onrecord.db'}")
    migrate(database)
    with (
        served(lambda address: create_app(Console(database, base_url=address))) as address,
        visiting(browser, address) as visit,
    ):
        visit.sign_in(ConsoleStaff(database).somebody(Role.ADMIN))
        visit.open("/log")
        assert visit.page.url == f"{address}/log"
    database.close()


def test_a_form_of_the_console_is_let_through(browser: Browser, tmp_path: Path) -> None:
    """Browsers say by the origin where a form was sent from, unless the page forbids it."""
    database = Database.open(f"sqlite:///{tmp_path / 'onrecord.db'}")
    migrate(database)
    with (
        served(lambda address: create_app(Console(database, address, entry=entry_at(database, address)))) as address,
        visiting(browser, address) as visit,
    ):
        visit.sign_in(ConsoleStaff(database).somebody(Role.ADMIN))
        visit.open("/log").get_by_role("button", name="Sign out").click()
        visit.page.wait_for_url(f"{address}/enter*")
    database.close()


def entry_at(database: Database, address: str) -> Entry:
    return Entry(database, secrets.token_bytes(32), relying_party(address), ConsoleRules())
