"""A caller who hangs up, or whose call's end overtakes what they pressed, has agreed to nothing."""

import pytest

from policies.hanging_up import UNHEARD
from tests.callflow.conftest import Installation, Twilio, read, starts_recording

NOTICE, SILENCE_IS_CONSENT = "+12125550101", "+12125550104"


@pytest.mark.parametrize("status", ["completed", "canceled", "failed", "busy", "no-answer"])
def test_who_hangs_up_in_the_notice_has_not_stayed_on(installation: Installation, status: str) -> None:
    call = installation.twilio.dial(NOTICE)
    redirect = call.arrives().find("Redirect")
    assert redirect is not None
    installation.twilio.clock.passes(30.0)
    answer = read(installation.twilio.post(redirect.text or "", call.params(CallStatus=status)))
    assert [*answer] == []
    call.ends(status)
    assert installation.call(call.sid).outcome == "hung_up_in_disclosure"


def test_who_hangs_up_at_the_question_is_not_silent(installation: Installation) -> None:
    """Twilio may send the unanswered <Gather> of a call that is over: where silence is consent, this is none."""
    call = installation.twilio.dial(SILENCE_IS_CONSENT)
    second = call.presses(call.to_the_question(), "")
    gather = second.find("Gather")
    assert gather is not None
    hung_up = {**call.pressed(""), "CallStatus": "completed"}
    assert [*read(installation.twilio.post(gather.attrib["action"], hung_up))] == []
    call.ends()
    assert installation.call(call.sid).outcome == "hung_up_in_choice"


@pytest.mark.parametrize(("key", "outcome"), [("1", "consented"), ("2", "declined")])
def test_a_key_pressed_before_hanging_up_counts(installation: Installation, key: str, outcome: str) -> None:
    call = installation.twilio.dial()
    gather = call.to_the_question().find("Gather")
    assert gather is not None
    installation.twilio.post(gather.attrib["action"], {**call.pressed(key), "CallStatus": "completed"})
    call.ends()
    assert installation.call(call.sid).outcome == outcome


@pytest.mark.parametrize("key", ["1", "", "9"])
def test_an_answer_that_comes_after_the_calls_end_permits_nothing(installation: Installation, key: str) -> None:
    """Whoever is on the line, as the request says that somebody is, gets through."""
    call = installation.twilio.dial(SILENCE_IS_CONSENT)
    question = call.to_the_question()
    call.ends()
    told = installation.event_types(call.sid)
    assert [verb.tag for verb in call.presses(question, key)] == ["Dial"]
    assert installation.call(call.sid).outcome == "hung_up_in_choice"
    assert installation.event_types(call.sid) == told


def test_a_no_that_the_calls_end_overtook_is_a_no(installation: Installation) -> None:
    call = installation.twilio.dial()
    question = call.to_the_question()
    call.ends()
    assert not starts_recording(call.presses(question, "2"))
    assert installation.call(call.sid).outcome == "declined"
    assert installation.event_types(call.sid)[-2:] == ["consent.choice", "recording.suppressed"]


def test_the_call_goes_on_by_its_own_request_only(twilio: Twilio, installation: Installation) -> None:
    """A genuine request of one call, sent to the URL of another, decides nothing there. Its own is put through."""
    ours, theirs = twilio.dial(), twilio.dial()
    question = ours.to_the_question()
    theirs.to_the_question()
    kept = installation.call(ours.sid)
    theirs_to_ours = theirs.presses(question, "1")
    assert [child.tag for child in theirs_to_ours] == ["Dial"]
    assert installation.call(ours.sid) == kept
    known = installation.call(theirs.sid)
    assert (known.outcome, known.reason) == ("not_asked", "the request is about another call")
    assert kept.id not in str(installation.events(theirs.sid))


@pytest.mark.parametrize("line", ["+12125550100", NOTICE])
def test_a_call_that_went_on_after_the_disclosure_was_not_left_in_it(installation: Installation, line: str) -> None:
    """The rows of its other steps are missing: the database was away, or Twilio could not reach us."""
    call = installation.twilio.dial(line)
    call.arrives()
    installation.twilio.clock.passes(95)
    call.ends()
    known = installation.call(call.sid)
    assert (known.outcome, known.reason) == ("not_asked", UNHEARD)
    assert installation.events(call.sid)[-1]["outcome"] == "not_asked"
    assert installation.incidents(call.sid) == ["steps_not_heard"]


def test_a_call_that_went_on_after_the_question_was_not_left_at_it(installation: Installation) -> None:
    call = installation.twilio.dial()
    call.to_the_question()
    installation.twilio.clock.passes(95)
    call.ends()
    assert installation.call(call.sid).outcome == "not_asked"


def test_that_the_caller_left_is_in_the_log_when_a_request_says_so(installation: Installation) -> None:
    call = installation.twilio.dial()
    gather = call.to_the_question().find("Gather")
    assert gather is not None
    for _ in range(2):
        installation.twilio.post(gather.attrib["action"], {**call.pressed(""), "CallStatus": "completed"})
    installation.twilio.clock.passes(95)  # the callback of the call's end comes late, or tells another time
    call.ends()
    assert installation.call(call.sid).outcome == "hung_up_in_choice"
    assert installation.event_types(call.sid)[-2:] == ["call.hung_up", "call.completed"]
    assert installation.event_types(call.sid).count("call.hung_up") == 1
