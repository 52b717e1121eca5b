"""Strip, lanes and sound are on one axis: a click is drawn where it is heard, to fifty milliseconds."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from storage.rows.recordings import Recording
from tests.browser.at_call import AtCall, at_call
from tests.browser.call_site import CallSite, clicks

AXIS = Path(__file__).with_name("axis.js")
LENGTH_S = 600
CLICKS_S = (0.5, 61.37, 299.9, 444.44, 599.0)
CLOSE_MS = 50
# A pause of the recording begins at each click, so that the log has its place, and the strip draws it.
PAUSES_MS = [(round(second * 1000), round(second * 1000) + 200) for second in CLICKS_S]


@pytest.fixture(scope="module")
def clicking(site: CallSite) -> Recording:
    return site.kept(clicks(LENGTH_S, CLICKS_S), pauses_ms=PAUSES_MS)


def close_to(wanted: list[float], within_ms: float) -> list[Any]:
    return [pytest.approx(ms, abs=within_ms) for ms in wanted]


@pytest.mark.parametrize("track", ["listening", "master"])
def test_strip_lanes_and_sound_agree_at_every_click(
    browser: Browser, site: CallSite, clicking: Recording, track: str
) -> None:
    wanted = [second * 1000 for second in CLICKS_S]
    with at_call(browser, site, clicking) as at:
        at.visit.context.add_init_script(path=AXIS)
        at.open()
        at.wait("document.querySelector('[data-part=lanes]').firstChild?.shadowRoot?.querySelector('.canvases canvas')")
        pixel_ms = at.page.evaluate("() => axis.pixelMs()")
        assert at.page.evaluate("() => axis.shares()") == close_to(wanted, 1)
        assert at.page.evaluate("() => axis.onStrip()") == close_to(wanted, pixel_ms)
        loud = at.page.evaluate("() => axis.inLanes()")
        assert [ms for ms in loud if ms - 50 not in loud] == close_to(wanted, CLOSE_MS)
        drawn = at.page.evaluate("() => axis.onCanvas()")
        assert all(min(abs(ms - place) for place in drawn) <= 1.5 * pixel_ms for ms in wanted)
        assert all(min(abs(ms - place) for ms in wanted) <= 2.5 * pixel_ms for place in drawn)
        at.part("track").select_option(track)
        at.page.locator("[data-channel='0']").fill("95")  # so that the sound goes by where it is measured
        at.play()
        heard = [_heard_at(at, second) for second in CLICKS_S]
    assert heard == close_to(wanted, CLOSE_MS)


def _heard_at(at: AtCall, second: float) -> float | None:
    at.seek(max(0, int(second - 0.8)))
    at.wait("robot.isPlaying() && robot.isQuiet()")
    return at.page.evaluate("endS => robot.onset(endS)", second + 0.4)  # type: ignore[no-any-return]  # what it measured


def test_a_press_on_strip_or_lanes_leads_to_that_second(browser: Browser, site: CallSite, clicking: Recording) -> None:
    with at_call(browser, site, clicking) as at:
        at.open()
        box = at.part("stage").bounding_box()
        assert box
        for share, height in ((0.25, 40), (0.75, box["height"] - 20)):
            at.page.mouse.click(box["x"] + box["width"] * share, box["y"] + height)
            assert at.position_s == pytest.approx(LENGTH_S * share, abs=1.5)
            head = at.part("playhead").bounding_box()
            assert head
            assert head["x"] == pytest.approx(box["x"] + box["width"] * share, abs=2.5)
