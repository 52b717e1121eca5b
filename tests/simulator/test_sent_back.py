"""A live call is sent to another document by REST, and everything about it is as at Twilio."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Response

from simulator.control import to_json
from simulator.phone_call import PhoneCall
from simulator.sound import silence, to_wav
from tests.simulator.office import AGENT, DIAL, LINE, ORIGIN, Office, heard
from tests.simulator.test_rest import client_of

NAMED = (
    "<Start><Recording name='onrecord' trim='do-not-trim' "
    "recordingStatusCallback='https://line.example/recording'/></Start>"
)
SOUND = Response(to_wav([silence(2.5)]), content_type="audio/x-wav")


def stop(name: str) -> str:
    return f"<Stop><Recording name='{name}'/></Stop>"


def redirected(office: Office, moment: str, act: Callable[[Any], None], **plan: Any) -> PhoneCall:
    """A call about which `act` is done by REST in the middle of a moment."""
    client = client_of(office)
    return office.call(plan or {"presses": ["1"]}, hooks={moment: lambda call: act(client.calls(call.sid))})


def test_rest_answers_before_anything_happens_to_the_call() -> None:
    office, seen = Office(), list[tuple[list[str], str]]()

    def act(leg: Any) -> None:
        leg.update(url=f"{ORIGIN}/elsewhere")
        seen.append((office.asked(), leg.fetch().status))

    office.answers["elsewhere"] = "<Hangup/>"
    redirected(office, "in_conversation", act)
    assert seen == [(["answer", "choice", "consent", "whisper"], "in-progress")]
    assert office.asked()[-2:] == ["ended", "elsewhere"]


def test_the_dialled_leg_is_closed_before_the_action_and_the_redirect_is_of_a_call_in_progress() -> None:
    dial = f"<Dial action='/ended'><Number statusCallback='/status'>{AGENT}</Number></Dial>"
    office = Office(consent=dial, ended="<Say>Never heard.</Say>", elsewhere="<Hangup/>")
    call = redirected(office, "in_conversation", lambda leg: leg.update(url=f"{ORIGIN}/elsewhere"))
    (ended,), (elsewhere,) = office.forms("ended"), office.forms("elsewhere")
    assert (ended["DialCallStatus"], ended["CallStatus"], ended["DialBridged"]) == ("completed", "in-progress", "true")
    assert (elsewhere["CallStatus"], "DialCallStatus" in elsewhere) == ("in-progress", False)
    assert [leg.status for leg in call.children] == ["completed"]
    closed, over = office.forms("status")
    assert (closed["CallSid"], over["CallSid"]) == (call.children[0].sid, call.sid)
    assert "Never heard." not in heard(call)


def test_a_redirect_by_get_carries_the_parameters_in_the_query() -> None:
    office = Office(elsewhere="<Hangup/>")
    call = redirected(office, "in_conversation", lambda leg: leg.update(url=f"{ORIGIN}/elsewhere", method="GET"))
    assert office.forms("elsewhere")[0]["CallSid"] == call.sid
    assert [entry["method"] for entry in call.journal.of("document")][-2:] == ["POST", "GET"]


def test_twiml_by_rest_takes_the_place_of_a_dial_as_a_url_does() -> None:
    office = Office()

    def act(leg: Any) -> None:
        if not office.forms("ended"):
            leg.update(twiml="<Response>" + DIAL.replace("'/", f"'{ORIGIN}/") + "</Response>")

    call = redirected(office, "in_conversation", act)
    assert office.asked() == ["answer", "choice", "consent", "whisper", "ended", "whisper", "ended"]
    assert len(call.children) == 2


@pytest.mark.parametrize("disclosure", ["<Say>A long sentence that is cut.</Say>", "<Play>/sound</Play>"])
def test_a_redirect_cuts_what_is_being_played(disclosure: str) -> None:
    office = Office(answer=f"{disclosure}<Redirect>/choice</Redirect>", elsewhere="<Hangup/>", sound=SOUND)
    call = redirected(office, "in_disclosure", lambda leg: leg.update(url=f"{ORIGIN}/elsewhere"))
    assert [path for path in office.asked() if path != "sound"] == ["answer", "elsewhere"]
    assert call.journal.of("cut")


def test_a_redirect_at_a_question_asks_nothing_of_it_and_drops_its_keys() -> None:
    office = Office(elsewhere="<Redirect>/choice</Redirect>")
    call = redirected(office, "at_question", lambda leg: leg.update(url=f"{ORIGIN}/elsewhere"), presses=["1", "2"])
    assert office.asked()[:4] == ["answer", "choice", "elsewhere", "choice"]
    assert [form["Digits"] for form in office.forms("consent")] == ["2"]
    assert [key["key"] for key in call.journal.of("key")] == ["2"]


def test_a_redirect_that_comes_while_a_document_is_fetched_is_obeyed_when_it_has_come() -> None:
    def consent() -> str:
        client_of(office).calls(sid[0]).update(url=f"{ORIGIN}/elsewhere")
        office.clock.sleep(1)
        return ""

    office, sid = Office(elsewhere="<Say>Elsewhere.</Say>", consent=consent), list[str]()
    call = office.call({"presses": ["1"]}, hooks={"in_disclosure": lambda call: sid.append(call.sid)})
    assert (office.asked()[-1], heard(call)[-1]) == ("elsewhere", "Elsewhere.")


def test_a_recording_goes_on_through_a_redirect_until_its_name_is_stopped() -> None:
    office = Office(consent=f"{NAMED}{DIAL}", elsewhere=f"<Pause length='5'/>{stop('onrecord')}<Pause length='9'/>")
    call = redirected(office, "in_conversation", lambda leg: leg.update(url=f"{ORIGIN}/elsewhere"))
    (recording,) = call.recorder.recordings
    at_s = call.journal.of("sent_back")[0]["at_s"]
    assert recording.stopped_at_s == pytest.approx(at_s + 5, abs=0.1)
    assert [form["RecordingStatus"] for form in office.forms("recording")] == ["completed"]
    told = next(entry for entry in call.journal.of("callback") if entry["kind"] == "recording")
    assert told["at_s"] < call.duration_s


def test_stopping_a_name_that_does_not_run_is_a_warning_and_nothing_else() -> None:
    call = Office(answer=f"{stop('onrecord')}<Say>Still here.</Say>").call()
    assert (heard(call), call.journal.of("error"), call.leg.status) == (["Still here."], [], "completed")
    assert [warning["detail"] for warning in to_json(call)["warnings"]] == ["no recording named 'onrecord' is running"]


def test_a_second_start_of_a_running_name_is_a_second_recording_and_a_stop_ends_both() -> None:
    call = Office(answer=f"{NAMED}<Pause length='3'/>{NAMED}<Pause length='3'/>{stop('onrecord')}<Pause/>").call()
    first, second = call.recorder.recordings
    assert (first.duration_s, second.duration_s) == (6, 3)


def test_a_plan_sends_the_call_back_and_the_people_go_on_as_it_says() -> None:
    office = Office()
    call = office.call(
        {
            "presses": ["1"],
            "talks_s": 8,
            "sent_back": [{"presses": ["2"], "talks_s": 2}, {"presses": ["3"], "agent": "busy"}],
        }
    )
    round_ = ["answer", "choice", "consent", "whisper", "ended"]
    assert office.asked() == [*round_, *round_, *[path for path in round_ if path != "whisper"]]
    assert [form["Digits"] for form in office.forms("consent")] == ["1", "2", "3"]
    assert [form["DialCallStatus"] for form in office.forms("ended")] == ["completed", "completed", "busy"]
    assert [form["CallStatus"] for form in office.forms("answer")] == ["ringing", "in-progress", "in-progress"]
    assert [entry["url"] for entry in to_json(call)["sent_back"]] == [f"{ORIGIN}/answer"] * 2


@pytest.mark.parametrize(
    ("hangs_up", "asked"),
    [("in_disclosure", ["answer"]), ("at_question", ["answer", "choice"]), (0.5, ["answer"])],
)
def test_who_was_sent_back_hangs_up_as_the_plan_says(hangs_up: str | float, asked: list[str]) -> None:
    office = Office()
    office.call({"presses": ["1"], "hangs_up": 60, "sent_back": [{"hangs_up": hangs_up}]})
    assert office.asked()[5:] == asked


def test_a_call_may_be_sent_elsewhere_from_any_moment_and_by_get() -> None:
    office = Office(elsewhere="<Say>Elsewhere.</Say>")
    entry = {"moment": "at_question", "url": f"{ORIGIN}/elsewhere", "method": "GET"}
    call = office.call({"sent_back": [entry]})
    assert (office.asked(), heard(call)[-1]) == (["answer", "choice", "elsewhere"], "Elsewhere.")
    assert call.journal.of("document")[-1]["method"] == "GET"


def test_a_plan_may_wait_for_somebody_else_to_send_the_call_back() -> None:
    office = Office()
    hook = {"in_conversation": lambda call: call.send_back() if not office.forms("ended") else None}
    plan = {"presses": ["1"], "sent_back": [{"moment": None, "presses": ["2"]}]}
    office.call(plan, hooks=hook)
    assert [form["Digits"] for form in office.forms("consent")] == ["1", "2"]
    office.call(plan)
    assert [form["Digits"] for form in office.forms("consent")] == ["1", "2", "1"]


def test_a_sid_may_be_used_again_when_its_call_is_over() -> None:
    office = Office()
    first = office.call({"presses": ["1"]})
    again = office.call({"presses": ["1"]}, call_sid=first.sid)
    assert (again.sid, len({form["CallSid"] for form in office.forms("answer")})) == (first.sid, 1)
    listed = client_of(office).recordings.list(call_sid=first.sid)
    assert [one.sid for one in listed] == [call.recorder.recordings[0].sid for call in (again, first)]
    assert all(one.delete() for one in listed)
    assert [call.recorder.recordings[0].status for call in (again, first)] == ["deleted"] * 2
    assert client_of(office).calls.list(to=LINE)[0].sid == first.sid


def test_a_sid_is_not_used_again_while_its_call_lasts() -> None:
    office, refused = Office(), list[str]()

    def again(call: PhoneCall) -> None:
        with pytest.raises(ValueError, match="under way"):
            office.call(call_sid=call.sid)
        with pytest.raises(ValueError, match="under way"):
            office.call(call_sid=call.children[0].sid)
        refused.append(call.sid)

    assert refused == [office.call({"presses": ["1"]}, hooks={"in_conversation": again}).sid]
