"""What a caller hears and what becomes of their answer, through the signed webhooks."""

import pytest

from tests.callflow.conftest import Installation, Twilio, connects, read, said, starts_recording


def test_the_disclosure_plays_where_no_key_can_cut_it_short(twilio: Twilio) -> None:
    answer = twilio.dial().arrives()
    assert [child.tag for child in answer] == ["Say", "Redirect"]
    assert "Email Customer Support" in said(answer)


def test_accepting_caller_is_recorded_with_the_notice_inside_the_recording(
    installation: Installation, twilio: Twilio
) -> None:
    call = twilio.dial()
    answer = call.presses(call.to_the_question(), "1")
    assert [child.tag for child in answer] == ["Start", "Say", "Dial"]
    assert said(answer) == "This call is now being recorded."
    assert installation.call(call.sid).outcome == "consented"
    assert installation.event_types(call.sid) == [
        "call.received",
        "disclosure.served",
        "disclosure.completed",
        "consent.choice",
        "recording.permitted",
    ]


@pytest.mark.parametrize(
    ("line", "keys", "outcome", "recorded", "connected"),
    [
        ("+12125550100", ["1"], "consented", True, True),
        ("+12125550100", ["2"], "declined", False, True),
        ("+12125550100", ["", ""], "silent", False, True),
        ("+12125550100", ["5", "*"], "unclear", False, True),
        ("+12125550100", ["9", "1"], "consented", True, True),
        ("+12125550104", ["", ""], "consented_by_staying", True, True),
        ("+12125550104", ["2"], "declined", False, True),
        ("+12125550105", ["", ""], "silent", False, True),
        ("+12125550103", ["1"], "consented", True, True),
        ("+12125550103", ["2"], "declined", False, False),
        ("+12125550103", ["", ""], "silent", False, False),
    ],
)
def test_each_answer_has_its_outcome(
    installation: Installation,
    twilio: Twilio,
    line: str,
    keys: list[str],
    outcome: str,
    recorded: bool,
    connected: bool,
) -> None:
    call = twilio.dial(line)
    answer = call.to_the_question()
    for key in keys:
        assert not starts_recording(answer)
        answer = call.presses(answer, key)
    assert installation.call(call.sid).outcome == outcome
    assert (starts_recording(answer), connects(answer)) == (recorded, connected)


def test_staying_on_a_notice_line_is_consent_only_once_the_notice_has_played(
    installation: Installation, twilio: Twilio
) -> None:
    call = twilio.dial("+12125550101")
    heard = call.arrives()
    assert installation.call(call.sid).outcome == "open"
    assert starts_recording(call.hears_the_disclosure(heard))
    assert installation.call(call.sid).outcome == "consented_by_staying"


def test_a_never_line_asks_nothing_and_says_that_nothing_is_recorded(
    installation: Installation, twilio: Twilio
) -> None:
    call = twilio.dial("+12125550102")
    answer = call.arrives()
    assert not starts_recording(answer)
    assert connects(answer)
    assert "not recorded" in said(answer)
    assert installation.call(call.sid).outcome == "not_asked"


def test_a_disclosure_that_cannot_have_played_counts_as_not_told(installation: Installation, twilio: Twilio) -> None:
    call = twilio.dial("+12125550101")
    answer = call.hears_the_disclosure(call.arrives(), seconds=1.0)
    assert not starts_recording(answer)
    assert connects(answer)
    assert installation.call(call.sid).outcome == "disclosure_cut_short"


@pytest.mark.parametrize("caller", ["anonymous", "+266696687", "", "sip:alice@example.com"])
def test_a_withheld_number_gets_the_strictest_standard(installation: Installation, twilio: Twilio, caller: str) -> None:
    call = twilio.dial("+12125550101", caller=caller)
    assert call.to_the_question().find("Gather") is not None
    assert installation.call(call.sid).mode == "opt_in"


def test_a_caller_from_mexico_is_asked_in_spanish(installation: Installation, twilio: Twilio) -> None:
    call = twilio.dial(caller="+525512345678")
    assert "Gracias por llamar" in said(call.arrives())
    assert installation.call(call.sid).language == "es-US"


def test_hanging_up_in_the_disclosure_and_at_the_question_are_told_apart(
    installation: Installation, twilio: Twilio
) -> None:
    early, late = twilio.dial(), twilio.dial()
    early.arrives()
    late.to_the_question()
    assert early.ends().status_code == late.ends().status_code == 204
    assert installation.call(early.sid).outcome == "hung_up_in_disclosure"
    assert installation.call(late.sid).outcome == "hung_up_in_choice"


def test_a_caller_whose_agent_was_cut_off_in_the_whisper_is_connected_again_without_one(twilio: Twilio) -> None:
    call = twilio.dial()
    answer = call.presses(call.to_the_question(), "2")
    dial = answer.find("Dial")
    assert dial is not None
    cut = call.params(DialCallStatus="completed", DialBridged="false")
    again = read(twilio.post(dial.attrib["action"], cut)).find("Dial")
    assert again is not None
    assert "action" not in again.attrib
    assert [number.attrib for number in again.iter("Number")] == [{}]


def test_a_caller_who_hung_up_while_the_agent_was_told_is_not_connected_again(twilio: Twilio) -> None:
    call = twilio.dial()
    dial = call.presses(call.to_the_question(), "2").find("Dial")
    assert dial is not None
    over = call.params(DialCallStatus="completed", DialBridged="false", CallStatus="completed")
    assert [child.tag for child in read(twilio.post(dial.attrib["action"], over))] == ["Hangup"]
