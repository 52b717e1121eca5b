"""A limit of the simulator is its own failure: it is told, it ends the call, and it is no error of the service."""

from typing import Any, cast

import pytest
from flask import Response

from simulator import phone_call
from simulator.control import to_json
from simulator.documents import Step
from simulator.errors import Endless, NotSimulated
from simulator.executor import STILL_MAX
from simulator.line import Redirected
from simulator.phone_call import PhoneCall
from simulator.plans import CallPlan
from simulator.server import create_app
from tests.simulator.office import ACCOUNT, AGENT, CALLER, LINE, ORIGIN, TOKEN, Office, heard

MP3 = Response(b"\xff\xfb\x90\x00" + bytes(400), content_type="audio/mpeg")


def stopped(office: Office, kind: type[Exception], **how: Any) -> PhoneCall:
    """A call that the simulator could not finish, with its callbacks delivered."""
    with pytest.raises(kind):
        office.call(**how)
    office.exchange.settle()
    return list(office.exchange.calls.values())[-1]


@pytest.mark.parametrize(
    ("verbs", "words"),
    [
        ("<Record/>", "<Record>"),
        ("<Sms to='+14155550100' from='+14155550101'>hello</Sms>", "<Sms>"),
        ("<Echo/>", "<Echo>"),
        ("<Pay chargeAmount='10'/>", "<Pay>"),
        ("<Queue>support</Queue>", "<Queue>"),
        ("<Refer><Sip>sip:a@b.example</Sip></Refer>", "<Refer>"),
        ("<Connect><ConversationRelay url='wss://x.example'/></Connect>", "<Connect>"),
        ("<Leave/>", "<Leave>"),
        ("<Start><Stream url='wss://x.example'/></Start>", "<Stream>"),
        ("<Stop><Transcription name='x'/></Stop>", "<Transcription>"),
        ("<Dial><Queue>support</Queue></Dial>", "<Queue>"),
        ("<Dial><Sim>DE0123</Sim></Dial>", "<Sim>"),
        ("<Dial>415-555-0123</Dial>", "national"),
        ("<Dial sequential='true'><Number>+14155550123</Number></Dial>", "<Dial sequential>"),
        (f"<Dial><Number machineDetection='Enable'>{AGENT}</Number></Dial>", "<Number machineDetection>"),
        ("<Enqueue workflowSid='WW1'><Task>{}</Task></Enqueue>", "<Enqueue workflowSid>"),
        ("<Gather input='speech'/>", "speech"),
        ("<Play>/prompt</Play>", "audio/mpeg"),
        ("<Gather><Play>/prompt</Play></Gather>", "audio/mpeg"),
        (f"<Say>{'<prosody>' * 60}deep{'</prosody>' * 60}</Say>", "deep"),
        ("<Enqueue waitUrl='/wait'>support</Enqueue>", "<Record>"),
    ],
)
def test_a_part_of_twilio_that_is_not_simulated_leads_to_no_fallback(verbs: str, words: str) -> None:
    office = Office(answer=verbs, prompt=MP3, wait="<Record/>")
    call = stopped(office, NotSimulated)
    assert "fallback" not in office.asked()
    assert call.journal.of("error") == []
    (failure,) = to_json(call)["simulator_failures"]
    assert failure["why"] == "not_simulated"
    assert words in failure["detail"]
    assert failure["url"].startswith(ORIGIN) or "deep" in words
    assert (call.leg.status, call.leg.ended_by, call.ended.is_set()) == ("failed", "simulator", True)
    assert office.forms("status")[0]["CallStatus"] == "failed"


def test_a_limit_in_the_whisper_ends_the_agents_leg_and_the_call() -> None:
    office = Office(
        whisper="<Record/>", consent=f"<Dial record='record-from-answer'><Number url='/whisper'>{AGENT}</Number></Dial>"
    )
    call = stopped(office, NotSimulated, caller={"presses": ["1"]})
    assert [(leg.status, leg.ended_by) for leg in call.children] == [("failed", "simulator")]
    assert [recording.is_running for recording in call.recordings] == [False]
    assert "fallback" not in office.asked()


def test_a_dial_in_a_whisper_is_the_services_own_error() -> None:
    office = Office(whisper=f"<Dial>{AGENT}</Dial>")
    call = office.call({"presses": ["1"]})
    assert [error["code"] for error in call.journal.of("error")] == [13201]


@pytest.mark.parametrize("answer", ["<Redirect>/answer</Redirect>", "<Gather timeout='0'/><Redirect/>"])
def test_documents_that_lead_to_each_other_for_ever_have_an_end(answer: str) -> None:
    office = Office(answer=answer)
    call = stopped(office, Endless)
    assert office.asked() == ["answer"] * STILL_MAX
    assert call.journal.of("simulator_failure")[0]["why"] == "endless"


def test_a_loop_in_which_time_passes_may_go_on_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    office = Office(answer="<Pause length='1'/><Redirect>/answer</Redirect>")
    call = office.call({"hangs_up": 3 * STILL_MAX})
    assert (call.failure, call.leg.status) == (None, "completed")
    monkeypatch.setattr("simulator.fetcher.DOCUMENTS_MAX", 2 * STILL_MAX)
    stopped(office, Endless, caller={"hangs_up": 3 * STILL_MAX})


def test_a_call_sent_elsewhere_while_it_hears_the_apology_goes_there() -> None:
    office = Office(answer=("oops", 500), ended="<Say>Here I am.</Say>")
    office.exchange.numbers[LINE].voice_fallback_url = ""

    def send_back() -> None:
        (call,) = office.exchange.calls.values()
        call.line.interrupt(Redirected(call.line, Step(f"{ORIGIN}/ended")))

    office.clock.later(1.0, send_back)
    call = office.call()
    assert heard(call)[-1] == "Here I am."
    assert (call.failure, call.leg.status) == (None, "completed")


def broken(*_: object, **__: object) -> None:
    raise ZeroDivisionError("for the test")


def test_an_unforeseen_failure_ends_the_call_and_says_what_broke_and_where(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(phone_call.VERBS, "Say", broken)
    office = Office()
    call = stopped(office, ZeroDivisionError)
    (failure,) = call.journal.of("simulator_failure")
    assert failure["why"] == "broke"
    assert failure["detail"].startswith("ZeroDivisionError: for the test test_limits.py:")
    assert office.forms("status")[0]["CallStatus"] == "failed"
    assert "fallback" not in office.asked()


def test_a_call_on_a_thread_of_its_own_ends_too_and_shows_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(phone_call.VERBS, "Say", broken)
    office = Office()
    call = office.exchange.start_call(CallPlan.of({"from": CALLER, "to": LINE}))
    assert call.ended.wait(10)
    office.exchange.settle()
    app = create_app(office.exchange).test_client()
    shown = app.get("/simulator/failures").get_json()["failures"]
    assert [(failure["call_sid"], failure["why"]) for failure in shown] == [(call.sid, "broke")]
    assert "for the test" in app.get("/simulator/calls").get_json()["calls"][0]["simulator_failure"]


@pytest.mark.parametrize("way", ["later", "intend", "start"])
def test_a_failure_beside_the_call_ends_it(way: str) -> None:
    def go_wrong(call: PhoneCall) -> None:
        if way == "start":
            call.clock.start(broken)
        else:
            getattr(call.clock, way)(0.1, broken)

    call = stopped(Office(), ZeroDivisionError, hooks={"at_question": go_wrong}, caller={"presses": ["1"]})
    assert (call.leg.status, call.is_settled) == ("failed", True)


def test_a_redirected_leg_that_breaks_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(phone_call.APART, "Say", broken)
    office = Office(ended="<Say>Alone.</Say>")

    def part(call: PhoneCall) -> None:
        (leg,) = call.children
        line = office.exchange.lines[leg.sid]
        call.take_away(Redirected(line, Step(f"{ORIGIN}/ended")))

    call = stopped(office, ZeroDivisionError, hooks={"in_conversation": part}, caller={"presses": ["1"]})
    assert [(leg.status, leg.ended_by) for leg in call.children] == [("completed", "simulator")]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "Messages.json"),
        ("GET", "Queues/QU" + "0" * 32 + ".json"),
        ("POST", "Calls/CA" + "0" * 32 + "/Streams.json"),
    ],
)
def test_a_resource_that_rest_lacks_here_is_not_said_to_be_missing_at_twilio(method: str, path: str) -> None:
    app = create_app(Office().exchange).test_client()
    whole = f"/2010-04-01/Accounts/{ACCOUNT}/{path}"
    answer = app.open(whole, method=method, auth=(ACCOUNT, TOKEN))
    assert answer.status_code == 501
    assert answer.get_json()["message"] == f"The simulator does not have {method} {whole}"
    (failure,) = app.get("/simulator/failures").get_json()["failures"]
    assert (failure["why"], failure["request"]) == ("not_simulated", f"{method} {whole}")


@pytest.mark.parametrize(
    "path", ["Calls/CA1.json", "Recordings/RE" + "0" * 32 + ".json", "Calls/CA" + "0" * 32 + ".json"]
)
def test_a_resource_that_twilio_would_not_find_is_not_found(path: str) -> None:
    app = create_app(Office().exchange).test_client()
    assert app.get(f"/2010-04-01/Accounts/{ACCOUNT}/{path}", auth=(ACCOUNT, TOKEN)).status_code == 404
    assert app.get("/simulator/failures").get_json()["failures"] == []


def test_rest_that_breaks_says_what_broke(capsys: pytest.CaptureFixture[str]) -> None:
    app = create_app(Office().exchange)
    app.view_functions["rest_calls.list_calls"] = cast(Any, broken)
    answer = app.test_client().get(f"/2010-04-01/Accounts/{ACCOUNT}/Calls.json", auth=(ACCOUNT, TOKEN))
    assert (answer.status_code, answer.get_json()["code"]) == (500, 20500)
    assert answer.get_json()["message"].startswith("The simulator broke: ZeroDivisionError: for the test")
    assert "ZeroDivisionError: for the test" in capsys.readouterr().err
