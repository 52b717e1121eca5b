"""Whole calls, one of every kind, with every request that Twilio sends in them."""

from tests.callflow.conftest import URLS, PhoneCall, Twilio, recording_url, starts_recording

ASKS, NOTICE, NEVER, MUST_RECORD, SILENCE_IS_CONSENT, OPT_IN = (f"+1212555010{n}" for n in range(6))
LINES = (ASKS, NOTICE, NEVER, MUST_RECORD, SILENCE_IS_CONSENT, OPT_IN)


def call_every_way(twilio: Twilio, caller: str) -> list[PhoneCall]:
    """The first three are recorded, if the caller's number says where they are."""
    return [
        talks(twilio.dial(caller=caller), "9", "1"),
        talks(twilio.dial(NOTICE, caller=caller)),
        talks(twilio.dial(SILENCE_IS_CONSENT, caller=caller), "", ""),
        talks(twilio.dial(caller=caller), "2"),
        talks(twilio.dial(OPT_IN, caller=caller), "4111111111111111", "#"),
        is_recorded_by_somebody_else(twilio.dial(caller=caller)),
        is_turned_away(twilio.dial(MUST_RECORD, caller=caller)),
        is_never_asked(twilio.dial(NEVER, caller=caller)),
        hangs_up(twilio.dial(caller=caller)),
        falls_back(twilio.dial(caller=caller)),
        is_missed(twilio.dial(caller=caller)),
        is_asked_again(twilio.dial(caller=caller), "1", "2"),
        is_asked_again(twilio.dial(caller=caller), "1", "1"),
        is_asked_again(twilio.dial(caller=caller), "2"),
        is_asked_again(twilio.dial(MUST_RECORD, caller=caller), "1", "", ""),
        is_put_through(PhoneCall(twilio, "sip:support@pbx.example", caller)),
        presses_what_no_phone_has(twilio.dial(caller=caller)),
    ]


def talks(call: PhoneCall, *keys: str) -> PhoneCall:
    answer, pressed = call.to_the_question(), iter(keys)
    while answer.find("Gather") is not None:
        answer = call.presses(answer, next(pressed, "1"))
    if starts_recording(answer):
        call.recording(recording_url(answer), "in-progress")
    call.agent_answers(answer)
    call.talks(answer)
    call.ends()
    if starts_recording(answer):
        call.recording(recording_url(answer), "completed")
    return call


def is_asked_again(call: PhoneCall, first: str, *then: str) -> PhoneCall:
    """An agent sends the call back in the middle of the conversation."""
    answer = call.presses(call.to_the_question(), first)
    if starts_recording(answer):
        call.recording(recording_url(answer), "in-progress")
    call.talks(answer)
    again = call.is_sent_back()
    if again.find("Redirect") is not None:
        again = call.hears_the_disclosure(again)
        for key in then:
            again = call.presses(again, key)
    if again.find("Dial") is not None:
        call.talks(again, "busy")
    call.ends()
    if starts_recording(answer):
        call.recording(recording_url(answer), "completed")
    return call


def is_put_through(call: PhoneCall) -> PhoneCall:
    call.talks(call.arrives())
    call.ends()
    return call


def presses_what_no_phone_has(call: PhoneCall) -> PhoneCall:
    call.talks(call.presses(call.to_the_question(), "1" * 40))
    call.ends()
    return call


def is_turned_away(call: PhoneCall) -> PhoneCall:
    call.presses(call.to_the_question(), "2")
    call.ends()
    return call


def is_never_asked(call: PhoneCall) -> PhoneCall:
    call.talks(call.arrives(), "no-answer")
    call.ends()
    return call


def hangs_up(call: PhoneCall) -> PhoneCall:
    call.arrives()
    call.ends()
    return call


def falls_back(call: PhoneCall) -> PhoneCall:
    call.to_the_question()
    call.twilio.post("/voice/fallback", call.params(ErrorCode="11200", ErrorUrl=URLS.answer()))
    call.ends()
    return call


def is_missed(call: PhoneCall) -> PhoneCall:
    call.ends("failed")
    return call


def is_recorded_by_somebody_else(call: PhoneCall) -> PhoneCall:
    """A second recording beside the permitted one, which a permit covers once."""
    talks(call, "1")
    url = call.twilio.sent[-1][0].path
    call.recording(url, "completed", "RE" + call.sid[:1:-1], RecordingSource="DialVerb")
    return call
