"""A call obeys its TwiML, verb by verb, as a call on Twilio does."""

from dataclasses import replace

import pytest
from flask import Response, redirect, request
from twilio.request_validator import RequestValidator

from simulator.phone_call import PhoneCall
from simulator.sound import silence, to_wav
from tests.simulator.office import ACCOUNT, AGENT, CALLER, DIAL, LINE, ORIGIN, TOKEN, Office, heard


def test_an_accepted_call_goes_through_every_step_in_order() -> None:
    office = Office()
    call = office.call({"presses": ["1"]})
    assert office.asked() == ["answer", "choice", "consent", "whisper", "ended"]
    assert heard(call)[:3] == ["This call may be recorded.", "May we record?", "This call is now being recorded."]
    assert (call.leg.status, call.was_connected) == ("completed", True)


def test_the_first_request_is_of_a_ringing_call_and_the_later_ones_are_in_progress() -> None:
    office = Office()
    office.call({"presses": ["1"]})
    statuses = [office.forms(path)[0]["CallStatus"] for path in ("answer", "choice", "consent", "ended")]
    assert statuses == ["ringing", "in-progress", "in-progress", "in-progress"]


def test_every_request_carries_the_common_parameters_and_their_legacy_twins() -> None:
    office = Office()
    call = office.call({"presses": ["1"]})
    for path in ("answer", "choice", "consent", "ended"):
        (form,) = office.forms(path)
        assert (form["AccountSid"], form["CallSid"], form["ApiVersion"]) == (ACCOUNT, call.sid, "2010-04-01")
        assert form["From"] == form["Caller"] == CALLER
        assert form["To"] == form["Called"] == LINE
        assert form["FromCountry"] == form["CallerCountry"] == "US"
        assert (form["Direction"], form["ToCity"], form["CalledZip"]) == ("inbound", "", "")


def test_every_request_is_signed_so_that_twilios_validator_accepts_it() -> None:
    office = Office()
    office.call({"presses": ["1"]})
    validator = RequestValidator(TOKEN)
    for (path, form), headers in zip(office.seen, office.headers, strict=True):
        assert validator.validate(f"{ORIGIN}/{path}", form, headers["X-Twilio-Signature"]), path


def test_a_key_during_the_disclosure_neither_cuts_it_nor_answers_the_question() -> None:
    office = Office()
    call = office.call({"keys_at": [{"digits": "1", "after_s": 0.5}]})
    disclosure = call.journal.of("heard")[0]
    assert disclosure["played_s"] == disclosure["duration_s"]
    assert office.forms("consent")[0]["Digits"] == ""


def test_a_key_during_the_question_cuts_it_and_answers_it() -> None:
    office = Office()
    call = office.call({"presses": [{"digits": "2", "after_s": 0.3}]})
    assert office.forms("consent")[0]["Digits"] == "2"
    assert call.journal.of("cut")[0]["played_s"] == pytest.approx(0.3)


@pytest.mark.parametrize("key", ["*", "#", "0"])
def test_without_a_finishing_key_every_key_is_a_digit(key: str) -> None:
    office = Office()
    office.call({"presses": [key]})
    assert office.forms("consent")[0]["Digits"] == key


def test_silence_is_an_empty_answer_where_the_gather_asks_for_one_and_falls_through_where_not() -> None:
    office = Office()
    office.call()
    assert office.forms("consent")[0]["Digits"] == ""
    office = Office(choice="<Gather action='/consent'><Say>Well?</Say></Gather><Say>Nothing heard.</Say>")
    call = office.call()
    assert "consent" not in office.asked()
    assert heard(call)[-1] == "Nothing heard."


def test_a_gather_ends_at_its_finishing_key_which_is_not_a_digit() -> None:
    office = Office(choice="<Gather action='/consent'/>")
    office.call({"presses": ["123#4"]})
    (form,) = office.forms("consent")
    assert (form["Digits"], form["FinishedOnKey"]) == ("123", "#")


def test_the_finishing_key_alone_is_no_answer() -> None:
    office = Office(choice="<Gather action='/consent'/><Hangup/>")
    office.call({"presses": ["#"]})
    assert office.asked() == ["answer", "choice"]


def test_the_timeout_begins_after_the_question_and_again_with_each_digit() -> None:
    office = Office(choice="<Gather action='/consent' timeout='3'><Say>Well?</Say></Gather>")
    office.call({"presses": ["12"]})
    assert office.forms("consent")[0]["Digits"] == "12"
    office = Office(choice="<Gather action='/consent' timeout='3'><Say>Well?</Say></Gather>")
    office.call({"presses": [{"digits": "1", "after_s": 9}]})
    assert "consent" not in office.asked()


def test_a_gather_without_an_action_asks_its_own_document_again() -> None:
    questions = iter(["<Gather numDigits='1'/>", "<Hangup/>"])
    office = Office(choice=lambda: next(questions))
    office.call({"presses": ["7"]})
    assert [form.get("Digits") for form in office.forms("choice")] == [None, "7"]


def test_an_answer_that_comes_too_late_is_none_to_the_next_question() -> None:
    office = Office(
        choice="<Gather numDigits='1' timeout='2' action='/consent' actionOnEmptyResult='true'/>",
        consent="<Gather numDigits='1' timeout='5' action='/ended' actionOnEmptyResult='true'/>",
    )
    office.call({"presses": [{"digits": "1", "after_s": 3}, "nothing"]})
    assert office.forms("ended")[0]["Digits"] == ""


def test_a_caller_who_hangs_up_at_the_question_causes_no_request() -> None:
    office = Office()
    call = office.call({"presses": ["1"], "hangs_up": "at_question"})
    assert office.asked() == ["answer", "choice"]
    assert (call.leg.status, office.forms("status")[0]["CallStatus"]) == ("completed", "completed")


def test_a_caller_who_hangs_up_in_the_disclosure_is_never_asked() -> None:
    office = Office()
    call = office.call({"hangs_up": "in_disclosure"})
    assert office.asked() == ["answer"]
    first = call.journal.of("heard")[0]
    assert call.journal.of("cut")[0]["played_s"] == pytest.approx(first["duration_s"] / 2, abs=0.01)


def test_a_caller_who_hangs_up_in_conversation_causes_the_action_with_a_completed_call() -> None:
    office = Office()
    call = office.call({"presses": ["1"], "hangs_up": "in_conversation", "talks_s": 4})
    (form,) = office.forms("ended")
    assert (form["CallStatus"], form["DialCallStatus"], form["DialBridged"]) == ("completed", "completed", "true")
    assert form["DialCallDuration"] == "3"
    assert call.journal.of("status")[-1]["status"] == "completed"


def test_a_caller_may_hang_up_at_any_second() -> None:
    office = Office()
    call = office.call({"hangs_up": 2})
    assert call.duration_s == pytest.approx(2.02)
    assert office.forms("status")[0]["CallDuration"] == "2"


def test_the_action_of_a_dial_tells_how_it_went() -> None:
    office = Office()
    call = office.call({"presses": ["1"], "talks_s": 3.5})
    (form,) = office.forms("ended")
    assert (form["DialCallStatus"], form["DialBridged"], form["CallStatus"]) == ("completed", "true", "in-progress")
    assert form["DialCallSid"] == call.children[0].sid != call.sid
    assert form["DialCallDuration"] == "4"  # whole seconds of whisper and conversation


@pytest.mark.parametrize(("answers", "status"), [("busy", "busy"), (False, "no-answer"), ("failed", "failed")])
def test_an_agent_who_is_not_reached_leaves_the_call_to_the_action(answers: bool | str, status: str) -> None:
    office = Office(ended="<Say>Nobody is free.</Say>")
    call = office.call({"presses": ["1"]}, {"answers": answers})
    (form,) = office.forms("ended")
    assert (form["DialCallStatus"], form["DialBridged"]) == (status, "false")
    assert "DialCallDuration" not in form
    assert (call.was_connected, heard(call)[-1]) == (False, "Nobody is free.")


def test_it_rings_five_seconds_longer_than_the_timeout() -> None:
    office = Office(answer=f"<Dial timeout='10'>{AGENT}</Dial>")
    call = office.call(agent={"answers": False})
    assert call.duration_s == pytest.approx(15.02)


def test_without_an_action_the_document_goes_on_after_a_dial() -> None:
    office = Office(answer=f"<Dial>{AGENT}</Dial><Say>Goodbye.</Say>")
    assert heard(office.call())[-1] == "Goodbye."


def test_the_whisper_is_asked_for_the_agents_leg_and_only_the_agent_hears_it() -> None:
    office = Office()
    call = office.call({"presses": ["1"]})
    (form,) = office.forms("whisper")
    assert (form["Direction"], form["ParentCallSid"]) == ("outbound-dial", call.sid)
    assert (form["CallSid"], form["To"]) == (call.children[0].sid, AGENT)
    assert "The call is recorded." not in heard(call)
    assert [entry["text"] for entry in call.journal.of("whisper")] == ["The call is recorded."]


@pytest.mark.parametrize(
    ("noun", "to"),
    [
        ("<Number url='/whisper'>+12125550199</Number>", "+12125550199"),
        ("<Client url='/whisper'>anna</Client>", "client:anna"),
        ("<Sip url='/whisper'>sip:desk@pbx.example</Sip>", "sip:desk@pbx.example"),
    ],
)
def test_the_whisper_tells_whose_phone_was_answered(noun: str, to: str) -> None:
    office = Office(answer=f"<Dial action='/ended'>{noun}</Dial>")
    office.call()
    assert [form["To"] for form in office.forms("whisper")] == [to]


def test_an_agent_who_hangs_up_in_the_whisper_is_never_bridged() -> None:
    office = Office(whisper="<Hangup/>")
    call = office.call({"presses": ["1"]})
    assert office.forms("ended")[0]["DialBridged"] == "false"
    assert not call.was_connected


def test_a_whisper_may_ask_the_agent_to_accept() -> None:
    office = Office(whisper="<Gather numDigits='1' action='/accepted'/><Hangup/>", accepted="")
    assert office.call({"presses": ["1"]}, {"presses": ["1"]}).was_connected
    assert office.forms("accepted")[0]["Digits"] == "1"
    office = Office(whisper="<Gather numDigits='1' action='/accepted'/><Hangup/>", accepted="")
    assert not office.call({"presses": ["1"]}).was_connected


def test_a_whisper_that_fails_ends_the_agents_leg_and_not_the_call() -> None:
    office = Office(whisper=("oops", 500))
    call = office.call({"presses": ["1"]})
    assert office.asked()[-2:] == ["whisper", "ended"]
    assert (call.was_connected, call.leg.status) == (False, "completed")


def test_a_whisper_cannot_dial() -> None:
    office = Office(whisper=DIAL)
    assert not office.call({"presses": ["1"]}).was_connected


def test_the_legs_of_a_dial_report_their_own_progress_in_sequence() -> None:
    office = Office(
        answer=f"<Dial><Number statusCallback='{ORIGIN}/status' statusCallbackEvent='initiated ringing answered"
        f" completed'>{AGENT}</Number></Dial>"
    )
    office.exchange.numbers[LINE].status_callback = ""
    call = office.call()
    told = [(form["SequenceNumber"], form["CallStatus"]) for form in office.forms("status")]
    assert told == [("0", "initiated"), ("1", "ringing"), ("2", "in-progress"), ("3", "completed")]
    assert {form["CallSid"] for form in office.forms("status")} == {call.children[0].sid}


def test_the_first_of_several_phones_that_answers_stops_the_others() -> None:
    office = Office(answer=f"<Dial><Number>{AGENT}</Number><Client>joe</Client><Sip>sip:a@b.example</Sip></Dial>")
    call = office.call()
    assert [(leg.to_number, leg.status) for leg in call.children] == [
        (AGENT, "completed"),
        ("client:joe", "canceled"),
        ("sip:a@b.example", "canceled"),
    ]


def test_a_caller_may_leave_the_agent_with_a_star_where_the_dial_allows_it() -> None:
    office = Office(answer=f"<Dial hangupOnStar='true' action='/ended'>{AGENT}</Dial>")
    office.call({"keys_at": [{"digits": "*", "after_s": 3}], "talks_s": 30})
    assert office.forms("ended")[0]["DialCallStatus"] == "answered"


def test_the_number_is_told_once_that_the_call_is_over() -> None:
    office = Office()
    office.call({"presses": ["1"]})
    (form,) = office.forms("status")
    assert (form["CallStatus"], form["SequenceNumber"], form["Duration"]) == ("completed", "0", "1")
    assert form["CallbackSource"] == "call-progress-events"
    assert form["Timestamp"].endswith("+0000")


@pytest.mark.parametrize(
    ("document", "status"),
    [("<Reject/>", "no-answer"), ("<Reject reason='busy'/>", "busy"), ("<Hangup/>", "completed"), ("", "no-answer")],
)
def test_a_call_ends_as_its_first_verb_says(document: str, status: str) -> None:
    assert Office(answer=document).call().leg.status == status


def test_a_reject_after_the_answer_only_hangs_up() -> None:
    assert Office(answer="<Say>Hello.</Say><Reject/>").call().leg.status == "completed"


def test_the_moments_of_a_call_are_noted_once_each_in_order() -> None:
    call = Office().call({"presses": ["1"]})
    assert [entry["stage"] for entry in call.journal.of("stage")] == ["in_disclosure", "at_question", "in_conversation"]


def test_keys_pressed_early_are_found_by_the_question_where_the_exchange_keeps_them() -> None:
    office = Office()
    office.exchange.config = replace(office.exchange.config, type_ahead=True)
    office.call({"keys_at": [{"digits": "1", "after_s": 0.5}]})
    assert office.forms("consent")[0]["Digits"] == "1"


def test_what_a_caller_intended_ends_with_the_call() -> None:
    office = Office()
    start = office.clock.now()
    office.call({"presses": ["1"], "hangs_up": 86400})
    assert (office.clock.now() - start).total_seconds() < 60


def test_a_rejected_call_was_never_answered() -> None:
    assert Office(answer="<Reject/>").call().leg.answered is None


def test_a_pause_at_the_beginning_lets_the_phone_ring() -> None:
    office = Office(answer="<Pause length='5'/><Say>Hello.</Say>")
    call = office.call()
    assert call.leg.answered is not None
    assert (call.leg.answered - call.leg.created).total_seconds() == pytest.approx(5.02)


def test_what_stands_behind_a_redirect_is_never_reached() -> None:
    office = Office(answer="<Redirect>/ended</Redirect><Say>Never.</Say>")
    assert heard(office.call()) == []


def test_a_redirect_by_get_sends_the_parameters_in_the_query() -> None:
    methods = list[str]()

    def ended() -> str:
        methods.append(request.method)
        return "<Hangup/>"

    office = Office(answer="<Redirect method='GET'>/ended</Redirect>", ended=ended)
    call = office.call()
    assert (methods, office.forms("ended")[0]["CallSid"]) == (["GET"], call.sid)


def test_a_http_redirect_loses_the_digits() -> None:
    def consent() -> Response:
        return redirect("/ended")  # type: ignore[return-value]  # werkzeug's own response serves as well

    office = Office(consent=consent)
    office.call({"presses": ["1"]})
    assert (office.forms("consent")[0]["Digits"], "Digits" in office.forms("ended")[0]) == ("1", False)


def test_a_prompt_is_fetched_once_and_lasts_as_long_as_it_is() -> None:
    wav = Response(to_wav([silence(2.5)]), content_type="audio/x-wav")
    office = Office(answer="<Play loop='2'>/prompt</Play>", prompt=wav)
    call = office.call()
    assert [entry["duration_s"] for entry in call.journal.of("heard")] == [2.5, 2.5]
    assert office.asked() == ["answer", "prompt"]


def test_a_prompt_that_is_no_sound_leads_to_the_fallback() -> None:
    office = Office(answer="<Play>/prompt</Play>", prompt=Response("no sound", content_type="audio/wav"))
    assert office.call().was_connected
    assert office.forms("fallback")[0]["ErrorCode"] == "13420"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (("oops", 500), "11200"),
        (("gone", 404), "11200"),
        (Response("{}", content_type="application/json"), "12300"),
        (("", 204), "11770"),
        ("<Foobar/>", "12200"),
        (Response("<Answer/>", content_type="text/xml"), "12102"),
        (Response("<Response>", content_type="text/xml"), "12100"),
    ],
)
def test_a_document_that_cannot_be_run_leads_to_the_fallback_with_its_error(
    answer: str | tuple[str, int] | Response, code: str
) -> None:
    office = Office(choice=answer)
    call = office.call()
    (form,) = office.forms("fallback")
    assert (form["ErrorCode"], form["ErrorUrl"]) == (code, f"{ORIGIN}/choice")
    assert call.was_connected


def test_without_a_fallback_the_caller_hears_an_apology_and_the_call_ends() -> None:
    for office in (Office(answer=("oops", 500)), Office(answer=("oops", 500), fallback=("oops", 500))):
        if office.answers["fallback"] != ("oops", 500):
            office.exchange.numbers[LINE].voice_fallback_url = ""
        call = office.call()
        assert office.asked().count("fallback") <= 1
        assert (heard(call)[-1][:12], call.leg.status) == ("We are sorry", "completed")


def test_plain_text_is_read_aloud_and_sound_is_played_and_both_end_the_call() -> None:
    call = Office(answer=Response("Hello there.", content_type="text/plain")).call()
    assert heard(call) == ["Hello there."]
    call = Office(answer=Response(to_wav([silence(1)]), content_type="audio/wav")).call()
    assert call.journal.of("heard")[0]["duration_s"] == 1.0


def test_cookies_go_from_step_to_step() -> None:
    office = Office(
        answer=Response(
            "<Response><Redirect>/ended</Redirect></Response>",
            content_type="text/xml",
            headers={"Set-Cookie": "seen=yes"},
        )
    )
    office.call()
    assert office.headers[1]["Cookie"] == "seen=yes"


@pytest.mark.parametrize("withheld", ["anonymous", "+266696687"])
def test_a_withheld_number_comes_as_it_is_and_from_nowhere(withheld: str) -> None:
    office = Office()
    office.call(from_=withheld)
    (form,) = office.forms("answer")
    assert (form["From"], form["FromCountry"], form["StirVerstat"]) == (withheld, "", "No-TN-Validation")


def test_the_same_plan_makes_the_same_call() -> None:
    def course(call: PhoneCall) -> list[tuple[float, str]]:
        return [(entry["at_s"], entry["text"]) for entry in call.journal.of("heard")]

    assert course(Office().call({"presses": ["1"]})) == course(Office().call({"presses": ["1"]}))
