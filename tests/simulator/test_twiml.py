"""TwiML is read as strictly as Twilio's schema states it."""

import pytest

from simulator.errors import TwimlRejected
from simulator.twiml import SIZE_MAX, parse


def read(body: str) -> tuple[object, ...]:
    return parse(f"<?xml version='1.0' encoding='UTF-8'?>{body}".encode(), "text/xml; charset=utf-8")


def code_of(body: str | bytes, content_type: str = "text/xml") -> int:
    with pytest.raises(TwimlRejected) as caught:
        parse(body.encode() if isinstance(body, str) else body, content_type)
    return caught.value.code


def test_verbs_come_in_order_with_their_text_attributes_and_nested_verbs() -> None:
    verbs = parse(
        b"<Response><!-- a comment --><Gather numDigits='1' finishOnKey='' input='dtmf'>"
        b"<Say language='es-US'>  Pulse\n uno </Say></Gather><Redirect>/next?a=1&amp;b=2</Redirect></Response>",
        "application/xml",
    )
    gather, redirect = verbs
    assert (gather.name, gather.attributes) == ("Gather", {"numDigits": "1", "finishOnKey": "", "input": "dtmf"})
    assert [(say.text, say.get("language")) for say in gather.children] == [("Pulse uno", "es-US")]
    assert (redirect.name, redirect.text) == ("Redirect", "/next?a=1&b=2")


def test_the_words_inside_speech_markup_are_spoken_in_their_place() -> None:
    (say,) = parse(b"<Response><Say>Press <say-as interpret-as='digits'>1</say-as> now</Say></Response>", "text/xml")
    assert say.text == "Press 1 now"


def test_an_empty_response_is_a_document_without_verbs() -> None:
    assert read("<Response/>") == ()


@pytest.mark.parametrize(
    "document",
    [
        (
            "<Response><Start><Recording channels='dual' track='both' trim='do-not-trim' name='main'"
            " recordingStatusCallback='https://x.example/r' recordingStatusCallbackMethod='POST'"
            " recordingStatusCallbackEvent='in-progress completed absent'/></Start></Response>"
        ),
        "<Response><Stop><Recording name='main'/></Stop></Response>",
        (
            "<Response><Dial action='/a' timeout='20' answerOnBridge='true'>"
            "<Number url='/w' statusCallbackEvent='initiated answered'>+15550001111</Number>"
            "<Client>joe</Client><Sip>sip:a@b.example</Sip></Dial></Response>"
        ),
        "<Response><Dial>+15550001111</Dial></Response>",
        "<Response><Reject reason='busy'/></Response>",
    ],
)
def test_documents_that_twilio_runs_are_read(document: str) -> None:
    assert read(document)


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ("<Response><Say>a</Response>", 12100),
        ("<!DOCTYPE r [<!ENTITY x 'y'>]><Response><Say>&x;</Say></Response>", 12100),
        ("<Reply><Say>a</Say></Reply>", 12102),
        ("<response/>", 12102),
        ("<Response><Foobar/></Response>", 12200),
        ("<Response><say>a</say></Response>", 12200),
        ("<Response><Say lang='en'>a</Say></Response>", 12200),
        ("<Response><Gather numdigits='1'/></Response>", 12200),
        ("<Response>hello</Response>", 12200),
        ("<Response><Pause>hello</Pause></Response>", 12200),
        ("<Response><Gather><Dial>+15550001111</Dial></Gather></Response>", 13320),
        ("<Response><Dial><Say>a</Say></Dial></Response>", 13215),
        ("<Response><Start><Number>+1</Number></Start></Response>", 14300),
        ("<Response><Recording/></Response>", 12200),
        ("<Response><Gather timeout='soon'/></Response>", 13313),
        ("<Response><Gather finishOnKey='*#'/></Response>", 13310),
        ("<Response><Start><Recording channels='stereo'/></Start></Response>", 12200),
        ("<Response><Start><Recording recordingStatusCallbackEvent='done'/></Start></Response>", 13621),
        ("<Response><Say language='xx-YY'>a</Say></Response>", 13512),
        ("<Response><Say/></Response>", 13520),
        (f"<Response><Say>{'a' * 4097}</Say></Response>", 13521),
        ("", 11770),
    ],
)
def test_a_document_that_breaks_a_rule_is_refused_with_twilios_code(document: str, code: int) -> None:
    assert code_of(document) == code


def test_json_is_not_a_document() -> None:
    assert code_of("{}", "application/json") == 12300
    assert code_of("<Response/>", "") == 12300


def test_a_document_above_64_kb_is_refused_and_one_at_64_kb_is_read() -> None:
    padding = " " * (SIZE_MAX - len("<Response></Response>"))
    assert parse(f"<Response>{padding}</Response>".encode(), "text/xml") == ()
    assert code_of(f"<Response>{padding} </Response>") == 11750
