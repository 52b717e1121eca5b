"""A caller waits in a queue, is taken out of it by an agent, and talks."""

import pytest
from twilio.rest import Client

from simulator.control import to_json
from simulator.phone_call import PhoneCall
from tests.simulator.office import ORIGIN, RECORD, Office, heard
from tests.simulator.test_redirected_legs import ends
from tests.simulator.test_rest import client_of

QUEUE = "<Enqueue action='/ended' waitUrl='/wait'>support</Enqueue>"
WAIT = "<Say>You are in the queue.</Say><Pause length='2'/>"


def office(**answers: str) -> Office:
    office = Office(answer=f"{RECORD}{QUEUE}", wait=WAIT)
    office.answers.update(answers)
    return office


def test_an_agent_takes_the_caller_out_of_the_queue_and_they_talk() -> None:
    line = office()
    call = line.call({"talks_s": 6}, agent={"rings_s": 8})
    (action,), waits = line.forms("ended"), line.forms("wait")
    assert (action["QueueResult"], action["QueueTime"]) == ("bridged", "8")
    assert len(waits) == 3  # again whenever it runs out of verbs
    assert (waits[0]["QueuePosition"], waits[0]["QueueSid"]) == ("1", action["QueueSid"])
    (talk, *_) = [entry for entry in call.journal.of("heard") if entry["kind"] == "speech"]
    assert talk["at_s"] == pytest.approx(8, abs=0.2)
    assert call.was_connected
    assert [leg["ended_by"] for leg in to_json(call)["legs"]] == ["hung_up"]


def test_a_recording_goes_on_from_the_queue_into_the_conversation() -> None:
    call = office().call({"talks_s": 6}, agent={"rings_s": 8})
    (recording,) = call.recordings
    assert recording.duration_s == 14


def test_a_caller_hangs_up_in_the_queue() -> None:
    line = office()
    call = line.call({"hangs_up": 5.0}, agent={"rings_s": 8})
    assert line.forms("ended")[0]["QueueResult"] == "hangup"
    assert (call.children, call.was_connected, ends(call)) == ([], False, {call.sid: "hung_up"})


def test_a_caller_whom_nobody_takes_out_waits_for_so_long_and_hangs_up() -> None:
    line = office(answer="<Enqueue action='/ended'>support</Enqueue>")
    call = line.call({"waits_s": 33}, agent={"answers": False})
    (form,) = line.forms("ended")
    assert (form["QueueResult"], form["QueueTime"]) == ("hangup", "33")
    assert call.leg.status == "completed"


def test_a_document_of_the_queue_lets_the_caller_leave() -> None:
    line = office(wait="<Gather numDigits='1' action='/out'><Say>Press 1 to leave.</Say></Gather>", out="<Leave/>")
    line.answers["ended"] = "<Say>You have left.</Say>"
    call = line.call({"presses": ["1"]}, agent={"rings_s": 40})
    assert line.forms("ended")[0]["QueueResult"] == "leave"
    assert (heard(call)[-1], call.children) == ("You have left.", [])


def test_rest_takes_the_agent_away_and_the_caller_goes_on() -> None:
    line = office(menu="<Pause length='60'/>", ended="<Say>One moment.</Say>")
    client = client_of(line)
    hooks = {"in_conversation": lambda call: redirect_agent(client, call)}
    call = line.call({"talks_s": 12}, agent={"rings_s": 8}, hooks=hooks)
    assert line.forms("menu")[0]["CallSid"] == call.children[0].sid
    assert heard(call)[-1] == "One moment."
    assert ends(call) == {call.sid: "document_ended", call.children[0].sid: "document_ended"}


def redirect_agent(client: Client, call: PhoneCall) -> None:
    client.calls(call.children[0].sid).update(url=f"{ORIGIN}/menu", method="POST")


@pytest.mark.parametrize(("moment", "result"), [(4, "redirected"), (11, "redirected-from-bridged")])
def test_rest_sends_a_caller_elsewhere_from_the_queue_or_from_the_conversation(moment: float, result: str) -> None:
    line = office(menu="<Say>Elsewhere.</Say>")
    client = client_of(line)

    def redirect() -> None:
        (call,) = line.exchange.calls.values()
        client.calls(call.sid).update(url=f"{ORIGIN}/menu", method="POST")

    line.clock.later(moment, redirect)
    call = line.call({"talks_s": 12}, agent={"rings_s": 8})
    assert [form["QueueResult"] for form in line.forms("ended")] == [result]
    assert heard(call)[-1] == "Elsewhere."
