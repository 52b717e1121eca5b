"""Twilio's lists may be odd: no row of theirs costs a recording that was agreed to, or spares one that was not."""

from typing import Any

import pytest

from policies.lifecycle import RecordingState
from simulator.phone_call import PhoneCall
from simulator.plans import CallPlan
from tests.calls.call_runner import RULEBOOK, Ran, Town
from tests.calls.script import NUMBERS

ONE_MACHINE = pytest.mark.parametrize("line_town", ["SQLite and a directory"], indirect=True)
ODD_RECORDINGS: list[dict[str, Any]] = [
    {"fields": {"source": None}},
    {"fields": {"start_time": None}},
    {"fields": {"start_time": "yesterday"}},
    {"fields": {"duration": "-1"}},
    {"fields": {"channels": None}},
    {"fields": {"status": "archived"}, "status": "processing"},
    {"fields": {"status": None}, "status": "processing"},
    {"fields": {"call_sid": None}, "in_lists": True},
    {"lacks": ["source", "start_time", "duration", "channels"]},
]
ODD_CALLS: list[dict[str, Any]] = [
    {"fields": {"start_time": None, "duration": "-1", "to": None, "from": None, "direction": None}},
    {"lacks": ["start_time", "to", "from", "direction", "duration"]},
]


def call(town: Town, key: str, **faults: Any) -> Ran:
    """A caller who presses that key, while somebody else records them too; a worker looks meanwhile."""

    def in_conversation(placed: PhoneCall) -> None:
        town.start_rogue(placed)
        placed.clock.intend(1, lambda: _look(town))

    town.face.start(RULEBOOK.read_text("utf-8"))
    plan = {"from": "anonymous", "to": NUMBERS["opt_in"], "caller": {"presses": [key], "talks_s": 5}, "faults": faults}
    return town.play(CallPlan.of(plan), {"in_conversation": in_conversation}, left_early=lambda _: False)


def _look(town: Town) -> None:
    town.do_round()


def kept(ran: Ran) -> list[str]:
    return [one.recording_sid for one in ran.story.recordings if one.state is RecordingState.KEPT]


def ours(ran: Ran) -> list[str]:
    return [one["sid"] for one in ran.seen["recordings"] if one["source"] == "StartCallRecordingTwiML"]


@ONE_MACHINE
@pytest.mark.parametrize("odd", ODD_RECORDINGS, ids=str)
def test_an_odd_row_of_a_recording_spares_none_that_was_not_agreed_to(odd: dict[str, Any], line_town: Town) -> None:
    for lost in (True, False):
        ran = call(line_town, "2", rows={"recording": odd}, callbacks={"recording": {"lose": lost}})
        assert ran.broken == []
        assert [one.state for one in ran.story.recordings] == [RecordingState.DESTROYED]


@ONE_MACHINE
@pytest.mark.parametrize("odd", ODD_RECORDINGS[:-1], ids=str)
def test_an_odd_row_of_a_recording_costs_none_that_was_agreed_to(odd: dict[str, Any], line_town: Town) -> None:
    for lost in (True, False):
        ran = call(line_town, "1", rows={"recording": odd}, callbacks={"recording": {"lose": lost}})
        assert ran.broken == []
        assert kept(ran) == ours(ran)


@ONE_MACHINE
def test_two_recordings_that_nothing_tells_apart_wait_at_twilio_for_a_person(line_town: Town) -> None:
    rows, lost = {"recording": ODD_RECORDINGS[-1]}, {"recording": {"lose": True}}
    ran = call(line_town, "1", rows=rows, callbacks=lost)
    assert ran.broken == []
    assert {one.state for one in ran.story.recordings} == {RecordingState.QUARANTINED}
    assert not any(one["deleted"] for one in ran.seen["recordings"])
    assert {one.kind for one in ran.story.incidents} == {"recording_in_doubt"}


@ONE_MACHINE
@pytest.mark.parametrize("odd", ODD_CALLS, ids=str)
@pytest.mark.parametrize("key", ["1", "2"])
def test_an_odd_row_of_a_call_costs_nothing(odd: dict[str, Any], key: str, line_town: Town) -> None:
    ran = call(line_town, key, rows={"call": odd}, callbacks={"recording": {"lose": True}, "call": {"lose": True}})
    assert ran.broken == []
    assert (ran.story.call.state, len(kept(ran))) == ("ended", 1 if key == "1" else 0)


@ONE_MACHINE
def test_a_condemned_recording_of_which_no_audio_is_made_is_certified_at_once(line_town: Town) -> None:
    ran = call(line_town, "2", recording={"ends_absent": True, "keeps_absent": True})
    assert ran.broken == []
    assert [one.state for one in ran.story.recordings] == [RecordingState.DESTROYED]
    [told] = [event for event in ran.story.events if event["type"] == "recording.destroyed"]
    assert told["at_provider"] == "no audio was made"


@ONE_MACHINE
def test_a_length_that_is_corrected_later_is_taken_in(line_town: Town) -> None:
    ran = call(line_town, "1", recording={"off_s": 40, "corrected_after_s": 5})
    assert ran.broken == []
    assert kept(ran) == ours(ran)
