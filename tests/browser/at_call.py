"""Somebody at the page of a call who listens, and a robot that counts what is played."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Locator, Page, Request

from policies.listening import union
from storage.rows.recordings import Recording
from storage.staff.accounts import Account
from tests.browser.call_site import CallSite
from tests.browser.console_visit import ConsoleVisit

_LEASE = re.compile(r"/leases/([0-9a-f]{32})")
ROBOT = Path(__file__).with_name("robot.js")
WAIT_S = 15


class AtCall:
    """A tab at the page of a recording's call."""

    def __init__(self, visit: ConsoleVisit, site: CallSite, recording: Recording, page: Page | None = None) -> None:
        self.visit, self.site, self.recording = visit, site, recording
        self.page = page or visit.page
        self.leases: list[str] = []
        self.page.on("request", self._note)

    def open(self, query: str = "") -> "AtCall":
        self.page.goto(f"{self.site.url}/calls/{self.recording.call_id}{query}")
        self.page.wait_for_function("() => document.getElementById('player').dataset.isReady === ''")
        return self

    def another_tab(self) -> "AtCall":
        return AtCall(self.visit, self.site, self.recording, self.visit.context.new_page())

    def part(self, name: str) -> Locator:
        return self.page.locator(f'#player [data-part="{name}"]')

    def control(self, action: str) -> Locator:
        return self.page.locator(f'[data-action="{action}"]').first

    def play(self) -> "AtCall":
        self.part("play").click()
        self.wait("robot.isPlaying()")
        return self

    def pause(self) -> None:
        self.part("play").click()
        self.wait("robot.state().paused")

    def wait(self, condition: str, timeout_s: float = WAIT_S) -> None:
        self.page.wait_for_function(f"() => {condition}", timeout=timeout_s * 1000)

    def plays_until(self, second: float) -> None:
        self.wait(f"document.querySelector('audio').currentTime >= {second}")

    def seek(self, second: float) -> None:
        """As by dragging the slider."""
        self.part("slider").evaluate(
            """(slider, value) => {
                 slider.value = value;
                 slider.dispatchEvent(new Event("input", { bubbles: true }));
                 slider.dispatchEvent(new Event("change", { bubbles: true }));
               }""",
            second,
        )

    @property
    def position_s(self) -> float:
        """As the page shows it."""
        at = str(self.part("position").text_content()).partition(" / ")[0]
        *larger, seconds = map(float, at.split(":"))
        return float(seconds + sum(part * 60**power for power, part in enumerate(reversed(larger), 1)))

    @property
    def told(self) -> str:
        return str(self.part("told").text_content())

    @property
    def alarm(self) -> str:
        return str(self.page.locator("#alarm").text_content())

    @property
    def said(self) -> str:
        return str(self.page.locator("#said").text_content())

    @property
    def is_silent(self) -> bool:
        return bool(self.page.evaluate("() => robot.isSilent()"))

    @property
    def played(self) -> list[tuple[float, float]]:
        """Each stretch that the robot saw being played, in ms."""
        return [(begin, end) for begin, end in self.page.evaluate("() => robot.played")]

    def _note(self, request: Request) -> None:
        """The id of a lease is in the addresses of what it is for."""
        if (found := _LEASE.search(request.url)) and found[1] not in self.leases:
            self.leases.append(found[1])

    def leave(self) -> list[tuple[float, float]]:
        """Go elsewhere; what the robot has seen until then."""
        played = self.played
        self.page.goto(f"{self.site.url}/log")
        return played


@contextmanager
def at_call(
    browser: Browser, site: CallSite, recording: Recording, account: Account | None = None, **more: Any
) -> Iterator[AtCall]:
    """The tab of somebody who is signed in. At the end whatever the browser complained of fails the test."""
    visit = ConsoleVisit(browser, site.url, **more)
    visit.context.add_init_script(path=ROBOT)
    visit.sign_in(site.session(account or site.account()))
    try:
        yield AtCall(visit, site, recording)
    finally:
        visit.end()
    visit.require_quiet()


def listened(*visits: AtCall) -> list[dict[str, Any]]:
    """What the log has of all listenings of these tabs, once they are over: purpose, and the ms heard and played."""

    def found() -> list[dict[str, Any]]:
        told = [_told(at, lease) for at in visits for lease in at.leases]
        return told if all(each["is_over"] for each in told) else []

    return until(found)  # type: ignore[no-any-return]  # what was found


def _told(at: AtCall, lease: str) -> dict[str, Any]:
    events = [event for event in at.site.heard(at.recording) if event["lease"] == lease]
    return {
        "is_over": any(event["final"] for event in events),
        "why": [event["why"] for event in events if event["final"]],
        "purpose": {event["purpose"] for event in events},
        "heard": length_ms([(begin, end) for event in events for begin, end in event["ranges"]]),
        "played": sum(event["played_ms"] for event in events),
    }


def length_ms(ranges: list[tuple[float, float]]) -> float:
    """Of what was played, each part once."""
    return sum(end - begin for begin, end in union((round(begin), round(end)) for begin, end in ranges))


def until(found: Callable[[], Any], timeout_s: float = WAIT_S) -> Any:
    """The first answer that is true, of a question to the database."""
    ends = time.monotonic() + timeout_s
    while not (answer := found()):
        assert time.monotonic() < ends, "it did not come about"
        time.sleep(0.02)
    return answer
