"""What each role comes for, from the first page to the end, in a real browser."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from policies.consent import Outcome
from policies.permissions import Role
from storage.database.tables import log_leaf
from storage.log import checkpoints
from storage.log.checkpoints import Signing
from storage.number_hash import number_hash
from storage.rows.recordings import Recording
from storage.staff.accounts import Account
from tests.browser.at_call import AtCall, at_call, listened
from tests.browser.call_site import NUMBER_KEY, CallSite, RunningClock, conversation
from tests.browser.console_visit import ConsoleVisit, visiting

NUMBER, PHONE = "+14155550177", "client:ann"


@dataclass(frozen=True)
class Made:
    """Two calls that are kept, of which the agent took the first, and three without anything to hear."""

    mine: Recording
    other: Recording
    declined: str
    withdrawn: Recording
    of_number: str


@pytest.fixture(scope="module")
def made(site: CallSite) -> Made:
    mine, other, gone = (site.kept(conversation(seconds)) for seconds in (40, 20, 10))
    site.taken_by(mine, PHONE)
    premises, clock = site.premises, site.premises.clock
    assert isinstance(clock, RunningClock)
    with clock.standing():
        declined = premises.call(Outcome.DECLINED).id
        found = premises.call(Outcome.SILENT, caller_hash=number_hash(NUMBER_KEY, NUMBER)).id
        premises.condemn(gone)
        premises.work()
        premises.write(lambda c: checkpoints.sign(c, premises.moment(), Signing("log.example.com", [b"s" * 32])))
    site.list_calls()
    return Made(mine, other, declined, gone, found)


@contextmanager
def at_list(browser: Browser, site: CallSite, recording: Recording, account: Account) -> Iterator[AtCall]:
    """Somebody who has just come in, and will listen to a recording."""
    with at_call(browser, site, recording, account) as at:
        at.page.goto(site.url)
        expect(at.page.get_by_role("heading", name="Calls", exact=True)).to_be_visible()
        yield at


def rows(page: Page) -> list[str]:
    """The ids of the calls of the list, as they stand there."""
    links = page.locator("table.calls tbody tr td:first-child a").all()
    return [str(link.get_attribute("href")).rpartition("/")[2] for link in links]


def listen(at: AtCall) -> None:
    """By the list's own link."""
    at.page.locator(f'a.listen[href*="{at.recording.call_id}"]').click()
    at.wait("window.robot?.isPlaying()")


def test_an_agent_finds_the_calls_they_took_and_hears_one(browser: Browser, site: CallSite, made: Made) -> None:
    account = site.account(Role.AGENT, everywhere=False, addresses=frozenset({PHONE}))
    with at_list(browser, site, made.mine, account) as at:
        assert rows(at.page) == [made.mine.call_id]
        assert at.page.get_by_label("Number of a caller").count() == 0
        listen(at)
        at.plays_until(1)
        at.visit.expected = ("404",)
        at.page.goto(f"{site.url}/calls/{made.other.call_id}")
        expect(at.page.get_by_role("heading", name="There is nothing here for you")).to_be_visible()
        [told] = listened(at)
        assert told["heard"] >= 1000


def test_a_reviewer_goes_from_what_is_not_reviewed_to_a_comment_and_a_review(
    browser: Browser, site: CallSite, made: Made
) -> None:
    with at_list(browser, site, made.other, site.account(Role.REVIEWER)) as at:
        page = at.page
        page.get_by_role("combobox", name="Recording").select_option("kept")
        page.get_by_role("combobox", name="Reviewed").select_option("no")
        page.get_by_role("button", name="Show").click()
        assert set(rows(page)) >= {made.mine.call_id, made.other.call_id}
        assert made.declined not in rows(page)
        listen(at)
        at.plays_until(6)
        page.keyboard.press("c")
        page.keyboard.type("told the price twice")
        with page.expect_response("**/comments"):
            page.get_by_role("button", name="Save the comment").click()
        page.locator("#comment-list .body", has_text="told the price twice").wait_for()
        page.get_by_role("button", name="Mark as reviewed").click()
        expect(page.locator("#reviewed")).to_contain_text("Reviewed by")
        site.list_calls()
        page.goto(f"{site.url}/calls?audio=kept&reviewed=no")
        assert made.other.call_id not in rows(page)


def test_a_supervisor_saves_a_filter_and_takes_a_copy_away(browser: Browser, site: CallSite, made: Made) -> None:
    with at_list(browser, site, made.mine, site.account(Role.SUPERVISOR)) as at:
        page = at.page
        page.get_by_label("Outcome").select_option("consented")
        page.get_by_role("button", name="Show").click()
        page.get_by_label("Save this under").fill("Agreed")
        page.get_by_role("button", name="Save", exact=True).click()
        page.goto(f"{site.url}/calls")
        page.get_by_role("link", name="Agreed", exact=True).click()
        assert made.declined not in rows(page)
        page.locator(f'td:first-child a[href*="{made.mine.call_id}"]').click()
        page.locator("#download select").select_option("quality")
        with page.expect_download() as saved:
            page.get_by_role("button", name="Download").click()
        assert saved.value.path().stat().st_size > 40 * 32_000
    told = [event for event in site.told(made.mine, "recording.accessed") if event["what"] == "export"]
    assert [event["purpose"] for event in told] == ["quality"]


def test_compliance_finds_a_caller_by_number_and_takes_the_proof_away(
    browser: Browser, site: CallSite, made: Made
) -> None:
    with visiting(browser, site.url) as visit:
        page = come_in(visit, site, Role.COMPLIANCE)
        page.get_by_label("Number of a caller").fill("+1 (415) 555-0177")
        page.get_by_role("button", name="Find the calls of this number").click()
        assert rows(page) == [made.of_number]
        assert "4155550177" not in page.url + page.content()
        page.locator("table.calls tbody a").first.click()
        expect(page.locator("#hear")).to_contain_text("The caller pressed nothing, which is no consent here.")
        with page.expect_download() as saved:
            page.locator("a.proof").first.click()
        text = saved.value.path().read_text()
        assert '"type":"call.received"' in text
        assert re.search(r"^c2sp.org/tlog-proof@v1$", text, re.MULTILINE)


def test_compliance_reads_that_a_recording_is_gone_and_its_certificate(
    browser: Browser, site: CallSite, made: Made
) -> None:
    with visiting(browser, site.url) as visit:
        page = come_in(visit, site, Role.COMPLIANCE)
        page.get_by_role("combobox", name="Recording").select_option("destroyed")
        page.get_by_role("button", name="Show").click()
        assert rows(page) == [made.withdrawn.call_id]
        page.locator("table.calls tbody a").first.click()
        expect(page.locator("#player")).to_have_count(0)
        expect(page.get_by_role("heading", name="Certificate of destruction")).to_be_visible()


def test_an_admin_takes_a_scope_away_and_the_reviewer_finds_nothing(
    browser: Browser, site: CallSite, made: Made
) -> None:
    reviewer = site.account(Role.REVIEWER)
    with visiting(browser, site.url) as theirs, visiting(browser, site.url) as visit:
        theirs.sign_in(site.session(reviewer))
        assert made.mine.call_id in rows(theirs.open("/calls"))
        page = come_in(visit, site, Role.ADMIN)
        expect(page.locator("a.listen")).to_have_count(0)
        page.get_by_role("link", name="Staff").click()
        page.get_by_role("link", name=reviewer.display_name).click()
        page.get_by_label("All calls, of lines that will be added later too").uncheck()
        page.get_by_role("button", name="Show what would change").click()
        expect(page.get_by_text("Calls within reach: No calls yet.")).to_be_visible()
        page.get_by_role("button", name="Change it").click()
        expect(page.get_by_text("The account was changed.")).to_be_visible()
        expect(theirs.open("/calls").get_by_text("Your account is for no calls yet.")).to_be_visible()
    with site.premises.shop.database.read() as connection:
        leaves = connection.scalars(select(log_leaf.c.leaf).where(log_leaf.c.leaf.contains("staff.changed"))).all()
    assert [json.loads(leaf)["account"] for leaf in leaves] == [reviewer.id]


def come_in(visit: ConsoleVisit, site: CallSite, role: Role) -> Page:
    visit.sign_in(site.session(site.account(role)))
    return visit.open()
