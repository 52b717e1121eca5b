"""Forms: what a decision hangs on is matched in full; what is merely told never costs a call."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callflow.forms import Answered, CallEnded, CallProgress, Heard, IncomingCall, RecordingProgress
from callflow.signature import Form
from storage.errors import Refused

CALL_SID = "CA" + "0123456789abcdef" * 2
RECORDING_SID = "RE" + "fedcba9876543210" * 2
ARRIVES = {
    "AccountSid": "AC" + "0" * 32,
    "CallSid": CALL_SID,
    "CallStatus": "ringing",
    "From": "+14155550123",
    "To": "+14155550100",
    "FromCity": "São Paulo",
    "CallToken": "{}",
    "SomethingNew": "\x00",
}
ANSWERS = {**ARRIVES, "CallStatus": "in-progress", "Digits": "1", "FinishedOnKey": ""}
ENDS = {**ARRIVES, "DialCallStatus": "completed", "DialCallSid": "CA" + "2" * 32, "DialBridged": "true"}
PROGRESSES = {
    **ARRIVES,
    "CallStatus": "completed",
    "SequenceNumber": "3",
    "CallDuration": "49",
    "Duration": "1",
    "Timestamp": "Sun, 25 Mar 2018 09:53:19 +0000",
}
RECORDS = {
    "AccountSid": "AC" + "0" * 32,
    "CallSid": CALL_SID,
    "RecordingSid": RECORDING_SID,
    "RecordingUrl": "https://evil.example\\@api.twilio.com/",
    "RecordingStatus": "completed",
    "RecordingDuration": "13",
    "RecordingChannels": "2",
    "RecordingSource": "StartCallRecordingTwiML",
    "RecordingStartTime": "Tue, 24 Mar 2026 18:15:40 +0000",
    "RecordingTrack": "both",
    "ErrorCode": "0",
}
DOORS: list[tuple[Callable[[Mapping[str, str]], Any], dict[str, str]]] = [
    (IncomingCall.parse, ARRIVES),
    (Answered.parse, ANSWERS),
    (CallEnded.parse, ENDS),
    (CallProgress.parse, PROGRESSES),
    (RecordingProgress.parse, RECORDS),
]
FIELDS = sorted({*ARRIVES, *ANSWERS, *ENDS, *PROGRESSES, *RECORDS})
ALL_DOORS = pytest.mark.parametrize(("parse", "form"), DOORS)


def call_sid_of(heard: Any) -> object:
    return heard.arrived.call_sid if isinstance(heard, CallProgress) else heard.call_sid


def test_an_incoming_call_is_read() -> None:
    assert IncomingCall.parse(ARRIVES) == IncomingCall(CALL_SID, "+14155550123", "+14155550100", "ringing")


def test_an_answer_is_read() -> None:
    assert Answered.parse(ANSWERS) == Answered(CALL_SID, "1")


def test_the_end_of_a_dial_is_read() -> None:
    assert CallEnded.parse(ENDS) == CallEnded(CALL_SID, "completed", bridged=True, may_be_redirected=True)


def test_the_progress_of_a_call_is_read_with_its_seconds() -> None:
    arrived = IncomingCall(CALL_SID, "+14155550123", "+14155550100", "completed")
    assert CallProgress.parse(PROGRESSES) == CallProgress(arrived, 3, 49)


def test_the_progress_of_a_recording_is_read() -> None:
    assert RecordingProgress.parse(RECORDS) == RecordingProgress(
        call_sid=CALL_SID,
        recording_sid=RECORDING_SID,
        status="completed",
        duration_s=13,
        channels=2,
        start_time=datetime(2026, 3, 24, 18, 15, 40, tzinfo=UTC),
        error_code=None,
        source="StartCallRecordingTwiML",
        track="both",
    )


@ALL_DOORS
@pytest.mark.parametrize(
    "sid",
    [
        "",
        "CA123",
        CALL_SID.upper(),
        CALL_SID + "\n",
        "\n" + CALL_SID,
        CALL_SID + "0",
        CALL_SID[:-1],
        CALL_SID[:-1] + "g",
        CALL_SID[:-1] + "１",
        RECORDING_SID,
        f"{CALL_SID}Digits1",
        f"{CALL_SID}/../x",
        "Twilio.CURRENT",
    ],
)
def test_whatever_is_not_wholly_a_call_sid_is_refused(parse: Any, form: dict[str, str], sid: str) -> None:
    with pytest.raises(Refused, match="CallSid: expected CA and 32 hex digits"):
        parse({**form, "CallSid": sid})


@pytest.mark.parametrize("sid", ["", CALL_SID, RECORDING_SID + "\n", RECORDING_SID.upper(), "../" + RECORDING_SID])
def test_whatever_is_not_wholly_a_recording_sid_is_refused(sid: str) -> None:
    with pytest.raises(Refused, match="RecordingSid"):
        RecordingProgress.parse({**RECORDS, "RecordingSid": sid})


REQUIRED = [
    (parse, form, name)
    for (parse, form), names in zip(
        DOORS,
        (
            ("CallSid", "To", "CallStatus"),
            ("CallSid",),
            ("CallSid",),
            ("CallSid", "CallStatus"),
            ("CallSid", "RecordingSid", "RecordingStatus"),
        ),
        strict=True,
    )
    for name in names
]


@pytest.mark.parametrize(("parse", "form", "name"), REQUIRED)
def test_what_a_decision_hangs_on_may_not_be_missing(parse: Any, form: dict[str, str], name: str) -> None:
    without = {key: value for key, value in form.items() if key != name}
    for short in (without, {**form, name: ""}):
        with pytest.raises(Refused, match=f"^form: {name}: expected "):
            parse(short)


@ALL_DOORS
def test_everything_else_may_be_missing(parse: Any, form: dict[str, str]) -> None:
    needed = [name for door, _, name in REQUIRED if door == parse]
    assert call_sid_of(parse({name: form[name] for name in needed})) == CALL_SID


@ALL_DOORS
@given(values=st.dictionaries(st.sampled_from(FIELDS), st.text()))
def test_no_value_makes_anything_but_a_refusal(parse: Any, form: dict[str, str], values: dict[str, str]) -> None:
    with suppress(Refused):
        assert call_sid_of(parse({**form, **values})) == CALL_SID


@pytest.mark.parametrize(
    "from_",
    [
        "anonymous",
        "+266696687",
        "Restricted",
        "sip:alice@example.org",
        "client:joe",
        "",
        "5550123",
        "+1 (415) é",
    ],
)
def test_a_caller_without_a_number_still_gets_through(from_: str) -> None:
    assert IncomingCall.parse({**ARRIVES, "From": from_}).from_ == from_


@pytest.mark.parametrize("from_", ["\x00", "+1415\n", "\ud800", "x" * 257, "\u202e+1415"])
def test_a_caller_id_that_cannot_be_shown_is_an_unknown_one(from_: str) -> None:
    assert IncomingCall.parse({**ARRIVES, "From": from_}).from_ == ""


@pytest.mark.parametrize("to", ["+14155550100", "4155550100", "sip:+14155550100@x.sip.example", "client:joe", "＋1"])
def test_what_was_dialled_is_taken_as_it_comes(to: str) -> None:
    assert IncomingCall.parse({**ARRIVES, "To": to}).to == to


@pytest.mark.parametrize("to", ["+14155550100\n", "\x00", "\udce9", "x" * 257])
def test_what_was_dialled_and_cannot_be_shown_is_not_told(to: str) -> None:
    assert IncomingCall.read_leniently({**ARRIVES, "To": to}).to == ""
    with pytest.raises(Refused, match="To: expected what was dialled"):
        IncomingCall.parse({**ARRIVES, "To": to})


READ: list[tuple[Any, dict[str, str], str]] = [
    (IncomingCall.parse, ARRIVES, "AccountSid CallSid CallStatus From To"),
    (Heard.parse, ARRIVES, "AccountSid CallSid CallStatus"),
    (Answered.parse, ANSWERS, "AccountSid CallSid CallStatus Digits"),
    (CallEnded.parse, ENDS, "AccountSid CallSid"),
    (CallProgress.parse, PROGRESSES, "AccountSid CallSid CallStatus"),
    (RecordingProgress.parse, RECORDS, "AccountSid CallSid RecordingSid RecordingStatus"),
]


@pytest.mark.parametrize(("parse", "form", "names"), READ)
def test_only_what_a_decision_hangs_on_may_not_have_several_values(
    parse: Any, form: dict[str, str], names: str
) -> None:
    for name in FIELDS:
        twice = Form([*form.items(), (name, "another"), (name, "and another")])
        if name in names.split():
            with pytest.raises(Refused, match=f"^form: {name}: it came with several values"):
                parse(twice)
        else:
            assert call_sid_of(parse(twice)) == CALL_SID


def test_what_has_several_values_is_told_as_unknown() -> None:
    for name, unknown in (("CallSid", "call_sid"), ("From", "from_"), ("To", "to"), ("CallStatus", "call_status")):
        told = IncomingCall.read_leniently(Form([*ARRIVES.items(), (name, "another")]))
        assert told == replace(IncomingCall.parse(ARRIVES), **{unknown: ""})
    assert IncomingCall.read_leniently({}) == IncomingCall("", "", "", "")
    assert IncomingCall.read_leniently({"CallSid": CALL_SID + "\n", "CallStatus": "?"}) == IncomingCall("", "", "", "")


@pytest.mark.parametrize("form", [{"DialCallStatus": "?"}, {"DialCallStatus": ""}])
def test_a_caller_whose_dialling_ended_nobody_knows_how_is_still_there(form: dict[str, str]) -> None:
    told = {**ENDS, "DialBridged": "", **form}
    assert CallEnded.parse(told) == CallEnded(CALL_SID, "", bridged=False)
    assert CallEnded.parse(told).was_cut
    assert not CallEnded.parse({**told, "DialBridged": "true"}).was_cut
    assert not CallEnded.parse({**told, "CallStatus": "completed"}).was_cut


@pytest.mark.parametrize("digits", ["", "2", "11", "*", "#", "w", "１", "+1", "1" * 32])
def test_digits_are_taken_as_they_come(digits: str) -> None:
    assert Answered.parse({**ANSWERS, "Digits": digits}).digits == digits


@pytest.mark.parametrize("digits", ["1" * 33, "1" * 5000, "1\n", "\x001", "\ud800"])
def test_digits_no_phone_can_send_are_refused(digits: str) -> None:
    with pytest.raises(Refused, match="Digits"):
        Answered.parse({**ANSWERS, "Digits": digits})


@pytest.mark.parametrize(
    ("status", "told", "bridged"),
    [
        ("completed", "true", True),
        ("completed", "false", False),
        ("busy", "false", False),
        ("completed", "", True),
        ("answered", "", True),
        ("no-answer", "", False),
        ("something-new", "", False),
        ("completed", "perhaps", True),
    ],
)
def test_the_conversation_took_place_if_twilio_says_so_or_the_status_does(
    status: str, told: str, bridged: bool
) -> None:
    assert CallEnded.parse({**ENDS, "DialCallStatus": status, "DialBridged": told}).bridged is bridged


@pytest.mark.parametrize("status", ["Completed", "in progress", "completed\n", "-", "x" * 33, "<b>"])
def test_a_status_is_a_word(status: str) -> None:
    with pytest.raises(Refused, match="CallStatus"):
        CallProgress.parse({**PROGRESSES, "CallStatus": status})


@pytest.mark.parametrize("status", ["in-progress", "completed", "absent", "failed"])
def test_a_recording_has_four_statuses(status: str) -> None:
    assert RecordingProgress.parse({**RECORDS, "RecordingStatus": status}).status == status


@pytest.mark.parametrize("status", ["paused", "deleted", "Completed", "completed\n", "completed absent"])
def test_another_recording_status_is_refused(status: str) -> None:
    with pytest.raises(Refused, match="RecordingStatus"):
        RecordingProgress.parse({**RECORDS, "RecordingStatus": status})


@pytest.mark.parametrize("number", ["-1", "", "1.5", "١", "1e3", " 1", "1\n", "9" * 10, "NaN"])
def test_a_number_that_cannot_be_read_is_absent(number: str) -> None:
    progress = CallProgress.parse({**PROGRESSES, "SequenceNumber": number, "CallDuration": number})
    recording = RecordingProgress.parse({**RECORDS, "RecordingDuration": number, "RecordingChannels": number})
    assert (progress.sequence_number, progress.duration_s) == (None, None)
    assert (recording.duration_s, recording.channels) == (None, None)


def test_no_recording_has_no_channel() -> None:
    assert RecordingProgress.parse({**RECORDS, "RecordingChannels": "0"}).channels is None


def test_the_first_sequence_number_is_zero_and_not_absent() -> None:
    assert CallProgress.parse({**PROGRESSES, "SequenceNumber": "0"}).sequence_number == 0


def test_a_recording_that_failed_says_why() -> None:
    assert RecordingProgress.parse({**RECORDS, "RecordingStatus": "absent", "ErrorCode": "16101"}).error_code == 16101


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("Tue, 24 Mar 2026 20:15:40 +0200", datetime(2026, 3, 24, 18, 15, 40, tzinfo=UTC)),
        ("Tue, 24 Mar 2026 18:15:40 -0000", datetime(2026, 3, 24, 18, 15, 40, tzinfo=UTC)),
        ("Tue, 24 Mar 2026 18:15:40", datetime(2026, 3, 24, 18, 15, 40, tzinfo=UTC)),
        ("", None),
        ("yesterday", None),
        ("2026-03-24T18:15:40Z", None),
        ("Tue, 99 Mar 2026 18:15:40 +0000", None),
        ("Tue, 24 Mar 99999 18:15:40 +0000", None),
        ("Fri, 31 Dec 9999 23:59:59 -2300", None),
    ],
)
def test_a_start_time_is_utc_or_absent(text: str, moment: datetime | None) -> None:
    assert RecordingProgress.parse({**RECORDS, "RecordingStartTime": text}).start_time == moment


@pytest.mark.parametrize("source", ["", "DialVerb", "SomeNewSource"])
def test_a_recording_may_have_any_source(source: str) -> None:
    assert RecordingProgress.parse({**RECORDS, "RecordingSource": source}).source == source


def test_a_source_that_is_no_word_is_left_out() -> None:
    assert RecordingProgress.parse({**RECORDS, "RecordingSource": "<script>"}).source == ""


def test_the_recordings_url_is_never_read() -> None:
    assert "evil" not in repr(RecordingProgress.parse(RECORDS))


def test_no_refusal_shows_a_phone_number() -> None:
    for name in ("CallSid", "CallStatus"):
        with pytest.raises(Refused) as refusal:
            IncomingCall.parse({**ARRIVES, name: "+1415555010012345678"})
        assert "1415" not in str(refusal.value)


def test_no_value_shows_who_calls_or_what_was_dialled() -> None:
    assert "+1415" not in repr(IncomingCall.parse(ARRIVES))
    assert "0123" not in repr(IncomingCall.parse(ARRIVES)).replace(CALL_SID, "")


def test_values_cut_another_way_under_the_same_signature_are_refused() -> None:
    """The signed text has no separators: CallSid="CA1", Digits="2" signs like CallSid="CA1Digits2"."""
    moved = {**ANSWERS, "CallSid": ANSWERS["CallSid"] + "CallStatusin-progressDigits1"}
    del moved["CallStatus"], moved["Digits"]
    with pytest.raises(Refused, match="CallSid"):
        Answered.parse(moved)
