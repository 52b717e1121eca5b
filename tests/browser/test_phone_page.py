"""People try the service with the phone in the browser."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import requests
from playwright.sync_api import expect

from simulator import phone_call
from simulator.config import Number
from simulator.errors import NotSimulated
from simulator.plans import CallPlan
from tests.browser.conftest import LINE
from tests.browser.support_line import DISCLOSURE, NOT_RECORDED, QUESTION, SPANISH
from tests.browser.visit import Town, Visit


@pytest.fixture
def three_lines(town: Town) -> None:
    """As many lines as the demonstration has, each with its words."""
    url = town.exchange.numbers[LINE].voice_url
    for e164, label, records in (
        ("+14155550101", "Orders, which says that it records", "if you stay on"),
        ("+14155550102", "Billing, where the star key withdraws", "if you say yes"),
    ):
        town.exchange.numbers[e164] = Number(e164, url, label=label, description=f"records you {records}")


def test_i_dial_hear_and_read_the_disclosure_press_2_and_see_that_nothing_is_recorded(visit: Visit) -> None:
    visit.open()
    visit.dial()
    expect(visit.transcript).to_contain_text(DISCLOSURE)
    visit.wait_for_question()
    expect(visit.phone).to_contain_text("You are asked: press a key")
    expect(visit.decided).to_contain_text("Nothing is recorded until the answer is on disk")
    visit.press("2")
    expect(visit.decided).to_contain_text("The caller said no, so nothing is recorded")
    expect(visit.decided.get_by_text("Not recorded", exact=True)).to_be_visible()
    expect(visit.phone).to_contain_text("Not being recorded")
    expect(visit.transcript).to_contain_text(NOT_RECORDED)
    expect(visit.transcript).to_contain_text("You press 2")
    assert len(visit.ask("sounded")) >= 3
    assert min(visit.ask("sounded")) > 0.5
    assert visit.ask("tones") == [697, 1336]


def test_i_press_1_and_see_the_recording_and_until_when_it_is_kept(visit: Visit) -> None:
    visit.open()
    visit.dial()
    visit.wait_for_question()
    visit.press("1")
    expect(visit.phone).to_contain_text("Being recorded")
    expect(visit.phone).to_contain_text("Talking with the agent")
    visit.hang_up()
    expect(visit.phone).to_contain_text("so this call is recorded")
    expect(visit.decided).to_contain_text("Stored and verified; Twilio's copy is gone")
    expect(visit.decided).to_contain_text("20 February 2027")
    expect(visit.decided.get_by_text("Recording is permitted", exact=True)).to_be_visible()


@pytest.mark.parametrize("url", ["", "javascript:alert(1)", "http://localhost:8001/calls/0123"])
def test_i_find_the_page_of_my_call_in_the_console_where_there_is_one(visit: Visit, town: Town, url: str) -> None:
    town.line.console_url = url
    visit.open()
    visit.dial()
    expect(visit.decided).to_contain_text("Consent log")
    link = visit.decided.get_by_role("link", name="The page of this call in the staff's console")
    if url.startswith("http"):
        expect(link).to_have_attribute("href", url)
    else:
        expect(link).to_have_count(0)


@pytest.mark.parametrize(
    ("keeps", "badge", "fate"),
    [
        (False, "Not recorded", "recording has stopped, and what there was of it has been destroyed"),
        (True, "Recorded up to the withdrawal", "recording has stopped, and what was recorded before is kept"),
    ],
)
def test_i_say_no_to_the_agent_and_see_that_the_recording_has_stopped(
    visit: Visit, town: Town, keeps: bool, badge: str, fate: str
) -> None:
    sid = accept(visit, town)
    town.line.withdraw(sid, keeps=keeps)
    expect(visit.decided).to_contain_text("The agent took the yes back for the caller: recording is being stopped")
    expect(visit.phone).to_contain_text("Being recorded")
    stop(town)
    town.line.carry_out(sid)
    expect(visit.phone).to_contain_text("Not being recorded")
    expect(visit.decided).to_contain_text(f"The agent took the yes back for the caller: {fate}.")
    expect(visit.decided.get_by_text(badge, exact=True)).to_be_visible()
    expect(visit.decided).to_contain_text("Another yes would need another question")
    expect(visit.phone).to_contain_text("Talking with the agent")


def test_i_read_out_a_card_number_and_see_that_the_recording_is_paused_and_goes_on(visit: Visit, town: Town) -> None:
    sid = accept(visit, town)
    call, [recording] = town.latest, town.latest.recorder.recordings
    call.recorder.pause(recording, keeps_time=True)
    town.line.tell(sid, "recording.paused")
    expect(visit.phone).to_contain_text("Recording is paused")
    expect(visit.decided).to_contain_text("The recording is paused: what is said now is silence in it.")
    call.recorder.resume(recording)
    town.line.tell(sid, "recording.resumed")
    expect(visit.phone).to_contain_text("Being recorded")
    expect(visit.decided).to_contain_text("The caller said yes, so this call is recorded.")
    expect(visit.decided).not_to_contain_text("The recording is paused: what is said now")


def test_i_can_still_press_the_star_key_while_i_talk_with_the_agent(visit: Visit, town: Town) -> None:
    accept(visit, town)
    visit.press("*")
    expect(visit.transcript).to_contain_text("You press *")
    visit.page.keyboard.press("*")
    expect(visit.transcript.get_by_text("You press *")).to_have_count(2)
    assert [entry["key"] for entry in town.latest.journal.of("key")] == ["1", "*", "*"]


def accept(visit: Visit, town: Town) -> str:
    """The sid of a call that is recorded, and whose caller talks with the agent."""
    visit.open()
    visit.dial()
    visit.wait_for_question()
    visit.press("1")
    expect(visit.phone).to_contain_text("Being recorded")
    expect(visit.phone).to_contain_text("Talking with the agent")
    return town.latest.sid


def stop(town: Town) -> None:
    [recording] = town.latest.recorder.recordings
    town.latest.recorder.stop(recording)


def test_i_read_why_i_was_asked_and_that_this_is_no_legal_advice(visit: Visit) -> None:
    visit.open()
    visit.dial()
    visit.wait_for_question()
    expect(visit.decided).to_contain_text("because the line says opt-in")
    expect(visit.decided).to_contain_text("Not legal advice")
    visit.decided.get_by_text("Why, in 2 steps").click()
    expect(visit.decided.get_by_text("Tex. Penal Code 16.02", exact=True)).to_be_visible()
    visit.hang_up()
    expect(visit.decided).to_contain_text("The caller hung up at the question")
    expect(visit.decided.get_by_text("Tex. Penal Code 16.02", exact=True)).to_be_visible()


def test_i_hang_up_at_the_question_and_that_is_no_yes(visit: Visit, town: Town) -> None:
    visit.open()
    visit.dial()
    visit.wait_for_question()
    visit.hang_up()
    expect(visit.decided).to_contain_text("The caller hung up at the question")
    expect(visit.transcript).to_contain_text("The call has ended")
    assert not town.latest.recorder.recordings


def test_i_make_a_whole_call_without_a_mouse(visit: Visit, town: Town) -> None:
    page = visit.open()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the phone")).to_be_focused()
    page.keyboard.press("Enter")
    for stop in ("Email support", "Texas mobile"):
        page.keyboard.press("Tab")
        expect(page.get_by_role("radio", name=stop)).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Dial")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("group", name="Keypad")).to_be_focused()
    visit.wait_for_question()
    page.keyboard.press("2")
    expect(visit.decided).to_contain_text("The caller said no")
    hang_up = page.get_by_role("button", name="Hang up")
    for _ in range(16):
        page.keyboard.press("Tab")
        if hang_up.evaluate("e => e === document.activeElement"):
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Call again")).to_be_focused()
    assert town.latest.leg.from_number == "+14155550171"


def test_i_switch_the_keys_of_the_keyboard_off_and_they_press_nothing(visit: Visit, town: Town) -> None:
    page = visit.open()
    visit.dial()
    visit.wait_for_question()
    page.get_by_label("Keyboard keys").uncheck()
    page.keyboard.press("1")
    visit.press("2")
    expect(visit.transcript).to_contain_text("You press 2")
    assert [entry["key"] for entry in town.latest.journal.of("key")] == ["2"]


def test_i_call_with_my_number_withheld(visit: Visit, town: Town) -> None:
    visit.open()
    visit.dial("Withheld number")
    expect(visit.transcript).to_contain_text(DISCLOSURE)
    expect(visit.calls).to_contain_text("a withheld number to Email support")
    assert town.latest.leg.from_number == "anonymous"


def test_i_call_from_mexico_and_the_words_are_marked_as_spanish(visit: Visit) -> None:
    visit.open()
    visit.dial("Caller from Mexico")
    words = visit.transcript.get_by_text(SPANISH[DISCLOSURE])
    expect(words).to_be_visible()
    expect(words).to_have_attribute("lang", "es-MX")


def test_i_type_a_number_of_my_own_and_am_told_when_it_is_none(visit: Visit, town: Town) -> None:
    page = visit.open()
    page.get_by_role("radio", name="Another number").check()
    field = page.get_by_label("Number, with its country code")
    field.fill("555 0134")
    page.get_by_role("button", name="Dial").click()
    expect(field).to_be_focused()
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(visit.phone).to_contain_text("A number begins with +")
    assert not town.exchange.calls
    field.fill("+1 (617) 555-0134")
    page.get_by_role("button", name="Dial").click()
    expect(visit.transcript).to_contain_text(DISCLOSURE)
    assert town.latest.leg.from_number == "+16175550134"


def test_i_mute_the_phone_and_it_stays_muted_until_i_say_otherwise(visit: Visit) -> None:
    page = visit.open()
    visit.dial()
    mute = page.get_by_role("button", name="Mute")
    mute.click()
    expect(mute).to_have_attribute("aria-pressed", "true")
    assert visit.ask("volumes[0].gain.value") == 0
    visit.hang_up()
    page.get_by_role("button", name="Call again").click()
    expect(mute).to_have_attribute("aria-pressed", "true")
    mute.click()
    expect(mute).to_have_attribute("aria-pressed", "false")
    assert visit.ask("volumes[0].gain.value") == 1


def test_i_open_an_older_call_and_find_back_to_my_own(visit: Visit, town: Town) -> None:
    plan = {"from": "+15125550142", "to": LINE, "label": "Says yes", "caller": {"presses": ["1"], "talks_s": 1}}
    scripted = town.exchange.place_call(CallPlan.of(plan))
    page = visit.open()
    visit.dial()
    expect(visit.transcript).to_contain_text("The line answers")
    visit.calls.get_by_role("link", name="Says yes").click()
    expect(visit.transcript).to_contain_text("The caller presses 1")
    expect(visit.decided).to_contain_text("so this call is recorded")
    expect(visit.decided).to_contain_text("Says yes, ")
    expect(page.get_by_role("region", name="What is said")).to_be_focused()
    assert scripted.sid in page.url
    visit.decided.get_by_role("link", name="Back to your call").click()
    visit.wait_for_question()
    expect(visit.transcript).not_to_contain_text("presses 1")


def test_i_hear_a_line_of_an_older_call_again(visit: Visit, town: Town) -> None:
    plan = {"from": "+15125550142", "to": LINE, "caller": {"hangs_up": "at_question"}}
    scripted = town.exchange.place_call(CallPlan.of(plan))
    page = visit.open(f"#{scripted.sid}")
    page.get_by_role("button", name=f"Hear again: {DISCLOSURE}").click()
    page.wait_for_function("() => sounded.length === 1")


def test_i_leave_the_page_and_nobody_stays_on_the_phone(visit: Visit, town: Town) -> None:
    visit.open()
    visit.dial()
    expect(visit.transcript).to_contain_text("The line answers")
    visit.page.close()
    assert town.latest.ended.wait(5)


def test_i_am_told_when_the_line_to_the_simulator_is_lost(visit: Visit) -> None:
    page = visit.open()
    page.route("**/stream", lambda route: route.fulfill(status=404))
    visit.dial()
    expect(visit.phone).to_contain_text("Call ended: the simulator no longer answers")
    expect(page.get_by_role("button", name="Call again")).to_be_visible()
    assert all("404" in complaint for complaint in visit.complaints)
    visit.complaints.clear()


def test_i_read_every_line_once_though_the_stream_was_cut_and_began_again(visit: Visit, town: Town) -> None:
    plan = {"from": "+15125550142", "to": LINE, "caller": {"hangs_up": "at_question"}}
    scripted = town.exchange.place_call(CallPlan.of(plan))
    town.exchange.settle()
    stream = requests.get(f"{town.url}/simulator/calls/{scripted.sid}/stream", timeout=5).text
    begun, _, _ = stream.partition(QUESTION)
    torn = "retry: 10\n" + begun[: begun.rindex("\n\n") + 2]
    page = visit.open()
    page.route("**/stream", lambda route: route.fulfill(body=torn, content_type="text/event-stream"), times=1)
    visit.calls.get_by_role("link").click()
    expect(visit.transcript).to_contain_text("The call has ended")
    expect(visit.transcript.get_by_text(DISCLOSURE)).to_have_count(1)


def test_i_read_what_twilio_complains_of(visit: Visit, town: Town) -> None:
    town.exchange.numbers[LINE].voice_url = f"{town.line.url}/nowhere"
    visit.open()
    visit.dial()
    expect(visit.transcript).to_contain_text("Twilio's error 11200: HTTP 404")
    expect(visit.transcript).to_contain_text("An application error has occurred")


def test_i_read_what_the_simulator_cannot_do_and_that_the_service_is_not_to_blame(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lack(*_: object) -> None:
        raise NotSimulated("<Say> as this test has it")

    monkeypatch.setitem(phone_call.VERBS, "Say", lack)
    visit.open()
    visit.dial()
    words = "The simulator's own limit, no error of the service: it does not do <Say> as this test has it"
    expect(visit.transcript).to_contain_text(words)
    expect(visit.transcript).not_to_contain_text("Twilio's error")
    expect(visit.phone).to_contain_text("Call ended: failed")


@pytest.mark.parametrize("height", [800, 720])
def test_i_can_hang_up_without_scrolling_at_every_moment_of_a_call(
    visit: Visit, three_lines: None, height: int
) -> None:
    page = visit.open()
    page.set_viewport_size({"width": 1280, "height": height})
    hang_up = page.get_by_role("button", name="Hang up")
    visit.ask("() => { document.querySelector('.dial').click() }")  # the driver's own click would scroll
    expect(hang_up).to_be_in_viewport(ratio=1)
    visit.wait_for_question()
    expect(hang_up).to_be_in_viewport(ratio=1)
    visit.press("1")
    expect(visit.phone).to_contain_text("Being recorded")
    expect(visit.phone).to_contain_text("Talking with the agent")
    expect(hang_up).to_be_in_viewport(ratio=1)
    expect(page.get_by_role("button", name="Mute")).to_be_in_viewport(ratio=1)
    expect(visit.phone.get_by_text("Being recorded")).to_be_in_viewport(ratio=1)
    assert visit.ask("scrollY") == 0


def test_i_tab_to_the_dial_button_and_the_verdict_stays_where_it_is(visit: Visit, three_lines: None) -> None:
    page = visit.open()
    page.set_viewport_size({"width": 1280, "height": 800})
    visit.dial()
    visit.wait_for_question()
    visit.press("2")
    expect(visit.decided).to_contain_text("The caller said no")
    visit.hang_up()
    page.get_by_role("button", name="Choose another call").click()
    verdict, dial = visit.decided.get_by_text("Not recorded", exact=True), page.get_by_role("button", name="Dial")
    expect(verdict).to_be_in_viewport(ratio=1)
    before = 0
    for _ in range(3):
        before = visit.ask("scrollY")
        page.keyboard.press("Tab")
        if dial.evaluate("e => e === document.activeElement"):
            break
    expect(dial).to_be_focused()
    expect(dial).to_be_in_viewport(ratio=1)
    expect(verdict).to_be_in_viewport(ratio=1)
    assert visit.ask("scrollY") == before


def test_no_field_that_i_tab_to_is_hidden_by_the_dial_button(visit: Visit, three_lines: None) -> None:
    page = visit.open()
    page.set_viewport_size({"width": 1280, "height": 600})
    page.get_by_role("radio", name="Another number").check()
    page.get_by_role("radio", name="Email support").focus()
    for name in ("radio", "textbox"):
        page.keyboard.press("Tab")
        overlap = visit.ask("""() => {
          const { top, bottom } = document.activeElement.getBoundingClientRect();
          const bar = document.querySelector(".dial").getBoundingClientRect();
          return Math.max(0, Math.min(bottom, bar.bottom) - Math.max(top, bar.top));
        }""")
        assert (visit.ask("document.activeElement.type") in ("radio", "tel"), overlap, name) == (True, 0, name)


def test_the_page_does_not_promise_that_only_a_yes_is_recorded(visit: Visit, three_lines: None) -> None:
    visit.open()
    expect(visit.decided).to_contain_text("A line that only tells you records those who stay on")
    expect(visit.decided).not_to_contain_text("Only a yes")
    expect(visit.phone.get_by_text("records you if you stay on")).to_be_visible()


def let_the_app_call(visit: Visit, town: Town) -> str:
    """Have calls that the app makes ring on the phone of the page, and the app make one; its sid."""
    with visit.page.expect_response("**/simulator/called"):
        visit.calls.get_by_label("Calls that the app makes ring on this phone").check()
    config, form = town.exchange.config, {"To": "+14155550188", "From": LINE, "Url": f"{town.line.url}/answer"}
    url = f"{town.url}/2010-04-01/Accounts/{config.account_sid}/Calls.json"
    made = requests.post(url, form, auth=(config.account_sid, config.auth_token), timeout=5)
    sid: str = made.json()["sid"]
    return sid


@pytest.fixture
def answering_by_themselves(town: Town) -> Iterator[None]:
    yield
    town.exchange.called.clear()


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_i_answer_a_call_that_the_app_makes_and_press_a_key(
    visit: Visit, town: Town, three_lines: None, answering_by_themselves: None, width: int, height: int
) -> None:
    page = visit.open()
    page.set_viewport_size({"width": width, "height": height})
    sid = let_the_app_call(visit, town)
    answer = page.get_by_role("button", name="Answer")
    expect(visit.phone).to_contain_text("Your phone rings")
    expect(visit.phone).to_contain_text("+1 415 555 0100")
    expect(answer).to_be_in_viewport(ratio=1)
    expect(page.get_by_role("button", name="Decline")).to_be_in_viewport(ratio=1)
    answer.focus()
    page.keyboard.press("Enter")
    visit.wait_for_question()
    expect(visit.transcript).to_contain_text("You answer")
    page.keyboard.press("2")
    expect(visit.transcript).to_contain_text("You press 2")
    expect(visit.transcript).to_contain_text(NOT_RECORDED)
    page.get_by_role("button", name="Hang up").click()
    expect(page.get_by_role("button", name="Choose another call")).to_be_visible()
    expect(page.get_by_role("button", name="Call again")).to_be_hidden()
    expect(visit.calls).to_contain_text("You were called")
    assert town.exchange.calls[sid].leg.status == "completed"


def test_i_decline_a_call_that_the_app_makes_and_the_phone_is_free_again(
    visit: Visit, town: Town, answering_by_themselves: None
) -> None:
    page = visit.open()
    sid = let_the_app_call(visit, town)
    page.get_by_role("button", name="Decline").click()
    expect(page.get_by_role("button", name="Dial")).to_be_visible()
    call = town.exchange.calls[sid]
    assert call.ended.wait(5)
    assert (call.leg.status, call.leg.answered) == ("busy", None)


def test_i_see_an_incident_without_looking_for_it(visit: Visit, town: Town) -> None:
    visit.open()
    visit.dial()
    visit.wait_for_question()
    visit.press("2")
    told = town.line.stories[town.latest.sid]
    told["recordings"] = [{"state": "condemned", "stored": False}]
    told["incidents"] = [{"kind": "recording_without_permit", "detail": "no permit covers it"}]
    alert = visit.decided.get_by_role("alert")
    expect(alert).to_contain_text("Incident: recording without permit. no permit covers it")
    expect(visit.decided).to_contain_text("A recording was started all the same: it is being destroyed.")
    expect(visit.decided.get_by_text("Look at this")).to_be_visible()


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("", "The simulator was not told where to ask"),
        ("/nowhere/{call_sid}", "The service does not know this call (yet)"),
        ("/answer", "The service could not be asked just now (HTTP 405)"),
    ],
)
def test_i_am_told_plainly_when_the_service_says_nothing(visit: Visit, town: Town, path: str, words: str) -> None:
    town.exchange.config = replace(town.exchange.config, observer_url=path and town.line.url + path)
    visit.open()
    visit.dial()
    expect(visit.decided).to_contain_text(words)
    expect(visit.transcript).to_contain_text(DISCLOSURE)


def test_i_can_see_what_twilio_saw_if_i_ask(visit: Visit) -> None:
    page = visit.open()
    visit.dial()
    visit.wait_for_question()
    step = page.get_by_text("/choice", exact=True)
    expect(step).to_be_hidden()
    page.get_by_role("heading", name="What Twilio saw").click()
    expect(step).to_be_visible()
    expect(page.locator(".result").first).to_contain_text("ms: Say, Redirect")
    step.click()
    expect(page.locator("pre", has_text="actionOnEmptyResult")).to_be_visible()
    expect(page.get_by_text("half of them answered within")).to_be_visible()


def test_nothing_that_a_call_carries_is_read_as_markup(visit: Visit, town: Town) -> None:
    markup = "<img src=x onerror=alert(1)>"
    town.exchange.numbers[LINE].label = markup
    plan = {"from": markup, "to": LINE, "label": markup, "caller": {"hangs_up": "at_question"}}
    scripted = town.exchange.place_call(CallPlan.of(plan))
    told = town.line.stories[scripted.sid]
    told["incidents"] = [{"kind": markup, "detail": markup}]
    told["events"].append({"index": 99, "ts": markup, "type": markup, markup: markup})
    told |= {"outcome": markup, "mode": markup, "reason": markup, "language": markup, "line": markup}
    page = visit.open(f"#{scripted.sid}")
    expect(visit.decided.get_by_role("alert")).to_contain_text(markup)
    expect(visit.calls.get_by_role("link")).to_contain_text(markup)
    expect(page.locator("img[src=x]")).to_have_count(0)


def test_i_use_it_on_a_screen_320_pixels_wide(visit: Visit) -> None:
    page = visit.open()
    page.set_viewport_size({"width": 320, "height": 640})
    assert visit.ask("sight.sidewaysPx()") == 0
    visit.dial()
    visit.wait_for_question()
    assert visit.ask("sight.sidewaysPx()") == 0
    visit.press("1")
    expect(visit.phone).to_contain_text("Talking with the agent")
    visit.hang_up()
    expect(visit.decided).to_contain_text("Stored and verified")
    page.get_by_role("heading", name="What Twilio saw").click()
    page.get_by_text("/choice", exact=True).click()
    assert visit.ask("sight.sidewaysPx()") == 0


def test_i_can_read_it_in_light_and_dark_and_hit_every_control(visit: Visit) -> None:
    page = visit.open()

    def look() -> None:
        page.emulate_media(color_scheme="light")
        assert visit.ask("sight.tooFaint()") == []
        page.emulate_media(color_scheme="dark")
        assert visit.ask("sight.tooFaint()") == []
        assert visit.ask("sight.tooSmall()") == []
        assert visit.ask("sight.nameless()") == []

    page.emulate_media(reduced_motion="reduce")  # half-way from one colour to another, text has neither
    look()
    visit.dial()
    visit.wait_for_question()
    look()
    visit.press("1")
    expect(visit.phone).to_contain_text("Talking with the agent")
    look()
    visit.hang_up()
    expect(visit.decided).to_contain_text("Stored and verified")
    look()


def test_the_measures_of_sight_find_what_is_wrong(visit: Visit) -> None:
    visit.open()
    visit.ask("""() => {
      const spoilt = document.createElement("button");
      document.querySelector(".idle-words").append(spoilt);
      spoilt.className = "spoilt";
      Object.assign(spoilt.style, { width: "2000px", height: "20px", position: "absolute", left: 0 });
      Object.assign(spoilt.style, { color: "#999", background: "#fff" });
    }""")
    assert len(visit.ask("sight.tooSmall()")) == 1
    assert len(visit.ask("sight.nameless()")) == 1
    visit.ask("() => { document.querySelector('.spoilt').textContent = 'faint' }")
    assert len(visit.ask("sight.tooFaint()")) == 1
    visit.ask("() => document.body.append(document.createElement('pre'), 'x'.repeat(999))")
    assert visit.ask("sight.sidewaysPx()") > 0


def test_nothing_moves_for_whoever_asked_for_less_motion(visit: Visit) -> None:
    page = visit.open()
    page.emulate_media(reduced_motion="reduce")
    visit.dial()
    visit.wait_for_question()
    visit.press("1")
    expect(visit.phone).to_contain_text("Being recorded")
    assert visit.ask("document.getAnimations().length") == 0
    page.emulate_media(reduced_motion="no-preference")
    assert visit.ask("document.getAnimations().length") > 0


def test_what_is_said_and_decided_is_announced_as_it_comes(visit: Visit) -> None:
    page = visit.open()
    expect(page.get_by_role("log", name="What is said")).to_be_attached()
    visit.dial()
    expect(page.get_by_role("status").filter(has_text="You are asked")).to_be_attached()
    expect(page.get_by_role("status").filter(has_text="Deciding")).to_be_attached()


def test_the_page_runs_nothing_that_is_not_its_own(visit: Visit, town: Town) -> None:
    policy = requests.get(town.url, timeout=5).headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in policy
    visit.open()
    visit.ask(
        "() => { document.body.append(Object.assign(document.createElement('script'), { text: 'window.ran = 1' })) }"
    )
    assert visit.ask("window.ran") is None
    assert any("script-src" in complaint for complaint in visit.complaints)
    visit.complaints.clear()
