"""What Twilio lists of a call, read: which requests are steps of ours, and what our documents said."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from callflow import twiml
from callflow.urls import Stay, Urls
from compliance import twiml_reading
from compliance.provider.provider_account import document_of, ours, steps_of
from policies.consent import Mode
from policies.corroboration import Key
from policies.jurisdiction.overrides import AUTO
from policies.rules import Destination, Line
from policies.wording import wording_for
from storage.provider import ProviderRequest

BASE, CALL = "https://voice.example.com/onrecord", "c" * 32
URLS = Urls(BASE, b"k" * 32)
AT = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
LINE = Line("+12125550100", (Destination("client", "alice"),), ("en-US",), ("quality",), AUTO, "long")
WORDING = wording_for(Mode.OPT_IN, "en-US", "Smith & Sons", ["quality"])


def asked(url: str, body: bytes = b"", status: int = 200) -> ProviderRequest:
    return ProviderRequest(url, {}, AT, status, body.decode())


@pytest.mark.parametrize(
    ("url", "step"),
    [
        (URLS.answer(), "answer"),
        (URLS.fallback(), "fallback"),
        (URLS.language(CALL), "language"),
        (URLS.choice(CALL, 2), "choice:2"),
        (URLS.ended(CALL), "ended"),
        (URLS.consent(CALL, 12), "consent:12"),
        (URLS.star(CALL, Stay(1, 2)), "star:1-2"),
        (URLS.withdraw(CALL, Stay(2, 1)), "withdraw:2-1"),
        (URLS.alone(CALL), "alone"),
    ],
)
def test_every_step_is_known_by_its_url(url: str, step: str) -> None:
    assert [one.step for one in steps_of([asked(url)], [BASE], CALL)] == [step]
    bare = url.partition("#")[0]
    spelt = bare.replace("https://voice.example.com/", "HTTPS://Voice.example.com/")
    for same in (bare, spelt, f"{bare}?line=3"):
        assert [one.step for one in steps_of([asked(same)], ["https://new.example", BASE], CALL)] == [step]


@pytest.mark.parametrize(
    "url",
    [
        "https://api.twilio.com/2010-04-01/Accounts/AC0/Calls/CA0.json",
        "https://voice.example.com/voice/answer",
        "https://voice.example.com.evil.example/onrecord/voice/answer",
        "https://evil.example/?https://voice.example.com/onrecord/voice/answer",
        URLS.choice("d" * 32, 1),
        URLS.consent("d" * 32, 1),
        URLS.consent(CALL, 0),
        URLS.star("d" * 32, Stay(1, 1)),
        URLS.withdraw("d" * 32, Stay(1, 1)),
        URLS.call_progress(),
        URLS.recording(CALL),
        f"{BASE}/voice/consent/{CALL}/1",
    ],
)
def test_what_was_not_asked_of_a_step_of_this_call_is_none(url: str) -> None:
    assert steps_of([asked(url)], [BASE], CALL) == []


def test_requests_of_ours_are_counted_with_their_callbacks() -> None:
    others = [asked("https://api.twilio.com/x"), asked(f"{BASE}elsewhere/voice/answer")]
    listed = [asked(URLS.answer()), asked(URLS.call_progress()), *others]
    assert len(ours(listed, [BASE])) == 2


@pytest.mark.parametrize("status", [0, 302, 403, 404, 500, 502, 503])
def test_what_did_not_go_well_brought_no_document(status: int) -> None:
    (seen,) = steps_of([asked(URLS.answer(), twiml.nothing(), status)], [BASE], CALL)
    assert seen.document is None


@pytest.mark.parametrize(
    "body",
    [
        "",
        "OK",
        "<html>",
        "<!DOCTYPE x [<!ENTITY y 'z'>]><Response>&y;</Response>",
        "<Response>\0</Response>",
        "<Response>\ud800</Response>",
        f"<Response><Say>{'long ' * 13_200}</Say></Response>",  # Twilio takes 64 kB
        "<a>" * 60_000 + "</a>" * 60_000,
    ],
    ids=lambda body: body[:40].encode("ascii", "backslashreplace").decode(),
)
def test_what_is_no_document_of_ours_is_none(body: str) -> None:
    assert document_of(body) is None


def test_a_disclosure_is_what_is_said_on_the_way_to_the_question() -> None:
    found = document_of(twiml.disclose(WORDING, URLS, choice_url=URLS.choice(CALL, 1)).decode())
    assert found is not None
    assert (found.disclosed, found.asked, found.has_words) == (frozenset({WORDING.disclosure}), frozenset(), True)
    assert "Smith & Sons" in WORDING.disclosure


def test_a_question_is_told_apart_from_the_disclosure_said_again() -> None:
    for again, disclosed in ((False, frozenset[str]()), (True, frozenset({WORDING.disclosure}))):
        body = twiml.choose(WORDING, URLS, consent_url=URLS.consent(CALL, 1), again=again)
        found = document_of(body.decode())
        assert found is not None
        assert (found.disclosed, found.asked) == (disclosed, frozenset({WORDING.question}))


def test_a_recorded_prompt_is_known_by_its_hash() -> None:
    recorded = replace(WORDING, disclosure_audio="a" * 64, question_audio="b" * 64)
    body = twiml.choose(recorded, URLS, consent_url=URLS.consent(CALL, 1), again=True)
    found = document_of(body.decode())
    assert found is not None
    assert (found.disclosed, found.asked) == (frozenset({"a" * 64}), frozenset({"b" * 64}))


def test_the_language_menu_is_neither_disclosure_nor_question() -> None:
    found = document_of(twiml.menu(("en-US", "es-US"), language_url=URLS.language(CALL)).decode())
    assert found is not None
    assert (found.disclosed, found.asked, found.has_words) == (frozenset(), frozenset(), True)


def test_what_is_said_after_the_decision_is_no_disclosure() -> None:
    body = twiml.suppress(CALL, LINE, WORDING, URLS, text=WORDING.disclosure)
    found = document_of(body.decode())
    assert found is not None
    assert (found.disclosed, found.has_words) == (frozenset(), True)


@pytest.mark.parametrize(
    "body",
    [
        "<Response><Record/></Response>",
        '<Response><Dial record="true"/></Response>',
        "<Response><Dial><Conference record='record-from-start'>a</Conference></Dial></Response>",
        "<Response><Start><Stream url='wss://x'/></Start></Response>",
        "<Response><Start><Transcription/></Start></Response>",
    ],
)
def test_whatever_takes_the_sound_away_is_a_recording(body: str) -> None:
    found = document_of(body)
    assert found is not None
    assert (found.has_words, found.starts_recording) == (True, True)


@pytest.mark.parametrize(
    "body", [twiml.nothing(), twiml.hangup(), twiml.connect(LINE), twiml.connect(LINE, ended_url="x")]
)
def test_a_document_of_a_step_that_failed_has_no_words(body: bytes) -> None:
    found = document_of(body.decode())
    assert found is not None
    assert (found.has_words, found.starts_recording) == (False, False)


@pytest.mark.parametrize(
    ("parameters", "key"),
    [
        ({"digits": "1"}, Key(is_silent=False, digit="1")),
        ({"digits": ""}, Key(is_silent=True, digit="")),
        ({}, Key(is_silent=True, digit="")),
        ({"digits": "4111111111111111"}, Key(is_silent=False, digit="")),
        ({"digits": "", "callstatus": "completed"}, None),
        ({"digits": "2", "callstatus": "completed"}, Key(is_silent=False, digit="2")),
    ],
)
def test_an_answer_is_its_single_key_and_hanging_up_is_none(parameters: dict[str, str], key: Key | None) -> None:
    request = ProviderRequest(URLS.consent(CALL, 2), parameters, AT, 200, "")
    (seen,) = steps_of([request], [BASE], CALL)
    assert (seen.key, seen.prompt) == (key, 0 if key is None else 2)


@pytest.mark.parametrize(("key", "withdraws"), [("1", True), ("5", False), ("", False), ("11", False)])
def test_the_withdrawal_key_is_read_as_none_of_a_question(key: str, withdraws: bool) -> None:
    pressed = replace(asked(f"{BASE}/voice/withdraw/{CALL}/1-2/mac"), parameters={"digits": key})
    (step,) = steps_of([pressed], {BASE}, CALL)
    assert (step.step, step.withdraws, step.prompt, step.key) == ("withdraw:1-2", withdraws, 0, None)


def test_the_conference_has_no_words_and_rings_nobody() -> None:
    body = '<Response><Dial hangupOnStar="true" action="x"><Conference waitUrl="">name</Conference></Dial></Response>'
    document = document_of(body)
    assert document
    assert not document.has_words
    assert not document.starts_recording
    assert twiml_reading.read(body.encode()).dialled == frozenset()
