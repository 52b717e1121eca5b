"""Twilio delivers again: at once, later, many at a time. The first delivery decides; the others get its bytes.

What differs is no repeat, and neither is what comes long after Twilio has given its request up.
"""

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import parse_qsl

import pytest

from tests.callflow.conftest import CALLER, URLS, Delivery, Installation, PhoneCall, Twilio, recording_url, said
from tests.conftest import NOON


def a_call_from_answer_to_end(twilio: Twilio) -> PhoneCall:
    """A caller who takes two prompts to agree and is recorded; every kind of request occurs."""
    call = twilio.dial()
    answer = call.presses(call.presses(call.to_the_question(), "9"), "1")
    call.recording(recording_url(answer), "in-progress")
    call.agent_answers(answer)
    call.talks(answer)
    call.recording(recording_url(answer), "completed")
    call.ends()
    twilio.post("/voice/fallback", call.params(ErrorCode="11200", ErrorUrl=URLS.ended(call.sid)))
    return call


def test_a_request_delivered_again_at_once_changes_nothing_and_gets_the_same_bytes(installation: Installation) -> None:
    twilio = installation.twilio
    post, kept = twilio.post, []

    def post_twice(url: str, params: dict[str, str]) -> object:
        first = post(url, params)
        kept.append(installation.everything())
        again = twilio.sent[-1][0].to(twilio.app)
        assert (again.status, again.data) == (first.status, first.data)
        assert installation.everything() == kept[-1]
        return first

    twilio.post = post_twice  # type: ignore[method-assign,assignment]  # Twilio's line, on a bad day
    a_call_from_answer_to_end(twilio)
    assert len(kept) == 10


def test_every_request_delivered_again_after_the_call_changes_nothing_and_gets_the_same_bytes(
    installation: Installation,
) -> None:
    a_call_from_answer_to_end(installation.twilio)
    installation.twilio.clock.now = NOON + timedelta(seconds=59)
    kept = installation.everything()
    for delivery, first in reversed([one for one in installation.twilio.sent if b"<Start>" not in one[1].data]):
        again = delivery.to(installation.twilio.app)
        assert (again.status, again.data) == (first.status, first.data)
    assert installation.everything() == kept


def test_the_same_bytes_an_hour_later_are_no_repeat_and_start_nothing(installation: Installation) -> None:
    a_call_from_answer_to_end(installation.twilio)
    call_sid = dict(parse_qsl(installation.twilio.sent[0][0].body.decode()))["CallSid"]
    before = installation.call(call_sid), installation.recordings(call_sid), installation.jobs()
    for delivery, _ in reversed(installation.twilio.sent):
        installation.twilio.clock.passes(3600.0)
        again = delivery.to(installation.twilio.app)
        assert again.status_code in (200, 204)
        assert b"<Start>" not in again.data
    after = installation.call(call_sid)
    assert (after.outcome, after.state, after.round) == ("consented", "ended", 2)
    assert (installation.recordings(call_sid), installation.jobs()) == before[1:]


def answering(call: PhoneCall) -> Delivery:
    return call.twilio.sign("/voice/answer", call.params(CallStatus="ringing"))


def agreeing(call: PhoneCall) -> Delivery:
    gather = call.to_the_question().find("Gather")
    assert gather is not None
    return call.twilio.sign(gather.attrib["action"], call.pressed("1"))


def completing(call: PhoneCall) -> Delivery:
    url = recording_url(call.presses(call.to_the_question(), "1"))
    return call.twilio.sign(url, call.recorded("completed"))


def ending(call: PhoneCall) -> Delivery:
    return call.twilio.sign("/callbacks/call", call.params(CallStatus="completed"))  # its first news of the call


@pytest.mark.parametrize(
    ("prepare", "told"),
    [
        (answering, ["call.received", "disclosure.served"]),
        (agreeing, ["consent.choice", "recording.permitted"]),
        (completing, ["recording.completed"]),
        (ending, ["call.received", "recording.suppressed", "call.completed"]),
    ],
)
def test_twenty_deliveries_at_one_moment_are_one_decision_and_twenty_identical_answers(
    installation: Installation, prepare: Callable[[PhoneCall], Delivery], told: list[str]
) -> None:
    call = installation.twilio.dial()
    delivery = prepare(call)
    before = 0 if prepare in (answering, ending) else len(installation.event_types(call.sid))
    answers = delivery.at_once(installation.twilio.app, 20)
    assert {(answer.status_code, answer.data) for answer in answers} == {(answers[0].status_code, answers[0].data)}
    assert answers[0].status_code in (200, 204)
    assert installation.event_types(call.sid)[before:] == told


def test_a_no_stands_whatever_is_pressed_later_at_the_same_question(installation: Installation) -> None:
    call = installation.twilio.dial()
    question = call.to_the_question()
    call.presses(question, "2")
    told = installation.event_types(call.sid)
    for key in ("1", "", "9", "*", "1"):
        assert [verb.tag for verb in call.presses(question, key)] == ["Dial"]
    assert installation.event_types(call.sid) == told
    assert installation.call(call.sid).outcome == "declined"


def test_a_number_changed_under_way_does_not_make_it_another_call(installation: Installation) -> None:
    call = installation.twilio.dial()
    first = call.arrives()
    call.caller, call.line = CALLER[:-1] + "2", "+12125550102"
    assert said(call.arrives()) == said(first)
    known = installation.call(call.sid)
    assert (known.line, known.round) == ("+12125550100", 2)
    assert installation.event_types(call.sid) == [
        "call.received",
        "disclosure.served",
        "call.sent_back",
        "disclosure.served",
    ]


@pytest.mark.parametrize("key", ["1", "2", "9", "0", "*", "#", "123"])
def test_a_key_pressed_where_none_is_asked_for_decides_nothing(installation: Installation, key: str) -> None:
    call = installation.twilio.dial()
    call.params = lambda **more: PhoneCall.params(call, **{"Digits": key, **more})  # type: ignore[method-assign]  # held down
    call.to_the_question()
    assert installation.call(call.sid).outcome == "open"
    assert installation.event_types(call.sid)[-1] == "disclosure.completed"
