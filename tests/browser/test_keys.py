"""Every key of the table does what the table says, and none does anything where it must not."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser

from console.keyboard import ACTIONS
from storage.rows.recordings import Recording
from tests.browser.at_call import AtCall, at_call
from tests.browser.call_site import CallSite

START_S = 45


def moves(second: float) -> Callable[[AtCall], None]:
    return lambda at: at.wait(
        f"document.querySelector('[data-part=position]').textContent.startsWith('{shown(second)}')"
    )


def shown(second: float) -> str:
    return f"{int(second) // 60}:{second % 60:04.1f}"


def _plays(at: AtCall) -> None:
    at.wait("robot.isPlaying()")


def _is_slower(at: AtCall) -> None:
    at.wait("document.querySelector('[data-part=speed]').textContent === '0.9×'")


def _is_faster(at: AtCall) -> None:
    at.wait("document.querySelector('[data-part=speed]').textContent === '1.1×'")


def _skips(at: AtCall) -> None:
    at.wait("document.querySelector('[data-part=skip]').checked")


def _loop_begins(at: AtCall) -> None:
    at.wait("document.querySelector('[data-part=loop]').textContent.includes('begins at 0:45.0')")


def _loop_ends(at: AtCall) -> None:
    at.wait("document.querySelector('[data-part=loop]').textContent.startsWith('A loop ends after it begins')")


def _comments(at: AtCall) -> None:
    at.wait("document.activeElement.name === 'body' && document.querySelector('[name=at]').value === '0:40'")


def _goes_back(at: AtCall) -> None:
    """From the comment, into which another key has led."""
    at.wait("document.activeElement.dataset.part === 'slider'")


def _helps(at: AtCall) -> None:
    at.wait("document.getElementById('keys').open")


def _lists(at: AtCall) -> None:
    at.page.wait_for_url("**/calls")


EFFECTS: dict[str, Callable[[AtCall], None]] = {
    "play": _plays,
    "back": moves(START_S - 10),
    "forward": moves(START_S + 10),
    "back_far": moves(START_S - 30),
    "forward_far": moves(START_S + 30),
    "back_little": moves(START_S - 1),
    "forward_little": moves(START_S + 1),
    "slower": _is_slower,
    "faster": _is_faster,
    "skip": _skips,
    "loop_start": _loop_begins,
    "loop_end": _loop_ends,
    "comment": _comments,
    "return": _goes_back,
    "help": _helps,
    "calls": _lists,
}
KEYS = [(action.name, key) for action in ACTIONS for key in action.keys]


def press(at: AtCall, key: str) -> None:
    for part in key.split(" "):
        at.page.keyboard.press(part if len(part) > 1 else part.lower())


def test_each_action_of_the_table_is_tried() -> None:
    assert EFFECTS.keys() == {action.name for action in ACTIONS}


@pytest.mark.parametrize(("action", "key"), KEYS)
def test_a_key_does_what_the_table_says(
    browser: Browser, site: CallSite, talk: Recording, action: str, key: str
) -> None:
    with at_call(browser, site, talk) as at:
        at.visit.expected = ("status of 404",)  # the list of calls is another part of the console
        at.open(f"?t={START_S}")
        at.part("slider").focus()
        if action == "return":
            press(at, "C")
            at.page.keyboard.type("x")
        press(at, key)
        EFFECTS[action](at)
        if action not in ("comment", "return", "help", "calls"):
            assert at.page.evaluate("() => document.activeElement.dataset.part") == "slider"


def test_keys_do_nothing_where_somebody_types(browser: Browser, site: CallSite, talk: Recording) -> None:
    with at_call(browser, site, talk) as at:
        at.open(f"?t={START_S}")
        for field in ("textarea[name=body]", "input[name=at]"):
            at.page.locator(field).first.focus()
            for _, key in KEYS:
                if key != "Escape":
                    press(at, key)
        at.part("purpose").focus()
        for key in ("k", "j", "l", "c", ",", "s"):
            at.page.keyboard.press(key)
        assert at.position_s == START_S
        assert at.leases == []
        assert not at.part("skip").is_checked()
        assert at.page.url.endswith(f"?t={START_S}")


def test_space_presses_the_button_that_has_the_focus_and_nothing_else(
    browser: Browser, site: CallSite, talk: Recording
) -> None:
    with at_call(browser, site, talk) as at:
        at.open(f"?t={START_S}")
        at.control("back").focus()
        at.page.keyboard.press("Space")
        assert at.position_s == START_S - 10
        assert at.leases == []


def test_keys_of_the_browser_and_of_the_system_are_left_alone(
    browser: Browser, site: CallSite, talk: Recording
) -> None:
    with at_call(browser, site, talk) as at:
        at.open(f"?t={START_S}")
        for modifier in ("Control", "Alt", "Meta"):
            at.page.evaluate(
                """modifier => document.body.dispatchEvent(new KeyboardEvent("keydown",
                     { key: "j", bubbles: true, cancelable: true, [`${modifier}Key`]: true }))""",
                {"Control": "ctrl", "Alt": "alt", "Meta": "meta"}[modifier],
            )
        assert at.position_s == START_S


def test_keys_can_be_switched_off_before_the_player_and_the_hints_go_with_them(
    browser: Browser, site: CallSite, talk: Recording
) -> None:
    with at_call(browser, site, talk) as at:
        at.open(f"?t={START_S}")
        switch = at.page.locator("[data-part=single-keys]")
        at.visit.tab_to(switch)
        assert at.control("back").get_attribute("aria-keyshortcuts") == "J"
        at.page.keyboard.press("Space")
        assert not switch.is_checked()
        assert at.control("back").get_attribute("aria-keyshortcuts") is None
        at.part("slider").focus()
        for _, key in KEYS:
            press(at, key)
        assert at.position_s == START_S
        assert at.leases == []
        order = "node => node.compareDocumentPosition(document.querySelector('[data-part=play]'))"
        assert switch.evaluate(order) == 4  # the player follows


def test_a_key_of_ones_own_takes_the_place_of_the_usual_one(browser: Browser, site: CallSite, talk: Recording) -> None:
    account = site.account()
    with at_call(browser, site, talk, account) as at:
        at.page.goto(f"{site.url}/keys")
        at.page.get_by_label("10 seconds back").fill("p")
        at.visit.require_accessible()
        at.visit.require_narrow()
        at.page.get_by_role("button", name="Save the keys").click()
        at.page.get_by_role("status").get_by_text("Your keys are saved.").wait_for()
        at.open(f"?t={START_S}")
        press(at, "J")
        assert at.position_s == START_S
        press(at, "P")
        moves(START_S - 10)(at)
        assert at.control("back").get_attribute("aria-keyshortcuts") == "P"


def test_the_help_shows_every_key_closes_by_escape_and_gives_the_focus_back(
    browser: Browser, site: CallSite, talk: Recording
) -> None:
    with at_call(browser, site, talk) as at:
        at.open()
        at.part("slider").focus()
        at.page.keyboard.press("?")
        _helps(at)
        shown = at.page.locator("#keys kbd").all_text_contents()
        assert shown == [part for _, key in KEYS for part in key.split(" ")]
        at.visit.require_accessible()
        at.page.keyboard.press("j")
        at.page.keyboard.press("Escape")
        at.wait("!document.getElementById('keys').open && document.activeElement.dataset.part === 'slider'")
        assert at.position_s == 0
