"""Sound ends when it must: within six seconds of whatever takes the permission away, within twelve of a cut network."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page

from policies.permissions import Role, Scope
from storage.custody.lease_watch import LeaseWatch
from storage.rows.recordings import Recording
from storage.staff import accounts, sessions
from storage.staff.accounts import Account, Position
from tests.browser.at_call import AtCall, at_call, listened, until
from tests.browser.call_site import CallSite, conversation
from tests.faults.test_withdraw import BY_AGENT, withdrawn

STOPS_S, LOST_S = 6.0, 12.0
END = Callable[[CallSite, Recording, Account], None]


@pytest.fixture
def recording(site: CallSite) -> Recording:
    return site.kept(conversation(60))


def consent_is_withdrawn(site: CallSite, recording: Recording, _: Account) -> None:
    withdrawn(site.premises, site.premises.owner(recording), BY_AGENT)


def recording_is_destroyed(site: CallSite, recording: Recording, _: Account) -> None:
    site.premises.condemn(recording)
    site.premises.work()


def scope_is_taken_away(site: CallSite, _: Recording, account: Account) -> None:
    _change(site, account, Position(Role.REVIEWER, Scope(lines=frozenset({"+12125550999"}))))


def role_hears_no_more(site: CallSite, _: Recording, account: Account) -> None:
    _change(site, account, Position(Role.ADMIN, Scope(everywhere=True)))


def account_is_disabled(site: CallSite, _: Recording, account: Account) -> None:
    moment = site.premises.moment()
    site.premises.write(lambda c: accounts.disable(c, moment, account, actor="root"))


def session_is_revoked(site: CallSite, _: Recording, account: Account) -> None:
    now = site.premises.clock.now
    site.premises.write(lambda c: sessions.end_all(c, account.id, now, "revoked"))


def _change(site: CallSite, account: Account, position: Position) -> None:
    moment = site.premises.moment()
    site.premises.write(lambda c: accounts.change(c, moment, account, position, actor="root"))


@contextmanager
def ends_within(at: AtCall, seconds: float) -> Iterator[None]:
    """Measured from outside, from before the permission goes until nothing is left that could sound."""
    began = time.monotonic()
    yield
    at.wait("robot.isSilent()", seconds * 2)
    took = time.monotonic() - began
    assert took <= seconds


@pytest.mark.parametrize(
    ("takes_away", "because"),
    [
        (consent_is_withdrawn, "may no longer be heard"),
        (recording_is_destroyed, "may no longer be heard"),
        (scope_is_taken_away, "no longer within your scope"),
        (role_hears_no_more, "Your role may no longer hear"),
        (account_is_disabled, "Your session has ended"),
        (session_is_revoked, "Your session has ended"),
    ],
)
def test_sound_ends_when_the_permission_does(
    browser: Browser, site: CallSite, recording: Recording, takes_away: END, because: str
) -> None:
    account = site.account()
    with at_call(browser, site, recording, account) as at:
        at.visit.expected = ("status of 401", "status of 403", "status of 404", "status of 409")
        at.open("?t=5").play().plays_until(6)
        with ends_within(at, STOPS_S):
            takes_away(site, recording, account)
        assert because in at.told
        assert "none of it is left in this browser" in at.alarm
        assert at.part("lanes").evaluate("lanes => lanes.childElementCount") == (because != "may no longer be heard")
        at.visit.require_accessible()
        at.part("play").click()  # asks for a new lease, and hears why there is none
        at.page.wait_for_function("() => document.querySelector('[data-part=play]').ariaBusy === 'false'")
        assert at.is_silent
        assert because in at.told or "may no longer" in at.told


def test_sound_ends_with_a_sign_out_in_another_tab(browser: Browser, site: CallSite, recording: Recording) -> None:
    with at_call(browser, site, recording) as at:
        at.visit.expected = ("status of 401", "status of 403")
        at.open().play().plays_until(1)
        other = at.visit.context.new_page()
        other.goto(f"{site.url}/log")
        with ends_within(at, STOPS_S):
            other.get_by_role("button", name="Sign out").click()
        assert "Your session has ended" in at.told
        again = at.page.get_by_role("link", name="Sign in again")
        assert again.get_attribute("href") == f"/enter?next=/calls/{recording.call_id}"


def test_the_log_has_what_was_heard_until_a_sign_out_in_the_same_tab(
    browser: Browser, site: CallSite, recording: Recording
) -> None:
    with at_call(browser, site, recording) as at:
        at.open("?t=5").play().plays_until(8.5)
        at.page.get_by_role("button", name="Sign out").click()
        at.page.wait_for_url("**/enter**")
        [told] = listened(at)
    assert told["heard"] >= 2500


def _network_goes(page: Page) -> None:
    page.context.set_offline(True)


def _answers_stop(page: Page) -> None:
    """As when the console's process hangs: requests are taken, and never answered."""
    page.route("**/leases/**", lambda _: None)


@pytest.mark.parametrize("cut", [_network_goes, _answers_stop])
def test_sound_ends_soon_after_the_network_is_cut_and_goes_on_from_there(
    browser: Browser, site: CallSite, talk: Recording, cut: Callable[[Page], None]
) -> None:
    with at_call(browser, site, talk) as at:
        at.visit.expected = ("ERR_INTERNET_DISCONNECTED", "ERR_FAILED")
        at.open("?t=10").play().plays_until(11)
        with ends_within(at, LOST_S):
            cut(at.page)
        assert "no answer for twelve seconds" in at.told
        where = at.position_s
        at.page.context.set_offline(False)
        at.page.unroute_all()
        at.play()
        at.wait(f"robot.state().at > {where}")
        assert at.told == ""


def test_a_short_break_is_bridged_by_what_is_there(browser: Browser, site: CallSite, talk: Recording) -> None:
    with at_call(browser, site, talk) as at:
        at.visit.expected = ("ERR_INTERNET_DISCONNECTED",)
        at.open("?t=10").play().plays_until(11)
        at.page.context.set_offline(True)
        at.plays_until(14)
        at.page.context.set_offline(False)
        at.plays_until(20)
        played = at.leave()
        [told] = listened(at)
    assert told["played"] == pytest.approx(sum(end - begin for begin, end in played), abs=1000)


def test_another_tabs_listening_goes_on_when_one_is_closed(browser: Browser, site: CallSite, talk: Recording) -> None:
    with at_call(browser, site, talk) as one:
        other = one.another_tab()
        one.open().play()
        other.open("?t=30").play()
        one.page.close(run_before_unload=False)
        other.plays_until(36)
        other.leave()
        told = listened(one, other)
    assert [each["why"] for each in told] == [[""], [""]]


def test_the_log_has_what_was_heard_also_where_the_worker_ended_the_listening_first(
    browser: Browser, site: CallSite, recording: Recording
) -> None:
    account = site.account()
    with at_call(browser, site, recording, account) as at:
        at.visit.expected = ("status of 403",)
        at.open("?t=5").play().plays_until(9)
        consent_is_withdrawn(site, recording, account)
        LeaseWatch(site.premises.shop, site.limits).look()
        at.wait("robot.isSilent()")
        played = sum(end - begin for begin, end in at.played)
        until(lambda: abs(listened(at)[0]["heard"] - played) < 1000, 5)


@pytest.mark.parametrize("takes_away", [scope_is_taken_away, account_is_disabled, session_is_revoked])
def test_the_log_has_what_was_heard_until_the_sound_was_stopped(
    browser: Browser, site: CallSite, recording: Recording, takes_away: END
) -> None:
    account = site.account()
    with at_call(browser, site, recording, account) as at:
        at.visit.expected = ("status of 401", "status of 403")
        at.open("?t=5").play().plays_until(9)
        takes_away(site, recording, account)
        at.wait("robot.isSilent()")
        played = at.played
        [told] = listened(at)
    assert told["heard"] == pytest.approx(sum(end - begin for begin, end in played), abs=1000)
