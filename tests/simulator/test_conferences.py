"""Conferences: callers and agents meet, are recorded together or one by one, and leave."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from twilio.rest import Client

from simulator.clock import RealClock
from simulator.control import to_json
from simulator.phone_call import PhoneCall
from simulator.plans import CallPlan
from tests.simulator.office import AGENT, CALLER, DIAL, LINE, ORIGIN, Office, heard
from tests.simulator.test_redirected_legs import ends
from tests.simulator.test_rest import client_of, code_of

AT_ONCE_S = 5.0  # by then the caller is in the conference


def room(attributes: str = "", dial: str = "action='/ended' hangupOnStar='true'") -> str:
    return f"<Say>Please hold.</Say><Dial {dial}><Conference {attributes}>Room</Conference></Dial>"


class Meeting:
    """A caller in the conference `Room`, which an agent is called into by REST."""

    def __init__(self, attributes: str = "", **answers: str) -> None:
        self.office = Office(answer=room(attributes))
        self.office.answers.update(answers)
        self.client = client_of(self.office)
        self.seen: list[Any] = []

    def at(self, seconds: float, act: Callable[[Client], object]) -> "Meeting":
        self.office.clock.later(seconds, lambda: self.seen.append(act(self.client)))
        return self

    def invite(self, **more: Any) -> "Meeting":
        return self.at(
            AT_ONCE_S, lambda client: client.conferences("Room").participants.create(from_=LINE, to=AGENT, **more)
        )

    def hold(self, caller: dict[str, Any] | None = None) -> PhoneCall:
        return self.office.call({"talks_s": 10, **(caller or {})})

    @property
    def agent(self) -> PhoneCall:
        """The call to the agent."""
        return next(call for call in self.office.exchange.calls.values() if call.is_outgoing)


def test_a_caller_and_an_agent_meet_and_talk() -> None:
    meeting = Meeting().invite()
    call = meeting.hold()
    (conference,) = meeting.client.conferences.list(friendly_name="Room")
    assert (conference.status, conference.friendly_name) == ("completed", "Room")
    assert call.was_connected
    talk = [entry for entry in call.journal.of("heard") if entry["kind"] == "speech"]
    assert talk[0]["who"] == "agent"
    assert talk[1]["at_s"] > talk[0]["at_s"] + talk[0]["duration_s"]  # the start of the conference cuts nobody
    assert meeting.agent.leg.direction == "outbound-api"
    assert (meeting.agent.leg.to_number, meeting.agent.leg.status) == (AGENT, "completed")
    assert meeting.client.conferences(conference.sid).participants.list() == []
    assert [shown["name"] for shown in to_json(call)["conferences"]] == ["Room"]
    assert call.is_settled
    assert meeting.agent.is_settled


def test_only_participants_who_are_in_it_are_listed() -> None:
    meeting = Meeting().invite(label="agent").at(9, participants)
    call = meeting.hold()
    shown = meeting.seen[1]
    assert [row.call_sid for row in shown] == [call.sid, meeting.agent.sid]
    assert [(row.label, row.status, row.hold, row.coaching) for row in shown] == [
        (None, "connected", False, False),
        ("agent", "connected", False, False),
    ]
    assert meeting.seen[0].status == "queued"
    assert meeting.seen[0].call_sid == meeting.agent.sid


def participants(client: Client) -> Any:
    (conference,) = client.conferences.list(friendly_name="Room", status="in-progress")
    return client.conferences(conference.sid).participants.list()


def test_a_star_takes_the_caller_out_and_leaves_the_agent_in_the_conference() -> None:
    meeting = Meeting(ended="<Gather numDigits='1' action='/consent'><Say>Which key?</Say></Gather>", consent=room())
    meeting.invite()
    call = meeting.hold({"presses_in_conversation": [{"after_s": 3, "keys": "*"}], "presses": ["2"]})
    (first, _) = meeting.office.forms("ended")
    assert (first["DialCallStatus"], "DialCallSid" in first, "DialCallDuration" in first) == ("answered", False, False)
    assert meeting.office.forms("consent")[0]["Digits"] == "2"
    (conference,) = meeting.client.conferences.list()
    assert len(meeting.client.conferences.list()) == 1  # the caller has come back to the same
    assert heard(call).count("Please hold.") == 2
    assert (ends(meeting.agent)[meeting.agent.sid], conference.reason_conference_ended) == (
        "hung_up",
        "last-participant-left",
    )
    stages = [entry["stage"] for entry in call.journal.of("stage")]
    assert stages.count("in_conversation") == 2


def test_a_caller_whose_exit_ends_the_conference_ends_it_with_a_star() -> None:
    meeting = Meeting("endConferenceOnExit='true'").invite()
    call = meeting.hold({"presses_in_conversation": [{"after_s": 3, "keys": "*"}]})
    (conference,) = meeting.client.conferences.list()
    assert conference.reason_conference_ended == "participant-with-end-conference-on-exit-left"
    assert conference.call_sid_ending_conference == call.sid
    assert ends(meeting.agent)[meeting.agent.sid] == "document_ended"


def test_a_conference_is_recorded_from_its_start_for_everybody() -> None:
    meeting = Meeting(f"record='record-from-start' recordingStatusCallback='{ORIGIN}/recording'").invite()
    call = meeting.hold()
    (conference,), (recording,) = meeting.client.conferences.list(), call.recordings
    assert (recording.terms.source, recording.conference_sid, recording.channels) == ("Conference", conference.sid, 2)
    assert [row["sid"] for row in to_json(meeting.agent)["recordings"]] == [recording.sid]
    (row,) = meeting.client.recordings.list(conference_sid=conference.sid)
    assert (row.conference_sid, row.call_sid, row.status) == (conference.sid, call.sid, "completed")
    (form,) = meeting.office.forms("recording")
    assert form["ConferenceSid"] == conference.sid
    assert "CallSid" not in form
    caller, others = recording.sound()
    assert caller.any()
    assert others.any()


def test_the_recording_of_a_conference_goes_on_when_its_first_participant_has_left() -> None:
    meeting = Meeting("record='record-from-start'").invite()
    call = meeting.hold({"hangs_up": "in_conversation"})
    (recording,) = call.recordings
    ended, last = call.leg.ended, meeting.agent.leg.ended
    assert ended is not None
    assert last is not None
    assert (last - ended).total_seconds() > 20
    assert recording.stopped_at_s == pytest.approx((last - call.leg.created).total_seconds(), abs=0.1)
    assert call.is_settled


def test_a_finished_recording_is_in_the_conferences_list_only_for_those_who_ask_for_its_status() -> None:
    meeting = Meeting("record='record-from-start'").invite()
    meeting.at(10, lambda client: client.conferences(the_only(client)).recordings.list())
    call = meeting.hold()
    (recording,), client = call.recordings, meeting.client
    assert [row.sid for row in meeting.seen[1]] == [recording.sid]
    assert client.conferences(the_only(client)).recordings.list() == []
    assert status_of(meeting, "completed") == [recording.sid]
    assert status_of(meeting, "absent") == []
    assert client.conferences(the_only(client)).recordings(recording.sid).fetch().status == "completed"
    assert client.conferences(the_only(client)).recordings(recording.sid).delete()
    assert recording.status == "deleted"


def the_only(client: Client) -> str:
    """The only conference's sid."""
    (conference,) = client.conferences.list()
    return str(conference.sid)


def status_of(meeting: Meeting, status: str) -> list[str]:
    uri = f"{meeting.client.conferences(the_only(meeting.client)).recordings._uri}?Status={status}"
    rows = meeting.client.request("GET", f"https://api.twilio.com/2010-04-01{uri}").text
    return [recording for recording in meeting.office.exchange.recordings if recording in rows]


@pytest.mark.parametrize("stops", [True, False])
def test_the_recording_of_a_conference_is_stopped_where_it_may_be_and_paused_anyway(stops: bool) -> None:
    meeting = Meeting("record='record-from-start'").invite()
    meeting.office.exchange.config = replace(meeting.office.exchange.config, conference_stops=stops)

    def change(status: str) -> Callable[[Client], object]:
        return lambda client: (
            client.conferences(the_only(client)).recordings("Twilio.CURRENT").update(status=status).status
        )

    def stop_under_its_call(client: Client) -> object:
        (row,) = client.recordings.list()
        return code_of(lambda: client.calls(row.call_sid).recordings(row.sid).update(status="stopped"))

    meeting.at(9, change("paused"))
    meeting.at(10, change("stopped") if stops else lambda client: code_of(lambda: change("stopped")(client)))
    meeting.at(11, stop_under_its_call)
    call = meeting.hold()
    (recording,) = call.recordings
    assert meeting.seen[1:] == ["paused", "stopped" if stops else (400, 21220), (400, 21220)]
    assert recording.history[1] == "paused"
    assert recording.status == "completed"


def test_rest_may_name_no_call_for_the_recording_of_a_conference() -> None:
    meeting = Meeting("record='record-from-start'").invite()
    meeting.office.exchange.config = replace(meeting.office.exchange.config, conference_calls_null=True)
    call = meeting.hold()
    (row,) = meeting.client.recordings.list()
    assert (row.call_sid, row.conference_sid) == (None, the_only(meeting.client))
    assert meeting.client.recordings.list(call_sid=call.sid) == []


def test_the_leg_of_a_participant_is_recorded_under_its_own_sid() -> None:
    meeting = Meeting().invite(record=True, recording_channels="dual")
    meeting.hold()
    (recording,), agent = meeting.agent.recordings, meeting.agent
    assert (recording.call_sid, recording.conference_sid) == (agent.sid, None)
    assert recording.terms.source == "StartConferenceRecordingAPI"
    said, listened = recording.sound()
    assert said.any()
    assert listened.any()


def test_a_participant_may_have_the_whole_conference_recorded() -> None:
    meeting = Meeting().invite(conference_record="true")
    call = meeting.hold()
    assert [(recording.terms.source, recording.conference_sid) for recording in call.recordings] == [
        ("Conference", the_only(meeting.client))
    ]


def test_a_coach_is_shown_and_is_heard_by_nobody() -> None:
    meeting = Meeting("record='record-from-start'").invite(coaching=True, call_sid_to_coach="CA" + "0" * 32)
    meeting.at(7, lambda client: client.conferences("Room").participants.create(from_=LINE, to="+14155550177"))
    meeting.at(14, participants)
    meeting.hold()
    _, shown, _ = meeting.seen[2]
    assert (shown.call_sid, shown.coaching) == (meeting.agent.sid, True)
    assert shown.call_sid_to_coach == "CA" + "0" * 32
    tape = meeting.agent.line.tape
    assert not tape.stretch("caller", 0, 60).any()
    assert tape.stretch("heard", 0, 60).any()


def test_a_participant_is_held_and_sent_away() -> None:
    meeting = Meeting(f"statusCallback='{ORIGIN}/status' statusCallbackEvent='start end join leave hold'").invite()
    meeting.at(
        10, lambda client: client.conferences(the_only(client)).participants(meeting.agent.sid).update(hold=True).hold
    )
    meeting.at(18, lambda client: client.conferences(the_only(client)).participants(meeting.agent.sid).delete())
    call = meeting.hold({"talks_s": 20})
    assert meeting.seen[1:] == [True, True]
    events = [form["StatusCallbackEvent"] for form in meeting.office.forms("status") if "StatusCallbackEvent" in form]
    assert events == [
        "participant-join",
        "participant-join",
        "conference-start",
        "participant-hold",
        "participant-leave",
        "participant-leave",
        "conference-end",
    ]
    assert meeting.agent.leg.status == "completed"
    held_s = 10 - (meeting.agent.clock.began - call.clock.began).total_seconds()
    tape = meeting.agent.line.tape
    assert tape.stretch("caller", 0, held_s).any()
    assert not tape.stretch("caller", held_s + 4, held_s + 30).any()
    talk = [entry["at_s"] for entry in call.journal.of("heard") if entry["kind"] == "speech"]
    assert [at_s for at_s in talk if 10.5 < at_s < 18] == []  # the caller waits


def test_rest_ends_a_conference_and_the_caller_goes_on() -> None:
    meeting = Meeting(ended="<Say>That was it.</Say>").invite()
    meeting.at(10, lambda client: client.conferences(the_only(client)).update(status="completed").status)
    call = meeting.hold()
    assert meeting.seen[1] == "completed"
    assert heard(call)[-1] == "That was it."
    assert (
        meeting.client.conferences(the_only(meeting.client)).fetch().reason_conference_ended
        == "conference-ended-via-api"
    )


def test_a_conference_does_not_start_before_somebody_enters_who_starts_it() -> None:
    meeting = Meeting("startConferenceOnEnter='false' waitUrl='/whisper'").invite(start_conference_on_enter=False)
    meeting.at(11, lambda client: client.conferences(the_only(client)).fetch().status)
    meeting.at(12, lambda client: client.conferences("Room").participants.create(from_=LINE, to="+14155550177"))
    meeting.at(16, lambda client: client.conferences(the_only(client)).fetch().status)
    call = meeting.hold()
    assert (meeting.seen[1], meeting.seen[3]) == ("init", "in-progress")
    assert "The call is recorded." in heard(call)


def test_a_caller_who_is_left_alone_hangs_up() -> None:
    call = Meeting().hold({"waits_s": 20})
    assert ends(call) == {call.sid: "hung_up"}
    assert not call.was_connected


def test_a_dialled_agent_is_moved_into_a_conference_and_is_never_dropped() -> None:
    office = Office(answer=DIAL, whisper="<Pause/>", ended="<Pause length='60'/>", consent=room(), menu=room())
    client = client_of(office)

    def move(call: PhoneCall) -> None:
        legs = (call.children[0], call.leg) if not call.leg.redirected else ()
        for leg in legs:
            client.calls(leg.sid).update(url=f"{ORIGIN}/consent", method="POST")

    plan = {"talks_s": 8}
    call = office.call(plan, hooks={"in_conversation": move}, sent_back=[{"talks_s": 20, "moment": None}])
    (child,) = call.children
    (conference,) = client.conferences.list()
    assert conference.reason_conference_ended == "last-participant-left"
    assert ends(call)[child.sid] == "hung_up"
    assert child.ended is not None
    assert child.redirected
    assert (child.ended - child.redirected[0]).total_seconds() > 20
    cut = [entry for entry in call.journal.of("cut") if entry["at_s"] > call.journal.of("sent_back")[0]["at_s"]]
    assert all(entry["played_s"] > 0 for entry in cut)  # the caller who makes the conference start is not interrupted


def test_a_conference_is_held_by_the_wall_clock_too() -> None:
    office = Office(RealClock(), answer=room("record='record-from-start'"))
    office.clock.later(1.5, lambda: client_of(office).conferences("Room").participants.create(from_=LINE, to=AGENT))
    caller = {"talks_s": 1, "presses_in_conversation": [{"after_s": 0.5, "keys": "*"}]}
    call = office.exchange.place_call(CallPlan.of({"from": CALLER, "to": LINE, "caller": caller}))
    (agent,) = [other for other in office.exchange.calls.values() if other.is_outgoing]
    agent.line.hang_up()
    office.exchange.settle()
    assert ends(agent) == {agent.sid: "hung_up"}
    assert [recording.status for recording in call.recordings] == ["completed"]
    assert call.is_settled
    assert agent.is_settled
