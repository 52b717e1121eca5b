"""What resolves itself is closed as such, for every kind of incident that can; a person closes the others. Whatever
happens again opens it again.
"""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from sqlalchemy import select, update

from policies.copies import CopyKind
from policies.incidents import WAITS_FOR_A_PERSON, IncidentKind
from policies.lifecycle import RecordingEvent, RecordingState
from storage.custody.failures import note_failure, note_success
from storage.custody.sweep import SWEEP
from storage.database.tables import incident
from storage.database.tables import recording as recording_table
from storage.errors import Refused, Unavailable
from storage.rows.incidents import close_incident, open_incidents
from tests.callflow import test_rules_of_a_call
from tests.compliance import test_anchors, test_corroborate_call, test_reconcile_day
from tests.faults import test_destroyed_copies, test_missed, test_waiting, test_whose_recording, test_withdraw
from tests.faults.premises import ONE_MACHINE, WAV, Premises
from tests.faults.test_text_watch import copy_of, looks
from tests.onrecord import test_selftest, test_telling
from tests.onrecord.commands import test_doctor


def test_audio_that_arrives_after_all_closes_the_incident_that_there_is_none(premises: Premises) -> None:
    owner = premises.call()
    sid = premises.company.start(owner.call_sid, WAV)
    premises.hears(owner, sid, RecordingEvent.ABSENT)
    assert premises.incidents(owner) == {"recording_absent"}
    premises.hears(owner, sid, RecordingEvent.COMPLETED, duration_s=3)
    assert premises.incidents(owner) == set()
    assert closed(premises) == [("recording_absent", "onrecord", "it has resolved itself")]


@pytest.mark.parametrize("has_begun", [True, False])
@ONE_MACHINE
def test_a_recording_that_is_completed_at_last_closes_the_incident_that_it_is_missing(
    premises: Premises, has_begun: bool
) -> None:
    owner = premises.call()
    sid = premises.company.start(owner.call_sid, WAV)
    tape = premises.company.tapes.pop(sid)
    if has_begun:
        premises.hears(owner, sid, RecordingEvent.IN_PROGRESS)
    premises.company.hang_up(owner.call_sid)
    premises.ends(owner)
    for _ in range(3):
        premises.clock.passes(minutes=50)
        premises.sweep()
    assert premises.incidents(owner) == {"recording_missing"}
    premises.company.tapes[sid] = tape
    premises.company.complete(sid, duration_s=3)
    premises.sweep()
    assert premises.incidents(owner) == set()


@ONE_MACHINE
def test_a_failed_job_of_any_kind_is_closed_when_a_later_one_about_the_same_succeeds(premises: Premises) -> None:
    for argument in ("", "another"):
        note_failure(premises.shop, SWEEP, argument, Refused("no"))
    assert kinds(premises) == ["job_failed", "job_failed"]
    note_success(premises.shop, SWEEP, "")
    with premises.shop.database.read() as connection:
        assert [one.about for one in open_incidents(connection)] == ["sweep:another"]
    note_failure(premises.shop, SWEEP, "", Refused("no"))
    assert kinds(premises) == ["job_failed", "job_failed"]


STAYS = {
    RecordingState.COMPLETED: "recording_stays_completed",
    RecordingState.STORED: "recording_stays_stored",
    RecordingState.CONDEMNED: "recording_stays_condemned",
}


@pytest.mark.parametrize("state", STAYS)
@ONE_MACHINE
def test_a_recording_that_stays_closes_its_incident_when_it_moves_on(premises: Premises, state: RecordingState) -> None:
    one = stays(premises, state)
    assert STAYS[state] in premises.incidents(one)
    premises.company.trouble.clear()
    premises.clock.passes(hours=1)
    premises.sweep()
    premises.work()
    assert premises.recording(one).state is not state
    assert STAYS[state] not in premises.incidents(one)


@pytest.mark.parametrize("state", STAYS)
@ONE_MACHINE
def test_a_recording_that_stays_again_after_an_incident_was_closed_is_an_incident_again(
    premises: Premises, state: RecordingState
) -> None:
    one = stays(premises, state)
    close_all(premises)
    premises.clock.passes(hours=2)
    premises.sweep()
    assert STAYS[state] not in premises.incidents(one), "it is the same standstill"
    enters_anew = update(recording_table).where(recording_table.c.id == one.id).values(moved_at=premises.clock.now)
    premises.write(lambda connection: connection.execute(enters_anew))
    premises.clock.passes(hours=2)
    premises.sweep()
    assert STAYS[state] in premises.incidents(one)


@ONE_MACHINE
def test_another_text_of_a_call_is_an_incident_again_and_the_same_one_is_not(premises: Premises) -> None:
    one = premises.stored()
    premises.company.keeps[CopyKind.TRANSCRIPT] = "answered 403"
    copy_of(premises, one, CopyKind.TRANSCRIPT)
    looks(premises)
    assert "copy_without_permit" in premises.incidents(one)
    close_all(premises)
    premises.clock.passes(hours=2)
    looks(premises)
    assert "copy_without_permit" not in premises.incidents(one)
    copy_of(premises, one, CopyKind.TRANSCRIPT)
    premises.clock.passes(hours=2)
    looks(premises)
    assert "copy_without_permit" in premises.incidents(one)


# The test that shows, of each kind that resolves itself, that it does.
SHOWN_BY: Mapping[IncidentKind, Callable[..., Any]] = {
    IncidentKind.RECORDING_IN_DOUBT: test_whose_recording.test_a_late_callback_tells_which_is_ours,
    IncidentKind.RECORDING_ABSENT: test_audio_that_arrives_after_all_closes_the_incident_that_there_is_none,
    IncidentKind.RECORDING_MISSING: test_a_recording_that_is_completed_at_last_closes_the_incident_that_it_is_missing,
    IncidentKind.RECORDING_WAITS: test_waiting.test_what_waits_is_resolved_by_itself_when_the_work_succeeds,
    IncidentKind.RECORDING_STAYS_COMPLETED: test_a_recording_that_stays_closes_its_incident_when_it_moves_on,
    IncidentKind.RECORDING_STAYS_STORED: test_a_recording_that_stays_closes_its_incident_when_it_moves_on,
    IncidentKind.RECORDING_STAYS_CONDEMNED: test_a_recording_that_stays_closes_its_incident_when_it_moves_on,
    IncidentKind.JOB_FAILED: test_a_failed_job_of_any_kind_is_closed_when_a_later_one_about_the_same_succeeds,
    IncidentKind.STEPS_NOT_HEARD: (
        test_corroborate_call.test_a_refusal_that_only_twilio_heard_is_taken_in_and_remembered
    ),
    IncidentKind.PROVIDER_CONTRADICTS: test_corroborate_call.test_an_account_that_agrees_later_closes_the_incident,
    IncidentKind.CALLS_MISSING: test_reconcile_day.test_a_day_that_agrees_at_last_closes_its_incident,
    IncidentKind.CLOCKS_APART: test_missed.test_clocks_that_are_apart_are_an_incident_until_they_are_not,
    IncidentKind.SELFTEST_FAILED: test_selftest.test_a_run_that_passes_closes_the_incidents_of_those_that_failed,
    IncidentKind.COPY_REMAINS: (
        test_destroyed_copies.test_over_a_copy_that_remains_nothing_is_certified_and_the_audio_goes_all_the_same
    ),
    IncidentKind.COPIES_NOT_LOOKED_FOR: (
        test_destroyed_copies.test_over_a_kind_that_could_not_be_looked_for_nothing_is_certified
    ),
    IncidentKind.WITHDRAWAL_WAITS: (
        test_withdraw.test_a_withdrawal_that_twilio_holds_up_is_an_incident_that_closes_by_itself
    ),
    IncidentKind.ACCOUNT_UNSAFE: test_doctor.test_a_dangerous_setting_is_found_logged_and_raised_until_it_is_gone,
    IncidentKind.NOT_SIGNED: test_anchors.test_a_log_that_is_signed_again_is_no_incident_any_more,
    IncidentKind.NOT_ANCHORED: test_anchors.test_a_target_that_takes_checkpoints_again_is_no_incident_any_more,
    IncidentKind.NOT_TOLD: (
        test_telling.test_a_way_that_does_not_work_is_an_incident_that_the_other_ways_tell_and_that_ends
    ),
}
# Of kinds that only a person closes: the test that shows that they open again.
OPENS_AGAIN: Mapping[IncidentKind, Callable[..., Any]] = {
    IncidentKind.COPY_WITHOUT_PERMIT: test_another_text_of_a_call_is_an_incident_again_and_the_same_one_is_not,
    IncidentKind.POLICY_CONFLICT: test_rules_of_a_call.test_laws_that_disagree_again_after_a_person_closed_it_are_told,
}


@pytest.mark.parametrize("kind", IncidentKind)
def test_each_kind_resolves_itself_as_a_test_shows_or_waits_for_a_person(kind: IncidentKind) -> None:
    assert (kind in SHOWN_BY) is not (kind in WAITS_FOR_A_PERSON)
    assert {*OPENS_AGAIN} <= WAITS_FOR_A_PERSON


def stays(premises: Premises, state: RecordingState) -> Any:
    """A recording that cannot leave the state, and that has been in it for two hours."""
    if state is RecordingState.CONDEMNED:
        one = premises.stored()
        premises.condemn(one)
        premises.company.trouble["stop"] = [Unavailable("503")] * 1000
    else:
        one = premises.completed()
        method = "media" if state is RecordingState.COMPLETED else "delete"
        premises.company.trouble[method] = [Unavailable("503")] * 1000
    premises.work()
    premises.clock.passes(hours=2)
    premises.sweep()
    assert premises.recording(one).state is state
    return one


def kinds(premises: Premises) -> list[str]:
    with premises.shop.database.read() as connection:
        return [one.kind.value for one in open_incidents(connection)]


def closed(premises: Premises) -> list[tuple[str, str, str]]:
    columns = (incident.c.kind, incident.c.closed_by, incident.c.closed_because)
    query = select(*columns).where(incident.c.closed_at.is_not(None))
    with premises.shop.database.read() as connection:
        return [tuple(row) for row in connection.execute(query)]


def close_all(premises: Premises) -> None:
    """A person closes all that is open."""
    premises.clock.passes(seconds=1)
    with premises.shop.database.read() as connection:
        numbers = [one.id for one in open_incidents(connection)]
    for number in numbers:
        premises.write(
            lambda connection, number=number: close_incident(  # type: ignore[misc]  # a default
                connection, premises.moment(), number, actor="ann", reason="it is seen to"
            )
        )
