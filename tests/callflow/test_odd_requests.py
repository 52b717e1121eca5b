"""Only what is not Twilio's is refused. What is, and is odd, costs no caller the call and nobody a recording."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl
from xml.etree import ElementTree as ET

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from callflow.signature import SIGNATURES_MAX
from storage.database.tables import incident, log_leaf
from tests.callflow.conftest import URLS, Installation, PhoneCall, connects, read, recording_url, starts_recording
from tests.onrecord.carried import FORM, Carriage, Sent, pairs_of, send

names = st.sampled_from([b"SipHeader_X-Tag", b"StirPassportToken", "Année".encode("latin-1"), b"Something New", b"x"])
carriages = st.builds(
    Carriage,
    more=st.lists(st.tuples(names, st.binary(max_size=9)), max_size=4).map(tuple),
    many=st.sampled_from([0, 300]),
    order=st.integers(0, 9),
    again=st.integers(0, 3),
    escape_all=st.booleans(),
    plus=st.booleans(),
    lower=st.booleans(),
    gaps=st.booleans(),
    content_type=st.sampled_from(
        [
            None,
            "",
            FORM,
            f"{FORM}; charset=ISO-8859-1",
            f"{FORM};charset=UTF-8;x=y",
            "text/plain",
            "application/json; charset=utf-16",
            "multipart/form-data",
        ]
    ),
    beside=st.none() | st.sampled_from(["A" * 28, "", "a, b"]),
    url_end=st.sampled_from(["", "?", "/", "?line=support&x=%20y", "?it's", "/?a=%27"]),
    port=st.sampled_from(["", ":443"]),
    in_url=st.booleans(),
    has_length=st.booleans(),
)


@dataclass(frozen=True)
class Step:
    """A request that comes next in a call, and whether the call then is as if it had come in the plainest way."""

    url: str
    params: dict[str, str]
    call: PhoneCall
    is_heard: Callable[[bytes], bool] = lambda _: True


def next_step(installation: Installation, name: str) -> Step:
    call = installation.twilio.dial()
    if name in ("answer", "fallback"):
        return first_step(name, call)
    arrived = call.arrives()
    known = installation.call(call.sid).id
    match name:
        case "ended":
            return Step(URLS.ended(known), call.params(DialCallStatus="busy"), call, lambda body: has(body, "Hangup"))
        case "language":
            return Step(URLS.language(known), call.pressed("1"), call)
        case "choice":
            installation.twilio.clock.passes(15.0)
            return Step(URLS.choice(known, 1), call.params(), call, lambda body: has(body, "Gather"))
    return last_step(installation, name, call, call.hears_the_disclosure(arrived))


def first_step(name: str, call: PhoneCall) -> Step:
    if name == "answer":
        return Step(URLS.answer(), call.params(CallStatus="ringing"), call, lambda body: has(body, "Redirect"))
    return Step(URLS.fallback(), call.params(ErrorCode="11200", ErrorUrl=URLS.answer()), call)


def last_step(installation: Installation, name: str, call: PhoneCall, question: ET.Element) -> Step:
    consent = URLS.consent(installation.call(call.sid).id, 1)
    match name:
        case "yes":
            return Step(consent, call.pressed("1"), call, lambda body: has(body, "Start"))
        case "no":
            return Step(consent, call.pressed("2"), call, lambda _: installation.call(call.sid).outcome == "declined")
        case "call":
            params = call.params(CallStatus="completed", CallDuration="60")
            return Step(URLS.call_progress(), params, call, lambda _: installation.call(call.sid).state == "ended")
    url, params = recording_url(call.presses(question, "1")), call.recorded("completed")
    return Step(url, params, call, lambda _: installation.recordings(call.sid)[0].state == "completed")


def has(body: bytes, verb: str) -> bool:
    return ET.fromstring(body).find(verb) is not None  # our own answer


WAITED_BEHIND = ("answer", "choice", "yes", "no", "fallback", "language")
CALLBACKS = ("call", "recording")
STEPS = (*WAITED_BEHIND, "ended", *CALLBACKS)


def test_twilios_request_is_heard_however_it_was_carried(installation: Installation) -> None:
    @given(name=st.sampled_from(STEPS), carriage=carriages)
    @settings(deadline=None)
    def try_it(name: str, carriage: Carriage) -> None:
        step = next_step(installation, name)
        status, body = send(step.url, pairs_of(step.params), carriage).to(installation.twilio.app)
        assert status == (204 if name in CALLBACKS else 200)
        assert step.is_heard(body)

    try_it()


ODD: dict[str, tuple[str | bytes, ...]] = {
    "CallSid": ("CA1", "ca" + "0" * 32, "CA" + "F" * 32, "", b"\xe9"),
    "CallStatus": ("RINGING", "in progress", "x" * 100, b"\x00\xff"),
    "To": ("sip:+12125550100@pbx.example", "client:anna", "2125550100", "+19995550100", "whatsapp:+12125550100", ""),
    "From": (b"\xe9\xff", "sip:desk@pbx.example", "x" * 300, ""),
    "Digits": ("1" * 33, b"\xff1", "2", "11"),
    "AccountSid": ("AC" + "b" * 32,),
}
odd_names = st.sampled_from(sorted(ODD))


@st.composite
def oddities(draw: st.DrawFn) -> tuple[str, bytes, bool]:
    """A parameter that is read, another value of it, and whether it stands beside the right one or in its place."""
    name = draw(odd_names)
    value = draw(st.sampled_from(ODD[name]))
    return name, value if isinstance(value, bytes) else value.encode(), name == "AccountSid" or draw(st.booleans())


def test_twilios_request_that_cannot_be_gone_by_puts_the_caller_through(installation: Installation) -> None:
    """Whatever is odd about it; and no oddity makes a recording."""

    @given(name=st.sampled_from(WAITED_BEHIND), oddity=oddities(), carriage=carriages)
    @settings(deadline=None)
    def try_it(name: str, oddity: tuple[str, bytes, bool], carriage: Carriage) -> None:
        step, (odd, value, is_beside) = next_step(installation, name), oddity
        kept = [pair for pair in pairs_of(step.params) if is_beside or pair[0] != odd.encode()]
        status, body = send(step.url, [*kept, (odd.encode(), value)], carriage).to(installation.twilio.app)
        assert status == 200
        answer = ET.fromstring(body)
        goes_on = any(has(body, verb) for verb in ("Redirect", "Gather"))
        assert connects(answer) or goes_on, "the caller was left alone"
        unread = {"From", "To", *([] if is_beside else ["CallStatus"])}
        assert not starts_recording(answer) or (name == "yes" and odd in unread)

    try_it()


def test_a_callback_that_is_odd_fails_nobody(installation: Installation) -> None:
    @given(name=st.sampled_from(CALLBACKS), oddity=oddities(), carriage=carriages)
    @settings(deadline=None)
    def try_it(name: str, oddity: tuple[str, bytes, bool], carriage: Carriage) -> None:
        step, (odd, value, _) = next_step(installation, name), oddity
        pairs = [*pairs_of(step.params), (odd.encode(), value)]
        assert send(step.url, pairs, carriage).to(installation.twilio.app)[0] == 204
        is_read = {"CallSid", "AccountSid", *(["CallStatus"] if name == "call" else [])}
        assert odd in is_read or step.is_heard(b"")

    try_it()


Change = Callable[[Sent, random.Random], Sent]


def another_byte(sent: Sent, dice: random.Random) -> Sent:
    at = dice.randrange(len(sent.body))
    return replace(sent, body=sent.body[:at] + bytes([sent.body[at] ^ 1]) + sent.body[at + 1 :])


CHANGES: dict[str, Change] = {
    "a byte": another_byte,
    "a parameter more": lambda sent, _: replace(sent, body=sent.body + b"&Digits=1&Extra=x"),
    "a parameter less": lambda sent, dice: replace(sent, body=sent.body.partition(b"&")[2]),
    "cut off": lambda sent, dice: replace(sent, body=sent.body[: dice.randrange(len(sent.body))]),
    "a query": lambda sent, _: replace(sent, query=f"{sent.query}&Digits=1"),
    "another path": lambda sent, _: replace(sent, path="/voice/answer/x"),
    "another step": lambda sent, _: replace(sent, path="/voice/fallback" if "answer" in sent.path else "/voice/answer"),
    "a GET": lambda sent, _: replace(sent, method="GET", query=sent.body.decode()),
    "another method": lambda sent, _: replace(sent, method="PUT"),
    "no signature": lambda sent, _: replace(sent, signatures=("",)),
    "half a signature": lambda sent, _: replace(sent, signatures=(sent.signatures[-1][:14],)),
    "a signature swapped": lambda sent, _: replace(sent, signatures=(sent.signatures[-1].swapcase(),)),
    "many signatures": lambda sent, _: replace(sent, signatures=("A" * 28,) * SIGNATURES_MAX + sent.signatures),
}


def test_what_was_changed_after_it_was_signed_is_refused_and_leaves_nothing(installation: Installation) -> None:
    @given(
        name=st.sampled_from(STEPS),
        carriage=carriages.map(lambda one: replace(one, in_url=False, escape_all=False, gaps=False)),
        change=st.sampled_from(sorted(CHANGES)),
        dice=st.randoms(use_true_random=False),
    )
    @settings(deadline=None)
    def try_it(name: str, carriage: Carriage, change: str, dice: random.Random) -> None:
        step = next_step(installation, name)
        sent = send(step.url, pairs_of(step.params), carriage)
        changed = CHANGES[change](sent, dice)
        assume(meaning(changed) != meaning(sent))
        kept = installation.counts()
        assert changed.to(installation.twilio.app)[0] == 403
        assert installation.counts() == kept

    try_it()


def meaning(sent: Sent) -> object:
    """What a signature is over, and the signatures: two requests with the same are one request spelt twice."""
    pairs = parse_qsl(sent.body.decode("latin-1"), keep_blank_values=True, encoding="latin-1")
    tail = "".join(name + value for name, value in sorted(set(pairs)))
    return sent.method, sent.path, sent.query.strip("?"), tail, sent.signatures


def test_another_token_signs_nothing_here(installation: Installation) -> None:
    for name in STEPS:
        step = next_step(installation, name)
        kept = installation.counts()
        assert send(step.url, pairs_of(step.params), Carriage(), token="x" * 32).to(installation.twilio.app)[0] == 403
        assert installation.counts() == kept


def put_through(installation: Installation, step: Step, *more: tuple[str, str], without: str = "") -> ET.Element:
    pairs = [pair for pair in pairs_of(step.params) if pair[0] != without.encode()]
    pairs += [(name.encode(), value.encode()) for name, value in more]
    status, body = send(step.url, pairs, Carriage()).to(installation.twilio.app)
    assert status == 200
    answer = ET.fromstring(body)
    assert [child.tag for child in answer if child.tag != "Stop"] == ["Dial"]
    return answer


@pytest.mark.parametrize("name", ["answer", "choice", "yes"])
@pytest.mark.parametrize("odd", ["AccountSid", "CallStatus", "CallSid", "From", "To", "Digits"])
def test_a_parameter_of_several_values_is_put_on_record_as_not_asked(
    installation: Installation, name: str, odd: str
) -> None:
    is_read = {
        "answer": {"AccountSid", "CallStatus", "From", "To"},
        "yes": {"AccountSid", "CallSid", "CallStatus", "Digits"},
    }
    step = next_step(installation, name)
    if odd not in is_read.get(name, {"AccountSid", "CallSid", "CallStatus"}):
        return
    put_through(installation, step, (odd, "2"))
    known = installation.call(step.call.sid)
    assert (known.outcome, known.reason) == ("not_asked", f"form: {odd}: it came with several values")
    assert installation.events(step.call.sid)[-1]["type"] == "recording.suppressed"
    assert known.sweep_at is not None


def test_a_repeat_of_an_odd_request_writes_nothing_more(installation: Installation) -> None:
    for name, odd in (("answer", "From"), ("yes", "Digits"), ("answer", "CallSid")):
        step = next_step(installation, name)
        first = put_through(installation, step, (odd, "2"))
        kept = installation.everything()
        assert ET.tostring(put_through(installation, step, (odd, "2"))) == ET.tostring(first)
        assert installation.everything() == kept


DIALLED = (
    "sip:+12125550100@pbx.example",
    "client:anna",
    "+19995550100",
    "2125550100",
    "＋12125550100",
    "+12125550100 ",
    "whatsapp:+12125550100",
    "x" * 256,
    "",
)


@pytest.mark.parametrize("dialled", DIALLED)
@pytest.mark.parametrize("path", ["answer", "fallback"])
def test_a_call_to_what_is_no_line_is_on_record_as_not_asked(
    installation: Installation, dialled: str, path: str
) -> None:
    call = PhoneCall(installation.twilio, dialled, "sip:desk@pbx.example")
    more = {"ErrorCode": "11200", "ErrorUrl": URLS.answer()} if path == "fallback" else {}
    answer = read(installation.twilio.post(f"/voice/{path}", call.params(CallStatus="ringing", **more)))
    assert [(end.tag, end.text) for end in answer[0]] == [("Number", "+12125550199"), ("Client", "anna")]
    known = installation.call(call.sid)
    assert (known.line, known.outcome) == ("", "not_asked")
    expected = "call: what was dialled is no line of the rulebook" if dialled else "form: To: expected what was dialled"
    assert known.reason == expected
    assert known.sweep_at is not None
    assert installation.event_types(call.sid) == ["call.received", "recording.suppressed"]
    leaf = str(installation.events(call.sid))
    assert not dialled.strip() or dialled not in leaf
    assert has(ET.tostring(call.talks(answer, "busy")), "Hangup")
    assert call.ends().status_code == 204
    assert installation.call(call.sid).state == "ended"


def test_a_recording_of_a_call_to_what_is_no_line_is_destroyed_and_raised(installation: Installation) -> None:
    call = PhoneCall(installation.twilio, "sip:x@pbx.example", "anonymous")
    call.arrives()
    call.recording(URLS.recording(installation.call(call.sid).id), "in-progress", RecordingSource="Trunking")
    assert [one.state for one in installation.recordings(call.sid)] == ["condemned"]
    assert installation.incidents(call.sid) == ["recording_without_permit"]


@pytest.mark.parametrize("sid", [(), ("CA1",), ("", "x"), ("CA" + "1" * 32, "CA" + "2" * 32)])
def test_a_call_whose_sid_cannot_be_read_is_raised_and_logged_once(
    installation: Installation, sid: tuple[str, ...]
) -> None:
    step = next_step(installation, "answer")
    query = select(log_leaf.c.leaf).where(log_leaf.c.call_id.is_(None)).order_by(log_leaf.c.idx.desc())
    for _ in range(2):
        answer = put_through(installation, step, *(("CallSid", one) for one in sid), without="CallSid")
        assert "action" not in answer[0].attrib
    with installation.database.read() as connection:
        *_, last = connection.scalars(select(incident.c.kind).order_by(incident.c.id))
        leaves = [json.loads(leaf) for leaf in connection.scalars(query.limit(3))]
    (leaf,) = (one for one in leaves if one["type"] == "call.unread")
    assert last == "call_without_sid"
    assert leaf["reason"].startswith("form: CallSid: ")


def test_a_step_of_a_known_call_whose_sid_cannot_be_read_is_that_calls(installation: Installation) -> None:
    step = next_step(installation, "yes")
    put_through(installation, step, ("CallSid", "x"), without="CallSid")
    known = installation.call(step.call.sid)
    assert (known.outcome, known.state) == ("not_asked", "suppressed")


def test_a_caller_at_another_calls_step_is_on_record_and_the_other_call_is_untouched(
    installation: Installation,
) -> None:
    step, stranger = next_step(installation, "yes"), installation.twilio.dial()
    before = installation.call(step.call.sid)
    put_through(installation, step, ("CallSid", stranger.sid), without="CallSid")
    assert installation.call(stranger.sid).outcome == "not_asked"
    assert installation.call(step.call.sid) == before


def test_an_odd_request_of_a_call_that_is_recorded_changes_nothing_of_it(installation: Installation) -> None:
    call = installation.twilio.dial()
    question = call.to_the_question()
    call.presses(question, "1")
    step = Step(URLS.consent(installation.call(call.sid).id, 1), call.pressed("1"), call)
    put_through(installation, step, ("Digits", "2"))
    known = installation.call(call.sid)
    assert (known.outcome, known.state) == ("consented", "recording")
    assert installation.event_types(call.sid)[-1] == "call.unread"


def test_two_answers_at_once_to_being_asked_again_are_no_consent(installation: Installation) -> None:
    call = installation.twilio.dial()
    call.recording(recording_url(call.presses(call.to_the_question(), "1")), "in-progress")
    call.hears_the_disclosure(call.is_sent_back())
    known = installation.call(call.sid)
    answer = put_through(installation, Step(URLS.consent(known.id, 2), call.pressed("1"), call), ("Digits", "2"))
    assert answer[0].tag == "Stop"
    assert installation.call(call.sid).outcome == "withdrawn"


def test_a_no_is_heard_whatever_else_is_said_twice(installation: Installation) -> None:
    call = installation.twilio.dial()
    call.to_the_question()
    url = URLS.consent(installation.call(call.sid).id, 1)
    pairs = [*pairs_of(call.pressed("2")), (b"CallStatus", b"ringing")]
    status, _ = send(url, pairs, Carriage()).to(installation.twilio.app)
    assert (status, installation.call(call.sid).outcome) == (200, "declined")
