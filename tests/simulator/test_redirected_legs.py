"""REST takes an agent's leg out of its <Dial>: to a document of its own, beside the call, or to its end."""

from collections.abc import Callable

import pytest
from twilio.rest import Client

from simulator.control import to_json
from simulator.phone_call import PhoneCall
from tests.simulator.office import DIAL, ORIGIN, RECORD, Office
from tests.simulator.test_dialled_legs import in_conversation
from tests.simulator.test_rest import client_of, code_of

AGENTS_MENU = "<Gather numDigits='1' timeout='30' action='/noted'><Say>Which key?</Say></Gather>"


def office() -> Office:
    moved = "<Say>You are being moved.</Say><Pause length='20'/>"
    return Office(answer=DIAL, menu=AGENTS_MENU, noted=f"{RECORD}<Pause length='60'/>", whisper="<Pause/>", ended=moved)


def to_menu(client: Client, call: PhoneCall) -> None:
    client.calls(call.children[0].sid).update(url=f"{ORIGIN}/menu", method="POST")


def ends(call: PhoneCall) -> dict[str, str]:
    """Why each leg ended."""
    return {entry["call_sid"]: entry["why"] for entry in call.journal.of("leg") if entry["event"] == "ended"}


def test_a_redirected_agent_ends_the_dial_and_runs_documents_beside_the_caller() -> None:
    line = office()
    call = in_conversation(line, to_menu)
    (child,) = call.children
    (action,), (menu,) = line.forms("ended"), line.forms("menu")
    assert (action["CallSid"], action["DialCallStatus"], action["DialBridged"]) == (call.sid, "completed", "true")
    assert "DialCallDuration" not in action
    assert action["DialCallSid"] == menu["CallSid"] == child.sid
    assert (menu["CallStatus"], menu["Direction"], menu["ParentCallSid"]) == ("in-progress", "outbound-dial", call.sid)
    assert line.forms("noted") == []  # nobody pressed a key


def test_a_redirected_agent_is_not_dropped_and_outlives_the_caller() -> None:
    line = office()
    call = in_conversation_with_keys(line, ("7",))
    (child,) = call.children
    assert line.forms("noted")[0]["Digits"] == "7"
    assert ends(call) == {call.sid: "document_ended", child.sid: "document_ended"}
    assert child.ended is not None
    assert call.leg.ended is not None
    assert (child.ended - call.leg.ended).total_seconds() > 30
    (shown,) = to_json(call)["legs"]
    assert (len(shown["redirected_at_s"]), shown["ended_by"]) == (1, "document_ended")
    assert shown["ended_at_s"] > shown["redirected_at_s"][0] + 60


def in_conversation_with_keys(line: Office, keys: tuple[str, ...], hangs_up: float | None = None) -> PhoneCall:
    client = client_of(line)
    hooks = {"in_conversation": lambda call: to_menu(client, call)}
    return line.call({"talks_s": 8, "hangs_up": hangs_up}, agent={"presses": list(keys)}, hooks=hooks)


def test_a_caller_who_hangs_up_takes_no_redirected_agent_along() -> None:
    call = in_conversation_with_keys(office(), ("7",), hangs_up=12.0)
    assert ends(call) == {call.sid: "hung_up", call.children[0].sid: "document_ended"}


def test_the_document_of_a_redirected_agent_records_the_agents_leg() -> None:
    line = office()
    call = in_conversation_with_keys(line, ("7",))
    (recording,) = call.recorder.recordings
    assert (recording.call_sid, recording.status) == (call.children[0].sid, "completed")
    assert call.is_settled
    assert recording.duration_s == 60


def test_the_caller_is_free_to_go_on_while_the_agent_waits() -> None:
    line = office()
    call = in_conversation_with_keys(line, ("7",))
    assert "You are being moved." in [entry["text"] for entry in call.journal.of("heard")]
    moved = next(entry["at_s"] for entry in call.journal.of("leg") if entry["event"] == "redirected")
    (asked,) = [entry for entry in call.journal.of("heard") if entry["text"] == "You are being moved."]
    assert asked["at_s"] - moved < 1


def test_rest_ends_the_leg_of_a_redirected_agent() -> None:
    def act(client: Client, call: PhoneCall) -> None:
        to_menu(client, call)
        call.clock.later(10, lambda: end_child(client, call))

    call = in_conversation(office(), act)
    assert ends(call)[call.children[0].sid] == "rest"
    assert call.children[0].status == "completed"


def end_child(client: Client, call: PhoneCall) -> None:
    client.calls(call.children[0].sid).update(status="completed")


@pytest.mark.parametrize(
    ("caller", "act", "why"),
    [
        ({"talks_s": 4}, None, "hung_up"),
        ({"talks_s": 4, "hangs_up": "after_talk"}, None, "dial_ended"),
        ({"talks_s": 9, "hangs_up": "in_conversation"}, None, "dial_ended"),
        ({"talks_s": 9, "keys_at": [{"digits": "*", "after_s": 5}]}, None, "dial_ended"),
        ({"talks_s": 9}, end_child, "rest"),
    ],
)
def test_the_journal_says_why_an_agents_leg_ended(
    caller: dict[str, object], act: Callable[[Client, PhoneCall], None] | None, why: str
) -> None:
    line = Office(answer=DIAL.replace("<Dial ", "<Dial hangupOnStar='true' "), whisper="<Pause/>")
    client = client_of(line)
    call = line.call(caller, hooks={"in_conversation": lambda call: act(client, call)} if act else {})
    assert ends(call)[call.children[0].sid] == why


def test_a_failing_document_ends_the_leg_of_a_redirected_agent_alone() -> None:
    line = office()
    line.answers["menu"] = ("no", 500)
    call = in_conversation(line, to_menu)
    assert ends(call) == {call.children[0].sid: "failed", call.sid: "document_ended"}
    assert call.leg.status == "completed"


def test_a_leg_that_is_over_is_not_redirected() -> None:
    line = office()
    call = line.call({"talks_s": 2})
    client = client_of(line)
    assert code_of(lambda: to_menu(client, call)) == (400, 21220)


def test_a_caller_presses_keys_at_a_time_of_the_conversation_and_at_the_question_after_it() -> None:
    line = Office(
        answer=DIAL.replace("<Dial ", "<Dial hangupOnStar='true' "),
        ended="<Gather numDigits='1' action='/noted'><Say>Which key?</Say></Gather>",
        noted=f"<Say>Noted.</Say>{DIAL}".replace("/ended", "/menu"),
        menu="<Hangup/>",
    )
    call = line.call({"talks_s": 9, "presses": ["2"], "presses_in_conversation": [{"after_s": 3, "keys": "*"}]})
    (first, second), (action,) = call.children, line.forms("ended")
    assert action["DialCallStatus"] == "answered"
    assert line.forms("noted")[0]["Digits"] == "2"
    (star, _) = call.journal.of("key")
    (stage, *_) = [entry for entry in call.journal.of("stage") if entry["stage"] == "in_conversation"]
    assert star["at_s"] - stage["at_s"] == pytest.approx(3, abs=0.01)
    assert ends(call)[first.sid] == "dial_ended"  # the agent is dropped
    assert ends(call)[second.sid] == "hung_up"  # nobody presses a star in the second conversation
