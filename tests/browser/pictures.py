"""Pictures of every page of the console, and of the phone, for the documentation.

    python -m tests.browser.pictures

plays the demonstration, visits its pages as each of its people, and writes what is seen into `docs/pictures`. It takes
three minutes.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from playwright.sync_api import Browser, expect, sync_playwright
from sqlalchemy import Connection, select

from compliance.staff.administration import Administration
from policies.permissions import Role
from policies.sign_in import ConsoleRules
from storage.database.engine import Database
from storage.database.tables import call_listing, pause
from storage.staff import accounts
from storage.staff.accounts import Position
from tests import prepare
from tests.browser.conftest import ARGUMENTS
from tests.browser.console_visit import NARROWEST_PX, ConsoleStaff, ConsoleVisit
from tests.browser.shown import SHOWN, Places, Shown
from tests.browser.visit import Visit
from tests.source import ROOT

FOLDER: Final = ROOT / "docs" / "pictures"
PHONE: Final = "phone"
ALSO: Final = (
    ("calls-dark", "calls", "dark"),
    ("calls-narrow", "calls", "narrow"),
    ("call-recorded-dark", "call-recorded", "dark"),
    ("call-recorded-narrow", "call-recorded", "narrow"),
    ("call-recorded-spanish", "call-recorded", "spanish"),
)
"""Pages that are shown in other ways as well: the picture's name, the page's, and how."""
_PEOPLE: Final = {
    Role.AGENT: "newcomer",
    Role.REVIEWER: "rita",
    Role.SUPERVISOR: "sam",
    Role.COMPLIANCE: "clara",
    Role.ADMIN: "adam",
}


@dataclass(frozen=True)
class Demonstration:
    database: Database
    console_url: str
    phone_url: str


@contextmanager
def demonstration() -> Iterator[Demonstration]:
    """One whose calls are over. Raises CalledProcessError where it does not come so far."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-u", "-m", "onrecord", "demo", "--in", f"{folder}/demo"]
        running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            told = "".join(_until_ready(running))
            database = Database.open(f"sqlite:///{folder}/demo/var/onrecord.db")
            yield Demonstration(database, _url(told, "the staff's console"), _url(told, "a phone in the browser"))
            database.close()
        finally:
            running.terminate()
            running.wait()


def _until_ready(running: "subprocess.Popen[str]") -> Iterator[str]:
    assert running.stdout
    for line in running.stdout:
        sys.stderr.write(line)
        yield line
        if "Ctrl-C ends" in line:
            return
    raise subprocess.CalledProcessError(running.wait(), running.args)


def _url(told: str, what: str) -> str:
    found = re.search(rf"{what}\s+(http://\S+?)/$", told, re.MULTILINE)
    assert found, f"the demonstration says nothing of {what}"
    return found[1]


def places_of(database: Database) -> Places:
    with database.read() as connection:
        calls = {
            "recorded": connection.scalars(select(pause.c.call_id)).first(),
            "declined": _call(connection, outcome="declined", audio="none"),
            "destroyed": _call(connection, outcome="withdrawn", audio="destroyed"),
        }
        rita, adam = accounts.by_name(connection, "rita"), accounts.by_name(connection, "adam")
    assert rita
    assert adam
    staff = Administration(database, ConsoleRules())
    nadia = staff.add("newcomer", "Nadia, who is new", Position(Role.AGENT), actor="adam")
    more = {"reviewer": rita.id, "admin": adam.id, "newcomer": nadia.account.id}
    return {**calls, **more, "link": nadia.link, "spent_link": "0" * 32}


def _call(connection: Connection, **like: str) -> str:
    matches = [call_listing.c[name] == value for name, value in like.items()]
    return str(connection.scalars(select(call_listing.c.call_id).where(*matches)).first())


def take(
    browser: Browser, site: Demonstration, places: Places, tokens: Mapping[Role, str], shown: Shown, name: str, how: str
) -> None:
    scheme: Literal["light", "dark"] = "dark" if how == "dark" else "light"
    width = NARROWEST_PX if how == "narrow" else 1280
    locale = "es-MX" if how == "spanish" else "en-US"
    visit = ConsoleVisit(browser, site.console_url, width=width, scheme=scheme, locale=locale)
    if shown.role:
        visit.sign_in(tokens[shown.role])
    shown.open(visit.page, site.console_url, places)
    visit.page.screenshot(path=FOLDER / f"{name}.png", full_page=True)
    visit.end()


def _token(database: Database, name: str) -> str:
    with database.read() as connection:
        account = accounts.by_name(connection, name)
    assert account
    return ConsoleStaff(database).session(account)


def take_phone(browser: Browser, url: str) -> None:
    """In the middle of a call, when it is asked."""
    visit = Visit(browser, url)
    visit.open()
    visit.dial()
    expect(visit.transcript).to_contain_text("press", timeout=60_000)
    visit.page.screenshot(path=FOLDER / f"{PHONE}.png")
    visit.end()


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    program = prepare.chromium()
    assert program, prepare.HOW
    by_name = {shown.name: shown for shown in SHOWN}
    wanted = [(shown.name, shown.name, "") for shown in SHOWN] + list(ALSO)
    with demonstration() as site, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        places = places_of(site.database)
        tokens = {role: _token(site.database, name) for role, name in _PEOPLE.items()}
        for name, of, how in wanted:
            take(browser, site, places, tokens, by_name[of], name, how)
            sys.stderr.write(f"{Path('docs') / 'pictures' / name}.png\n")
        take_phone(browser, site.phone_url)
        browser.close()


if __name__ == "__main__":
    main()
