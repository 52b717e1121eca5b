"""Somebody at the page with a phone: what they do there, and what they can find out."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect

from simulator.exchange import Exchange
from simulator.phone_call import PhoneCall
from tests.browser.support_line import QUESTION, SupportLine


@dataclass(frozen=True)
class Town:
    exchange: Exchange
    line: SupportLine
    url: str

    @property
    def latest(self) -> PhoneCall:
        return list(self.exchange.calls.values())[-1]


class Visit:
    def __init__(self, browser: Browser, url: str) -> None:
        self.url = url
        self.complaints: list[str] = []
        self.hosts: set[str] = set()
        self._context = browser.new_context(viewport={"width": 1280, "height": 900})
        self._context.add_init_script(path=Path(__file__).with_name("watch.js"))
        self._context.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))
        self.page: Page = self._context.new_page()
        self.page.set_default_timeout(10_000)
        self.page.on("console", self._heed)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def open(self, fragment: str = "") -> Page:
        self.page.goto(f"{self.url}/{fragment}")
        return self.page

    def dial(self, caller: str = "California mobile") -> None:
        self.page.get_by_role("radio", name=caller).check()
        self.page.get_by_role("button", name="Dial").click()

    def wait_for_question(self) -> None:
        expect(self.transcript).to_contain_text(QUESTION)

    def press(self, key: str) -> None:
        self.page.get_by_role("group", name="Keypad").get_by_role("button", name=key).click()

    def hang_up(self) -> None:
        self.page.get_by_role("button", name="Hang up").click()
        expect(self.page.get_by_role("button", name="Call again")).to_be_visible()

    @property
    def phone(self) -> Locator:
        return self.page.get_by_role("region", name="Phone", exact=True)

    @property
    def transcript(self) -> Locator:
        return self.page.get_by_role("log")

    @property
    def decided(self) -> Locator:
        return self.page.get_by_role("region", name="What the service decided")

    @property
    def calls(self) -> Locator:
        return self.page.get_by_role("region", name="Calls so far")

    def ask(self, script: str) -> Any:
        return self.page.evaluate(script)

    def end(self) -> None:
        self._context.close()

    def _heed(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)
