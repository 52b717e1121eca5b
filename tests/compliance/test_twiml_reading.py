"""TwiML read back: what records, what is said to the caller, and which bytes are none of ours."""

import pytest

from compliance.twiml_reading import Unreadable, read


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
        "<?xml version='1.0' encoding='utf-16'?><!DOCTYPE x [<!ENTITY a 'b'>]><Response/>".encode("utf-16"),
        b"<?xml version='1.0' encoding='latin-1'?><Response><Say>\xe9</Say></Response>",
        b"<Response><!-- x --></Response>",
        b"<Response>\0</Response>",
        b"<Response>" + b" " * (64 * 1024 - 20) + b"</Response>",
        b"<Response>" + b"<a>" * 9_000 + b"</a>" * 9_000 + b"</Response>",
    ],
    ids=lambda body: repr(body[:70]),
)
def test_what_no_answer_of_ours_can_be_is_not_read(body: bytes) -> None:
    with pytest.raises(Unreadable):
        read(body)


def test_what_agents_hear_is_not_said_to_the_caller() -> None:
    heard = read(b"<Response><Say> Good\n day </Say><Dial><Number>+1</Number><Say>x</Say></Dial></Response>")
    assert [verb.text for verb in heard.spoken] == ["Good day"]


def test_an_answer_as_large_as_twilio_takes_is_read() -> None:
    assert read(b"<Response>" + b" " * (64 * 1024 - 21) + b"</Response>").verbs == ()


def test_a_recording_that_is_stopped_is_none_that_is_made() -> None:
    heard = read(b'<Response><Stop><Recording name="x"/><Stream name="y"/></Stop></Response>')
    assert (heard.recording, [verb.is_stopped for verb in heard.verbs]) == ([], [False, True, True])


def test_a_verb_knows_the_verbs_around_it() -> None:
    heard = read(b"<Response><Gather><Say>a</Say></Gather><Gather><Say>b</Say></Gather><Say>c</Say></Response>")
    first, second = [verb for verb in heard.verbs if verb.name == "Gather"]
    assert [[verb.text for verb in heard.inside(parent) if verb.is_spoken] for parent in (first, second, None)] == [
        ["a"], ["b"], ["c"]]  # fmt: skip
    assert [verb.within for verb in heard.spoken] == [("Gather",), ("Gather",), ()]


def test_two_ways_of_writing_the_same_answer_are_the_same() -> None:
    first = read(b"<Response><Say voice='a' language='b'>x</Say></Response>")
    second = read(b'<?xml version="1.0"?>\n<Response>\n <Say language="b" voice="a"> x </Say>\n</Response>')
    assert first.canonical == second.canonical != read(b"<Response><Say>x</Say></Response>").canonical
