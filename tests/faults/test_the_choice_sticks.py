"""A call that goes on elsewhere, as other programs of the account send it, and the answer that its caller had given.

The answer holds for the whole call and all of its legs: each way elsewhere records something that nobody permitted,
and that is an incident and gone, while the permitted recording goes on, stays paused or stays stopped.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

import numpy as np
import pytest

from policies.lifecycle import RecordingState
from policies.withdrawal import WithdrawnBy
from simulator.phone_call import Hook, PhoneCall
from simulator.plans import CallPlan
from simulator.recordings import Recording
from simulator.sound import RATE
from simulator.tape import CALLER, HEARD
from tests.calls.call_runner import RULEBOOK, Ran, Town
from tests.calls.conftest import line_town  # noqa: F401  # a fixture
from tests.calls.script import NUMBERS
from tests.faults.test_rogue_matrix import AGENT, FOUND_WITHIN, ONE_MACHINE, ROOM, TALKS_S, Rogue

SECOND_AGENT, COACH = "+14155550124", "+14155550125"
MOVES_AFTER_S, GOES_ON_S = 1, 9
RECORDS = "<Start><Recording/></Start>"


@dataclass
class Transfer(Rogue):
    """Another program of the account, which sends a call elsewhere in its first conversation.

    `acts` is done by the agent before that, and `acts_there` by the agent or by `is_sent_back` after it.
    """

    acts: str = ""
    acts_there: str = ""
    is_sent_back: bool = False
    asked_at_s: float = 0.0
    acted_there_at_s: float = 0.0

    def in_conversation(self, call: PhoneCall) -> None:
        if self.has_begun:
            return
        self.has_begun, self.call = True, call
        if self.acts:
            self.town.staff_acts(WithdrawnBy.AGENT, [self.acts], call)
        self.asked_at_s = call.elapsed()
        call.clock.intend(MOVES_AFTER_S, lambda: self.begins(self, call))
        call.clock.intend(MOVES_AFTER_S + GOES_ON_S, lambda: self.goes_on(call))

    def goes_on(self, call: PhoneCall) -> None:
        self.acted_there_at_s = call.elapsed()
        if self.acts_there:
            self.town.staff_acts(WithdrawnBy.AGENT, [self.acts_there], call)
        if self.is_sent_back:
            self.sends(call.sid, Url=call.number.voice_url)

    def sends(self, call_sid: str, **form: str) -> None:
        self.posts(f"Calls/{call_sid}", **form)

    def calls_in(self, to: str, **form: str) -> str:
        """The sid of the leg of a person who is called into the conference."""
        assert self.call is not None
        joined = self.posts(f"Conferences/{ROOM}/Participants", From=self.call.number.e164, To=to, **form)
        return str(joined["call_sid"])


def of_the_agents_leg(transfer: Transfer, call: PhoneCall) -> None:
    """The agent is sent to a document that records the agent's leg, and the caller after the agent."""
    there = f"<Dial><Conference>{ROOM}</Conference></Dial>"
    transfer.sends(call.children[-1].sid, Twiml=f"<Response>{RECORDS}{there}</Response>")
    transfer.sends(call.sid, Twiml=f"<Response>{there}</Response>")


def to_a_second_agent(transfer: Transfer, call: PhoneCall) -> None:
    dial = f"<Dial record='record-from-answer-dual'><Number>{SECOND_AGENT}</Number></Dial>"
    transfer.sends(call.sid, Twiml=f"<Response>{dial}</Response>")


def into_foreign_twiml(transfer: Transfer, call: PhoneCall) -> None:
    dial = f"<Dial><Number>{AGENT}</Number></Dial>"
    transfer.sends(call.sid, Twiml=f"<Response>{RECORDS}{dial}</Response>")


def into_a_coached_conference(transfer: Transfer, call: PhoneCall) -> None:
    """The conference is recorded, and so is the coach, who hears everybody."""
    conference = f"<Conference record='record-from-start'>{ROOM}</Conference>"
    transfer.sends(call.sid, Twiml=f"<Response><Dial>{conference}</Dial></Response>")

    def invite() -> None:
        agent = transfer.calls_in(AGENT)
        transfer.calls_in(COACH, Coaching="true", CallSidToCoach=agent, Record="true")

    call.clock.intend(1, invite)


def with_a_second_agent_by_rest(transfer: Transfer, call: PhoneCall) -> None:
    """The first agent comes along, and a second is called in, whose leg is recorded."""
    transfer.sends(call.sid, Twiml=f"<Response><Dial><Conference>{ROOM}</Conference></Dial></Response>")

    def invite(agent: str, **form: str) -> None:
        transfer.calls_in(agent, **form)

    call.clock.intend(1, partial(invite, AGENT))
    call.clock.intend(3, partial(invite, SECOND_AGENT, Record="true"))


def into_a_queue(transfer: Transfer, call: PhoneCall) -> None:
    transfer.sends(call.sid, Twiml=f"<Response>{RECORDS}<Enqueue>support</Enqueue></Response>")


@dataclass(frozen=True)
class Way:
    begins: Callable[[Any, PhoneCall], None]
    recordings: int = 1
    """How many begin that nobody permitted."""
    is_conference: bool = False


WAYS = {
    "the agent's leg is redirected": Way(of_the_agents_leg, is_conference=True),
    "the caller is dialled through to a second agent": Way(to_a_second_agent),
    "the caller is redirected into foreign TwiML": Way(into_foreign_twiml),
    "a conference with a coach": Way(into_a_coached_conference, recordings=2, is_conference=True),
    "a second agent joins by REST": Way(with_a_second_agent_by_rest, is_conference=True),
    "a queue": Way(into_a_queue),
}
EVERY_WAY = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())


def moved(town: Town, way: Way, key: str, **about: Any) -> tuple[Transfer, Ran]:
    """A call whose caller presses a key, and talks, and is sent elsewhere."""
    town.face.start(RULEBOOK.read_text("utf-8"))
    transfer = Transfer(town, way.begins, set(town.exchange.recordings), **about)
    there = {"moment": None, "talks_s": TALKS_S}
    back = {"moment": None, "presses": ["1", "1"], "talks_s": 8}
    caller = {"presses": [key], "talks_s": TALKS_S, "sent_back": [there, back]}
    plan = CallPlan.of({"from": "anonymous", "to": NUMBERS["opt_in"], "caller": caller})
    hooks: dict[str, Hook] = {
        "in_conversation": transfer.in_conversation,
        "in_disclosure": transfer.in_disclosure,
    }
    return transfer, town.play(plan, hooks, left_early=lambda _: way.is_conference and not transfer.is_sent_back)


def call_of(transfer: Transfer) -> PhoneCall:
    assert transfer.call is not None
    return transfer.call


def ours(transfer: Transfer) -> list[Recording]:
    """The recordings that our own document ordered."""
    others = {recording.sid for recording in transfer.recordings()}
    made = [made for sid, made in transfer.town.exchange.recordings.items() if sid not in transfer.begun_before]
    return [recording for recording in made if recording.sid not in others]


def check(transfer: Transfer, ran: Ran, way: Way, outcome: str) -> None:
    """Nothing is left that nobody permitted, each was found in time and is an incident, and the answer stands."""
    assert ran.broken == []
    assert (ran.story.call.outcome, ran.seen["connected"]) == (outcome, True)
    assert call_of(transfer).leg.redirected, "the caller went elsewhere"
    made = transfer.recordings()
    assert len(made) == way.recordings
    rows = {row.recording_sid: row for row in ran.story.recordings}
    for recording in made:
        assert recording.deleted
        row = rows[recording.sid]
        assert row.state is RecordingState.DESTROYED
        events = [event for event in ran.story.events if event.get("recording") == row.id]
        [found] = [event for event in events if event["type"] == "recording.condemned"]
        assert datetime.fromisoformat(found["ts"]) - recording.started <= FOUND_WITHIN
    incidents = sorted((incident.kind, incident.about) for incident in ran.story.incidents)
    assert incidents == sorted(("recording_without_permit", rows[recording.sid].id) for recording in made)


def loudest(recording: Recording, begin_s: float, end_s: float) -> int:
    """The loudest sample of a recording, which Twilio has deleted by now, between two moments of the call."""
    assert recording.erased is not None
    first, last = (round((at_s - recording.started_at_s) * RATE) for at_s in (begin_s, end_s))
    tracks = replace(recording, tape=recording.erased).sound()
    return max(int(np.abs(track[first:last].astype(np.int32)).max()) for track in tracks)


def loudest_on_the_line(call: PhoneCall, begin_s: float, end_s: float) -> int:
    tracks = [call.line.tape.stretch(track, begin_s, end_s) for track in (CALLER, HEARD)]
    return max(int(np.abs(track.astype(np.int32)).max()) for track in tracks)


def kept(ran: Ran) -> list[str]:
    """The sids of the recordings that are kept."""
    return [row.recording_sid for row in ran.story.recordings if row.state is RecordingState.KEPT]


@ONE_MACHINE
@EVERY_WAY
def test_after_a_no_nothing_is_recorded_wherever_the_call_goes(
    way: Way,
    line_town: Town,  # noqa: F811  # the fixture
) -> None:
    transfer, ran = moved(line_town, way, "2")
    check(transfer, ran, way, "declined")
    assert ours(transfer) == []


@ONE_MACHINE
@EVERY_WAY
def test_after_a_yes_the_permitted_recording_goes_on_and_alone_is_kept(
    way: Way,
    line_town: Town,  # noqa: F811  # the fixture
) -> None:
    transfer, ran = moved(line_town, way, "1")
    check(transfer, ran, way, "consented")
    [recording] = ours(transfer)
    assert recording.history == ["in-progress", "stopped", "completed", "deleted"]
    assert recording.stopped_at_s == pytest.approx(call_of(transfer).duration_s, abs=0.1)
    assert kept(ran) == [recording.sid]


@ONE_MACHINE
@EVERY_WAY
def test_after_a_withdrawal_nothing_is_recorded_elsewhere_or_back_on_the_line(
    way: Way,
    line_town: Town,  # noqa: F811  # the fixture
) -> None:
    transfer, ran = moved(line_town, way, "1", acts="withdraws", is_sent_back=True)
    check(transfer, ran, way, "withdrawn")
    [recording] = ours(transfer)
    assert recording.deleted
    assert recording.stopped_at_s is not None
    assert recording.stopped_at_s <= transfer.asked_at_s
    assert {row.state for row in ran.story.recordings} == {RecordingState.DESTROYED}
    assert len(call_of(transfer).leg.redirected) == 2


@ONE_MACHINE
@EVERY_WAY
def test_a_pause_lasts_elsewhere_until_it_is_resumed(
    way: Way,
    line_town: Town,  # noqa: F811  # the fixture
) -> None:
    transfer, ran = moved(line_town, way, "1", acts="pauses", acts_there="resumes")
    check(transfer, ran, way, "consented")
    [recording] = ours(transfer)
    assert recording.history == ["in-progress", "paused", "in-progress", "stopped", "completed", "deleted"]
    _, pause, after = recording.segments
    assert pause.start_s <= transfer.asked_at_s
    assert after.start_s >= transfer.acted_there_at_s
    moved_s = transfer.asked_at_s + MOVES_AFTER_S
    assert loudest_on_the_line(call_of(transfer), moved_s, transfer.acted_there_at_s) > 0
    assert loudest(recording, transfer.asked_at_s, transfer.acted_there_at_s) == 0
    assert loudest(recording, after.start_s, call_of(transfer).duration_s) > 0
    assert kept(ran) == [recording.sid]
