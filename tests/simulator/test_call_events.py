"""What the exchange tells, afterwards, of the requests that it sent about a call. Asked by Twilio's own client."""

from typing import Any

from simulator.phone_call import PhoneCall
from tests.simulator.office import ORIGIN, Office
from tests.simulator.test_rest import client_of, get

READABLE_S = 900.0


def events_of(office: Office, call_sid: str, **paging: int) -> list[Any]:
    return list(client_of(office).calls(call_sid).events.list(**paging))


def call_of(office: Office, faults: dict[str, Any] | None = None) -> PhoneCall:
    call = office.call({"presses": ["1"]}, faults=faults)
    office.clock.sleep(READABLE_S)
    return call


def paths(events: list[Any]) -> list[str]:
    return [event.request["url"].removeprefix(f"{ORIGIN}/") for event in events]


def test_every_request_about_the_call_is_told_with_its_answer_newest_first() -> None:
    office = Office()
    call = call_of(office)
    events = events_of(office, call.sid)
    voice = [path for path in paths(events) if path not in {"status", "recording"}]
    assert voice == ["ended", "consent", "choice", "answer"]
    assert {"status", "recording"} <= set(paths(events))
    (consent,) = [event for event in events if event.request["url"] == f"{ORIGIN}/consent"]
    assert consent.request["parameters"]["digits"] == "1"
    assert consent.request["parameters"]["call_sid"] == call.sid
    assert consent.response["response_code"] == 200
    assert "<Recording" in consent.response["response_body"]
    assert consent.response["date_created"].endswith("+0000")


def test_they_come_in_pages() -> None:
    office = Office()
    call = call_of(office)
    assert paths(events_of(office, call.sid, page_size=2)) == paths(events_of(office, call.sid))


def test_they_can_be_read_a_quarter_of_an_hour_after_the_call_and_for_a_month() -> None:
    office = Office()
    call = office.call({"presses": ["1"]})
    office.clock.sleep(READABLE_S - 60)
    assert events_of(office, call.sid) == []
    office.clock.sleep(60)
    assert events_of(office, call.sid) != []
    office.clock.sleep(30 * 86400)
    assert events_of(office, call.sid) == []


def test_a_whisper_is_told_of_the_leg_that_heard_it() -> None:
    office = Office()
    (child,) = call_of(office).children
    assert paths(events_of(office, child.sid)) == ["whisper"]


def test_an_answer_that_was_lost_is_told_as_none_that_came() -> None:
    office = Office()
    call = call_of(office, {"voice": {"only": "/choice", "lost_answers": 1}})
    (lost,) = [event for event in events_of(office, call.sid) if event.request["url"] == f"{ORIGIN}/choice"]
    assert (lost.response["response_code"], lost.response["response_body"]) == (502, "")


def test_a_repeat_is_told_as_a_request_of_its_own() -> None:
    office = Office()
    call = call_of(office, {"voice": {"only": "/choice", "duplicate": 2}})
    assert paths(events_of(office, call.sid)).count("choice") == 3


def test_of_a_call_that_is_not_there_nothing_is_told() -> None:
    answer = get(Office(), f"Calls/CA{'0' * 32}/Events.json")
    assert (answer.status_code, answer.json()["code"]) == (404, 20404)
