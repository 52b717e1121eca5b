"""What the self-test makes of TwiML and of the sounds in it, whoever wrote them."""

import pytest

from onrecord.selftest.checks import sound_length_s
from onrecord.selftest.twiml import Unreadable, read
from tests.onrecord.tested_service import SOUND


@pytest.mark.parametrize(
    "verb",
    [
        "<Record/>",
        "<Start><Recording/></Start>",
        '<Start><Stream url="wss://x.example"/></Start>',
        '<Connect><Stream url="wss://x.example"/></Connect>',
        '<Start><Siprec connectorName="x"/></Start>',
        "<Start><Transcription/></Start>",
        '<Dial record="record-from-ringing">+12125550199</Dial>',
        '<Dial record="true">+12125550199</Dial>',
        '<Dial><Conference record="record-from-start">x</Conference></Dial>',
    ],
)
def test_whatever_takes_the_sound_away_counts_as_recording(verb: str) -> None:
    assert len(read(f"<Response><Say>x</Say>{verb}</Response>".encode()).recording) == 1


@pytest.mark.parametrize(
    "verb",
    ["<Say>We record.</Say>", '<Dial record="do-not-record">x</Dial>', '<Dial record="false">x</Dial>', "<Gather/>"],
)
def test_what_only_speaks_of_it_does_not(verb: str) -> None:
    assert read(f"<Response>{verb}</Response>".encode()).recording == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no XML",
        b"<Response>",
        b"<html/>",
        b"<!DOCTYPE x><Response/>",
        b"<!DOCTYPE x [<!ENTITY a 'b'>]><Response/>",
    ],
)
def test_what_twilio_could_not_carry_out_is_not_read(body: bytes) -> None:
    with pytest.raises(Unreadable):
        read(body)


def test_what_agents_hear_is_not_said_to_the_caller() -> None:
    heard = read(b"<Response><!-- x --><Say> Good\n day </Say><Dial><Number>+1</Number><Say>x</Say></Dial></Response>")
    assert [verb.text for verb in heard.spoken] == ["Good day"]


@pytest.mark.parametrize(("body", "length_s"), [(SOUND, 10), (b"", 0), (b"ID3", 0), (SOUND[:30], 0)])
def test_a_sound_is_as_long_as_its_samples(body: bytes, length_s: float) -> None:
    assert sound_length_s(body) == length_s
