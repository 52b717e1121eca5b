"""What nobody told us is found by asking, and what stands still is moved; whatever one call or recording does to it."""

from datetime import timedelta
from typing import Any

import pytest

from policies.consent import Outcome
from policies.lifecycle import CallState, RecordingEvent, RecordingState
from storage.custody import sweep
from storage.errors import Broken, Refused, Unavailable
from storage.rows import calls, recordings
from storage.rows.calls import Call
from storage.rows.recordings import DESTROY, EXPIRE, INTAKE
from tests.faults.phone_company import BY_REST, OURS
from tests.faults.premises import ONE_MACHINE, WAV, Premises


def swept(premises: Premises, **after: float) -> None:
    premises.clock.passes(**(after or {"seconds": 11}))
    premises.sweep()
    premises.work()


def row(premises: Premises, one: Call) -> Call:
    with premises.shop.database.read() as connection:
        known = calls.peek(connection, one.id)
    assert known is not None
    return known


def recordings_of(premises: Premises, one: Call) -> list[recordings.Recording]:
    with premises.shop.database.read() as connection:
        return recordings.of_call(connection, one.id)


def over(premises: Premises, owner: Call, sid: str = "") -> None:
    premises.company.hang_up(owner.call_sid)
    if sid:
        premises.company.complete(sid)


@ONE_MACHINE
def test_a_call_whose_end_nobody_told_us_is_ended(premises: Premises) -> None:
    owner = premises.call(None)
    swept(premises)
    assert row(premises, owner).state is CallState.DISCLOSING, "it is under way"
    over(premises, owner)
    swept(premises, minutes=1)
    ended = row(premises, owner)
    assert (ended.state, ended.outcome) == (CallState.ENDED, "not_asked")


@pytest.mark.parametrize("heard", [True, False], ids=["completed lost", "all lost"])
def test_a_recording_whose_callbacks_were_lost_is_found_and_stored(premises: Premises, heard: bool) -> None:
    owner = premises.call()
    sid = premises.company.start(owner.call_sid, WAV)
    if heard:
        premises.hears(owner, sid, RecordingEvent.IN_PROGRESS)
    over(premises, owner, sid)
    swept(premises)
    [one] = recordings_of(premises, owner)
    premises.assert_kept(one)


def test_a_recording_that_twilio_lists_before_it_calls_us_back_is_ours(premises: Premises) -> None:
    owner = premises.call()
    sid = premises.company.start(owner.call_sid, WAV)
    swept(premises)
    [one] = recordings_of(premises, owner)
    assert (one.state, one.permit) == (RecordingState.STARTED, owner.id)
    over(premises, owner, sid)
    premises.hears(owner, sid, RecordingEvent.IN_PROGRESS)
    premises.hears(owner, sid, RecordingEvent.COMPLETED)
    premises.work()
    premises.assert_kept(one)


@ONE_MACHINE
def test_a_recording_that_failed_at_twilio_is_an_incident(premises: Premises) -> None:
    owner = premises.call()
    sid = premises.company.start(owner.call_sid, WAV)
    over(premises, owner, sid)
    tape = premises.company.tapes[sid]
    tape.shown = tape.shown.__class__(sid, owner.call_sid, "failed", None, 2, OURS, None)
    swept(premises)
    assert premises.incidents(owner) == {"recording_absent"}


@ONE_MACHINE
@pytest.mark.parametrize("outcome", [Outcome.DECLINED, Outcome.SILENT, Outcome.UNCLEAR, None])
@pytest.mark.parametrize("source", [OURS, BY_REST])
def test_a_recording_of_a_caller_who_did_not_agree_is_destroyed_while_they_still_talk(
    premises: Premises, outcome: Outcome | None, source: str
) -> None:
    owner = premises.call(outcome)
    premises.company.start(owner.call_sid, WAV, source)
    swept(premises)
    [one] = recordings_of(premises, owner)
    premises.assert_gone(one)
    assert premises.incidents(owner) == {"recording_without_permit"}


def test_a_second_recording_of_a_caller_who_agreed_is_destroyed_and_theirs_is_kept(premises: Premises) -> None:
    owner = premises.call()
    sids = [premises.company.start(owner.call_sid, WAV, source) for source in (BY_REST, OURS)]
    over(premises, owner)
    for sid in sids:
        premises.company.complete(sid)
    swept(premises)
    rogue, ours = sorted(recordings_of(premises, owner), key=lambda one: sids.index(one.recording_sid))
    premises.assert_gone(rogue)
    premises.assert_kept(ours)


def test_a_call_that_twilio_does_not_know_yet_is_not_ended(premises: Premises) -> None:
    """To end it would be to hang up on a caller who is listening."""
    owner = premises.call(None)
    arrived = premises.company.calls.pop(owner.call_sid)
    swept(premises)
    assert row(premises, owner).state is CallState.DISCLOSING
    premises.company.calls[owner.call_sid] = arrived
    over(premises, owner)
    swept(premises, minutes=1)
    assert row(premises, owner).state is CallState.ENDED


@ONE_MACHINE
def test_a_call_that_twilio_never_knew_is_ended_when_none_can_last_that_long(premises: Premises) -> None:
    owner = premises.call(None)
    premises.company.calls.clear()
    for _ in range(20):
        swept(premises, hours=2)
    assert row(premises, owner).state is CallState.ENDED
    assert row(premises, owner).sweep_at is not None
    asked = len([sid for method, sid in premises.company.asked if method == "call"])
    assert asked <= 16, "ever more rarely"
    [ended] = [event for event in premises.story(owner).events if event["type"] == "call.completed"]
    assert ended["status"] == "unknown to Twilio"


@ONE_MACHINE
def test_ended_calls_are_looked_at_by_their_rows_until_a_day_after_their_end(premises: Premises) -> None:
    owner = premises.call(Outcome.DECLINED)
    over(premises, owner)
    swept(premises, minutes=1)
    premises.company.asked.clear()
    ended_at, looked_at = premises.clock.now, []
    while (due := row(premises, owner).sweep_at) is not None:
        premises.clock.now = due
        looked_at.append(due - ended_at)
        premises.sweep()
    assert looked_at == [timedelta(minutes=10), timedelta(hours=1), timedelta(days=1)]
    assert {method for method, _ in premises.company.asked} == {"recordings_since"}


@ONE_MACHINE
def test_calls_under_way_are_asked_about_by_one_list(premises: Premises) -> None:
    owners = [premises.call(outcome) for outcome in (None, Outcome.DECLINED, Outcome.CONSENTED) for _ in range(5)]
    for _ in range(3):
        swept(premises, minutes=2)
    assert {row(premises, owner).state for owner in owners} & {CallState.ENDED} == set()
    assert {method for method, _ in premises.company.asked} == {"recordings_since"}


@ONE_MACHINE
@pytest.mark.parametrize("error", [Unavailable("timed out"), Broken("makes no sense"), Refused("credentials")])
def test_a_call_that_cannot_be_asked_about_keeps_no_other_from_it(premises: Premises, error: Exception) -> None:
    poison, sound = premises.call(None), premises.call(None)
    over(premises, sound)
    expired = premises.stored()
    over(premises, poison)
    premises.clock.passes(days=91)
    premises.company.trouble["call"] = [error]
    try:
        premises.sweep()
    except Refused:
        assert isinstance(error, Refused)
    premises.work()
    premises.assert_gone(expired)
    assert row(premises, sound).state is CallState.ENDED
    assert row(premises, poison).state is CallState.DISCLOSING
    assert premises.incidents(poison) == ({"call_not_understood"} if isinstance(error, Broken) else set())


@ONE_MACHINE
def test_twilio_is_left_alone_when_it_fails_again_and_again(premises: Premises) -> None:
    for _ in range(20):
        premises.call(None)
    for call_sid in premises.company.calls:
        premises.company.hang_up(call_sid)
    premises.company.trouble["call"] = [Unavailable("503")] * 5
    swept(premises, minutes=1)
    assert len([method for method, _ in premises.company.asked if method == "call"]) == 5
    premises.company.asked.clear()
    swept(premises)
    assert len([method for method, _ in premises.company.asked if method == "call"]) == 15, "the others have their turn"
    premises.company.asked.clear()
    swept(premises, minutes=1)
    assert len([method for method, _ in premises.company.asked if method == "call"]) == 5


@ONE_MACHINE
def test_news_of_another_calls_recording_moves_nothing(premises: Premises) -> None:
    mine, other = premises.stored(), premises.call(Outcome.DECLINED)
    tape = premises.company.tapes[mine.recording_sid]
    tape.shown = tape.shown.__class__(mine.recording_sid, other.call_sid, "completed", 3, 2, OURS, None)
    tape.is_deleted = False
    beside = premises.company.start(other.call_sid, WAV)
    swept(premises)
    assert premises.recording(mine).state is RecordingState.KEPT
    assert not premises.company.holds(beside), "it keeps no other from being destroyed"
    assert premises.incidents(other) == {"call_not_understood", "recording_without_permit"}


@ONE_MACHINE
def test_a_recording_that_was_to_be_and_is_not_is_an_incident_and_no_false_claim(premises: Premises) -> None:
    owner = premises.call()
    over(premises, owner)
    swept(premises)
    assert premises.incidents(owner) == set(), "it may only be late"
    swept(premises, minutes=11)
    swept(premises, minutes=30)
    assert premises.incidents(owner) == {"recording_missing"}


@ONE_MACHINE
def test_a_recording_that_began_and_never_ended_is_an_incident(premises: Premises) -> None:
    owner = premises.call()
    sid = premises.company.start(owner.call_sid, WAV)
    premises.hears(owner, sid, RecordingEvent.IN_PROGRESS)
    over(premises, owner)
    del premises.company.tapes[sid]  # somebody deleted it at Twilio
    for _ in range(3):
        swept(premises, minutes=50)
    assert premises.incidents(owner) == {"recording_missing"}


def test_a_recording_that_waits_for_very_long_is_an_incident_once(premises: Premises) -> None:
    one = premises.completed()
    premises.company.trouble["media"] = [Unavailable("503")] * 1000
    for _ in range(4):
        swept(premises, minutes=40)
    kinds = [incident.kind for incident in premises.story(one).incidents]
    assert sorted(kinds) == ["job_failed", "recording_stays_completed", "recording_waits"]


@ONE_MACHINE
def test_a_deleted_recording_that_twilio_lists_again_is_deleted_again(premises: Premises) -> None:
    one = premises.stored()
    premises.company.tapes[one.recording_sid].is_deleted = False
    swept(premises)
    premises.assert_kept(one)
    rogue = premises.call(Outcome.DECLINED)
    sid = premises.company.start(rogue.call_sid, WAV)
    swept(premises)
    premises.company.tapes[sid].is_deleted = False
    swept(premises, hours=1)
    premises.assert_gone(recordings_of(premises, rogue)[0])


def test_what_stands_still_gets_a_job_an_hour_and_none_while_one_is_under_way(premises: Premises) -> None:
    one = premises.completed()
    for _ in range(3):
        premises.clock.passes(hours=1)
        premises.sweep()
    assert premises.jobs.under_way(INTAKE) == {one.id}, "the first is still under way"
    premises.jobs.ended(INTAKE.key(one.id))
    for _ in range(3):
        premises.sweep()
        for booked, _argument in premises.jobs.waiting(INTAKE):
            premises.jobs.ended(booked)
    premises.clock.passes(hours=1)
    premises.sweep()
    assert len(premises.jobs.under_way(INTAKE)) == 1


@pytest.mark.parametrize("kind", [INTAKE, EXPIRE])
def test_those_that_fail_time_and_again_leave_the_others_their_turn(
    premises: Premises, kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "_AT_ONCE", 2)
    made = premises.completed if kind is INTAKE else premises.stored
    all_of_them = {made().id for _ in range(5)}
    for booked, _ in premises.jobs.waiting(INTAKE):
        premises.jobs.ended(booked)
    premises.clock.passes(days=1 if kind is INTAKE else 91)
    given: set[str] = set()
    for _ in range(100):
        premises.sweep()
        for booked, argument in premises.jobs.waiting(kind):
            given.add(argument)
            premises.jobs.ended(booked)  # in vain
        if given == all_of_them:
            return
    pytest.fail(f"{len(given)} of 5 had their turn")


@ONE_MACHINE
def test_a_sweep_is_asked_for_where_something_is_due_and_none_is_under_way(premises: Premises) -> None:
    sweep.ask_for_one(premises.shop, premises.jobs)
    assert premises.jobs.under_way(sweep.SWEEP) == set()
    premises.call(None)
    for _ in range(3):
        premises.clock.passes(days=1)
        sweep.ask_for_one(premises.shop, premises.jobs)
    assert len(premises.jobs.under_way(sweep.SWEEP)) == 1


def test_a_callers_wish_does_not_wait_for_what_only_expires() -> None:
    assert DESTROY.lane != EXPIRE.lane
