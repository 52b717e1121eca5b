"""The same adapter against the exchange of the simulator, which keeps real calls and real recordings."""

import io
import wave
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from outbound.bounded_http import Limits
from outbound.twilio_client import Account
from outbound.twilio_provider import TwilioProvider
from simulator.phone_call import PhoneCall
from simulator.server import Server
from storage.errors import Refused, Unavailable
from tests.simulator.office import ACCOUNT, DIAL, LINE, TOKEN, Office

BEFORE = datetime(2000, 1, 1, tzinfo=UTC)
MONO = f"<Start><Recording channels='mono' track='both' trim='do-not-trim'/></Start><Say>Recorded.</Say>{DIAL}"


@pytest.fixture
def office() -> Iterator[Office]:
    office = Office()
    with Server(office.exchange):
        yield office


@pytest.fixture
def twilio(office: Office) -> TwilioProvider:
    return TwilioProvider(Account(ACCOUNT, ACCOUNT, TOKEN, office.exchange.config.api_url), limits=Limits())


def recorded_call(office: Office, during: Callable[[PhoneCall], None] | None = None) -> tuple[str, str]:
    """A call that is recorded from the consent on: its SID and the recording's."""
    hooks = {"in_conversation": during} if during else None
    call = office.call({"presses": ["1"], "talks_s": 10}, hooks=hooks)
    return call.sid, call.recorder.recordings[0].sid


def channels_of(media: Iterator[bytes]) -> int:
    with wave.open(io.BytesIO(b"".join(media))) as sound:
        assert sound.getnframes() > 8000
        return int(sound.getnchannels())


def test_a_recording_lives_and_is_gone(office: Office, twilio: TwilioProvider) -> None:
    call_sid, recording_sid = recorded_call(office)
    call, recording = twilio.call(call_sid), twilio.recording(recording_sid)
    assert call is not None
    assert recording is not None
    assert (call.ended, recording.status, recording.channels) == (True, "completed", 2)
    assert (recording.duration_s or 0) >= 10
    assert twilio.recordings_of(call_sid).rows == twilio.recordings_since(BEFORE).rows == (recording,)
    assert channels_of(twilio.media(recording_sid)) == 2
    for _ in range(2):
        twilio.delete(recording_sid)
    assert twilio.recording(recording_sid) is None
    assert twilio.recordings_of(call_sid).rows == ()
    with pytest.raises(Unavailable):
        next(twilio.media(recording_sid))


def test_a_running_recording_is_stopped_and_only_then_deleted(office: Office, twilio: TwilioProvider) -> None:
    def stop(call: PhoneCall) -> None:
        (running,) = twilio.recordings_of(call.sid)
        told = twilio.call(call.sid)
        assert told is not None
        assert not told.ended
        assert running.duration_s is None
        with pytest.raises(Unavailable, match="20009"):
            twilio.delete(running.recording_sid)
        for _ in range(2):
            twilio.stop(call.sid, running.recording_sid)

    call_sid, recording_sid = recorded_call(office, stop)
    whole, stopped = twilio.recording(recorded_call(office)[1]), twilio.recording(recording_sid)
    assert whole is not None
    assert stopped is not None
    assert (stopped.duration_s or 0) < (whole.duration_s or 0)
    twilio.stop(call_sid, recording_sid)
    twilio.delete(recording_sid)
    assert twilio.recording(recording_sid) is None


def test_a_mono_recording_comes_with_its_one_channel(office: Office, twilio: TwilioProvider) -> None:
    office.answers["consent"] = MONO
    _, recording_sid = recorded_call(office)
    assert channels_of(twilio.media(recording_sid)) == 1


def test_only_the_callers_legs_are_calls_that_came_in(office: Office, twilio: TwilioProvider) -> None:
    call_sid, _ = recorded_call(office)
    assert [call.call_sid for call in twilio.calls_since(BEFORE)] == [call_sid]
    tomorrow = office.clock.now() + timedelta(days=2)
    assert (twilio.calls_since(tomorrow).rows, twilio.recordings_since(tomorrow).rows) == ((), ())


def test_a_recording_outlives_the_record_of_its_call(office: Office, twilio: TwilioProvider) -> None:
    call_sid, recording_sid = recorded_call(office)
    office.exchange.legs[call_sid][0].is_deleted = True
    assert twilio.call(call_sid) is None
    assert [recording.recording_sid for recording in twilio.recordings_of(call_sid)] == [recording_sid]


def test_a_number_is_sent_to_us(twilio: TwilioProvider) -> None:
    twilio.configure_number(LINE, "https://a.example/v#rc=2&rp=5xx", "https://a.example/f", "https://a.example/c")
    (number,) = twilio.numbers()
    assert (number.e164, number.voice_url) == (LINE, "https://a.example/v#rc=2&rp=5xx")
    assert (number.fallback_url, number.status_callback) == ("https://a.example/f", "https://a.example/c")


def test_wrong_credentials_are_refused(office: Office) -> None:
    twilio = TwilioProvider(Account(ACCOUNT, ACCOUNT, "wrong", office.exchange.config.api_url))
    with pytest.raises(Refused, match="TWILIO_AUTH_TOKEN"):
        twilio.numbers()
