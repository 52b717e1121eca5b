"""A console that serves on this machine, and somebody at its pages in a real browser.

A test gives `served` what makes the app from its address, and gets the address; a `ConsoleVisit` opens it. Passkeys
work on `localhost`, and on no bare address, so that is the host.
"""

import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from playwright.sync_api import Browser, CDPSession, ConsoleMessage, Locator, Page
from werkzeug.serving import make_server

from console.guard import SESSION_COOKIE
from policies.permissions import Role, Scope
from policies.sessions import Limits, SignedInBy
from simulator.server import closing_at_the_end
from storage.database.engine import Database
from storage.moment import Moment
from storage.staff import accounts, sessions
from storage.staff.accounts import Account, Position

# The narrowest page that must be read without scrolling sideways (WCAG 2.2, 1.4.10).
NARROWEST_PX = 320
_TABS_MAX = 80


@contextmanager
def served(make_app: Callable[[str], Flask]) -> Iterator[str]:
    """The address of an app while it is served; `make_app` gets that address, which the app must know."""
    server = make_server("127.0.0.1", 0, Flask("none yet"), threaded=True)
    url = f"http://localhost:{server.server_port}"
    server.app = closing_at_the_end(make_app(url))
    thread = threading.Thread(target=server.serve_forever, name="console", daemon=True)
    thread.start()
    try:
        yield url
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass(frozen=True)
class ConsoleStaff:
    """Makes accounts and sessions straight in the database: for tests of what comes after signing in."""

    database: Database
    limits: Limits = field(default_factory=Limits)
    moment: Callable[[], Moment] = Moment.now

    def account(self, name: str, role: Role, scope: Scope | None = None, **more: Any) -> Account:
        position = Position(role, scope or Scope(), **more)
        return self.database.write(
            lambda c: accounts.add(c, self.moment(), name, name.title(), position, actor="a test")
        )

    def session(self, account: Account, by: SignedInBy = SignedInBy.PASSKEY) -> str:
        """The token of a new session, for `ConsoleVisit.sign_in`."""
        return self.database.write(lambda c: sessions.begin(c, self.moment(), account.id, by, "a test", self.limits))

    def somebody(self, role: Role = Role.REVIEWER, *, everywhere: bool = True, **more: Any) -> str:
        """The token of a session of a new account."""
        return self.session(self.account(f"{role}-{secrets.token_hex(4)}", role, Scope(everywhere), **more))


class ConsoleVisit:
    """A browser of its own at the console: nothing is shared between two visits. `end` it, and then hold it to
    `require_quiet`: whatever the browser complained of, or the policy of the page refused, and every request to
    elsewhere fails the test.
    """

    def __init__(
        self,
        browser: Browser,
        url: str,
        *,
        width: int = 1280,
        scheme: Literal["light", "dark"] = "light",
        javascript: bool = True,
        locale: str = "en-US",
    ) -> None:
        self.url = url
        self.complaints: list[str] = []
        self.hosts: set[str] = set()
        self.expected: tuple[str, ...] = ()
        """Parts of complaints that are meant to come: the browser logs each answer of 4xx to a fetch as an error."""
        self.context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            java_script_enabled=javascript,
            reduced_motion="reduce",  # a picture or a check in the middle of a transition sees half of it
            locale=locale,
        )
        self.context.add_init_script(path=Path(__file__).with_name("console_watch.js"))
        self.context.on("request", self._note)
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(10_000)
        self.page.on("console", self._heed)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def open(self, path: str = "/") -> Page:
        self.page.goto(f"{self.url}{path}")
        return self.page

    def sign_in(self, token: str) -> None:
        """Whoever holds the session's token is signed in: no page is needed for that."""
        self.context.add_cookies(
            [
                {
                    "name": SESSION_COOKIE,
                    "value": token,
                    "url": self.url.replace("http:", "https:"),  # what is marked secure is taken for such a URL alone
                    "secure": True,
                    "httpOnly": True,
                    "sameSite": "Lax",
                }
            ]
        )

    def add_authenticator(self) -> "Authenticator":
        """A device with passkeys, whose person always agrees."""
        return Authenticator(self.context.new_cdp_session(self.page))

    def tab_to(self, wanted: Locator) -> None:
        """Go there by the tab key alone, from wherever the focus is."""
        for _ in range(_TABS_MAX):
            if wanted.evaluate("element => element === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"the tab key leads to no {wanted}")

    def require_accessible(self) -> None:
        """No violation that axe finds, and no target that is too small."""
        found = axe_violations(self.page) + [f"too small: {one}" for one in too_small(self.page)]
        assert not found, found

    def require_narrow(self) -> None:
        """The page as it is now needs no scrolling sideways at the narrowest width."""
        before = self.page.viewport_size
        self.page.set_viewport_size({"width": NARROWEST_PX, "height": 800})
        found = self.page.evaluate("() => sight.widest()")
        assert not found, found
        if before:
            self.page.set_viewport_size(before)

    def require_quiet(self) -> None:
        unexpected = [text for text in self.complaints if not any(part in text for part in self.expected)]
        elsewhere = self.hosts - {urlsplit(self.url).netloc}
        found = unexpected + [f"asked of {host}" for host in elsewhere]
        assert not found, found

    def end(self) -> None:
        self.context.close()

    def _note(self, request: Any) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("blob", "data"):
            self.hosts.add(parts.netloc)

    def _heed(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.text} {message.location.get('url', '')}")


@contextmanager
def visiting(browser: Browser, url: str, **more: Any) -> Iterator[ConsoleVisit]:
    """A visit that is ended, and then held to be quiet."""
    visit = ConsoleVisit(browser, url, **more)
    try:
        yield visit
    finally:
        visit.end()
    visit.require_quiet()


class Authenticator:
    """Chromium's virtual one (WebAuthn.addVirtualAuthenticator): a platform authenticator with resident keys."""

    def __init__(self, session: CDPSession) -> None:
        self._session = session
        session.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        self._id = session.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]

    @property
    def credentials(self) -> list[dict[str, Any]]:
        found = self._session.send("WebAuthn.getCredentials", {"authenticatorId": self._id})
        return list(found["credentials"])

    def verify(self, *, succeeds: bool) -> None:
        """Whether the person's finger, face or PIN is right from here on."""
        self._session.send("WebAuthn.setUserVerified", {"authenticatorId": self._id, "isUserVerified": succeeds})


def axe_violations(page: Page) -> list[str]:
    """Each with the elements that have it. `page` must not be in the middle of a change."""
    # Without preloading: for a rule on orientation axe would copy the style sheets of shadow trees, against the policy.
    rules = {"preload": False, "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
    found = Axe().run(page, options=rules).response["violations"]
    return [f"{one['id']}: {[node['html'][:120] for node in one['nodes']]}" for one in found]


def too_small(page: Page) -> list[str]:
    return list(page.evaluate("() => sight.tooSmall()"))
