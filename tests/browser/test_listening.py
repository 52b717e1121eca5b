"""A reviewer listens in the browser: what is heard is what the log says, and it comes in small pieces."""

import json
from typing import Any

import pytest
from playwright.sync_api import Browser, Response, Route

from policies.listening import AHEAD_MS
from storage.audio.pieces import PIECE_BYTES_MAX
from storage.rows.recordings import Recording
from tests.browser.at_call import AtCall, at_call, length_ms, listened
from tests.browser.call_site import CallSite
from tests.storage.wavs import tone


def _plainly(at: AtCall) -> None:
    at.open().play().plays_until(3)


def _with_seeks(at: AtCall) -> None:
    at.open("?t=10").play().plays_until(11.5)
    at.seek(40)
    at.plays_until(41.5)
    at.control("back").click()
    at.plays_until(33)
    at.control("back_far").click()
    at.plays_until(4)


def _at_double_speed(at: AtCall) -> None:
    at.open("?t=20")
    for _ in range(10):
        at.control("faster").click()
    at.play().plays_until(26)
    for _ in range(15):
        at.control("slower").click()
    at.plays_until(27)


def _in_a_loop(at: AtCall) -> None:
    at.open("?t=50").play().plays_until(50.5)
    at.control("loop_start").click()
    at.plays_until(51.5)
    at.control("loop_end").click()
    at.wait("robot.played.filter(([from]) => from > 50600 && from < 50700).length > 2", 20)
    at.control("loop_none").click()
    at.plays_until(52.5)


def _skipping_silence(at: AtCall) -> None:
    at.open("?t=0")
    at.part("skip").check()
    at.play().plays_until(13)
    at.part("skip").uncheck()
    assert length_ms(at.played) < 12_000


@pytest.mark.parametrize("listens", [_plainly, _with_seeks, _at_double_speed, _in_a_loop, _skipping_silence])
def test_the_log_has_the_seconds_that_were_played(
    browser: Browser, site: CallSite, talk: Recording, listens: Any
) -> None:
    with at_call(browser, site, talk) as at:
        listens(at)
        played = at.leave()
        [told] = listened(at)
    assert told["heard"] == pytest.approx(length_ms(played), abs=1000)
    assert told["played"] == pytest.approx(sum(end - begin for begin, end in played), abs=1000)
    assert told["heard"] > 1500


def test_two_tabs_are_two_listenings_and_each_counts_for_itself(
    browser: Browser, site: CallSite, talk: Recording
) -> None:
    with at_call(browser, site, talk) as one:
        other = one.another_tab()
        one.open("?t=5").play()
        other.open("?t=7").play()
        other.plays_until(11)
        one.plays_until(12)
        played = sorted(length_ms(at.leave()) for at in (one, other))
        told = listened(one, other)
    assert sorted(each["heard"] for each in told) == [pytest.approx(ms, abs=1000) for ms in played]


def test_a_report_whose_answer_is_lost_is_told_again_under_its_number_and_counts_once(
    browser: Browser, site: CallSite, talk: Recording
) -> None:
    numbers: list[int] = []

    def lose(route: Route) -> None:
        numbers.append(json.loads(route.request.post_data or "{}")["n"])
        if numbers.count(2) == 1 and numbers[-1] == 2:
            route.fetch()  # the console takes it
            route.abort()  # and nobody hears of that
        else:
            route.continue_()

    with at_call(browser, site, talk) as at:
        at.visit.expected = ("net::ERR_FAILED",)
        at.open("?t=60")
        at.page.route("**/leases/*", lose)
        at.play()
        at.wait("robot.state().at > 70", 20)
        played = at.leave()
        [told] = listened(at)
    assert numbers[:4] == [1, 2, 2, 3]
    assert told["played"] == pytest.approx(length_ms(played), abs=1000)


@pytest.mark.parametrize("track", ["listening", "master"])
def test_sound_comes_in_small_pieces_and_in_no_other_way(
    browser: Browser, site: CallSite, talk: Recording, track: str
) -> None:
    answers: list[Response] = []
    with at_call(browser, site, talk) as at:
        at.page.on("response", lambda response: answers.append(response))  # noqa: PLW0108 - it marks its listener
        at.open()
        at.part("track").select_option(track)
        at.play().plays_until(3)
        at.seek(60)
        at.plays_until(62)
        pieces = [len(answer.body()) for answer in answers if "/piece?" in answer.url]
        media = [answer.request.resource_type for answer in answers if answer.request.resource_type == "media"]
    assert len(pieces) > 5
    assert max(pieces) <= PIECE_BYTES_MAX
    assert media == []
    assert all(f"track={track}&" in answer.url for answer in answers if "/piece?" in answer.url)


def test_nothing_is_fetched_far_ahead_of_what_is_heard(browser: Browser, site: CallSite, talk: Recording) -> None:
    with at_call(browser, site, talk) as at:
        at.open().play().plays_until(2)
        ends_s = at.page.evaluate(
            "() => { const held = document.querySelector('audio').buffered; return held.end(held.length - 1); }"
        )
    assert ends_s * 1000 < 2_500 + AHEAD_MS / 2


def test_an_original_without_copy_and_one_track_for_both_are_played(browser: Browser, site: CallSite) -> None:
    one_track = site.kept(tone(20.0))
    with at_call(browser, site, one_track) as at:
        at.open("?t=3").play().plays_until(5)
        at.leave()
        [told] = listened(at)
    assert told["heard"] == pytest.approx(2_000, abs=1000)


def test_a_link_names_the_second_and_one_that_cannot_be_is_said(
    browser: Browser, site: CallSite, talk: Recording
) -> None:
    with at_call(browser, site, talk) as at:
        assert at.open("?t=42.5").position_s == 42.5
        for query, second in (("?t=1e9", 90), ("?t=-3", 0), ("?t=NaN", 0)):
            assert at.open(query).position_s == second
            assert "The address of this page names" in str(at.page.locator("#player .note").first.text_content())
        at.open("?t=42.5").play()
        at.wait("robot.state().at > 42.6")
        assert at.played[0][0] >= 42_000


def test_each_event_and_comment_leads_to_its_second_without_leaving_the_page(
    browser: Browser, site: CallSite, talk: Recording
) -> None:
    with at_call(browser, site, talk) as at:
        at.open("?t=20").play()
        at.page.evaluate("() => { window.isStill = true; }")
        at.page.locator("#happened a[data-seek-ms]").first.click()
        at.wait("robot.state().at < 5")
        assert at.page.evaluate("() => window.isStill")


def test_the_list_leads_to_sound_at_once_and_another_page_does_not(
    browser: Browser, site: CallSite, talk: Recording
) -> None:
    with at_call(browser, site, talk) as at:
        at.open("?listen=training")
        assert not at.page.evaluate("() => robot.isPlaying()")
        at.page.goto(f"{site.url}/log")
        at.page.evaluate("path => { location.href = path; }", f"/calls/{talk.call_id}?listen=training&t=30")
        at.wait("window.robot?.isPlaying()")
        assert at.part("purpose").input_value() == "training"
        at.leave()
        [told] = listened(at)
    assert told["purpose"] == {"training"}


def test_settings_are_the_persons_own_in_every_browser(browser: Browser, site: CallSite, talk: Recording) -> None:
    account = site.account()
    with at_call(browser, site, talk, account) as at:
        at.open()
        for _ in range(3):
            at.control("faster").click()
        at.part("skip").check()
        at.part("purpose").select_option("training")
        at.page.locator("[data-channel='1']").fill("40")
        with at.page.expect_response("**/me/settings") as saved:
            at.page.locator("[data-part=single-keys]").uncheck()
        assert saved.value.ok
    with at_call(browser, site, talk, account) as at:
        at.open()
        assert at.part("speed").text_content() == "1.3×"
        assert at.part("skip").is_checked()
        assert at.part("purpose").input_value() == "training"
        assert at.page.locator("[data-channel='1']").input_value() == "40"
        assert not at.page.locator("[data-part=single-keys]").is_checked()
        at.play()
        assert at.page.evaluate("() => document.querySelector('audio').playbackRate") == pytest.approx(1.3)


def test_each_speaker_has_a_volume(browser: Browser, site: CallSite, talk: Recording) -> None:
    with at_call(browser, site, talk) as at:
        at.open("?t=0.4")
        at.page.locator("[data-channel='0']").fill("0")
        at.play()
        at.wait("robot.levels()[1] > 0.05")
        at.page.locator("[data-channel='1']").fill("0")
        at.page.locator("[data-channel='0']").fill("100")
        at.wait("robot.levels()[1] === 0 && robot.levels()[0] > 0.05")


def test_another_purpose_is_another_lease(browser: Browser, site: CallSite, talk: Recording) -> None:
    with at_call(browser, site, talk) as at:
        at.open().play()
        assert at.part("play").text_content() == "Pause"
        at.part("purpose").select_option("training")
        at.wait("robot.isSilent()")
        assert at.part("play").text_content() == "Play for training"
        at.play()
        at.leave()
        told = listened(at)
    assert [each["purpose"] for each in told] == [{"quality"}, {"training"}]
