"""Each part of TwiML is executed, refused as not simulated, or listed as ignored."""

from collections.abc import Callable, Iterator
from inspect import Parameter, signature
from typing import Any

import pytest
from flask import Response
from twilio.twiml import TwiML
from twilio.twiml.voice_response import Connect, Reject, VoiceResponse

from simulator import phone_call
from simulator.simulated_twiml import EXECUTED, IGNORED, NOT_SIMULATED, Part
from simulator.sound import silence, to_wav
from simulator.twiml import Verb, schema
from tests.simulator.office import AGENT, ORIGIN, Office

TABLES = (EXECUTED, NOT_SIMULATED, IGNORED)


def parts_of_schema() -> set[Part]:
    elements = schema()["elements"].items()
    return {(name, "") for name, _ in elements} | {
        (name, each) for name, about in elements for each in about["attributes"]
    }


def test_every_part_of_the_schema_stands_in_exactly_one_table() -> None:
    listed = [part for table in TABLES for part in table]
    assert sorted(listed) == sorted(parts_of_schema())


def parts_of_sdk(made: TwiML, seen: set[str]) -> Iterator[Part]:
    """The elements and attributes that Twilio's SDK writes, by having it write each of them."""
    yield made.name, ""
    yield from ((made.name, attribute) for attribute in made.attrs)
    if made.name in seen:
        return
    seen.add(made.name)
    for name in dir(type(made)):
        method = getattr(made, name)
        if name.startswith("_") or name in dir(TwiML) or not callable(method):
            continue
        given = [each for each in signature(method).parameters.values() if each.kind is not Parameter.VAR_KEYWORD]
        child = method(**{each.name: "x" for each in given})
        yield from parts_of_sdk(child, seen)


def test_the_schema_has_all_that_twilios_sdk_writes() -> None:
    written = {part for root in (VoiceResponse(), Connect(), Reject()) for part in parts_of_sdk(root, set())}
    assert len(written) > 300
    assert written - parts_of_schema() == set()


def test_every_verb_that_is_listed_as_executed_can_be_performed() -> None:
    verbs = {verb for verb in schema()["elements"]["Response"]["children"] if (verb, "") in EXECUTED}
    assert verbs == {*phone_call.VERBS, "Leave"}


Call = Callable[[], Office]
WAV = Response(to_wav([silence(1)]), content_type="audio/wav")


def office(answer: str, **more: Any) -> Office:
    return Office(answer=answer, prompt=WAV, **more)


CALLS: list[tuple[Office, dict[str, Any]]] = [
    (office("<Play>/prompt</Play><Play digits='1w2'/><Pause/><Reject/>"), {}),
    (office("<Reject/>"), {}),
    (Office(), {"presses": ["1"]}),
    (Office(), {}),
    (office("<Start><Recording name='x'/></Start><Stop><Recording name='x'/></Stop><Hangup/>"), {}),
    (
        office(
            "<Dial record='record-from-answer' action='/ended' hangupOnStar='true'>"
            "<Client url='/whisper'><Identity>joe</Identity></Client></Dial>"
        ),
        {},
    ),
    (office("<Dial><Sip url='/whisper'>sip:a@b.example</Sip></Dial>"), {}),
    (office("<Dial><Conference waitUrl='/wait' record='record-from-start'>x</Conference></Dial>", wait="<Pause/>"), {}),
    (
        office(
            "<Dial><Conference startConferenceOnEnter='false' waitUrl='/wait'>y</Conference></Dial>", wait="<Pause/>"
        ),
        {},
    ),
    (office("<Enqueue waitUrl='/wait' action='/ended'>support</Enqueue>", wait="<Pause/><Leave/>"), {}),
]


def test_every_attribute_that_is_listed_as_executed_is_read_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    read: set[Part] = set()

    def noting(method: Callable[..., Any]) -> Callable[..., Any]:
        def note(verb: Verb, attribute: str, *more: Any) -> Any:
            read.add((verb.name, attribute))
            return method(verb, attribute, *more)

        return note

    for name in ("get", "number", "is_on"):
        monkeypatch.setattr(Verb, name, noting(getattr(Verb, name)))
    for called, caller in CALLS:
        called.call({"waits_s": 5, **caller})
    assert read == {part for part in EXECUTED if part[1]}


def test_an_ignored_part_is_told_once_and_changes_nothing() -> None:
    line = office(
        "<Say voice='alice'>One.</Say><Say voice='alice'>Two.</Say><Dial ringTone='us'><Number byoc='BY1'>"
        + AGENT
        + "</Number></Dial>"
    )
    call = line.call()
    told = [(entry["element"], entry["attribute"]) for entry in call.journal.of("ignored")]
    assert told == [("Say", "voice"), ("Dial", "ringTone"), ("Number", "byoc")]
    assert (call.was_connected, call.journal.of("warning"), call.failure) == (True, [], None)


@pytest.mark.parametrize("harmless", ["<Dial sequential='false'>", "<Dial answerOnBridge='false'>"])
def test_a_value_that_asks_for_nothing_is_not_refused(harmless: str) -> None:
    assert office(f"{harmless}<Number>{AGENT}</Number></Dial>").call().was_connected


def test_with_answer_on_bridge_it_rings_on_until_the_agent_has_answered() -> None:
    whole = f"<Dial answerOnBridge='true' action='{ORIGIN}/ended'><Number>{AGENT}</Number></Dial>"
    line = office(whole)
    call = line.call(agent={"rings_s": 8})
    (answered,) = [entry["at_s"] for entry in call.journal.of("status") if entry["status"] == "in-progress"]
    assert answered >= 8
    missed = office(whole, ended="<Reject/>").call(agent=False)
    assert (missed.leg.status, missed.leg.answered) == ("no-answer", None)


@pytest.mark.parametrize(("barge_in", "cut"), [("true", 1), ("false", 0)])
def test_a_key_cuts_the_question_unless_barge_in_is_off_and_is_an_answer_in_both_cases(barge_in: str, cut: int) -> None:
    line = office(
        f"<Gather numDigits='1' bargeIn='{barge_in}' action='/ended'><Say>A long question it is.</Say></Gather>"
    )
    call = line.call({"presses": [{"digits": "7", "after_s": 0.3}]})
    assert (len(call.journal.of("cut")), line.forms("ended")[0]["Digits"]) == (cut, "7")
