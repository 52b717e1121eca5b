"""Comments in the browser: by key, at the second that was heard, without losing the focus or a word."""

from playwright.sync_api import Browser, Locator

from storage.rows.recordings import Recording
from storage.staff import sessions
from tests.browser.at_call import AtCall, at_call
from tests.browser.call_site import CallSite, conversation

EVIL = '<img src=x onerror=alert(1)><script>alert(2)</script>" onfocus="alert(3)\n{{ 7 * 7 }}'


def kept(site: CallSite) -> Recording:
    return site.kept(conversation(30))


def comments(at: AtCall) -> Locator:
    return at.page.locator("#comment-list .comment")


def write(at: AtCall, words: str) -> None:
    at.page.locator("#comment-new textarea").fill(words)
    with at.page.expect_response("**/comments"):
        at.page.get_by_role("button", name="Save the comment").press("Enter")


def has_focus(at: AtCall) -> bool:
    """Something that is shown has it, or has it in a moment."""
    at.wait("document.activeElement !== document.body && document.activeElement.checkVisibility()", 1)
    return True


def test_a_call_is_reviewed_by_keyboard_alone(browser: Browser, site: CallSite) -> None:
    recording = kept(site)
    with at_call(browser, site, recording) as at:
        at.open()
        at.visit.tab_to(at.part("slider"))
        for _ in range(12):
            at.page.keyboard.press("ArrowRight")
        assert at.position_s == 12
        assert at.part("slider").get_attribute("aria-valuetext") == "0:12 of 0:30"
        at.visit.tab_to(at.part("play"))
        at.page.keyboard.press("Enter")
        at.plays_until(13)
        at.page.keyboard.press("k")
        at.wait("robot.state().paused")
        at.page.keyboard.press("c")
        at.page.keyboard.type("speaks too fast")
        at.visit.tab_to(at.page.get_by_role("button", name="Save the comment"))
        at.page.keyboard.press("Enter")
        comments(at).filter(has_text="speaks too fast").wait_for()
        assert comments(at).locator("a").first.text_content() in ("0:08", "0:09")
        assert has_focus(at)
        at.visit.tab_to(at.page.get_by_role("button", name="Back to where you were"))
        at.page.keyboard.press("Enter")
        at.wait("document.activeElement.dataset.part === 'play'")
        at.page.keyboard.press("Shift+Tab")
        assert has_focus(at)


def test_the_focus_is_never_lost_by_what_is_swapped(browser: Browser, site: CallSite) -> None:
    recording = kept(site)
    with at_call(browser, site, recording) as at:
        at.open()
        write(at, "first")
        comments(at).filter(has_text="first").wait_for()
        assert has_focus(at)
        assert at.page.locator("#comment-new textarea").input_value() == ""
        assert at.said == "Saved."
        at.page.locator("summary", has_text="Answer").press("Enter")
        at.page.get_by_label("Your answer").fill("second")
        at.page.get_by_role("button", name="Save the answer").press("Enter")
        comments(at).filter(has_text="second").wait_for()
        assert has_focus(at)
        own = comments(at).filter(has_text="first")
        own.locator("summary", has_text="Change").press("Enter")
        own.locator("textarea").fill("first, said better")
        own.get_by_role("button", name="Save the change").press("Enter")
        comments(at).filter(has_text="first, said better").wait_for()
        assert has_focus(at)
        at.page.on("dialog", lambda dialog: dialog.accept())
        comments(at).filter(has_text="second").get_by_role("button", name="Remove").press("Enter")
        comments(at).filter(has_text="second").wait_for(state="detached")
        assert has_focus(at)
        comments(at).filter(has_text="first").get_by_role("button", name="Remove").press("Enter")
        comments(at).wait_for(state="detached")
        assert has_focus(at)
        at.visit.require_accessible()


def test_what_was_typed_stays_when_it_is_refused(browser: Browser, site: CallSite, talk: Recording) -> None:
    with at_call(browser, site, talk) as at:
        at.visit.expected = ("status of 422",)
        at.open()
        at.page.locator("#comment-new [name=at]").fill("soon")
        write(at, "where?")
        at.page.get_by_text("Write the place as minutes and seconds").wait_for()
        assert at.page.locator("#comment-new textarea").input_value() == "where?"
        assert has_focus(at)
        at.page.locator("#comment-new [name=at]").fill("0:07")
        write(at, "where?")
        comments(at).filter(has_text="where?").wait_for()
        assert at.page.locator("#comment-problem").text_content() == ""


def test_words_typed_in_a_session_that_has_ended_are_kept(browser: Browser, site: CallSite, talk: Recording) -> None:
    account = site.account()
    with at_call(browser, site, talk, account) as at:
        at.visit.expected = ("status of 401",)
        at.open()
        site.premises.write(lambda c: sessions.end_all(c, account.id, site.premises.clock.now, "revoked"))
        write(at, "a long thought")
        at.page.get_by_text("Your words are still here").wait_for()
        assert at.page.locator("#comment-new textarea").input_value() == "a long thought"
        assert "/calls/" in at.page.url


def test_words_are_only_words(browser: Browser, site: CallSite) -> None:
    recording = kept(site)
    with at_call(browser, site, recording) as at:
        at.page.on("dialog", lambda dialog: at.visit.complaints.append(f"a dialog: {dialog.message}"))
        at.open()
        write(at, EVIL)
        comments(at).wait_for()
        assert comments(at).locator(".body").text_content() == EVIL
        at.open()
        assert comments(at).locator(".body").text_content() == EVIL
        comments(at).locator("summary", has_text="Change").click()
        assert comments(at).locator("textarea").input_value() == EVIL
        assert at.page.locator("#comments img, #comments script").count() == 0


def test_without_scripts_the_page_tells_everything_and_takes_comments(
    browser: Browser, site: CallSite, talk: Recording
) -> None:
    with at_call(browser, site, talk, javascript=False) as at:
        at.page.goto(f"{site.url}/calls/{talk.call_id}")
        assert at.page.locator("svg.strip .recording").count() == 1
        assert "To listen takes JavaScript" in at.page.content()
        at.page.locator("#comment-new textarea").fill("no scripts")
        at.page.get_by_role("button", name="Save the comment").click()
        comments(at).filter(has_text="no scripts").wait_for()
        at.page.get_by_role("button", name="Mark as reviewed").click()
        at.page.locator("#reviewed").get_by_text("Reviewed by").wait_for()
