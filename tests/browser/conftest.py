"""A browser, the simulator that serves the phone, and a small support line to call, all on this machine."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from simulator.clock import Action, RealClock
from simulator.config import Config
from simulator.exchange import Exchange
from simulator.server import Server
from storage.rows.recordings import Recording
from tests import prepare
from tests.browser.call_site import CallSite, call_site, conversation
from tests.browser.support_line import SupportLine
from tests.browser.visit import Town, Visit

PACE = 10  # of the exchange's clock: a call of twenty seconds takes two
LINE = "+14155550100"
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
)


class HurriedClock(RealClock):
    """The wall clock, only faster."""

    def __init__(self) -> None:
        super().__init__()
        self._began = datetime.now(UTC)

    def now(self) -> datetime:
        return self._began + (super().now() - self._began) * PACE

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds / PACE)

    def wait(self, signal: threading.Event, seconds: float) -> bool:
        return super().wait(signal, seconds / PACE)

    def later(self, seconds: float, action: Action) -> Action:
        return super().later(seconds / PACE, action)


@pytest.fixture(scope="module")  # no longer: while it runs, this thread has an event loop, and others want their own
def browser() -> Iterator[Browser]:
    program = prepare.chromium()
    assert program, f"the tests of the pages need a browser. Install one:\n    {prepare.HOW}"
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        expect.set_options(timeout=10_000)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def whole_town() -> Iterator[Town]:
    with SupportLine() as line:
        about = {"voice_url": f"{line.url}/answer", "status_callback": f"{line.url}/status", "label": "Email support"}
        given = {
            "account_sid": "AC" + "0" * 32,
            "auth_token": "token-of-the-tests",
            "numbers": {LINE: about},
            "observer_url": f"{line.url}/calls/{{call_sid}}",
            "timing": {"request_s": 0, "callback_s": 0.05, "processing_s": 0.1, "ring_s": 0.5, "think_s": 0.1},
        }
        exchange = Exchange(Config.of(given), HurriedClock())
        with Server(exchange) as server:
            yield Town(exchange, line, server.url)


@pytest.fixture
def town(whole_town: Town) -> Iterator[Town]:
    """The same for every test, without the calls of the one before."""
    config, number = whole_town.exchange.config, replace(whole_town.exchange.numbers[LINE])
    yield whole_town
    for call in list(whole_town.exchange.calls.values()):
        call.line.hang_up()
    whole_town.exchange.calls.clear()
    whole_town.line.console_url = ""
    whole_town.exchange.config = config
    whole_town.exchange.numbers.clear()
    whole_town.exchange.numbers[LINE] = number


@pytest.fixture
def visit(browser: Browser, town: Town) -> Iterator[Visit]:
    """Somebody at the page. Whatever the browser complains of, and every request to elsewhere, fails the test."""
    visit = Visit(browser, town.url)
    yield visit
    visit.end()
    assert not visit.complaints
    assert visit.hosts <= {town.url.removeprefix("http://")}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CallSite]:
    with call_site(tmp_path_factory.mktemp("site")) as made:
        yield made


@pytest.fixture(scope="module")
def talk(site: CallSite) -> Recording:
    """A minute and a half of two people, with silences between them."""
    return site.kept(conversation(90), purposes={"quality": timedelta(days=90), "training": timedelta(days=30)})
