"""Where a person has spoken a text, the caller hears the recording instead of a voice."""

from xml.etree.ElementTree import Element, fromstring

from callflow import twiml
from policies.consent import Mode
from policies.wording import wording_for

WORDING = wording_for(Mode.OPT_IN, "en-US", "Acme", ["quality"])
DISCLOSURE, QUESTION = "https://example.com/disclosure?a=1&b=2", "https://example.com/question"


def outline(element: Element) -> list[tuple[str, str]]:
    return [(child.tag, (child.text or "").strip()) for child in element]


def test_a_disclosure_is_said_or_played_outside_the_gather() -> None:
    spoken = fromstring(twiml.disclose(WORDING, choice_url="https://next"))
    played = fromstring(twiml.disclose(WORDING, choice_url="https://next", audio_url=DISCLOSURE))
    assert outline(spoken) == [("Say", WORDING.disclosure), ("Redirect", "https://next")]
    assert outline(played) == [("Play", DISCLOSURE), ("Redirect", "https://next")]


def test_a_question_is_said_or_played_inside_the_gather() -> None:
    spoken = fromstring(twiml.choose(WORDING, consent_url="https://next", again=True))
    urls = {"disclosure_audio_url": DISCLOSURE, "question_audio_url": QUESTION}
    played = fromstring(twiml.choose(WORDING, consent_url="https://next", again=True, **urls))
    assert [child.tag for child in spoken] == ["Say", "Gather", "Redirect"]
    assert [child.tag for child in played] == ["Play", "Gather", "Redirect"]
    assert outline(spoken[1]) == [("Say", WORDING.question)]
    assert outline(played[1]) == [("Play", QUESTION)]
    assert played[0].text == DISCLOSURE


def test_only_what_is_recorded_is_played() -> None:
    mixed = fromstring(twiml.choose(WORDING, consent_url="https://next", again=True, question_audio_url=QUESTION))
    assert (mixed[0].tag, mixed[1][0].tag) == ("Say", "Play")


def test_a_refusal_says_what_it_is_given_and_goodbye() -> None:
    refused = fromstring(twiml.refuse(WORDING, text=WORDING.refused_end_call))
    said = [("Say", "Without your agreement we must end this call."), ("Say", WORDING.goodbye), ("Hangup", "")]
    assert outline(refused) == said
