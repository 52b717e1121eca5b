"""A recording holds exactly what was on the line between its start and its stop."""

import io
import wave

import numpy as np
import pytest

from simulator import speech
from simulator.phone_call import PhoneCall
from simulator.recordings import Recording
from simulator.sound import RATE, Samples, seconds, to_wav
from tests.simulator.office import AGENT, DIAL, ORIGIN, RECORD, Office

TAG = "This call is now being recorded."
DISCLOSURE = "This call may be recorded."


def only(call: PhoneCall) -> Recording:
    (recording,) = call.recorder.recordings
    return recording


def found_at(needle: Samples, track: Samples) -> float | None:
    """Where a sound lies in a track, in seconds; None if it does not."""
    probe = needle[: RATE // 2].astype(float)
    windows = np.lib.stride_tricks.sliding_window_view(track.astype(float), len(probe))[::1]
    differences = np.abs(windows[:, ::50] - probe[::50]).sum(axis=1)
    best = int(differences.argmin())
    return best / RATE if differences[best] == 0 else None


def test_the_tag_is_in_the_recording_and_the_disclosure_is_not() -> None:
    _, heard = only(Office().call({"presses": ["1"]})).sound()
    assert found_at(speech.say(TAG), heard) == pytest.approx(0, abs=0.01)
    assert found_at(speech.say(DISCLOSURE), heard) is None


def test_the_caller_is_on_the_first_channel_and_the_agent_on_the_second() -> None:
    call = Office().call({"presses": ["1"], "talks_s": 6})
    caller, heard = only(call).sound()
    agent_says, caller_says = [e["text"] for e in call.journal.of("heard") if e["kind"] == "speech"][:2]
    assert found_at(speech.say(agent_says, role="agent"), heard) is not None
    assert found_at(speech.say(agent_says, role="agent"), caller) is None
    assert found_at(speech.say(caller_says, role="caller"), caller) is not None
    assert found_at(speech.say(caller_says, role="caller"), heard) is None


def test_the_file_is_a_wav_of_two_channels_at_8_khz_and_as_long_as_the_recording_ran() -> None:
    recording = only(Office().call({"presses": ["1"], "talks_s": 5}))
    with wave.open(io.BytesIO(to_wav(recording.sound()))) as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (2, 8000, 2)
        length_s = file.getnframes() / 8000
    assert recording.stopped_at_s is not None
    assert length_s == pytest.approx(recording.stopped_at_s - recording.started_at_s, abs=0.001)
    assert recording.duration_s == round(length_s)


def test_the_callbacks_tell_its_life_and_nothing_of_the_callers_number() -> None:
    office = Office()
    call = office.call({"presses": ["1"]})
    first, last = office.forms("recording")
    assert (first["RecordingStatus"], last["RecordingStatus"]) == ("in-progress", "completed")
    assert first["CallSid"] == last["CallSid"] == call.sid
    assert "RecordingDuration" not in first
    assert last["RecordingDuration"] == str(only(call).duration_s)
    assert (last["RecordingSource"], last["RecordingChannels"]) == ("StartCallRecordingTwiML", "2")
    assert (last["RecordingTrack"], last["ErrorCode"]) == ("both", "0")
    assert not {"From", "To", "CallStatus", "Direction", "SequenceNumber"} & set(last)


def test_only_the_events_that_were_asked_for_are_reported() -> None:
    office = Office(consent=RECORD.replace("in-progress completed absent", "completed") + DIAL)
    office.call({"presses": ["1"]})
    assert [form["RecordingStatus"] for form in office.forms("recording")] == ["completed"]


def test_a_recording_of_less_than_a_second_is_absent() -> None:
    office = Office(consent=f"{RECORD}<Hangup/>")
    call = office.call({"presses": ["1"]})
    assert [form["RecordingStatus"] for form in office.forms("recording")] == ["in-progress", "absent"]
    assert (only(call).status, office.forms("recording")[-1]["ErrorCode"]) == ("absent", "16101")


def test_a_recording_survives_into_later_documents_until_it_is_stopped_by_name() -> None:
    named = "<Start><Recording name='main'/></Start>"
    office = Office(
        answer=f"{named}<Say>One.</Say><Redirect>/choice</Redirect>",
        choice="<Pause length='5'/><Stop><Recording name='main'/></Stop><Pause length='5'/>",
    )
    recording = only(office.call())
    assert recording.stopped_at_s is not None
    length_s = seconds(speech.say("One.")) + 5
    assert recording.stopped_at_s - recording.started_at_s == pytest.approx(length_s, abs=0.05)


def test_silence_at_both_ends_is_trimmed_unless_it_is_not_to_be() -> None:
    document = "<Start><Recording {}/></Start><Pause length='5'/><Say>One two three.</Say><Pause length='5'/>"
    spoken_s = seconds(speech.say("One two three."))
    trimmed = only(Office(answer=document.format("")).call())
    whole = only(Office(answer=document.format("trim='do-not-trim'")).call())
    assert seconds(trimmed.sound()[0]) == pytest.approx(spoken_s, abs=0.3)
    assert seconds(whole.sound()[0]) == pytest.approx(spoken_s + 10, abs=0.01)


def test_a_relative_callback_of_a_recording_is_never_called() -> None:
    office = Office(consent=RECORD.replace(ORIGIN, "") + DIAL)
    call = office.call({"presses": ["1"]})
    assert office.forms("recording") == []
    assert [error["code"] for error in call.journal.of("error")] == [11200]


def test_a_dial_that_records_begins_when_the_agent_answers() -> None:
    office = Office(
        answer=f"<Say>Hello there.</Say><Dial record='record-from-answer-dual' action='/ended'>{AGENT}</Dial>"
    )
    call = office.call({"talks_s": 4})
    recording = only(call)
    assert (recording.terms.source, recording.channels) == ("DialVerb", 2)
    assert call.children[0].answered is not None
    answered_s = (call.children[0].answered - call.leg.created).total_seconds()
    assert recording.started_at_s == pytest.approx(answered_s)
    assert recording.sid in office.forms("ended")[0]["RecordingUrl"]


def test_a_key_is_heard_on_the_callers_channel() -> None:
    office = Office(answer=f"{RECORD}<Pause length='3'/>")
    caller, heard = only(office.call({"keys_at": [{"digits": "5", "after_s": 1}]})).sound()
    spectrum = np.abs(np.fft.rfft(caller[RATE : RATE + 1200].astype(float)))
    loudest = sorted(np.argsort(spectrum)[-2:] * RATE / 1200)
    assert loudest == [pytest.approx(770, abs=10), pytest.approx(1336, abs=10)]
    assert not heard.any()
