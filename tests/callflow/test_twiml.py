"""A document is made for its call, whatever was made for another call before."""

from dataclasses import replace
from itertools import product
from xml.etree.ElementTree import fromstring

import pytest

from callflow import twiml
from callflow.twiml import Disclosure, Document, OngoingRecording, Parting, Question, Refusal, Unrecorded
from callflow.urls import Urls
from policies.consent import Mode
from policies.rules import Destination, Line
from policies.wording import Wording, wording_for

URLS = Urls("https://calls.example.org", b"k" * 32)
LINES = [
    Line(f"+1212555010{n}", (Destination("number", f"+1415555010{n}"),), ("en-US",), ("quality",), Mode.OPT_IN)
    for n in range(2)
]
SPOKEN = [wording_for(Mode.OPT_IN, "en-US", business, ("quality",)) for business in ("Acme & <Sons>", "Other")]
CALLS = ["a" * 32, "b" * 32]


def documents(wording: Wording) -> list[Document]:
    audio = replace(wording, disclosure_audio="c" * 64, question_audio="d" * 64)
    return [
        *(Disclosure(said, round_) for said, round_ in product((wording, audio), (1, 2))),
        *(Question(said, prompt, again) for said, prompt, again in product((wording, audio), (1, 2), (True, False))),
        *(Unrecorded(wording, text, stops=stops) for text, stops in product(("No & no", "Yes"), (True, False))),
        Unrecorded(wording, "No", "e" * 64),
        OngoingRecording(wording),
        Refusal(wording, "Bye", stops=True),
        Refusal(wording, "Bye"),
        Parting(wording, ""),
        Parting(wording, "Bye"),
    ]


def texts(document: bytes) -> list[str]:
    root = fromstring(document)
    return [text for element in root.iter() for text in (*element.attrib.values(), (element.text or "").strip())]


@pytest.mark.parametrize("number", range(len(documents(SPOKEN[0]))))
def test_no_document_leads_to_another_call(number: int) -> None:
    for call_id, line, wording in [*product(CALLS, LINES, SPOKEN)] * 2:
        said = texts(twiml.render(documents(wording)[number], call_id, line, URLS))
        led = [text for text in said if "://" in text and "/voice/audio/" not in text]
        assert [url for url in led if call_id not in url] == []
        assert bool(led) is not isinstance(documents(wording)[number], Parting | Refusal)
        assert [text for text in said if "\0" in text] == []


@pytest.mark.parametrize(("call_id", "line", "wording"), list(product(CALLS, LINES, SPOKEN)))
def test_an_unrecorded_call_gets_its_own_urls_line_and_words(call_id: str, line: Line, wording: Wording) -> None:
    said = texts(twiml.render(Unrecorded(wording, wording.disclosure), call_id, line, URLS))
    assert {URLS.ended(call_id), URLS.whisper(call_id, recorded=False)} == {text for text in said if "://" in text}
    assert wording.disclosure in said
    assert line.connect_to[0].address in said


@pytest.mark.parametrize(("call_id", "wording"), list(product(CALLS, SPOKEN)))
def test_a_question_leads_to_the_url_of_its_call_and_prompt(call_id: str, wording: Wording) -> None:
    for prompt in (1, 2):
        said = texts(twiml.render(Question(wording, prompt, again=False), call_id, LINES[0], URLS))
        assert {URLS.consent(call_id, prompt)} == {text for text in said if "://" in text}
        assert wording.question in said
