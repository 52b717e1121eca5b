"""The page of a call for everybody: light and dark, narrow and wide, with something to hear and without."""

from typing import Literal

import pytest
from playwright.sync_api import Browser

from policies.consent import Outcome
from policies.permissions import Role
from storage.rows.recordings import Recording
from tests.browser.at_call import at_call
from tests.browser.call_site import CallSite, RunningClock, conversation
from tests.browser.console_visit import visiting


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_can_be_used_by_everybody(
    browser: Browser, site: CallSite, talk: Recording, scheme: Literal["light", "dark"]
) -> None:
    account = site.account(Role.SUPERVISOR)
    with at_call(browser, site, talk, account, scheme=scheme) as at:
        at.open()
        at.wait("document.querySelector('[data-part=lanes]').firstChild")
        at.page.evaluate("() => document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        at.visit.require_accessible()
        at.visit.require_narrow()
        at.play().plays_until(1)
        at.control("loop_start").click()
        at.visit.require_accessible()
        at.visit.require_narrow()


def test_the_colours_are_not_the_only_difference_and_names_are_shown(browser: Browser, site: CallSite) -> None:
    recording = site.kept(conversation(60), pauses_ms=[(20_000, 28_000)])
    with at_call(browser, site, recording) as at:
        at.open()
        pause = at.page.locator("svg.strip .pause rect")
        assert pause.get_attribute("fill") == "url(#hatch)"
        assert at.page.locator("svg.strip .pause title").text_content() == "Recording paused: resumed, 0:20.0 to 0:28.0"
        box, stage = pause.bounding_box(), at.part("stage").bounding_box()
        assert box
        assert stage
        assert box["width"] / stage["width"] == pytest.approx(8 / 60, abs=0.01)
        at.page.locator("#happened td", has_text="Recording paused: resumed").wait_for()


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.ADMIN])
@pytest.mark.parametrize("outcome", [Outcome.DECLINED, None])
def test_a_call_with_nothing_to_hear_is_as_good_to_use(
    browser: Browser, site: CallSite, role: Role, outcome: Outcome | None
) -> None:
    clock = site.premises.clock
    assert isinstance(clock, RunningClock)
    with clock.standing():
        call = site.premises.call(outcome)
    with visiting(browser, site.url) as visit:
        visit.sign_in(site.session(site.account(role)))
        visit.open(f"/calls/{call.id}")
        assert visit.page.locator("#player").count() == 0
        visit.require_accessible()
        visit.require_narrow()


def test_an_agent_hears_a_call_of_their_own(browser: Browser, site: CallSite) -> None:
    recording = site.kept(conversation(20))
    site.taken_by(recording, "client:ann")
    account = site.account(Role.AGENT, everywhere=False, addresses=frozenset({"client:ann"}))
    with at_call(browser, site, recording, account) as at:
        at.open().play().plays_until(2)
        assert at.page.locator("#download").count() == 0


def test_a_supervisor_downloads_the_original(browser: Browser, site: CallSite, talk: Recording) -> None:
    with at_call(browser, site, talk, site.account(Role.SUPERVISOR)) as at:
        at.open()
        at.page.locator("#download select").select_option("quality")
        with at.page.expect_download() as saved:
            at.page.get_by_role("button", name="Download").click()
        assert saved.value.suggested_filename == f"call-{talk.call_id[:8]}-2026-11-22.wav"
        assert saved.value.path().stat().st_size > 90 * 32_000
