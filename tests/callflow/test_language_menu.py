"""A line may ask for the language first; nothing is disclosed, and nothing recorded, before it is chosen."""

import pytest

from storage.database.engine import Database
from tests.callflow.conftest import RULEBOOK, URLS, Installation, PhoneCall, install, read, said, starts_recording

MENU = RULEBOOK.read_text().replace(
    'languages = ["en-US", "es-US"]', 'languages = ["en-US", "es-US", "de-DE"]\nlanguage_by = "menu"'
)
BY_LINE = RULEBOOK.read_text().replace(
    'languages = ["en-US", "es-US"]', 'languages = ["en-US", "es-US"]\nlanguage_by = "line"'
)
MEXICO = "+525512345678"
WELCOME = {"en-US": "Thanks for calling", "es-US": "Gracias por llamar", "de-DE": "Danke für Ihren Anruf"}


@pytest.fixture
def asking(used_database: Database) -> Installation:
    return install(used_database, MENU)


def test_the_menu_offers_every_language_in_itself(asking: Installation) -> None:
    menu = asking.twilio.dial().arrives()
    assert [say.get("language") for say in menu.iter("Say")] == list(WELCOME)
    assert not any(welcome in said(menu) for welcome in WELCOME.values())


@pytest.mark.parametrize(
    ("caller", "keys", "language"),
    [
        ("+15125550111", "1", "en-US"),
        ("+15125550111", "2", "es-US"),
        ("+15125550111", "3", "de-DE"),
        ("+15125550111", "", "en-US"),
        ("+15125550111", "4", "en-US"),
        ("+15125550111", "0", "en-US"),
        ("+15125550111", "33", "en-US"),
        (MEXICO, "", "es-US"),
        (MEXICO, "1", "en-US"),
        ("anonymous", "²", "en-US"),
    ],
)
def test_the_key_chooses_and_without_one_the_number_does(
    caller: str, keys: str, language: str, asking: Installation
) -> None:
    call = asking.twilio.dial(caller=caller)
    disclosure = call.presses(call.arrives(), keys)
    assert WELCOME[language] in said(disclosure)
    assert asking.call(call.sid).language == language
    question = call.hears_the_disclosure(disclosure)
    assert {say.get("language") for say in question.iter("Say")} == {language}
    assert starts_recording(call.presses(question, "1"))
    served = [event for event in asking.events(call.sid) if event["type"] == "disclosure.served"]
    assert [event["prompt_sha256"] for event in served] == [asking.call(call.sid).wording_sha256]


def test_the_disclosure_is_timed_from_when_it_was_served(asking: Installation) -> None:
    call = asking.twilio.dial()
    menu = call.arrives()
    asking.twilio.clock.passes(60)
    disclosure = call.presses(menu, "1")
    call.hears_the_disclosure(disclosure, seconds=1.0)
    assert asking.call(call.sid).outcome == "disclosure_cut_short"


def test_what_was_never_served_has_not_played_whatever_comes_next(asking: Installation) -> None:
    call = asking.twilio.dial()
    call.arrives()
    asking.twilio.clock.passes(60)
    answer = read(asking.twilio.post(URLS.choice(asking.call(call.sid).id, 1), call.params()))
    assert not starts_recording(answer)
    assert asking.call(call.sid).outcome == "disclosure_cut_short"


def test_another_language_may_be_chosen_until_the_disclosure_has_played(asking: Installation) -> None:
    call = asking.twilio.dial()
    menu = call.arrives()
    call.presses(menu, "2")
    assert WELCOME["de-DE"] in said(call.presses(menu, "3"))
    assert asking.call(call.sid).language == "de-DE"


def test_another_language_chosen_after_the_disclosure_changes_nothing(asking: Installation) -> None:
    call = asking.twilio.dial()
    menu = call.arrives()
    call.hears_the_disclosure(call.presses(menu, "2"))
    assert [verb.tag for verb in call.presses(menu, "3")] == ["Dial"]
    assert asking.call(call.sid).language == "es-US"


@pytest.mark.parametrize("status", ["completed", "canceled"])
def test_who_hangs_up_in_the_menu_was_told_nothing(status: str, asking: Installation) -> None:
    call = asking.twilio.dial()
    call.arrives()
    call.ends(status)
    assert asking.call(call.sid).outcome == "hung_up_in_disclosure"
    assert "disclosure.served" not in asking.event_types(call.sid)


def _on(call: PhoneCall) -> str:
    gather = call.arrives().find("Gather")
    assert gather is not None
    return gather.attrib["action"]


@pytest.mark.parametrize("status", ["completed", "busy"])
def test_the_answer_to_a_menu_of_a_call_that_is_over_says_nothing(status: str, asking: Installation) -> None:
    call = asking.twilio.dial()
    answer = read(asking.twilio.post(_on(call), call.params(Digits="2", CallStatus=status)))
    assert list(answer) == []


def test_a_call_that_went_on_by_another_way_is_not_led_back_to_the_menu(asking: Installation) -> None:
    call = asking.twilio.dial()
    action = _on(call)
    asking.twilio.post("/voice/fallback", call.params(ErrorCode="11200"))
    answer = read(asking.twilio.post(action, call.params(Digits="2")))
    assert answer.find("Dial") is not None
    assert answer.find("Gather") is None


@pytest.mark.parametrize("caller", [MEXICO, "+15125550111"])
def test_a_line_may_speak_its_first_language_to_everybody(caller: str, used_database: Database) -> None:
    installation = install(used_database, BY_LINE)
    assert WELCOME["en-US"] in said(installation.twilio.dial(caller=caller).arrives())
