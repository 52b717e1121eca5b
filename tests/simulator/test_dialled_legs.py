"""The leg of an agent is a call of its own: it is recorded by REST beside the caller's."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from twilio.rest import Client

from simulator import speech
from simulator.control import to_json
from simulator.phone_call import PhoneCall
from tests.simulator.office import DIAL, ORIGIN, Office
from tests.simulator.test_recordings import found_at
from tests.simulator.test_rest import client_of, code_of

CALLBACKS = {
    "recording_status_callback": f"{ORIGIN}/recording",
    "recording_status_callback_event": ["in-progress", "completed"],
}


def office(*, names_parent: bool = False) -> Office:
    office = Office(answer=DIAL)
    office.exchange.config = replace(office.exchange.config, recordings_name_parent=names_parent)
    return office


def in_conversation(office: Office, act: Callable[[Client, PhoneCall], None], talks_s: float = 8) -> PhoneCall:
    client = client_of(office)
    return office.call({"talks_s": talks_s}, hooks={"in_conversation": lambda call: act(client, call)})


def record_child(client: Client, call: PhoneCall) -> None:
    client.calls(call.children[0].sid).recordings.create(recording_channels="dual", **CALLBACKS)


def test_the_leg_of_an_agent_is_recorded_under_its_own_sid() -> None:
    line = office()
    call = in_conversation(line, record_child)
    (recording,), child = call.recorder.recordings, call.children[0].sid
    (listed,) = client_of(line).calls(child).recordings.list()
    assert (listed.sid, listed.call_sid, listed.status) == (recording.sid, child, "completed")
    assert [row.sid for row in client_of(line).recordings.list(call_sid=child)] == [recording.sid]
    assert client_of(line).recordings.list(call_sid=call.sid) == client_of(line).calls(call.sid).recordings.list() == []
    assert [row.call_sid for row in client_of(line).recordings.list()] == [child]
    assert [row["call_sid"] for row in to_json(call)["recordings"]] == [child]
    assert [form["CallSid"] for form in line.forms("recording")] == [child, child]
    assert [form["RecordingStatus"] for form in line.forms("recording")] == ["in-progress", "completed"]


def test_the_leg_of_an_agent_is_recorded_with_the_agent_first() -> None:
    call = in_conversation(office(), record_child, talks_s=16)
    (recording,) = call.recorder.recordings
    said = [e for e in call.journal.of("heard") if e["kind"] == "speech" and e["at_s"] > recording.started_at_s]
    agent_says, caller_says = (next(e["text"] for e in said if e["who"] == who) for who in ("agent", "caller"))
    agent, heard = recording.sound()
    assert found_at(speech.say(agent_says, role="agent"), agent) is not None
    assert found_at(speech.say(agent_says, role="agent"), heard) is None
    assert found_at(speech.say(caller_says, role="caller"), heard) is not None
    assert found_at(speech.say(caller_says, role="caller"), agent) is None


def test_rest_may_show_the_parent_for_the_leg_of_an_agent() -> None:
    line = office(names_parent=True)
    call = in_conversation(line, record_child)
    (recording,), child = call.recorder.recordings, call.children[0].sid
    (listed,) = client_of(line).calls(call.sid).recordings.list()
    assert (listed.sid, listed.call_sid) == (recording.sid, call.sid)
    assert client_of(line).calls(child).recordings.list() == []
    assert [form["CallSid"] for form in line.forms("recording")] == [call.sid, call.sid]
    assert [row["call_sid"] for row in to_json(call)["recordings"]] == [child]
    assert code_of(client_of(line).calls(child).recordings(recording.sid).fetch) == (404, 20404)
    assert client_of(line).calls(call.sid).recordings(recording.sid).delete()
    assert recording.status == "deleted"


@pytest.mark.parametrize("names_parent", [False, True])
def test_the_recording_of_a_leg_is_paused_resumed_and_stopped_under_the_sid_that_is_shown(names_parent: bool) -> None:
    def act(client: Client, call: PhoneCall) -> None:
        record_child(client, call)
        shown = client.recordings.list()[0].call_sid
        assert shown == (call.sid if names_parent else call.children[0].sid)
        for status in ("paused", "in-progress", "stopped"):
            sid = "Twilio.CURRENT" if status == "stopped" else call.recorder.recordings[0].sid
            client.calls(shown).recordings(sid).update(status=status)

    call = in_conversation(office(names_parent=names_parent), act)
    assert call.recorder.recordings[0].history[:4] == ["in-progress", "paused", "in-progress", "stopped"]


def test_caller_and_agent_are_recorded_side_by_side_and_each_ends_with_its_leg() -> None:
    def act(client: Client, call: PhoneCall) -> None:
        record_child(client, call)
        client.calls(call.sid).recordings.create()

    line = office()
    line.answers["ended"] = "<Pause length='20'/>"
    call = in_conversation(line, act)
    child, own = call.recorder.recordings
    assert child.stopped_at_s is not None
    assert own.stopped_at_s is not None
    assert own.stopped_at_s - child.stopped_at_s == pytest.approx(20, abs=0.1)


def test_a_leg_that_rings_or_is_over_is_not_recorded() -> None:
    line = office()
    call = line.call({"talks_s": 4})
    assert code_of(client_of(line).calls(call.children[0].sid).recordings.create) == (400, 21220)
