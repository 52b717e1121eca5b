"""Calls that REST makes: somebody is called, answers or does not, and is put through the documents of the service."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient
from twilio.request_validator import RequestValidator

from simulator.clock import RealClock
from simulator.errors import NotSimulated
from simulator.phone_call import PhoneCall
from simulator.plans import CalledPlan
from simulator.server import create_app
from tests.simulator.office import ACCOUNT, AGENT, CALLER, LINE, ORIGIN, TOKEN, Office, heard, twiml
from tests.simulator.test_rest import client_of

PATH = f"/2010-04-01/Accounts/{ACCOUNT}/Calls.json"
EVENTS = ["initiated", "ringing", "answered", "completed"]
SPAIN = "+34911234567"


def rest(office: Office) -> FlaskClient:
    return create_app(office.exchange).test_client()


def called(office: Office, plan: dict[str, Any] | None = None, **asked: Any) -> PhoneCall:
    """The call that Twilio's client makes with these parameters, to its end."""
    office.exchange.called[""] = CalledPlan.of(plan or {})
    parameters = {"to": CALLER, "from_": LINE, "url": f"{ORIGIN}/answer", **asked}
    made = client_of(office).calls.create(**parameters)
    assert (made.status, made.direction, made.to) == ("queued", "outbound-api", parameters["to"])
    office.exchange.settle()
    return office.exchange.calls[made.sid]


def told(office: Office) -> list[tuple[str, str]]:
    """The status callbacks, in order of their numbers."""
    forms = sorted(office.forms("status"), key=lambda form: int(form["SequenceNumber"]))
    return [(form["SequenceNumber"], form["CallStatus"]) for form in forms]


def test_a_person_is_called_answers_and_is_asked_what_a_caller_is_asked() -> None:
    office = Office()
    call = called(office, {"presses": ["1"], "talks_s": 7})
    assert office.asked() == ["answer", "choice", "consent", "whisper", "ended"]
    assert heard(call)[:2] == ["This call may be recorded.", "May we record?"]
    first = office.forms("answer")[0]
    assert (first["From"], first["To"], first["Direction"], first["CallStatus"]) == (
        LINE, CALLER, "outbound-api", "in-progress",
    )  # fmt: skip
    assert "CallToken" not in first
    assert office.forms("consent")[0]["Digits"] == "1"
    (child,) = call.children
    assert (child.direction, child.parent_sid, child.to_number) == ("outbound-dial", call.sid, AGENT)
    assert (call.was_connected, call.leg.status, len(call.recordings)) == (True, "completed", 1)


def test_every_request_of_it_is_signed() -> None:
    office = Office()
    called(office, {"presses": ["1"]}, status_callback=f"{ORIGIN}/status", status_callback_event=EVENTS)
    for (path, _), body, headers in zip(office.seen, office.bodies, office.headers, strict=True):
        assert RequestValidator(TOKEN).validate(f"{ORIGIN}/{path}", body, headers["X-Twilio-Signature"])
    assert {"answer", "consent", "status", "recording"} <= {path for path, _ in office.seen}


def test_the_status_callback_is_told_of_the_events_that_were_asked_for() -> None:
    office = Office(answer="<Pause length='90'/><Hangup/>")
    call = called(office, status_callback=f"{ORIGIN}/status", status_callback_event=EVENTS)
    assert told(office) == [("0", "initiated"), ("1", "ringing"), ("2", "in-progress"), ("3", "completed")]
    last = office.forms("status")[-1]
    assert (last["CallDuration"], last["Duration"]) == (str(call.leg.duration_s), "2")
    assert last["CallbackSource"] == "call-progress-events"


def test_without_events_it_is_told_of_the_end_alone_and_without_a_url_of_nothing() -> None:
    office = Office(answer="<Hangup/>")
    called(office, status_callback=f"{ORIGIN}/status")
    called(office)
    assert told(office) == [("3", "completed")]


def test_a_status_callback_may_be_a_get() -> None:
    office = Office(answer="<Hangup/>")
    call = called(office, method="GET", status_callback=f"{ORIGIN}/status?a=b", status_callback_method="GET")
    assert office.forms("status")[0]["a"] == "b"
    assert [entry["method"] for kind in ("document", "callback") for entry in call.journal.of(kind)] == ["GET"] * 2


@pytest.mark.parametrize(
    ("plan", "timeout", "status"),
    [
        ({"answers": "busy"}, 60, "busy"),
        ({"answers": "failed"}, 60, "failed"),
        ({"answers": False}, 60, "no-answer"),
        ({"rings_s": 20}, 19, "no-answer"),
        ({"rings_s": 20}, 20, "completed"),
    ],
)
def test_a_person_who_does_not_answer_is_asked_nothing(plan: dict[str, Any], timeout: int, status: str) -> None:
    office = Office(answer="<Hangup/>")
    call = called(office, plan, timeout=timeout, status_callback=f"{ORIGIN}/status", status_callback_event=EVENTS)
    assert (call.leg.status, bool(office.forms("answer"))) == (status, status == "completed")
    assert told(office)[-1][1] == status
    assert client_of(office).calls(call.sid).fetch().status == status


def test_people_have_plans_of_their_own() -> None:
    office = Office(answer="<Hangup/>")
    office.exchange.called[SPAIN] = CalledPlan.of({"answers": "busy"})
    assert [called(office, to=to).leg.status for to in (SPAIN, CALLER)] == ["busy", "completed"]


def test_a_call_is_made_with_twiml_and_no_url() -> None:
    office = Office()
    call = called(office, url=None, twiml="<Response><Say>Your order is ready.</Say></Response>")
    assert (heard(call), office.asked()) == (["Your order is ready."], [])


def test_a_failure_leads_to_the_fallback_url_of_the_call_and_not_to_the_numbers() -> None:
    office = Office(answer=("oops", 500), other="<Say>Sorry.</Say>")
    call = called(office, fallback_url=f"{ORIGIN}/other", fallback_method="GET")
    assert (office.asked(), heard(call)) == (["answer", "other"], ["Sorry."])
    assert office.forms("other")[0]["ErrorCode"] == "11200"
    apology = called(office)
    assert office.asked() == ["answer", "other", "answer"]
    assert heard(apology)[-1].startswith("We are sorry.")


def test_digits_are_dialled_before_the_document_is_asked_for() -> None:
    office = Office(answer="<Say>Hello.</Say>")
    call = called(office, send_digits="ww1W2#")
    dialled, hello = call.journal.of("heard")
    assert (dialled["kind"], dialled["duration_s"], hello["text"]) == ("play", pytest.approx(2.72), "Hello.")
    assert call.journal.of("document")[0]["at_s"] >= dialled["at_s"] + dialled["duration_s"]


@pytest.mark.parametrize(("channels", "count"), [(None, 1), ("dual", 2)])
def test_a_call_is_recorded_from_its_answer(channels: str | None, count: int) -> None:
    office = Office(answer="<Say>This is said and recorded, word for word.</Say>")
    call = called(
        office,
        record=True,
        recording_channels=channels,
        recording_status_callback=f"{ORIGIN}/recording",
        recording_status_callback_event=["in-progress", "completed"],
        trim="do-not-trim",
        status_callback=f"{ORIGIN}/status",
    )
    (recording,) = call.recordings
    assert (recording.terms.source, recording.channels, recording.terms.trim) == ("OutboundAPI", count, "do-not-trim")
    assert [form["RecordingStatus"] for form in office.forms("recording")] == ["in-progress", "completed"]
    assert office.forms("status")[0]["RecordingSid"] == recording.sid
    assert recording.duration_s is not None
    assert recording.duration_s >= 1


def test_a_call_has_the_length_that_it_was_given() -> None:
    office = Office(answer="<Pause length='600'/>")
    call = called(office, time_limit=30)
    assert (call.leg.status, call.leg.ended_by, call.leg.duration_s) == ("completed", "time_limit", 30)


def test_the_person_may_hang_up_and_dialled_people_follow_their_own_plan() -> None:
    office = Office()
    assert called(office, {"hangs_up": "at_question"}).journal.of("hung_up")
    called(office, {"presses": ["2"], "agent": "busy"})
    assert office.forms("ended")[-1]["DialCallStatus"] == "busy"


def test_places_are_those_of_the_people_and_not_of_the_number() -> None:
    office = Office(answer="<Hangup/>")
    office.exchange.numbers[LINE].city = "SAN FRANCISCO"
    called(office, to=SPAIN)
    form = office.forms("answer")[0]
    assert (form["FromCity"], form["FromCountry"]) == ("SAN FRANCISCO", "US")
    assert (form["ToCity"], form["ToCountry"]) == ("", "ES")


@pytest.mark.parametrize(("plan", "status"), [({"rings_s": 30}, "canceled"), ({}, "completed")])
@pytest.mark.parametrize("asked", ["canceled", "completed"])
def test_a_call_that_rings_is_cancelled_and_one_that_was_answered_is_ended(
    plan: dict[str, Any], status: str, asked: str
) -> None:
    office = Office(answer="<Pause length='60'/>")
    answers: list[Any] = []

    def act() -> None:
        (call,) = office.exchange.calls
        form = {"Status": asked}
        answers.append(rest(office).post(PATH.replace(".json", f"/{call}.json"), data=form, auth=(ACCOUNT, TOKEN)))

    office.clock.later(5, act)
    call = called(office, plan, status_callback=f"{ORIGIN}/status")
    (answer,) = answers
    is_refused = (asked, status) == ("canceled", "completed")
    assert (answer.status_code, answer.get_json().get("code")) == ((400, 21220) if is_refused else (200, None))
    assert call.leg.status == status
    assert told(office)[-1][1] == status


def test_a_call_under_way_is_given_other_urls_and_a_limit_for_itself_alone() -> None:
    office = Office(choice=("oops", 500), other="<Pause length='600'/>")
    client = client_of(office)

    def change(call: PhoneCall) -> None:
        client.calls(call.sid).update(
            fallback_url=f"{ORIGIN}/other", status_callback=f"{ORIGIN}/status?own=1", time_limit=60
        )

    call = office.call({}, hooks={"in_disclosure": change})
    assert office.asked() == ["answer", "choice", "other"]
    assert (office.forms("status")[0]["own"], call.leg.duration_s, call.leg.ended_by) == ("1", 60, "time_limit")
    assert "own" not in office.exchange.numbers[LINE].status_callback


def test_a_call_may_be_sent_elsewhere_and_recorded_while_it_lasts() -> None:
    office = Office(answer="<Pause length='60'/>", elsewhere="<Say>Elsewhere, at last.</Say>")
    client = client_of(office)

    def act() -> None:
        (sid,) = office.exchange.calls
        client.calls(sid).recordings.create()
        client.calls(sid).update(url=f"{ORIGIN}/elsewhere")

    office.clock.later(5, act)
    call = called(office)
    assert (heard(call), len(call.recordings)) == (["Elsewhere, at last."], 1)


def test_two_people_who_are_called_meet_in_a_conference() -> None:
    office = Office(answer="<Dial><Conference>Room</Conference></Dial>")
    client = client_of(office)
    for to in (CALLER, SPAIN):
        client.calls.create(to=to, from_=LINE, url=f"{ORIGIN}/answer")
    office.exchange.settle()
    calls = list(office.exchange.calls.values())
    assert [(call.leg.status, call.was_connected) for call in calls] == [("completed", True)] * 2
    assert any(entry["kind"] == "speech" for entry in calls[0].journal.of("heard"))


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"To": ""}, 21201),
        ({"To": "   "}, 21201),
        ({"To": "hello"}, 21211),
        ({"To": "+1"}, 21211),
        ({"To": "+²³4155550199"}, 21211),
        ({"To": "+" + "9" * 500}, 21211),
        ({"To": "client:"}, 21211),
        ({"To": LINE}, 21211),
        ({"From": ""}, 21213),
        ({"From": "hello"}, 21212),
        ({"From": "client:joe"}, 21212),
        ({"From": "+19998887777"}, 21210),
        ({"Url": ""}, 21205),
        ({"Url": "not a url"}, 21205),
        ({"Url": "/relative"}, 21205),
        ({"Url": "http://[::1"}, 21205),
        ({"Url": "http://app.test:99999/"}, 21205),
        ({"Url": "http://app.test:abc/"}, 21205),
        ({"FallbackUrl": "ftp://x"}, 21205),
        ({"StatusCallback": "x"}, 21205),
        ({"RecordingStatusCallback": "x"}, 21205),
        ({"Method": "PUT"}, 21209),
        ({"FallbackMethod": "post"}, 21209),
        ({"StatusCallbackMethod": "²"}, 21209),
        ({"Timeout": "601"}, 21208),
        ({"Timeout": "²"}, 21208),
        ({"Timeout": "-1"}, 21208),
        ({"Timeout": "9" * 5000}, 21208),
        ({"TimeLimit": "soon"}, 20422),
        ({"TimeLimit": "14401"}, 20422),
        ({"SendDigits": "z"}, 21206),
        ({"SendDigits": "1" * 33}, 21206),
        ({"Record": "yes"}, 20422),
        ({"RecordingChannels": "three"}, 20422),
        ({"RecordingTrack": "left"}, 20422),
        ({"RecordingStatusCallbackEvent": "done"}, 20422),
        ({"Trim": "a bit"}, 20422),
        ({"StatusCallbackEvent": "initiated ringing"}, 21626),
        ({"StatusCallBack": "https://app.test/"}, 20001),
        ({"Url": "", "Twiml": "<Response><Say/></Response>"}, 13520),
        ({"Url": "", "Twiml": "no TwiML"}, 12100),
        ({"Url": "", "Twiml": "<Response/>" + " " * 4000}, 20422),
    ],
)
def test_a_request_that_twilio_would_refuse_calls_nobody(given: dict[str, str], code: int) -> None:
    office = Office()
    form = {"To": CALLER, "From": LINE, "Url": f"{ORIGIN}/answer", **given}
    answer = rest(office).post(PATH, data=form, auth=(ACCOUNT, TOKEN))
    assert (answer.status_code, answer.get_json()["code"]) == (400, code)
    assert (office.exchange.calls, office.exchange.legs) == ({}, {})


@pytest.mark.parametrize("how", [{"json": {"To": CALLER}}, {"data": b"\xff%ff"}, {}])
def test_a_body_that_is_no_form_names_nobody_to_call(how: dict[str, Any]) -> None:
    answer = rest(Office()).post(PATH, auth=(ACCOUNT, TOKEN), **how)
    assert (answer.status_code, answer.get_json()["code"]) == (400, 21201)


@pytest.mark.parametrize(
    "given",
    [
        {"MachineDetection": "Enable"},
        {"ApplicationSid": "AP" + "0" * 32},
        {"CallerId": "+14155550177"},
        {"To": "4155550199"},
        {"From": "(415) 555-0100"},
        {"To": "+14155550101"},
    ],
)
def test_a_part_of_it_that_is_not_simulated_is_told_as_that(given: dict[str, str]) -> None:
    office = Office()
    office.exchange.numbers["+14155550101"] = replace(office.exchange.numbers[LINE], e164="+14155550101")
    app, form = rest(office), {"To": CALLER, "From": LINE, "Url": f"{ORIGIN}/answer", **given}
    assert app.post(PATH, data=form, auth=(ACCOUNT, TOKEN)).status_code == 501
    (failure,) = app.get("/simulator/failures").get_json()["failures"]
    assert failure["why"] == "not_simulated"
    assert not office.exchange.calls


def test_an_ignored_parameter_is_told_in_the_call() -> None:
    call = called(Office(answer="<Hangup/>"), call_reason="Your parcel", async_amd="false")
    assert [entry["attribute"] for entry in call.journal.of("ignored")] == ["CallReason"]


def test_leniently_a_misspelt_parameter_is_ignored_and_a_misspelt_event_silences_the_callback() -> None:
    office = Office(answer="<Hangup/>")
    office.exchange.config = replace(office.exchange.config, strict=False)
    form = {"To": CALLER, "From": LINE, "Url": f"{ORIGIN}/answer", "Colour": "red"}
    callback = {"StatusCallback": f"{ORIGIN}/status", "StatusCallbackEvent": "initiated ringing"}
    assert rest(office).post(PATH, data={**form, **callback}, auth=(ACCOUNT, TOKEN)).status_code == 201
    office.exchange.settle()
    assert (office.asked(), office.forms("status")) == (["answer"], [])


@pytest.mark.parametrize("to", ["client:joe", "sip:joe@example.com"])
def test_clients_and_sip_addresses_are_called_too(to: str) -> None:
    office = Office(answer="<Hangup/>")
    assert called(office, to=to).leg.status == "completed"
    assert office.forms("answer")[0]["To"] == to


def test_a_limit_of_the_simulator_ends_the_call_and_leads_to_no_fallback() -> None:
    office = Office(answer="<Record/>")
    call = called(office, fallback_url=f"{ORIGIN}/fallback", status_callback=f"{ORIGIN}/status")
    assert isinstance(call.failure, NotSimulated)
    assert (office.asked(), office.forms("status")[0]["CallStatus"]) == (["answer"], "failed")


Act = Callable[[FlaskClient, str], None]


def answer(app: FlaskClient, sid: str) -> None:
    assert app.post(f"/simulator/calls/{sid}/answer").status_code == 204


def decline(app: FlaskClient, sid: str) -> None:
    assert app.post(f"/simulator/calls/{sid}/hangup").status_code == 204


@pytest.mark.parametrize(("act", "status"), [(answer, "completed"), (decline, "busy"), (None, "no-answer")])
def test_somebody_at_the_control_api_may_answer_a_call_that_rings(act: Act | None, status: str) -> None:
    office = Office(answer="<Pause length='2'/><Hangup/>")
    app = rest(office)
    app.post("/simulator/called", json={"manual": True})
    sid = client_of(office).calls.create(to=CALLER, from_=LINE, url=f"{ORIGIN}/answer").sid
    call = office.exchange.calls[sid]
    if act:
        office.clock.later(40, lambda: act(app, sid))
    office.exchange.settle()
    assert (call.leg.status, call.leg.duration_s > 0) == (status, status == "completed")
    assert call.plan.is_manual


def test_a_call_that_does_not_ring_for_anybody_cannot_be_answered() -> None:
    office = Office()
    app = rest(office)
    for sid in (office.call().sid, called(office).sid):
        assert app.post(f"/simulator/calls/{sid}/answer").status_code == 409
    assert app.post(f"/simulator/calls/CA{'0' * 32}/answer").status_code == 404


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ({"answers": "perhaps"}, "cannot answer 'perhaps'"),
        ({"rings_s": "long"}, "rings_s is to be a number"),
        ({"press": ["1"]}, "there is no press"),
        ({"to": 5}, "to is to be text"),
        ({"manual": "yes"}, "manual true or false"),
        ({"faults": {"colour": 1}}, "there is no colour"),
        ({"agent": "maybe"}, "cannot answer 'maybe'"),
    ],
)
def test_a_plan_with_a_mistake_names_it(plan: dict[str, Any], words: str) -> None:
    refused = rest(Office()).post("/simulator/called", json=plan)
    assert refused.status_code == 400
    assert words in refused.get_json()["message"]


def test_in_real_time_it_goes_by_itself() -> None:
    office = Office(clock=RealClock(), answer="<Say>Hi.</Say>")
    call = called(office, {"rings_s": 0})
    assert (heard(call), call.leg.status) == (["Hi."], "completed")


def test_a_document_is_asked_for_by_the_method_that_was_named() -> None:
    office = Office(answer=lambda: twiml("<Hangup/>"))
    call = called(office, method="GET")
    (asked,) = call.journal.of("document")
    assert (asked["method"], f"CallSid={call.sid}" in asked["url"]) == ("GET", True)
