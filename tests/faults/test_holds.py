"""Legal holds win: over a recording's time, over an erasure, and over a job that is on its way already."""

from dataclasses import replace
from functools import partial
from typing import Any, cast

import pytest

from policies.consent import Outcome
from policies.lifecycle import RecordingEvent, RecordingState
from storage.custody.destroy import destroy
from storage.custody.sweep import sweep
from storage.errors import Refused
from storage.jobs.steps import Steps
from storage.rows import holds
from storage.rows.recordings import EXPIRE, Recording
from tests.faults.interruptions import at_each_effect
from tests.faults.premises import ONE_MACHINE, WAV, Patient, Premises


def held(premises: Premises, one: Recording, reason: str = "case 12") -> int:
    return premises.write(
        lambda connection: holds.place(
            connection, premises.moment(), premises.row(connection, owner(premises, one)), reason=reason, actor="ann"
        )
    )


def _hold(premises: Premises, one: Recording) -> None:
    held(premises, one)


def released(premises: Premises, hold_id: int) -> holds.Hold:
    return premises.write(
        lambda connection: holds.release(connection, premises.moment(), hold_id, reason="closed", actor="bob")
    )


def owner(premises: Premises, one: Recording) -> Any:
    return premises.story(one).call


def pass_the_time(premises: Premises) -> None:
    premises.clock.passes(days=91)
    premises.sweep()
    premises.work()


def test_a_held_recording_outlives_its_time_until_the_last_hold_is_released(premises: Premises) -> None:
    one = premises.stored()
    first, second = held(premises, one), held(premises, one)
    pass_the_time(premises)
    premises.assert_kept(one)
    released(premises, first)
    pass_the_time(premises)
    premises.assert_kept(one)
    released(premises, second)
    pass_the_time(premises)
    premises.assert_gone(one)
    types = [event["type"] for event in premises.story(one).events]
    assert (types.count("privacy.hold"), types.count("privacy.released")) == (2, 2)


@ONE_MACHINE
def test_a_hold_keeps_no_recording_that_no_permit_covers(premises: Premises) -> None:
    declined = premises.call(Outcome.DECLINED)
    sid = premises.company.start(declined.call_sid, WAV)
    premises.write(
        lambda connection: holds.place(
            connection, premises.moment(), premises.row(connection, declined), reason="case 12", actor="ann"
        )
    )
    one = premises.hears(declined, sid, RecordingEvent.IN_PROGRESS)
    premises.work()
    premises.assert_gone(one)


@ONE_MACHINE
def test_a_hold_keeps_what_was_never_stored_from_being_given_up(premises: Premises) -> None:
    one = premises.completed()
    held(premises, one)
    premises.clock.passes(days=91)
    premises.sweep()
    assert premises.recording(one).state is RecordingState.COMPLETED


@ONE_MACHINE
def test_a_hold_that_is_placed_while_the_job_is_on_its_way_keeps_all_or_comes_too_late_for_all(
    premises: Premises,
) -> None:
    was_kept: set[bool] = set()
    for interruption in at_each_effect(1, is_after=False, effects_min=3):
        one = premises.stored()
        premises.clock.passes(days=91)
        interruption.happens = partial(_hold, premises, one)
        destroy(interruption.around(premises.shop), cast(Steps, Patient()), one.id)
        kept = premises.recording(one).state is RecordingState.KEPT
        was_kept.add(kept)
        premises.assert_kept(one) if kept else premises.assert_gone(one)
    assert was_kept == {True, False}


@ONE_MACHINE
def test_a_hold_that_is_placed_while_the_sweep_is_on_its_way_keeps_what_was_never_stored(premises: Premises) -> None:
    was_kept: set[bool] = set()
    for interruption in at_each_effect(1, is_after=False, effects_min=2):
        one = premises.completed()
        premises.clock.passes(minutes=2)
        premises.live.look()
        premises.clock.passes(days=91)
        interruption.happens = partial(_hold, premises, one)
        sweep(interruption.around(premises.shop), premises.jobs, cast(Steps, Patient()))
        types = [event["type"] for event in premises.story(one).events]
        kept = "recording.condemned" not in types
        was_kept.add(kept)
        assert kept or "privacy.hold" not in types[: types.index("recording.condemned")]
    assert was_kept == {True, False}


@ONE_MACHINE
def test_no_job_is_asked_for_while_it_is_held(premises: Premises) -> None:
    one = premises.stored()
    held(premises, one)
    premises.clock.passes(days=91)
    premises.sweep()
    assert premises.jobs.waiting(EXPIRE) == []


@ONE_MACHINE
def test_a_hold_is_released_once_and_says_by_whom(premises: Premises) -> None:
    one = premises.stored()
    hold_id = held(premises, one)
    assert released(premises, hold_id).released_by == "bob"
    with pytest.raises(Refused, match="released already"):
        released(premises, hold_id)
    with pytest.raises(Refused, match="there is none"):
        released(premises, hold_id + 1)
    with premises.shop.database.read() as connection:
        (row,) = holds.all_holds(connection)
    assert replace(row, released_at=None) == holds.Hold(
        hold_id, one.call_id, "case 12", "ann", row.placed_at, "bob", None
    )


@ONE_MACHINE
@pytest.mark.parametrize("reason", ["call +15125550111 back", "ask ann@example.org", "see CA" + "0" * 32])
def test_a_reason_names_nobody(premises: Premises, reason: str) -> None:
    one = premises.stored()
    with pytest.raises(Refused, match="no number"):
        held(premises, one, reason)
    assert not any(event["type"] == "privacy.hold" for event in premises.story(one).events)
