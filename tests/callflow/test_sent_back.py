"""An agent sends a call back to the line, or the caller thinks better of it: a new request is decided anew.

A no is obeyed whenever it comes; a yes counts for the question that is being asked, and for no other.
"""

from xml.etree import ElementTree as ET

import pytest

from policies.lifecycle import RecordingState
from tests.callflow.conftest import Installation, PhoneCall, read, recording_url, said, starts_recording

ASKS, NOTICE, MUST_RECORD, SILENCE_IS_CONSENT, OPT_IN = (f"+1212555010{n}" for n in (0, 1, 3, 4, 5))
NOW_RECORDED = "This call is now being recorded."
NOT_RECORDED = "This call is not being recorded."


def agrees(call: PhoneCall, *keys: str) -> ET.Element:
    """Through the disclosure, and with these keys to a recording that Twilio says has begun."""
    answer = call.to_the_question()
    for key in keys:
        answer = call.presses(answer, key)
    assert starts_recording(answer)
    call.recording(recording_url(answer), "in-progress")
    return answer


def asked_again(call: PhoneCall, *keys: str) -> ET.Element:
    answer = call.hears_the_disclosure(call.is_sent_back())
    for key in keys:
        answer = call.presses(answer, key)
    return answer


def stops_recording(answer: ET.Element) -> bool:
    return [one.get("name") for one in answer.findall("Stop/Recording")] == ["onrecord"]


@pytest.mark.parametrize("line", [ASKS, SILENCE_IS_CONSENT, OPT_IN])
def test_a_no_after_a_yes_ends_and_destroys_what_was_recorded(installation: Installation, line: str) -> None:
    call = installation.twilio.dial(line)
    agrees(call, "1")
    answer = asked_again(call, "2")
    assert [verb.tag for verb in answer] == ["Stop", "Say", "Dial"]
    assert stops_recording(answer)
    assert NOT_RECORDED in said(answer)
    known, (made,) = installation.call(call.sid), installation.recordings(call.sid)
    assert (known.outcome, known.state) == ("withdrawn", "suppressed")
    assert made.state is RecordingState.CONDEMNED
    assert f"destroy:{made.id}" in installation.jobs()
    assert installation.incidents(call.sid) == []
    assert installation.event_types(call.sid)[-6:] == [
        "call.sent_back",
        "disclosure.served",
        "disclosure.completed",
        "consent.choice",
        "consent.withdrawn",
        "recording.condemned",
    ]


@pytest.mark.parametrize("heard", ["in-progress", "completed"])
def test_a_recording_first_heard_of_after_the_no_is_condemned(installation: Installation, heard: str) -> None:
    call = installation.twilio.dial()
    answer = call.presses(call.to_the_question(), "1")
    asked_again(call, "2")
    call.recording(recording_url(answer), heard)
    assert [made.state for made in installation.recordings(call.sid)] == [RecordingState.CONDEMNED]
    assert installation.incidents(call.sid) == [], "it was agreed to when it began"


def test_a_no_long_after_the_call_is_obeyed(installation: Installation) -> None:
    call = installation.twilio.dial()
    question = call.to_the_question()
    recorded = call.presses(question, "1")
    call.recording(recording_url(recorded), "in-progress")
    call.talks(recorded)
    call.ends()
    call.recording(recording_url(recorded), "completed")
    installation.twilio.clock.passes(7 * 86400)
    call.presses(question, "2")
    assert (installation.call(call.sid).outcome, installation.call(call.sid).state) == ("withdrawn", "ended")
    assert [made.state for made in installation.recordings(call.sid)] == [RecordingState.CONDEMNED]


def test_a_second_key_at_the_same_question_is_a_new_answer(installation: Installation) -> None:
    call = installation.twilio.dial()
    question = call.to_the_question()
    call.presses(question, "1")
    assert stops_recording(call.presses(question, "2"))
    assert installation.call(call.sid).outcome == "withdrawn"
    assert not starts_recording(call.presses(question, "1")), "the first answer is no longer repeated"


@pytest.mark.parametrize("keys", [("", ""), ("7", "5")])
@pytest.mark.parametrize("has_parted", [True, False])
def test_each_send_back_is_a_round_of_its_own_however_alike_the_requests_are(
    installation: Installation, keys: tuple[str, str], has_parted: bool
) -> None:
    """Within a minute, byte for byte the same, and answered in between; with its <Dial> told of or without."""
    call = installation.twilio.dial()
    dial = agrees(call, "1").find("Dial")
    assert dial is not None
    again = asked_again(call, "1")
    if has_parted:
        installation.twilio.post(dial.attrib["action"], call.params(DialCallStatus="completed"))
    assert said(again) == NOW_RECORDED
    assert stops_recording(asked_again(call, *keys))
    assert (installation.call(call.sid).outcome, installation.call(call.sid).round) == ("withdrawn", 3)


def test_the_first_ring_delivered_again_is_a_repeat_however_late(installation: Installation) -> None:
    """Whoever has caught it takes no yes away with it."""
    call = installation.twilio.dial()
    first = call.arrives()
    question = call.hears_the_disclosure(first)
    installation.twilio.clock.passes(120.0)
    assert said(call.arrives()) == said(first)
    assert starts_recording(call.presses(question, "1"))


def test_a_recording_of_which_nothing_was_heard_is_not_said_to_run(installation: Installation) -> None:
    """The answer that was to start it may never have arrived."""
    call = installation.twilio.dial()
    call.presses(call.to_the_question(), "1")
    answer = asked_again(call, "1")
    assert [verb.tag for verb in answer] == ["Dial"]
    assert installation.call(call.sid).outcome == "consented"


def test_nothing_is_started_on_a_call_that_is_over(installation: Installation) -> None:
    call = installation.twilio.dial()
    question = call.to_the_question()
    call.recording(recording_url(call.presses(question, "1")), "in-progress")
    call.ends()
    installation.twilio.clock.passes(-5.0)
    assert [verb.tag for verb in call.presses(question, "1")] == ["Dial"]


@pytest.mark.parametrize("before", ["sent back", "fallback"])
def test_a_late_no_on_a_line_that_must_record_ends_the_call_politely(installation: Installation, before: str) -> None:
    call = installation.twilio.dial(MUST_RECORD)
    question = call.to_the_question()
    if before == "sent back":
        call.is_sent_back()
    else:
        installation.twilio.post("/voice/fallback", call.params(ErrorCode="11200", ErrorUrl="https://x.example/"))
    assert [verb.tag for verb in call.presses(question, "2")][-1] == "Hangup"
    assert installation.call(call.sid).outcome == "declined"


def test_a_yes_again_goes_on_with_the_recording_that_runs(installation: Installation) -> None:
    call = installation.twilio.dial()
    agrees(call, "1")
    answer = asked_again(call, "1")
    assert [verb.tag for verb in answer] == ["Say", "Dial"]
    assert said(answer) == NOW_RECORDED
    assert installation.call(call.sid).outcome == "consented"
    assert installation.event_types(call.sid).count("recording.permitted") == 1


def test_only_a_recording_that_runs_is_said_to_run(installation: Installation) -> None:
    call = installation.twilio.dial()
    url = recording_url(agrees(call, "1"))
    call.recording(url, "completed")
    assert NOW_RECORDED not in said(asked_again(call, "1"))


def test_staying_on_again_goes_on_where_staying_on_is_consent(installation: Installation) -> None:
    call = installation.twilio.dial(NOTICE)
    agrees(call)
    assert said(call.hears_the_disclosure(call.is_sent_back())) == NOW_RECORDED
    assert installation.call(call.sid).outcome == "consented_by_staying"


@pytest.mark.parametrize(("line", "keys"), [(ASKS, ("", "")), (OPT_IN, ("5", "7")), (MUST_RECORD, ("", ""))])
def test_who_is_asked_again_and_does_not_agree_has_no_recording(
    installation: Installation, line: str, keys: tuple[str, ...]
) -> None:
    call = installation.twilio.dial(line)
    agrees(call, "1")
    answer = asked_again(call, *keys)
    assert stops_recording(answer)
    assert (answer.find("Dial") is None) == (line == MUST_RECORD)
    assert installation.call(call.sid).outcome == "withdrawn"
    assert "decline.remembered" not in installation.event_types(call.sid)
    assert [made.state for made in installation.recordings(call.sid)] == [RecordingState.CONDEMNED]


def test_each_round_has_all_its_playings_of_the_question(installation: Installation) -> None:
    call = installation.twilio.dial()
    agrees(call, "9", "1")
    answer = asked_again(call, "9", "1")
    assert said(answer) == NOW_RECORDED
    attempts = [event["attempt"] for event in installation.events(call.sid) if event["type"] == "consent.choice"]
    assert attempts == [1, 2, 3, 4]


@pytest.mark.parametrize("keys", [("2",), ("", ""), ("5", "7")])
def test_a_no_is_kept_and_said_when_the_call_is_sent_back(installation: Installation, keys: tuple[str, ...]) -> None:
    call = installation.twilio.dial()
    question = call.to_the_question()
    first = question
    for key in keys:
        first = call.presses(first, key)
    again = call.is_sent_back()
    assert said(again) == said(first)
    assert [verb.tag for verb in again] == ["Say", "Dial"]
    assert not starts_recording(call.presses(question, "1")), "a yes to a question that is no longer asked"
    assert installation.recordings(call.sid) == []


def test_a_refused_caller_who_is_sent_back_is_refused_again(installation: Installation) -> None:
    call = installation.twilio.dial(MUST_RECORD)
    first = call.presses(call.to_the_question(), "2")
    assert [*call.is_sent_back().itertext()] == [*first.itertext()]


@pytest.mark.parametrize("when", ["in the disclosure", "at the question"])
def test_an_undecided_caller_who_is_sent_back_is_told_and_asked_from_the_beginning(
    installation: Installation, when: str
) -> None:
    call = installation.twilio.dial()
    first = call.arrives()
    question = call.hears_the_disclosure(first) if when == "at the question" else None
    again = call.is_sent_back()
    assert said(again) == said(first)
    if question is not None:
        assert [verb.tag for verb in call.presses(question, "1")] == ["Dial"], "a yes of the round before"
        assert installation.call(call.sid).outcome == "open"
    else:
        assert [verb.tag for verb in call.hears_the_disclosure(first)] == ["Dial"], "the proof of the round before"
    answer = call.presses(call.hears_the_disclosure(again), "1")
    assert starts_recording(answer)
    assert installation.call(call.sid).outcome == "consented"


def test_the_disclosure_of_a_later_round_must_play_as_well(installation: Installation) -> None:
    call = installation.twilio.dial(NOTICE)
    call.arrives()
    again = call.is_sent_back()
    call.hears_the_disclosure(again, seconds=1.0)
    assert installation.call(call.sid).outcome == "disclosure_cut_short"


def test_who_hangs_up_when_asked_again_keeps_the_consent_of_before(installation: Installation) -> None:
    call = installation.twilio.dial()
    url = recording_url(agrees(call, "1"))
    asked_again(call)
    call.ends()
    call.recording(url, "completed")
    assert installation.call(call.sid).outcome == "consented"
    assert [made.state for made in installation.recordings(call.sid)] == [RecordingState.COMPLETED]


@pytest.mark.parametrize("status", ["busy", "no-answer", "failed"])
def test_a_caller_who_was_sent_back_hears_that_nobody_is_free(installation: Installation, status: str) -> None:
    call = installation.twilio.dial()
    answer = agrees(call, "1")
    call.talks(answer)
    again = asked_again(call, "1")
    parted = call.talks(again, status)
    assert said(parted)
    assert [verb.tag for verb in parted] == ["Say", "Say", "Hangup"]


def test_the_same_call_sid_a_week_later_is_connected_and_nothing_of_the_week_before_is_said(
    installation: Installation,
) -> None:
    call = installation.twilio.dial()
    url = recording_url(agrees(call, "1"))
    call.ends()
    call.recording(url, "completed")
    installation.twilio.clock.passes(7 * 86400)
    answer = call.arrives()
    assert [verb.tag for verb in answer] == ["Say", "Dial"]
    assert said(answer) == NOT_RECORDED
    assert installation.event_types(call.sid)[-1] == "call.sent_back"
    assert installation.call(call.sid).outcome == "consented", "of the call that was"


def test_the_dial_that_a_redirect_interrupts_changes_nothing_about_the_consent(installation: Installation) -> None:
    """Twilio asks for its action first, and throws the answer away."""
    call = installation.twilio.dial()
    answer = agrees(call, "1")
    dial = answer.find("Dial")
    assert dial is not None
    again = call.is_sent_back()
    read(installation.twilio.post(dial.attrib["action"], call.params(DialCallStatus="completed")))
    assert said(call.presses(call.hears_the_disclosure(again), "1")) == NOW_RECORDED


def test_a_menu_is_offered_once(installation: Installation) -> None:
    """See `test_language_menu`; here: a call without a menu goes on in the language it was told in."""
    call = installation.twilio.dial(caller="+525512345678")
    call.to_the_question()
    assert "Gracias por llamar" in said(call.is_sent_back())


def test_a_call_that_is_sent_back_twice_in_a_minute_is_asked_twice(installation: Installation) -> None:
    """Byte for byte the same request; but the conversation that it broke off was told of in between."""
    call = installation.twilio.dial()
    call.talks(agrees(call, "1"))
    call.talks(asked_again(call, "1"))
    assert stops_recording(asked_again(call, "2"))
    assert installation.call(call.sid).round == 3
