"""Documents and requests that are spelled unusually are read as Twilio reads them, or refused with its code."""

import pytest
from flask import Response
from flask.testing import FlaskClient

from simulator.server import create_app
from simulator.sound import key_tone, key_tones, seconds, silence, to_wav
from tests.simulator.office import ACCOUNT, AGENT, LINE, ORIGIN, TOKEN, Office, heard

AUTH = (ACCOUNT, TOKEN)
PROMPT = Response(to_wav([silence(0.1)]), content_type="audio/wav")
ROOT = f"/2010-04-01/Accounts/{ACCOUNT}"


def document(body: bytes) -> Response:
    return Response(body, content_type="text/xml")


@pytest.mark.parametrize("encoding", ["shift_jis", "gbk", "iso-8859-1", "utf-8", "utf-16", "koi8-r"])
def test_a_document_is_read_in_the_encoding_that_it_declares(encoding: str) -> None:
    words = {"shift_jis": "こんにちは", "gbk": "你好", "koi8-r": "Привет"}.get(encoding, "Grüße")
    text = f"<?xml version='1.0' encoding='{encoding}'?><Response><Say>{words}</Say></Response>"
    call = Office(answer=document(text.encode(encoding))).call()
    assert (heard(call), call.journal.of("error")) == ([words], [])


@pytest.mark.parametrize(
    "body",
    [
        b"<?xml version='1.0' encoding='no-such-thing'?><Response/>",
        b"<?xml version='1.0' encoding='base64'?><Response/>",
        b"<?xml version='1.0' encoding='undefined'?><Response/>",
        b"<?xml version='1.0' encoding='shift_jis'?><Response><Say>\xff\xff</Say></Response>",
        b"<?xml version='1.0'?><Response><Say>\xff\xfe</Say></Response>",
        b"\xff\xfe<\x00R",
    ],
)
def test_a_document_in_no_encoding_is_the_services_error(body: bytes) -> None:
    office = Office(choice=document(body))
    assert office.call().was_connected
    assert office.forms("fallback")[0]["ErrorCode"] == "12100"


@pytest.mark.parametrize(
    ("digits", "lasts_s"), [("1", 0.24), ("12", 0.48), ("1w2", 0.98), ("W*", 1.24), ("#ABCD", 1.2)]
)
def test_keys_are_played_one_after_another_with_their_waits(digits: str, lasts_s: float) -> None:
    call = Office(answer=f"<Play digits='{digits}'/>").call()
    assert [entry["duration_s"] for entry in call.journal.of("heard")] == [pytest.approx(lasts_s)]
    assert seconds(key_tones(digits)) == pytest.approx(lasts_s)
    assert seconds(key_tone("1")) == pytest.approx(0.16)


@pytest.mark.parametrize("digits", ["z", "12x", "²", "a", "1 2"])
def test_keys_that_no_telephone_has_are_the_services_error(digits: str) -> None:
    office = Office(choice=f"<Play digits='{digits}'/>")
    assert office.call().was_connected
    assert office.forms("fallback")[0]["ErrorCode"] == "13430"


@pytest.mark.parametrize("number", ["²", "٣", "9" * 10, "9" * 5000, "-1", "1.5", ""])
def test_a_number_that_is_none_is_the_services_error(number: str) -> None:
    office = Office(choice=f"<Pause length='{number}'/>")
    assert office.call().was_connected
    assert office.forms("fallback")[0]["ErrorCode"] == "13910"


@pytest.mark.parametrize(
    "verbs", ["<Gather timeout='1'><Pause length='999999999'/></Gather>", f"<Dial timeout='999999999'>{AGENT}</Dial>"]
)
def test_a_long_wait_needs_no_sound_of_its_length(verbs: str) -> None:
    call = Office(answer=verbs).call({"hangs_up": 20, "talks_s": 1}, agent=False)
    assert (call.leg.status, call.failure) == ("completed", None)


@pytest.mark.parametrize("verb", ["Say", "Play"])
@pytest.mark.parametrize("loop", ["0", "1001", "999999999"])
def test_words_are_repeated_a_thousand_times_at_most(verb: str, loop: str) -> None:
    call = Office(answer=f"<{verb} loop='{loop}'>{ORIGIN}/prompt</{verb}>", prompt=PROMPT).call()
    assert (len(call.journal.of("heard")), call.leg.status) == (1000, "completed")


@pytest.mark.parametrize("verbs", ["<Pause length='999999999'/>", "<Pause length='14399'/><Say>Still there?</Say>"])
def test_a_call_ends_four_hours_after_its_answer_whatever_its_document_says(verbs: str) -> None:
    call = Office(answer=f"<Say>Hello.</Say>{verbs}").call()
    assert (call.leg.status, call.leg.ended_by, call.leg.duration_s) == ("completed", "time_limit", 4 * 3600)
    assert call.failure is None


@pytest.mark.parametrize("words", ["a" * (64 * 1024 + 1), "<Response><Say>" + "a" * 64 * 1024])
def test_plain_text_may_be_no_larger_than_a_document(words: str) -> None:
    office = Office(choice=Response(words, content_type="text/plain"))
    assert office.call().was_connected
    assert office.forms("fallback")[0]["ErrorCode"] == "11750"


@pytest.mark.parametrize("fragment", ["rc=²", "rc=٣", "ct=²&rt=²&tt=²", "rc=" + "9" * 5000])
def test_an_override_that_is_no_number_is_brought_into_its_range(fragment: str) -> None:
    office = Office()
    office.exchange.numbers[LINE].voice_url = f"{ORIGIN}/answer#{fragment}"
    assert office.call({"presses": ["1"]}).was_connected


@pytest.mark.parametrize(
    ("noun", "to"),
    [
        ("<Client>joe</Client>", "client:joe"),
        ("<Client>client:joe</Client>", "client:joe"),
        ("<Client><Identity>joe</Identity><Parameter name='x' value='y'/></Client>", "client:joe"),
        ("<Sip>sip:a@b.example</Sip>", "sip:a@b.example"),
        ("<Sip><Uri>sip:a@b.example</Uri><Headers><Header name='X-A' value='1'/></Headers></Sip>", "sip:a@b.example"),
        ("<Number>+1 (415) 555-0123</Number>", "+14155550123"),
    ],
)
def test_a_noun_keeps_its_address_wherever_it_stands(noun: str, to: str) -> None:
    call = Office(answer=f"<Dial>{noun}</Dial>").call()
    assert [leg.to_number for leg in call.children] == [to]
    assert call.was_connected


@pytest.mark.parametrize(
    ("noun", "code"), [("<Client/>", "13215"), ("<Sip><Headers/></Sip>", "13215"), ("<Number>soon</Number>", "13223")]
)
def test_a_noun_without_an_address_is_the_services_error(noun: str, code: str) -> None:
    office = Office(choice=f"<Dial>{noun}</Dial>")
    office.call()
    assert office.forms("fallback")[0]["ErrorCode"] == code


@pytest.mark.parametrize("record", ["record-from-answer", "record-from-ringing-dual"])
def test_the_legs_last_callback_names_the_recording_of_its_dial(record: str) -> None:
    events = "statusCallback='/status' statusCallbackEvent='initiated answered completed'"
    office = Office(answer=f"<Dial record='{record}'><Number {events}>{AGENT}</Number></Dial>")
    call = office.call({"talks_s": 7})
    (recording,) = call.recordings
    first, *_, last = [form for form in office.forms("status") if "ParentCallSid" in form]
    assert (last["CallStatus"], last["RecordingSid"]) == ("completed", recording.sid)
    assert last["RecordingUrl"].endswith(f"/Accounts/{ACCOUNT}/Recordings/{recording.sid}")
    assert last["RecordingDuration"] == str(recording.duration_s)
    assert "RecordingSid" not in first
    assert all("RecordingSid" not in form for form in office.forms("status") if "ParentCallSid" not in form)


def test_a_leg_that_nobody_recorded_names_no_recording() -> None:
    office = Office(answer=f"<Dial><Number statusCallback='/status'>{AGENT}</Number></Dial>")
    office.call({"talks_s": 2})
    assert [form for form in office.forms("status") if "RecordingSid" in form] == []


@pytest.fixture
def rest() -> FlaskClient:
    office = Office()
    office.call({"presses": ["1"]})
    return create_app(office.exchange).test_client()


@pytest.mark.parametrize("filter_", ["StartTime", "StartTime<", "StartTime>"])
@pytest.mark.parametrize("text", ["garbage", "²", "2026-13-01", "2026-1"])
def test_a_filter_that_is_no_date_is_refused_in_words(rest: FlaskClient, filter_: str, text: str) -> None:
    answer = rest.get(f"{ROOT}/Calls.json", query_string={filter_: text}, auth=AUTH)
    assert (answer.status_code, answer.get_json()["message"]) == (400, f"{filter_} is not a date")


@pytest.mark.parametrize("size", ["²", "٣", "-1", "0", "9" * 5000, "x"])
def test_a_page_size_that_is_none_is_the_usual_one(rest: FlaskClient, size: str) -> None:
    for path in (f"{ROOT}/Calls.json", f"{ROOT}/Recordings.json"):
        answer = rest.get(path, query_string={"PageSize": size, "Page": size.replace("0", "x")}, auth=AUTH)
        assert answer.status_code == 200
    assert rest.get("/v2/Services", query_string={"PageSize": size, "Page": size}, auth=AUTH).status_code in (200, 404)


@pytest.mark.parametrize("setting", ["VoiceUrl", "VoiceFallbackUrl", "StatusCallback"])
@pytest.mark.parametrize(
    "text", ["not a url", "line.example/voice", "ftp://line.example", "https://", "https:///x", "https://a b"]
)
def test_a_numbers_url_that_is_none_is_refused_and_nothing_is_changed(
    rest: FlaskClient, setting: str, text: str
) -> None:
    path = f"{ROOT}/IncomingPhoneNumbers/{number_sid(rest)}.json"
    before = rest.get(path, auth=AUTH).get_json()
    answer = rest.post(path, data={"VoiceMethod": "GET", setting: text}, auth=AUTH)
    assert (answer.status_code, answer.get_json()["code"]) == (400, 21402)
    assert rest.get(path, auth=AUTH).get_json() == before


def test_a_numbers_url_can_be_set_and_taken_away_and_its_method_is_get_or_post(rest: FlaskClient) -> None:
    path = f"{ROOT}/IncomingPhoneNumbers/{number_sid(rest)}.json"
    for url in ("https://line.example/voice?a=1#rc=2", "http://127.0.0.1:5000", ""):
        assert rest.post(path, data={"VoiceUrl": url}, auth=AUTH).get_json()["voice_url"] == url
    answer = rest.post(path, data={"VoiceMethod": "PUT"}, auth=AUTH)
    assert (answer.status_code, answer.get_json()["code"]) == (400, 21403)


def number_sid(rest: FlaskClient) -> str:
    (number,) = rest.get(f"{ROOT}/IncomingPhoneNumbers.json", auth=AUTH).get_json()["incoming_phone_numbers"]
    sid: str = number["sid"]
    return sid
