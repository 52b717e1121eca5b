"""Every page of the console that a person can see, in each state that looks different: what is tried for everybody's
use, and what `tests.browser.pictures` takes pictures of.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from playwright.sync_api import Page

from policies.permissions import Role

Places = Mapping[str, str]
"""What stands for the names in the paths: ids of a site's calls and accounts, and the ends of its links."""

NO_PAGES: Final = {
    "healthz": "for machines",
    "readyz": "for machines",
    "static": "files",
    "home": "leads elsewhere",
    "proof": "a file",
    "lanes": "for scripts",
    "piece": "for scripts",
    "session": "for scripts",
    "sign_on": "leads to the identity provider",
    "sign_on_back": "leads elsewhere",
    "begin_connecting": "leads to the identity provider",
    "connect": "takes an identity provider: `tests.console.test_sign_on` sees the page",
}
"""Endpoints of GET without a page of their own, and why."""


@dataclass(frozen=True, slots=True)
class Shown:
    """`role`: whose page it is; None: of somebody who is not signed in. `presses`: what is pressed to come to it from
    `path`, by name. `refuses`: the page is an error's, which the browser notes as a complaint of its own.
    """

    name: str
    endpoint: str
    role: Role | None
    path: str
    presses: tuple[str, ...] = ()
    refuses: bool = False

    def open(self, page: Page, url: str, places: Places) -> None:
        page.goto(url + self.path.format_map(places))
        for name in self.presses:
            unfold(page)
            page.get_by_role("button", name=name, exact=True).or_(page.get_by_label(name, exact=True)).first.click()
            page.wait_for_load_state()
        settled(page)


def unfold(page: Page) -> None:
    page.evaluate("() => document.querySelectorAll('main details').forEach((one) => { one.open = true; })")


def settled(page: Page) -> None:
    """Scripts have made of a page what they make of it."""
    if page.locator("#player").count():
        page.wait_for_function("() => document.getElementById('player').dataset.isReady === ''")
        page.wait_for_function("() => document.querySelector('[data-part=lanes]').firstChild")


SHOWN: Final = (
    Shown("enter", "enter", None, "/enter"),
    Shown("enter-again", "enter", None, "/enter?because=ended"),
    Shown("welcome", "welcome", None, "/welcome/{link}"),
    Shown("welcome-password", "welcome_password", None, "/welcome/{link}/password"),
    Shown("welcome-spent", "welcome", None, "/welcome/{spent_link}", refuses=True),
    Shown("calls", "calls", Role.REVIEWER, "/calls"),
    Shown("calls-found", "calls", Role.REVIEWER, "/calls?audio=kept&reviewed=no"),
    Shown("calls-none-like-that", "calls", Role.REVIEWER, "/calls?outcome=unclear&from=2020-01-01&until=2020-01-02"),
    Shown("calls-of-nobody", "calls", Role.AGENT, "/calls"),
    Shown("call-recorded", "call", Role.SUPERVISOR, "/calls/{recorded}"),
    Shown("call-not-recorded", "call", Role.REVIEWER, "/calls/{declined}"),
    Shown("call-destroyed", "call", Role.COMPLIANCE, "/calls/{destroyed}"),
    Shown("call-without-ears", "call", Role.ADMIN, "/calls/{recorded}"),
    Shown("call-not-there", "call", Role.REVIEWER, "/calls/" + "0" * 32, refuses=True),
    Shown("keys", "keys", Role.REVIEWER, "/keys"),
    Shown("log", "log", Role.COMPLIANCE, "/log"),
    Shown("me", "me", Role.REVIEWER, "/me"),
    Shown("me-password", "password", Role.REVIEWER, "/me/password"),
    Shown("me-password-change", "change_password_page", Role.SUPERVISOR, "/me/password/change"),
    Shown("me-authenticator", "authenticator", Role.SUPERVISOR, "/me/authenticator"),
    Shown("me-recovery-codes", "me", Role.SUPERVISOR, "/me", ("Make new recovery codes",)),
    Shown("staff", "staff", Role.ADMIN, "/staff"),
    Shown("staff-add", "add_account_page", Role.ADMIN, "/staff/add"),
    Shown("staff-account", "account", Role.ADMIN, "/staff/{reviewer}"),
    Shown("staff-own-account", "account", Role.ADMIN, "/staff/{admin}"),
    Shown("staff-change", "account", Role.ADMIN, "/staff/{newcomer}", ("Compliance", "Show what would change")),
    Shown("staff-link", "account", Role.ADMIN, "/staff/{newcomer}", ("Remove all ways in, and make a link",)),
)
