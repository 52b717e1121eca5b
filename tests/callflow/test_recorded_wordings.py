"""Where a person has spoken a text, the caller hears the recording instead of a voice."""

from dataclasses import replace
from xml.etree.ElementTree import Element, fromstring

from callflow import twiml
from policies.consent import Mode
from policies.wording import wording_for
from tests.callflow.conftest import URLS

SPOKEN = wording_for(Mode.OPT_IN, "en-US", "Acme", ["quality"])
DISCLOSURE, QUESTION = "d" * 64, "9" * 64
RECORDED = replace(SPOKEN, disclosure_audio=DISCLOSURE, question_audio=QUESTION)


def outline(element: Element) -> list[tuple[str, str]]:
    return [(child.tag, (child.text or "").strip()) for child in element]


def test_a_disclosure_is_said_or_played_outside_the_gather() -> None:
    spoken = fromstring(twiml.disclose(SPOKEN, URLS, choice_url="https://next"))
    played = fromstring(twiml.disclose(RECORDED, URLS, choice_url="https://next"))
    assert outline(spoken) == [("Say", SPOKEN.disclosure), ("Redirect", "https://next")]
    assert outline(played) == [("Play", URLS.audio(DISCLOSURE)), ("Redirect", "https://next")]


def test_a_question_is_said_or_played_inside_the_gather() -> None:
    spoken = fromstring(twiml.choose(SPOKEN, URLS, consent_url="https://next", again=True))
    played = fromstring(twiml.choose(RECORDED, URLS, consent_url="https://next", again=True))
    assert [child.tag for child in spoken] == ["Say", "Gather", "Redirect"]
    assert [child.tag for child in played] == ["Play", "Gather", "Redirect"]
    assert outline(spoken[1]) == [("Say", SPOKEN.question)]
    assert outline(played[1]) == [("Play", URLS.audio(QUESTION))]
    assert played[0].text == URLS.audio(DISCLOSURE)


def test_only_what_is_recorded_is_played() -> None:
    mixed = replace(SPOKEN, question_audio=QUESTION)
    said = fromstring(twiml.choose(mixed, URLS, consent_url="https://next", again=True))
    assert (said[0].tag, said[1][0].tag) == ("Say", "Play")


def test_each_language_of_a_menu_is_offered_in_itself_before_anything_is_disclosed() -> None:
    offered = fromstring(twiml.menu(["en-US", "es-MX", "hi-IN"], language_url="https://next"))
    assert [child.tag for child in offered] == ["Gather", "Redirect"]
    assert [say.get("language") for say in offered[0]] == ["en-US", "es-MX", "hi-IN"]
    assert [key for say in offered[0] for key in (say.text or "") if key.isdigit()] == ["1", "2", "3"]


def test_a_refusal_says_what_it_is_given_and_goodbye() -> None:
    refused = fromstring(twiml.refuse(SPOKEN, text=SPOKEN.refused_end_call))
    said = [("Say", "Without your agreement we must end this call."), ("Say", SPOKEN.goodbye), ("Hangup", "")]
    assert outline(refused) == said
