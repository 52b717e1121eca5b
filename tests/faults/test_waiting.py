"""Whoever tries again says why: in the log, in an incident within minutes, and beside the recording."""

import logging
from collections.abc import Callable
from dataclasses import replace
from threading import Event, Semaphore
from typing import Any, cast

import pytest

from policies.lifecycle import RecordingState
from storage.audio.contract import AudioStore
from storage.custody.failures import note_failure, note_wait
from storage.database.tables import incident
from storage.errors import Broken, Refused, Unavailable
from storage.jobs.steps import Patience, Steps
from storage.jobs.worker import Worker
from storage.moment import Moment
from storage.refrain import Refrain
from storage.rows import delays
from storage.rows.incidents import close_incident
from storage.rows.provider_copies import COPIES
from storage.rows.recordings import DESTROY, EXPIRE, INTAKE, Recording
from tests.faults.premises import JOBS, ONE_MACHINE, Premises
from tests.faults.test_intake import Faulty, refuses

AWAY = Unavailable("audio store: put of rec/x: no answer from S3")


def details(premises: Premises, one: Recording) -> dict[str, str]:
    return {known.kind: known.detail for known in premises.story(one).incidents}


def delay(premises: Premises, one: Recording) -> dict[str, Any] | None:
    return cast("dict[str, Any] | None", premises.story(one).as_json()["recordings"][0]["delay"])


def spoilt(premises: Premises, **instead: Callable[..., Any]) -> None:
    premises.shop = replace(premises.shop, store=cast(AudioStore, Faulty(premises.shop.store, **instead)))


@pytest.mark.parametrize("tries", [3, 7, 8, 9, 10])
@ONE_MACHINE
def test_an_incident_says_why_a_recording_waits_before_five_minutes_are_over(premises: Premises, tries: int) -> None:
    one = premises.completed()
    began = premises.clock.now
    spoilt(premises, put=refuses(AWAY))
    premises.jobs.take()
    for wait_s in [*Patience().waits()][:tries]:
        note_wait(premises.shop, INTAKE, one.id, AWAY, wait_s)
        premises.clock.passes(seconds=wait_s)
    known = delay(premises, one)
    assert known is not None
    assert (known["job"], known["reason"], known["tries"]) == ("intake", str(AWAY), tries)
    next_is_late = (premises.clock.now - began).total_seconds() >= 300
    assert ("recording_waits" in details(premises, one)) is next_is_late
    if next_is_late:
        assert str(AWAY) in details(premises, one)["recording_waits"]


@pytest.mark.parametrize("fault", ["store", "media", "delete"])
@ONE_MACHINE
def test_what_waits_is_resolved_by_itself_when_the_work_succeeds(premises: Premises, fault: str) -> None:
    one, whole = premises.completed(), premises.shop
    if fault == "store":
        spoilt(premises, put=refuses(AWAY))
    premises.company.trouble[fault] = [Unavailable("twilio: answered 503")] * 11
    premises.work(tries=11)
    waits = {"recording_waits", "job_failed"}
    assert premises.incidents(one) == waits
    assert all("503" in said or str(AWAY) in said for said in details(premises, one).values())
    premises.shop = whole
    premises.company.trouble.clear()
    premises.clock.passes(hours=1)
    premises.sweep()
    premises.work()
    premises.assert_kept(one)
    assert premises.incidents(one) == set()
    assert delay(premises, one) is None


@ONE_MACHINE
def test_a_destruction_that_waits_says_why_as_well(premises: Premises) -> None:
    one = premises.stored()
    premises.condemn(one)
    premises.company.trouble["stop"] = [Unavailable("twilio: answered 503")] * 11
    premises.work(tries=11)
    assert "destroy waits: twilio: answered 503" in details(premises, one)["recording_waits"]
    premises.company.trouble.clear()
    premises.clock.passes(hours=1)
    premises.sweep()
    premises.work()
    premises.assert_gone(one)
    assert premises.incidents(one) == {"recording_without_permit"}


@ONE_MACHINE
def test_an_expired_recording_that_cannot_be_destroyed_says_why(premises: Premises) -> None:
    one = premises.stored()
    premises.clock.passes(days=91)
    spoilt(premises, list=refuses(AWAY))
    premises.sweep()
    premises.work(tries=11)
    assert details(premises, one)["recording_waits"] == f"expire waits: {AWAY}"


@ONE_MACHINE
@pytest.mark.parametrize("error", [Refused("audio store: not allowed"), Broken("audio store: 501")])
def test_what_a_store_refuses_for_good_is_an_incident_at_once_and_tried_ever_more_rarely(
    premises: Premises, error: Exception
) -> None:
    one = premises.completed()
    spoilt(premises, put=refuses(error))
    premises.work()
    assert premises.clock.now == one.moved_at, "at once"
    assert details(premises, one) == {"job_failed": f"intake: {error}; tried again in 1 h"}
    assert not premises.shop.folder(one.id).exists() or not any(premises.shop.folder(one.id).iterdir())
    for _ in range(24):
        premises.clock.passes(hours=1)
        premises.sweep()
        premises.work()
    assert premises.company.asked.count(("media", one.recording_sid)) == 6  # after 0, 1, 3, 7, 13 and 19 hours


@ONE_MACHINE
def test_the_incident_of_an_hour_says_the_last_reason(premises: Premises) -> None:
    one = premises.completed()
    note_wait(premises.shop, INTAKE, one.id, AWAY, 1.0)
    premises.clock.passes(hours=2)
    premises.sweep()
    assert str(AWAY) in details(premises, one)["recording_stays_completed"]


@ONE_MACHINE
def test_a_recording_whose_turn_has_not_come_says_what_the_others_wait_for(premises: Premises) -> None:
    first, later = premises.completed(), premises.completed()
    note_wait(premises.shop, INTAKE, first.id, AWAY, 1.0)
    premises.clock.passes(minutes=11)
    premises.sweep()
    said = details(premises, later)["recording_waits"]
    assert "has not begun" in said
    assert str(AWAY) in said


@ONE_MACHINE
def test_what_was_never_stored_is_an_incident_with_its_last_reason_that_stays_open(premises: Premises) -> None:
    one = premises.completed()
    whole = premises.shop
    spoilt(premises, put=refuses(AWAY))
    premises.work()
    premises.clock.passes(days=91)
    premises.sweep()
    premises.shop = whole
    premises.work()
    premises.assert_gone(one)
    assert str(AWAY) in details(premises, one)["recording_never_stored"]
    assert premises.incidents(one) == {"recording_never_stored", "recording_without_permit"}


@ONE_MACHINE
def test_a_reason_that_comes_when_another_has_done_the_work_is_not_kept(premises: Premises) -> None:
    one = premises.stored()
    note_wait(premises.shop, INTAKE, one.id, AWAY, 400.0)
    assert delay(premises, one) is None
    assert premises.incidents(one) == set()


@ONE_MACHINE
def test_an_incident_that_a_person_closed_stays_closed_until_the_trouble_comes_again(premises: Premises) -> None:
    one = premises.completed()

    def close() -> None:
        def work(connection: Any) -> None:
            for row in connection.execute(incident.select()).all():
                close_incident(
                    connection, Moment(premises.clock.now, premises.shop.random), row.id, actor="ann", reason="seen"
                )

        premises.write(work)

    note_wait(premises.shop, INTAKE, one.id, AWAY, 400.0)
    premises.clock.passes(minutes=1)
    close()
    premises.clock.passes(minutes=6)
    note_wait(premises.shop, INTAKE, one.id, AWAY, 300.0)
    assert premises.incidents(one) == set()
    note_failure(premises.shop, INTAKE, one.id, AWAY)
    close()
    premises.clock.passes(minutes=1)
    note_failure(premises.shop, INTAKE, one.id, AWAY)
    assert premises.incidents(one) == {"job_failed"}


@ONE_MACHINE
def test_a_hundred_that_wait_are_each_told_and_stay_apart(premises: Premises) -> None:
    many = [premises.completed() for _ in range(10)]
    for one in many:
        note_wait(premises.shop, INTAKE, one.id, Unavailable(f"of {one.id}"), 400.0)
    assert all(one.id in details(premises, one)["recording_waits"] for one in many)


@pytest.mark.parametrize("kind", [INTAKE, DESTROY, EXPIRE])
@ONE_MACHINE
def test_a_job_about_no_recording_is_told_too_when_it_fails(premises: Premises, kind: Any) -> None:
    note_wait(premises.shop, kind, "0" * 32, AWAY, 400.0)
    note_failure(premises.shop, kind, "0" * 32, AWAY)
    with premises.shop.database.read() as connection:
        assert [row.kind for row in connection.execute(incident.select())] == ["job_failed"]
        assert delays.latest(connection) is None


def test_the_same_reason_is_logged_at_once_and_then_ever_more_rarely() -> None:
    refrain = Refrain()
    said = [now for now in range(0, 43_200, 5) if refrain.is_due(f"put of master-{now:08x}: 503 after {now}.5 s", now)]
    assert said == [0, 60, 360, 1860, 9360]


def test_another_reason_is_logged_at_once() -> None:
    refrain = Refrain()
    assert [refrain.is_due(words, 0.0) for words in ("no answer", "no room", "no answer")] == [True, True, False]


def test_a_worker_logs_why_a_job_waits_and_hands_the_reason_on(
    premises: Premises, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[tuple[str, str, float]] = []

    def on_wait(kind: Any, argument: str, error: Unavailable, wait_s: float) -> None:
        told.append((kind.name, argument, wait_s))
        raise Unavailable("database: away")

    worker = Worker(premises.shop.database, {}, on_failure=lambda *_: None, on_wait=on_wait)
    patience = Patience(first_s=0.001, longest_s=0.002, total_s=0.01)
    steps = Steps(Semaphore(1), Event(), patience, worker._telling(INTAKE, "r" * 32))
    caplog.set_level(logging.WARNING)

    def step() -> None:
        raise AWAY

    with steps.slots, pytest.raises(Unavailable):
        steps.persevere(step)
    assert len(told) == len([*patience.waits()])
    assert [line for line in caplog.messages if str(AWAY) in line] == caplog.messages[:1]
    assert len(caplog.messages) == 2, "and once that it could not be kept"


def test_a_recording_row_says_nothing_of_a_delay_once_it_moved(premises: Premises) -> None:
    one = premises.completed()
    note_wait(premises.shop, INTAKE, one.id, AWAY, 1.0)
    premises.work()
    assert premises.recording(one).state is RecordingState.KEPT
    assert delay(premises, one) is None


def test_the_jobs_whose_incidents_are_resolved_are_all_that_are_about_recordings() -> None:
    about_calls = {COPIES.name}
    assert {kind.name for kind in JOBS} - about_calls == set(delays.JOBS)
