"""Twilio's REST API, against a real server: absence is a value, and a failure says what to do next."""

import base64
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from outbound.bounded_http import Limits, NoAnswer, redirected_to
from outbound.twilio_client import Account
from outbound.twilio_provider import ProviderNumber, TwilioProvider
from storage.errors import Broken, Refused, Unavailable
from storage.provider import ClocksApart, Listed, Provider, ProviderCall, ProviderRecording, ProviderRequest
from tests.outbound.scripted_api import (
    Respond,
    ScriptedApi,
    chunked,
    cut_short,
    dripping,
    hung_up,
    raw,
    said,
    scripted_api,
    silent,
)

ACCOUNT = "AC" + "0" * 32
USER, PASSWORD = "SK" + "a" * 32, "the-secret-of-the-key"
CALL_SID = "CA" + "1" * 32
RECORDING_SID = "RE" + "2" * 32
CONFERENCE_SID = "CF" + "3" * 32
LINE = "+14155550100"
ROOT = f"/2010-04-01/Accounts/{ACCOUNT}"
CALL_PATH = f"{ROOT}/Calls/{CALL_SID}.json"
CALLS_PATH = f"{ROOT}/Calls.json"
EVENTS_PATH = f"{ROOT}/Calls/{CALL_SID}/Events.json"
RECORDING_PATH = f"{ROOT}/Recordings/{RECORDING_SID}.json"
RECORDINGS_PATH = f"{ROOT}/Recordings.json"
MEDIA_PATH = f"{ROOT}/Recordings/{RECORDING_SID}.wav"
STOP_PATH = f"{ROOT}/Calls/{CALL_SID}/Recordings/{RECORDING_SID}.json"
STOP_CONFERENCE_PATH = f"{ROOT}/Conferences/{CONFERENCE_SID}/Recordings/{RECORDING_SID}.json"
CONFERENCES_PATH = f"{ROOT}/Conferences.json"
PARTICIPANTS_PATH = f"{ROOT}/Conferences/{CONFERENCE_SID}/Participants.json"
NUMBERS_PATH = f"{ROOT}/IncomingPhoneNumbers.json"
PATIENT = Limits(answer_bytes_max=100_000)
HASTY = Limits(connect_s=1, read_s=0.15, answer_s=0.15, media_window_s=0.15)

CALL: dict[str, object] = {
    "sid": CALL_SID,
    "status": "completed",
    "duration": "49",
    "direction": "inbound",
    "to": LINE,
    "from": "+14155550123",
    "start_time": "Tue, 24 Mar 2026 18:15:40 +0000",
}
RECORDING: dict[str, object] = {
    "sid": RECORDING_SID,
    "account_sid": ACCOUNT,
    "call_sid": CALL_SID,
    "status": "completed",
    "duration": "13",
    "channels": 2,
    "source": "StartCallRecordingTwiML",
    "start_time": "Tue, 24 Mar 2026 18:15:40 +0000",
    "media_url": "https://evil.example/",
}
KNOWN = ProviderRecording(
    recording_sid=RECORDING_SID,
    call_sid=CALL_SID,
    status="completed",
    duration_s=13,
    channels=2,
    source="StartCallRecordingTwiML",
    started_at=datetime(2026, 3, 24, 18, 15, 40, tzinfo=UTC),
)
ASKED: dict[str, dict[str, object]] = {
    "request": {
        "method": "POST",
        "url": "https://voice.example.com/voice/answer",
        "parameters": {"call_sid": CALL_SID, "from": "+14155550123", "digits": "1"},
    },
    "response": {
        "response_code": 200,
        "request_duration": 50,
        "content_type": "text/xml",
        "response_body": "<Response/>",
        "date_created": "Tue, 24 Mar 2026 18:15:40 +0000",
    },
}
NUMBER: dict[str, object] = {
    "sid": "PN" + "3" * 32,
    "phone_number": LINE,
    "voice_url": "https://old.example/",
    "voice_fallback_url": None,
    "status_callback": "",
    "trunk_sid": None,
    "voice_application_sid": "",
}


@pytest.fixture
def api() -> Iterator[ScriptedApi]:
    with scripted_api() as api:
        yield api


@pytest.fixture
def twilio(api: ScriptedApi) -> TwilioProvider:
    return TwilioProvider(Account(ACCOUNT, USER, PASSWORD, api.url), limits=PATIENT)


Ask = Callable[[TwilioProvider], object]
QUESTIONS: dict[str, tuple[str, Ask]] = {
    "call": (CALL_PATH, lambda twilio: twilio.call(CALL_SID)),
    "calls_since": (CALLS_PATH, lambda twilio: twilio.calls_since(datetime(2026, 3, 24, tzinfo=UTC))),
    "calls_between": (
        CALLS_PATH,
        lambda twilio: twilio.calls_between(datetime(2026, 3, 24, tzinfo=UTC), datetime(2026, 3, 25, tzinfo=UTC)),
    ),
    "calls_in_progress": (CALLS_PATH, lambda twilio: twilio.calls_in_progress()),
    "participants": (PARTICIPANTS_PATH, lambda twilio: twilio.participants(CONFERENCE_SID)),
    "conferences": (CONFERENCES_PATH, lambda twilio: twilio.conferences()),
    "call_account": (EVENTS_PATH, lambda twilio: twilio.call_account(CALL_SID)),
    "recordings_of": (RECORDINGS_PATH, lambda twilio: twilio.recordings_of(CALL_SID)),
    "recordings_since": (
        RECORDINGS_PATH,
        lambda twilio: twilio.recordings_since(datetime(2026, 3, 24, tzinfo=UTC)),
    ),
    "recording": (RECORDING_PATH, lambda twilio: twilio.recording(RECORDING_SID)),
    "media": (MEDIA_PATH, lambda twilio: b"".join(twilio.media(RECORDING_SID))),
    "stop": (STOP_PATH, lambda twilio: twilio.stop(CALL_SID, RECORDING_SID)),
    "stop of a conference's": (STOP_CONFERENCE_PATH, lambda twilio: twilio.stop(CONFERENCE_SID, RECORDING_SID)),
    "delete": (RECORDING_PATH, lambda twilio: twilio.delete(RECORDING_SID)),
    "redirect": (CALL_PATH, lambda twilio: twilio.redirect(CALL_SID, "https://voice.example.com/voice/x")),
    "end_call": (CALL_PATH, lambda twilio: twilio.end_call(CALL_SID)),
    "numbers": (NUMBERS_PATH, lambda twilio: twilio.numbers()),
}
STOPPED, PAUSED = (said(200, {**RECORDING, "status": status}) for status in ("stopped", "paused"))
EVERY_QUESTION = pytest.mark.parametrize(("path", "ask"), QUESTIONS.values(), ids=QUESTIONS)
JSON_QUESTIONS = [name for name in QUESTIONS if name not in ("media", "delete")]
EVERY_JSON_QUESTION = pytest.mark.parametrize(
    ("path", "ask"), [QUESTIONS[name] for name in JSON_QUESTIONS], ids=JSON_QUESTIONS
)


def test_it_is_the_provider_that_the_jobs_ask(twilio: TwilioProvider) -> None:
    provider: Provider = twilio
    assert provider is twilio


def test_a_call_is_told(api: ScriptedApi, twilio: TwilioProvider) -> None:
    api.answers(CALL_PATH, said(200, CALL))
    came_in_at = datetime(2026, 3, 24, 18, 15, 40, tzinfo=UTC)
    told = ProviderCall(CALL_SID, "completed", 49, True, line=LINE, caller="+14155550123", came_in_at=came_in_at)
    assert twilio.call(CALL_SID) == told
    assert "4155550123" not in repr(told)


@pytest.mark.parametrize(
    ("status", "ended"),
    [
        *[(status, True) for status in ("completed", "busy", "failed", "no-answer", "canceled")],
        *[(status, False) for status in ("queued", "initiated", "ringing", "in-progress", "something-new")],
    ],
)
def test_a_call_has_ended_only_when_it_is_known_to(
    status: str, ended: bool, api: ScriptedApi, twilio: TwilioProvider
) -> None:
    api.answers(CALL_PATH, said(200, {**CALL, "status": status, "duration": None}))
    told = twilio.call(CALL_SID)
    assert told is not None
    assert (told.status, told.duration_s, told.ended) == (status, None, ended)


def test_what_twilio_does_not_know_is_none(twilio: TwilioProvider) -> None:
    assert twilio.call(CALL_SID) is None
    assert twilio.recording(RECORDING_SID) is None


def test_a_recording_is_told(api: ScriptedApi, twilio: TwilioProvider) -> None:
    api.answers(RECORDING_PATH, said(200, RECORDING))
    assert twilio.recording(RECORDING_SID) == KNOWN


def test_a_recording_in_the_making_lacks_what_is_not_known_yet(api: ScriptedApi, twilio: TwilioProvider) -> None:
    making = {"status": "processing", "duration": "-1", "channels": None, "start_time": None}
    api.answers(RECORDING_PATH, said(200, {**RECORDING, **making}))
    recording = twilio.recording(RECORDING_SID)
    assert recording is not None
    assert (recording.duration_s, recording.channels, recording.started_at) == (None, None, None)


def test_a_deleted_recording_is_gone_though_its_metadata_remain(api: ScriptedApi, twilio: TwilioProvider) -> None:
    deleted = {**RECORDING, "status": "deleted"}
    api.answers(RECORDING_PATH, said(200, deleted))
    api.answers(RECORDINGS_PATH, said(200, {"recordings": [deleted], "next_page_uri": None}))
    assert twilio.recording(RECORDING_SID) is None
    assert twilio.recordings_of(CALL_SID).rows == ()


def test_all_pages_of_a_calls_recordings_are_told(api: ScriptedApi, twilio: TwilioProvider) -> None:
    other = "RE" + "9" * 32
    api.answers(
        RECORDINGS_PATH,
        said(200, {"recordings": [RECORDING], "next_page_uri": f"{RECORDINGS_PATH}?Page=1&PageToken=x"}),
        said(200, {"recordings": [{**RECORDING, "sid": other}], "next_page_uri": None}),
    )
    assert [recording.recording_sid for recording in twilio.recordings_of(CALL_SID)] == [RECORDING_SID, other]
    assert [request.query.get("CallSid") for request in api.requests] == [CALL_SID, None]


def test_a_next_page_elsewhere_is_not_asked_for(api: ScriptedApi, twilio: TwilioProvider) -> None:
    with scripted_api() as elsewhere:
        page = {
            "recordings": [RECORDING],
            "meta": {"key": "recordings", "next_page_url": f"{elsewhere.url}/x"},
        }
        api.answers(RECORDINGS_PATH, said(200, page))
        with pytest.raises(Unavailable):
            twilio.recordings_of(CALL_SID)
        assert elsewhere.requests == []


def test_another_calls_recording_on_the_list_is_counted_and_left_out(api: ScriptedApi, twilio: TwilioProvider) -> None:
    others = {**RECORDING, "call_sid": "CA" + "9" * 32}
    api.answers(RECORDINGS_PATH, said(200, {"recordings": [others, RECORDING], "next_page_uri": None}))
    assert twilio.recordings_of(CALL_SID) == Listed((KNOWN,), unread=1)


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (said(200, RECORDING), Listed((KNOWN,))),
        (said(404, code=20404), Listed((), unread=1)),
        (said(200, {"sid": "RE" + "9" * 32}), Listed((), unread=1)),
    ],
)
def test_a_recording_that_names_no_call_is_asked_for_under_its_call(
    answer: Respond, found: Listed[ProviderRecording], api: ScriptedApi, twilio: TwilioProvider
) -> None:
    api.answers(RECORDINGS_PATH, said(200, {"recordings": [{**RECORDING, "call_sid": None}], "next_page_uri": None}))
    api.answers(STOP_PATH, answer)
    assert twilio.recordings_of(CALL_SID) == found


ODD: list[dict[str, object]] = [
    {"source": None},
    {"source": 5},
    {"source": "+14155550123"},
    {"status": None},
    {"status": "a-word-of-tomorrow"},
    {"start_time": None},
    {"start_time": 5},
    {"start_time": "Tue, 99 Mar 2026 18:15:40 +0000"},
    {"duration": "-1"},
    {"duration": None},
    {"duration": {}},
    {"channels": None},
    {"channels": "two"},
    {"channels": 0},
    {"track": 7},
]


@pytest.mark.parametrize("odd", ODD, ids=str)
def test_what_is_odd_about_a_recording_is_absent_and_keeps_no_other_from_being_read(
    odd: dict[str, object], api: ScriptedApi, twilio: TwilioProvider
) -> None:
    strange = {**RECORDING, "sid": "RE" + "9" * 32, **odd}
    api.answers(RECORDINGS_PATH, said(200, {"recordings": [strange, RECORDING], "next_page_uri": None}))
    listed = twilio.recordings_of(CALL_SID)
    assert ([one.recording_sid for one in listed], listed.unread) == (["RE" + "9" * 32, RECORDING_SID], 0)
    assert listed.rows[1] == KNOWN
    [(name, said_there)] = odd.items()
    field = {"start_time": "started_at", "duration": "duration_s"}.get(name, name)
    absent = {"source": "", "status": said_there or ""}
    assert getattr(listed.rows[0], field) == absent.get(name)


@pytest.mark.parametrize("row", [None, 5, "x", [], {}, {"sid": None}, {"sid": "RE123"}, {"sid": 5}])
def test_a_row_without_a_sid_is_counted_and_the_others_are_told(
    row: object, api: ScriptedApi, twilio: TwilioProvider
) -> None:
    api.answers(RECORDINGS_PATH, said(200, {"recordings": [row, RECORDING, row], "next_page_uri": None}))
    assert twilio.recordings_of(CALL_SID) == Listed((KNOWN,), unread=2)
    inbound = {**row, "direction": "inbound"} if isinstance(row, dict) else row
    api.answers(CALLS_PATH, said(200, {"calls": [inbound, CALL], "next_page_uri": None}))
    listed = twilio.calls_since(datetime(2026, 3, 24, tzinfo=UTC))
    assert ([one.call_sid for one in listed], listed.unread) == ([CALL_SID], 1)
    api.answers(EVENTS_PATH, said(200, {"events": [row, ASKED], "next_page_uri": None}))
    account = twilio.call_account(CALL_SID)
    assert account is not None
    assert ([one.url for one in account.requests], account.unread) == (["https://voice.example.com/voice/answer"], 1)
    api.answers(NUMBERS_PATH, said(200, {"incoming_phone_numbers": [row, NUMBER], "next_page_uri": None}))
    assert [number.e164 for number in twilio.numbers()] == [LINE]


@pytest.mark.parametrize(
    "odd",
    [
        {"status": None},
        {"start_time": None},
        {"start_time": "x"},
        {"duration": "-1"},
        {"to": None},
        {"from": 5},
        {"direction": None},
    ],
    ids=str,
)
def test_what_is_odd_about_a_call_is_absent(odd: dict[str, object], api: ScriptedApi, twilio: TwilioProvider) -> None:
    api.answers(CALL_PATH, said(200, {**CALL, **odd}))
    api.answers(CALLS_PATH, said(200, {"calls": [{**CALL, **odd}], "next_page_uri": None}))
    assert twilio.call(CALL_SID) == twilio.calls_since(datetime(2026, 3, 24, tzinfo=UTC)).rows[0]


@pytest.mark.parametrize(
    "odd",
    [
        {"request": {"url": "https://a/", "parameters": ["x"]}},
        {"response": {"date_created": "x", "response_code": "y", "response_body": None}},
        {"response": None},
    ],
    ids=str,
)
def test_what_is_odd_about_an_event_is_absent(odd: dict[str, object], api: ScriptedApi, twilio: TwilioProvider) -> None:
    api.answers(EVENTS_PATH, said(200, {"events": [{**ASKED, **odd}, ASKED], "next_page_uri": None}))
    account = twilio.call_account(CALL_SID)
    assert account is not None
    assert (len(account.requests), account.unread) == (2, 0)


def test_a_list_that_leads_back_to_itself_ends(api: ScriptedApi, twilio: TwilioProvider) -> None:
    api.answers(RECORDINGS_PATH, said(200, {"recordings": [RECORDING], "next_page_uri": f"{RECORDINGS_PATH}?Page=1"}))
    with pytest.raises(Broken):
        twilio.recordings_of(CALL_SID)


def dated(date: str) -> Respond:
    def respond(handler: BaseHTTPRequestHandler) -> None:
        body = json.dumps(CALL).encode()
        handler.send_response_only(200)
        if date:
            handler.send_header("Date", date)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return respond


def test_how_far_the_clocks_are_apart_is_told_by_the_newest_answer(api: ScriptedApi) -> None:
    now = datetime(2026, 3, 24, 18, 16, tzinfo=UTC)
    twilio = TwilioProvider(Account(ACCOUNT, USER, PASSWORD, api.url), limits=PATIENT, now=lambda: now)
    assert twilio.clocks_apart() is None
    for date in ("", "x", "Tue, 99 Mar 2026 18:15:40 +0000"):
        api.answers(CALL_PATH, dated(date))
        twilio.call(CALL_SID)
        assert twilio.clocks_apart() is None
    api.answers(CALL_PATH, dated("Tue, 24 Mar 2026 18:15:40 GMT"))
    twilio.call(CALL_SID)
    assert twilio.clocks_apart() == ClocksApart(timedelta(seconds=19), timedelta(seconds=20))


def test_what_was_asked_about_a_call_is_told_whole_and_as_it_came(api: ScriptedApi, twilio: TwilioProvider) -> None:
    unanswered = {"request": {**ASKED["request"], "parameters": None}, "response": {**ASKED["response"]}}
    unanswered["response"] |= {"response_code": None, "response_body": None}
    api.answers(
        EVENTS_PATH,
        said(200, {"events": [ASKED], "next_page_uri": f"{EVENTS_PATH}?Page=1&PageToken=x"}),
        said(200, {"events": [unanswered], "next_page_uri": None}),
    )
    account = twilio.call_account(CALL_SID)
    assert account is not None
    assert json.loads(account.body) == [ASKED, unanswered]
    asked, lost = account.requests
    assert asked == ProviderRequest(
        url="https://voice.example.com/voice/answer",
        parameters={"callsid": CALL_SID, "from": "+14155550123", "digits": "1"},
        asked_at=datetime(2026, 3, 24, 18, 15, 40, tzinfo=UTC),
        status=200,
        body="<Response/>",
    )
    assert (lost.status, lost.body, lost.parameters) == (0, "", {})


def test_parameters_are_found_whichever_way_they_are_spelt(api: ScriptedApi, twilio: TwilioProvider) -> None:
    spelt = {**ASKED, "request": {**ASKED["request"], "parameters": {"CallSid": CALL_SID, "Digits": "1"}}}
    api.answers(EVENTS_PATH, said(200, {"events": [spelt], "next_page_uri": None}))
    account = twilio.call_account(CALL_SID)
    assert account is not None
    assert account.requests[0].parameters == {"callsid": CALL_SID, "digits": "1"}


def test_nobody_is_shown_in_what_was_asked_about_a_call(api: ScriptedApi, twilio: TwilioProvider) -> None:
    api.answers(EVENTS_PATH, said(200, {"events": [ASKED], "next_page_uri": None}))
    assert "4155550123" not in repr(twilio.call_account(CALL_SID))


def test_of_the_calls_listed_those_between_are_told(api: ScriptedApi, twilio: TwilioProvider) -> None:
    api.answers(CALLS_PATH, said(200, {"calls": [CALL], "next_page_uri": None}))
    came_in_at, second = datetime(2026, 3, 24, 18, 15, 40, tzinfo=UTC), timedelta(seconds=1)
    assert len(twilio.calls_between(came_in_at, came_in_at + second)) == 1
    assert twilio.calls_between(came_in_at - second, came_in_at).rows == ()
    assert twilio.calls_between(came_in_at + second, came_in_at + 2 * second).rows == ()
    assert api.requests[0].query["StartTime>"] == "2026-03-24T18:15:40Z"
    assert api.requests[0].query["StartTime<"] == "2026-03-24T18:15:42Z"


def test_calls_that_came_in_are_told_and_others_are_not(api: ScriptedApi, twilio: TwilioProvider) -> None:
    calls = [CALL, *[{**CALL, "direction": way} for way in ("outbound-dial", "outbound-api")]]
    api.answers(CALLS_PATH, said(200, {"calls": calls, "next_page_uri": None}))
    assert len(twilio.calls_since(datetime(2026, 3, 24, tzinfo=UTC))) == 1


@pytest.mark.parametrize(
    ("name", "path", "parameter"),
    [("calls_since", CALLS_PATH, "StartTime>"), ("recordings_since", RECORDINGS_PATH, "DateCreated>")],
)
def test_a_moment_is_asked_about_in_utc(
    name: str, path: str, parameter: str, api: ScriptedApi, twilio: TwilioProvider
) -> None:
    api.answers(path, said(200, {"recordings": [], "calls": [], "next_page_uri": None}))
    getattr(twilio, name)(datetime(2026, 3, 24, 1, 30, tzinfo=timezone(timedelta(hours=2))))
    assert api.requests[0].query[parameter] == "2026-03-23T23:30:00Z"


def test_a_recording_is_stopped_and_deleted_by_its_sids(api: ScriptedApi, twilio: TwilioProvider) -> None:
    api.answers(STOP_PATH, said(200, {**RECORDING, "status": "stopped"}))
    api.answers(RECORDING_PATH, raw(204, b""))
    stopped = twilio.stop(CALL_SID, RECORDING_SID)
    assert stopped is not None
    assert (stopped.status, stopped.has_stopped) == ("stopped", True)
    twilio.delete(RECORDING_SID)
    assert [(request.method, request.path, request.form) for request in api.requests] == [
        ("POST", STOP_PATH, {"Status": "stopped"}),
        ("DELETE", RECORDING_PATH, {}),
    ]


@pytest.mark.parametrize("answer", [said(400, code=21220), said(404, code=20404)])
def test_where_there_is_nothing_to_stop_the_answer_shows_nothing(
    answer: Respond, api: ScriptedApi, twilio: TwilioProvider
) -> None:
    api.answers(STOP_PATH, answer)
    assert twilio.stop(CALL_SID, RECORDING_SID) is None
    assert len(api.requests) == 1


@pytest.mark.parametrize("under_sid", [CALL_SID, CONFERENCE_SID])
def test_an_answer_about_another_recording_is_no_proof_of_a_stop(
    under_sid: str, api: ScriptedApi, twilio: TwilioProvider
) -> None:
    path = STOP_PATH if under_sid == CALL_SID else STOP_CONFERENCE_PATH
    api.answers(path, said(200, {**RECORDING, "sid": "RE" + "1" * 32, "status": "stopped"}))
    with pytest.raises(Broken):
        twilio.stop(under_sid, RECORDING_SID)


@pytest.mark.parametrize(
    ("answers", "asked", "shown"),
    [
        ([STOPPED], ["stopped"], "stopped"),
        ([said(400, code=20001), PAUSED], ["stopped", "paused"], "paused"),
        ([said(400, code=21220), PAUSED], ["stopped", "paused"], "paused"),
        ([said(400, code=21220), said(400, code=21220)], ["stopped", "paused"], None),
        ([said(404, code=20404)], ["stopped"], None),
    ],
)
def test_a_conferences_recording_that_twilio_will_not_stop_is_paused(
    answers: list[Respond], asked: list[str], shown: str | None, api: ScriptedApi, twilio: TwilioProvider
) -> None:
    api.answers(STOP_CONFERENCE_PATH, *answers)
    found = twilio.stop(CONFERENCE_SID, RECORDING_SID)
    assert [request.form["Status"] for request in api.requests] == asked
    assert (found and found.status) == shown
    assert found is None or found.has_stopped is (shown == "stopped")


def test_a_conferences_recording_that_may_not_be_stopped_is_refused(api: ScriptedApi, twilio: TwilioProvider) -> None:
    api.answers(STOP_CONFERENCE_PATH, said(403, code=20003))
    with pytest.raises(Refused):
        twilio.stop(CONFERENCE_SID, RECORDING_SID)


def test_the_legs_under_way_are_told_whoever_they_lead_to(api: ScriptedApi, twilio: TwilioProvider) -> None:
    child = {**CALL, "sid": "CA" + "9" * 32, "direction": "outbound-dial", "parent_call_sid": CALL_SID}
    api.answers(CALLS_PATH, said(200, {"calls": [CALL, child], "next_page_uri": None}))
    assert [(call.call_sid, call.parent_sid) for call in twilio.calls_in_progress()] == [
        (CALL_SID, ""),
        ("CA" + "9" * 32, CALL_SID),
    ]
    assert (api.requests[0].query["Status"], api.requests[0].query["PageSize"]) == ("in-progress", "1000")


def test_the_participants_of_a_conference_are_told_and_of_none_nobody(api: ScriptedApi, twilio: TwilioProvider) -> None:
    assert twilio.participants(CONFERENCE_SID) == ()
    rows = [{"call_sid": CALL_SID}, {"call_sid": None}, {"call_sid": "CA" + "9" * 32}]
    api.answers(PARTICIPANTS_PATH, said(200, {"participants": rows, "next_page_uri": None}))
    assert twilio.participants(CONFERENCE_SID) == (CALL_SID, "CA" + "9" * 32)


def test_the_conferences_that_go_on_are_told(api: ScriptedApi, twilio: TwilioProvider) -> None:
    rows = [{"sid": CONFERENCE_SID}, {"sid": None}]
    api.answers(CONFERENCES_PATH, said(200, {"conferences": rows, "next_page_uri": None}))
    assert twilio.conferences() == (CONFERENCE_SID,)
    assert api.requests[0].query["Status"] == "in-progress"


@pytest.mark.parametrize(
    ("direction", "is_called_out"),
    [("outbound-api", True), ("outbound-dial", False), ("inbound", False), (None, False)],
)
def test_a_leg_that_a_program_called_is_told_from_others(
    direction: str | None, is_called_out: bool, api: ScriptedApi, twilio: TwilioProvider
) -> None:
    api.answers(CALL_PATH, said(200, {**CALL, "direction": direction}))
    call = twilio.call(CALL_SID)
    assert call is not None
    assert call.is_called_out is is_called_out


def test_all_recordings_are_asked_for_where_no_moment_is_named(api: ScriptedApi, twilio: TwilioProvider) -> None:
    in_conference = {**RECORDING, "conference_sid": CONFERENCE_SID}
    api.answers(RECORDINGS_PATH, said(200, {"recordings": [in_conference], "next_page_uri": None}))
    assert [recording.conference_sid for recording in twilio.recordings_since(None)] == [CONFERENCE_SID]
    assert api.requests[0].query == {"PageSize": "1000"}


def test_a_leg_is_redirected_and_ended_by_its_sid(api: ScriptedApi, twilio: TwilioProvider) -> None:
    api.answers(CALL_PATH, said(200, CALL), said(200, CALL))
    assert twilio.redirect(CALL_SID, "https://voice.example.com/voice/join/x#rc=2")
    twilio.end_call(CALL_SID)
    assert [(request.method, request.path, request.form) for request in api.requests] == [
        ("POST", CALL_PATH, {"Url": "https://voice.example.com/voice/join/x#rc=2", "Method": "POST"}),
        ("POST", CALL_PATH, {"Status": "completed"}),
    ]


@pytest.mark.parametrize("answer", [said(400, code=21220), said(404, code=20404)])
def test_a_leg_that_is_over_is_redirected_nowhere_and_needs_no_end(
    answer: Respond, api: ScriptedApi, twilio: TwilioProvider
) -> None:
    api.answers(CALL_PATH, answer, answer)
    assert not twilio.redirect(CALL_SID, "https://voice.example.com/voice/x")
    twilio.end_call(CALL_SID)
    assert len(api.requests) == 2


def test_what_is_gone_already_is_deleted(api: ScriptedApi, twilio: TwilioProvider) -> None:
    api.answers(RECORDING_PATH, said(404, code=20404))
    twilio.delete(RECORDING_SID)
    assert len(api.requests) == 1


@pytest.mark.parametrize("status", [400, 409])
def test_what_is_not_complete_is_deleted_later(status: int, api: ScriptedApi, twilio: TwilioProvider) -> None:
    api.answers(RECORDING_PATH, said(status, code=20009))
    with pytest.raises(Unavailable, match="20009"):
        twilio.delete(RECORDING_SID)


def test_a_500_that_says_not_found_proves_nothing(api: ScriptedApi, twilio: TwilioProvider) -> None:
    api.answers(RECORDING_PATH, said(500, code=20404))
    for ask in (twilio.recording, twilio.delete):
        with pytest.raises(Unavailable):
            ask(RECORDING_SID)


@EVERY_QUESTION
@pytest.mark.parametrize("page", [b"<h1>Not Found</h1>", b"", b'{"code": "20404"}', b'{"message": "?"}', b"[20404]"])
def test_a_404_that_is_not_twilios_proves_nothing(
    page: bytes, path: str, ask: Ask, api: ScriptedApi, twilio: TwilioProvider
) -> None:
    api.answers(path, raw(404, page))
    with pytest.raises(Unavailable):
        ask(twilio)


FAILURES: list[tuple[Respond, type[Exception]]] = [
    (said(429, code=20429), Unavailable),
    (said(500, code=20500), Unavailable),
    (said(503, code=20503), Unavailable),
    (said(408, code=16114), Unavailable),
    (said(429, code=14107), Unavailable),
    (said(408, code=14107), Unavailable),
    (raw(307, b"", Location="http://[::1"), Unavailable),
    (raw(502, b"<html>Bad Gateway</html>"), Unavailable),
    (raw(302, b"", Location="ftp://login.example/"), Unavailable),
    (said(401, code=20003), Refused),
    (raw(403, b"Forbidden"), Refused),
    (said(405, code=20004), Refused),
]


@EVERY_QUESTION
def test_a_failure_is_told_by_what_to_do_next(path: str, ask: Ask, api: ScriptedApi, twilio: TwilioProvider) -> None:
    for answer, family in FAILURES:
        api.answers(path, answer)
        with pytest.raises(family):
            ask(twilio)


@EVERY_QUESTION
def test_wrong_credentials_name_the_settings_and_show_no_secret(
    path: str, ask: Ask, api: ScriptedApi, twilio: TwilioProvider
) -> None:
    api.answers(path, said(401, code=20003))
    with pytest.raises(Refused, match=r"TWILIO_API_KEY.*TWILIO_AUTH_TOKEN") as refusal:
        ask(twilio)
    assert PASSWORD not in str(refusal.value) + repr(twilio) + repr(Account(ACCOUNT, USER, PASSWORD))


@EVERY_QUESTION
def test_no_failure_shows_the_phone_number_twilio_wrote_in_it(
    path: str, ask: Ask, api: ScriptedApi, twilio: TwilioProvider
) -> None:
    api.answers(path, said(409, code=21999))
    with pytest.raises(Refused, match=r"^twilio: .*answered 409, code 21999") as refusal:
        ask(twilio)
    assert "1415" not in str(refusal.value) + str(refusal.value.__cause__)


@EVERY_QUESTION
def test_a_line_that_dies_is_unavailable(path: str, ask: Ask, api: ScriptedApi) -> None:
    hasty = TwilioProvider(Account(ACCOUNT, USER, PASSWORD, api.url), limits=HASTY)
    ways: list[tuple[Respond, str]] = [
        (hung_up, "ConnectionError"),
        (silent(api), "ReadTimeout"),
        (dripping(api), "(took too long|too slowly)"),
        (cut_short(200, b'{"a": ', 5000), "ProtocolError"),
    ]
    for way, reason in ways:
        api.answers(path, way)
        with pytest.raises(Unavailable, match=rf"^twilio: .*{reason}"):
            ask(hasty)


@EVERY_QUESTION
def test_nobody_listening_is_unavailable(path: str, ask: Ask) -> None:
    with scripted_api() as api:
        url = api.url
    with pytest.raises(Unavailable):
        ask(TwilioProvider(Account(ACCOUNT, USER, PASSWORD, url), limits=PATIENT))


@EVERY_JSON_QUESTION
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"<html>",
        b"\xff",
        b"[]",
        b"null",
        b"[" * 50_000,
        "{}".encode("utf-16"),
        b'{"a":' + b"9" * 5000,
    ],
)
def test_what_is_not_json_is_not_twilios(
    body: bytes, path: str, ask: Ask, api: ScriptedApi, twilio: TwilioProvider
) -> None:
    api.answers(path, raw(200, body))
    with pytest.raises(Unavailable):
        ask(twilio)


@EVERY_JSON_QUESTION
def test_an_endless_answer_is_cut_off(path: str, ask: Ask, api: ScriptedApi, twilio: TwilioProvider) -> None:
    api.answers(path, raw(200, b" " * 200_000))
    with pytest.raises(Unavailable, match="too long"):
        ask(twilio)


@pytest.mark.parametrize(
    "name",
    [
        "call",
        "recording",
        "calls_since",
        "calls_between",
        "call_account",
        "recordings_of",
        "recordings_since",
        "calls_in_progress",
        "participants",
        "conferences",
        "numbers",
    ],
)
@pytest.mark.parametrize("payload", [{}, {"meta": {"key": "x"}}, {"recordings": 5, "calls": {}, "events": None}])
def test_json_that_makes_no_sense_is_broken(
    payload: object, name: str, api: ScriptedApi, twilio: TwilioProvider
) -> None:
    path, ask = QUESTIONS[name]
    api.answers(path, said(200, payload))
    with pytest.raises(Broken):
        ask(twilio)


@pytest.mark.parametrize("wrong", [{"sid": None}, {"sid": "RE123"}, {"sid": "RE" + "9" * 32}], ids=str)
def test_another_or_a_nameless_recording_is_not_taken_for_the_one_asked(
    wrong: dict[str, object], api: ScriptedApi, twilio: TwilioProvider
) -> None:
    api.answers(RECORDING_PATH, said(200, {**RECORDING, **wrong}))
    with pytest.raises(Broken, match=RECORDING_SID):
        twilio.recording(RECORDING_SID)


def test_another_call_is_not_taken_for_the_one_asked(api: ScriptedApi, twilio: TwilioProvider) -> None:
    api.answers(CALL_PATH, said(200, {**CALL, "sid": "CA" + "9" * 32}))
    with pytest.raises(Broken, match=CALL_SID):
        twilio.call(CALL_SID)


@pytest.mark.parametrize("sid", ["", "RE123", "../" + RECORDING_SID, RECORDING_SID + "\n", RECORDING_SID + "?x=", "é"])
def test_nothing_but_a_sid_becomes_part_of_a_url(sid: str, api: ScriptedApi, twilio: TwilioProvider) -> None:
    asks: list[Callable[[], Any]] = [
        lambda: twilio.recording(sid),
        lambda: twilio.delete(sid),
        lambda: next(twilio.media(sid)),
        lambda: twilio.stop(CALL_SID, sid),
        lambda: twilio.stop(sid, RECORDING_SID),
        lambda: twilio.participants(sid),
        lambda: twilio.stop("CF" + "1" * 32, sid),
        lambda: twilio.call(sid),
        lambda: twilio.redirect(sid, "https://voice.example.com/voice/x"),
        lambda: twilio.end_call(sid),
        lambda: twilio.call_account(sid),
        lambda: twilio.recordings_of(sid),
    ]
    for ask in asks:
        with pytest.raises(Refused):
            ask()
    assert api.requests == []


WAV = b"RIFF" + bytes(range(256)) * 2000


@pytest.mark.parametrize("answer", [raw(200, WAV, "audio/x-wav"), chunked(WAV[:70_000], WAV[70_000:])])
def test_the_media_comes_whole_and_in_pieces(answer: Respond, api: ScriptedApi, twilio: TwilioProvider) -> None:
    api.answers(MEDIA_PATH, answer)
    pieces = list(twilio.media(RECORDING_SID))
    assert b"".join(pieces) == WAV
    assert max(map(len, pieces)) <= 64 * 1024
    assert api.requests[0].query == {"RequestedChannels": "2"}


def test_a_mono_recording_is_asked_for_again_as_mono(api: ScriptedApi, twilio: TwilioProvider) -> None:
    api.answers(MEDIA_PATH, said(400, code=16113), raw(200, WAV))
    assert b"".join(twilio.media(RECORDING_SID)) == WAV
    assert [request.query["RequestedChannels"] for request in api.requests] == ["2", "1"]


def test_media_refused_in_mono_too_is_refused(api: ScriptedApi, twilio: TwilioProvider) -> None:
    api.answers(MEDIA_PATH, said(400, code=16113))
    with pytest.raises(Refused, match="16113"):
        list(twilio.media(RECORDING_SID))
    assert len(api.requests) == 2


def test_media_that_is_not_there_yet_is_tried_later(api: ScriptedApi, twilio: TwilioProvider) -> None:
    api.answers(MEDIA_PATH, said(404, code=20404), raw(200, WAV))
    with pytest.raises(Unavailable, match="not ready yet"):
        list(twilio.media(RECORDING_SID))
    assert b"".join(twilio.media(RECORDING_SID)) == WAV


@pytest.mark.parametrize("answer", [cut_short(200, WAV[:5000], len(WAV)), cut_short(200, WAV[:-1], len(WAV))])
def test_media_cut_short_never_ends_as_if_whole(answer: Respond, api: ScriptedApi, twilio: TwilioProvider) -> None:
    api.answers(MEDIA_PATH, answer)
    with pytest.raises(Unavailable):
        list(twilio.media(RECORDING_SID))


def test_media_that_nobody_reads_on_is_let_go(api: ScriptedApi, twilio: TwilioProvider) -> None:
    api.answers(MEDIA_PATH, raw(200, WAV))
    media = twilio.media(RECORDING_SID)
    assert next(media).startswith(b"RIFF")
    media.close()  # type: ignore[attr-defined]  # an Iterator to its users, a generator in fact
    assert list(media) == []


def test_media_moved_to_another_host_is_fetched_without_our_credentials(
    api: ScriptedApi, twilio: TwilioProvider
) -> None:
    with scripted_api() as elsewhere:
        api.answers(MEDIA_PATH, raw(302, b"", Location="/moved.wav"))
        api.answers("/moved.wav", raw(307, b"", Location=f"{elsewhere.url}/x.wav"))
        elsewhere.answers("/x.wav", raw(200, WAV))
        assert b"".join(twilio.media(RECORDING_SID)) == WAV
        assert [request.headers.get("authorization") for request in api.requests] == [basic(), basic()]
        assert ["authorization" in request.headers for request in elsewhere.requests] == [False]


def test_a_redirect_never_leaves_https() -> None:
    url = "https://api.twilio.com/x.wav"
    assert redirected_to(url, "https://bucket.example/x.wav") == "https://bucket.example/x.wav"
    assert redirected_to(url, "//bucket.example/x.wav") == "https://bucket.example/x.wav"
    for location in ("http://api.twilio.com/x.wav", "ftp://bucket.example/x.wav", "file:///etc/passwd"):
        with pytest.raises(NoAnswer, match="not https"):
            redirected_to(url, location)


def basic() -> str:
    return "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


def test_media_in_a_ring_of_redirects_ends(api: ScriptedApi, twilio: TwilioProvider) -> None:
    api.answers(MEDIA_PATH, raw(302, b"", Location=MEDIA_PATH))
    with pytest.raises(Unavailable):
        list(twilio.media(RECORDING_SID))
    assert len(api.requests) == 4


@EVERY_QUESTION
def test_the_environment_changes_nothing(
    path: str, ask: Ask, api: ScriptedApi, twilio: TwilioProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("TWILIO_EDGE", "TWILIO_REGION"):
        monkeypatch.setenv(name, "dublin")
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", "AC" + "9" * 32)
    api.answers(path, said(429, code=20429))
    with pytest.raises(Unavailable, match="429"):
        ask(twilio)
    assert api.requests[0].path == path
    assert api.requests[0].headers["authorization"] == basic()


def test_a_configured_proxy_is_used(api: ScriptedApi) -> None:
    account = Account(ACCOUNT, USER, PASSWORD, "http://twilio.example")
    twilio = TwilioProvider(account, limits=PATIENT, proxies={"http": api.url})
    api.answers(CALL_PATH, said(200, CALL))
    assert twilio.call(CALL_SID) is not None


def test_no_cookie_is_sent_back(api: ScriptedApi, twilio: TwilioProvider) -> None:
    api.answers(MEDIA_PATH, raw(200, WAV, **{"Set-Cookie": "a=b"}))
    for _ in range(2):
        list(twilio.media(RECORDING_SID))
    assert "cookie" not in api.requests[1].headers


def test_the_numbers_are_told(api: ScriptedApi, twilio: TwilioProvider) -> None:
    api.answers(NUMBERS_PATH, said(200, {"incoming_phone_numbers": [NUMBER], "next_page_uri": None}))
    assert twilio.numbers() == (ProviderNumber(LINE, "https://old.example/", "", "", overridden_by=""),)


def test_a_number_is_configured_to_post_to_us(api: ScriptedApi, twilio: TwilioProvider) -> None:
    other = {**NUMBER, "phone_number": "+14155550199", "sid": "PN" + "9" * 32}
    api.answers(NUMBERS_PATH, said(200, {"incoming_phone_numbers": [other, NUMBER], "next_page_uri": None}))
    api.answers(f"{ROOT}/IncomingPhoneNumbers/{NUMBER['sid']}.json", said(200, NUMBER))
    twilio.configure_number(LINE, "https://a/v#rc=2", "https://a/f", "https://a/c")
    assert [request.form for request in api.requests if request.method == "POST"] == [
        {
            "VoiceUrl": "https://a/v#rc=2",
            "VoiceMethod": "POST",
            "VoiceFallbackUrl": "https://a/f",
            "VoiceFallbackMethod": "POST",
            "StatusCallback": "https://a/c",
            "StatusCallbackMethod": "POST",
        }
    ]
    assert "1415" not in "".join(request.path + str(request.query) for request in api.requests)


@pytest.mark.parametrize(
    ("numbers", "why"),
    [
        ([], "does not have it"),
        ([{**NUMBER, "trunk_sid": "TK1"}], "trunk or application"),
        ([{**NUMBER, "voice_application_sid": "AP1"}], "trunk or application"),
    ],
)
def test_a_number_that_would_not_come_to_us_is_refused(
    numbers: list[object], why: str, api: ScriptedApi, twilio: TwilioProvider
) -> None:
    api.answers(NUMBERS_PATH, said(200, {"incoming_phone_numbers": numbers, "next_page_uri": None}))
    with pytest.raises(Refused, match=why):
        twilio.configure_number(LINE, "https://a/v", "https://a/f", "https://a/c")
    assert [request.method for request in api.requests] == ["GET"]
