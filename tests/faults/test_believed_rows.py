"""Nothing that can't be undone is done by a row alone: where its events say something else, a person is called."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.sql.dml import UpdateBase

from evidence.merkle import leaf_hash
from policies.lifecycle import RecordingEvent, RecordingState
from storage.custody import access
from storage.custody.access import Refusal
from storage.custody.row_watch import RowWatch
from storage.database.tables import call, incident, legal_hold, log_leaf, permit, recording
from storage.errors import Broken
from storage.row_check.logged_calls import Contradicted
from storage.rows import calls, holds, permits
from storage.rows.recordings import Recording
from tests.compliance.signed_log import disarm
from tests.conftest import NOON
from tests.faults.phone_company import BY_REST
from tests.faults.premises import KEK, ONE_MACHINE, WAV, Premises, new_sid

LATER, EARLIER = NOON + timedelta(days=999), NOON - timedelta(days=1)


def tamper(premises: Premises, statement: UpdateBase) -> None:
    premises.write(lambda connection: connection.execute(statement))


def incidents(premises: Premises) -> dict[str, str]:
    with premises.shop.database.read() as connection:
        return {row.kind: row.detail for row in connection.execute(select(incident.c.kind, incident.c.detail))}


def watch(premises: Premises) -> None:
    RowWatch(premises.shop, premises.jobs).look()


def goes_on(premises: Premises) -> None:
    """What the worker does by itself."""
    premises.sweep()
    watch(premises)
    premises.work()


def test_audio_is_kept_to_the_end_that_its_events_tell_although_its_row_is_shorter(premises: Premises) -> None:
    one = premises.stored()
    tamper(premises, update(recording).values(retain_until=EARLIER))
    goes_on(premises)
    assert premises.recording(one).state is RecordingState.KEPT
    assert premises.audio(one) == WAV
    assert "its row says that it must go, and its events do not" in incidents(premises)["job_failed"]
    assert "its row says that retain_until is 2026-11-21" in incidents(premises)["rows_contradict_log"]


def test_audio_goes_at_the_end_that_its_events_tell_although_its_row_is_longer(premises: Premises) -> None:
    one = premises.stored()
    tamper(premises, update(recording).values(retain_until=LATER))
    premises.clock.passes(days=89)
    goes_on(premises)
    assert premises.audio(one) == WAV
    premises.clock.passes(days=2)
    goes_on(premises)
    premises.assert_gone(one)


def test_a_recording_that_only_its_row_condemns_is_not_destroyed(premises: Premises) -> None:
    one = premises.stored()
    tamper(premises, update(recording).values(state="condemned"))
    premises.clock.passes(hours=2)
    goes_on(premises)
    assert premises.audio(one) == WAV
    assert {"job_failed", "rows_contradict_log"} <= incidents(premises).keys()


@pytest.mark.parametrize(
    "statement",
    [delete(legal_hold), update(legal_hold).values(released_by="ann", released_at=NOON)],
    ids=["deleted", "released"],
)
def test_a_hold_keeps_although_its_row_does_not_say_so(premises: Premises, statement: UpdateBase) -> None:
    one = premises.stored()
    premises.write(lambda connection: _hold(connection, premises, one))
    tamper(premises, statement)
    premises.clock.passes(days=91)
    goes_on(premises)
    assert premises.audio(one) == WAV


def test_a_hold_whose_row_is_gone_keeps_what_was_never_stored_too(premises: Premises) -> None:
    one = premises.completed()
    premises.write(lambda connection: _hold(connection, premises, one))
    tamper(premises, delete(legal_hold))
    premises.clock.passes(days=91)
    premises.sweep()
    assert premises.recording(one).state is RecordingState.COMPLETED
    assert premises.company.holds(one.recording_sid)


def test_what_was_stored_is_not_given_up_because_its_row_says_that_it_was_not(premises: Premises) -> None:
    one = premises.stored()
    tamper(premises, update(recording).values(state="completed"))
    premises.clock.passes(days=91)
    premises.sweep()
    assert "recording.condemned" not in premises.told(one)


def test_a_hold_that_only_its_row_tells_of_keeps_and_is_told(premises: Premises) -> None:
    one = premises.stored()
    row = {"call_id": one.call_id, "reason": "case 12", "placed_by": "ann", "placed_at": NOON}
    tamper(premises, insert(legal_hold).values(row))
    premises.clock.passes(days=91)
    goes_on(premises)
    assert premises.audio(one) == WAV
    assert "it has a row and no event" in incidents(premises)["rows_contradict_log"]


def _hold(connection: Connection, premises: Premises, one: Recording) -> None:
    known = calls.by_id(connection, one.call_id)
    assert known is not None
    holds.place(connection, premises.moment(), known, reason="case 12", actor="ann")


@pytest.mark.parametrize("changed", [{"retain_until": LATER}, {"purposes": "{}"}, {"retention": "for-ever"}], ids=str)
def test_nothing_is_stored_under_a_permit_that_its_event_does_not_give(
    premises: Premises, changed: dict[str, object]
) -> None:
    one = premises.completed()
    tamper(premises, update(permit).values(changed))
    goes_on(premises)
    assert premises.recording(one).state is RecordingState.COMPLETED
    assert premises.company.holds(one.recording_sid)
    assert "its permit " in incidents(premises)["job_failed"]


def test_the_only_copy_is_not_deleted_because_a_row_says_that_there_is_another(premises: Premises) -> None:
    one = premises.completed()
    stored = {"state": "stored", "object_key": "rec/x/2026/11/22/y/master.sealed", "retain_until": LATER}
    tamper(premises, update(recording).values(stored))
    goes_on(premises)
    assert premises.company.holds(one.recording_sid)
    assert "no event does" in incidents(premises)["job_failed"]


def test_a_permit_cut_short_gives_nothing_up_and_keeps_no_other_from_its_turn(premises: Premises) -> None:
    one = premises.hears(premises.call(), new_sid(), RecordingEvent.IN_PROGRESS)
    tamper(premises, update(permit).values(retain_until=EARLIER))
    premises.sweep()
    assert premises.recording(one).state is RecordingState.STARTED
    assert "its permit says that retain_until is 2026-11-21" in incidents(premises)["rows_contradict_log"]


def test_a_recording_is_not_condemned_because_a_row_says_that_its_caller_declined(premises: Premises) -> None:
    owner = premises.call()
    tamper(premises, update(call).values(outcome="declined", state="suppressed"))
    with pytest.raises(Contradicted, match="its row says declined, and its events say consented"):
        premises.hears(owner, new_sid(), RecordingEvent.COMPLETED)
    assert premises.story(owner).recordings == []


def test_what_must_go_is_not_certified_to_be_gone_by_a_changed_permit(premises: Premises) -> None:
    """The permit names the folder in which it lies."""
    one = premises.stored()
    premises.condemn(one)
    tamper(premises, update(permit).values(retention="another"))
    premises.work()
    assert premises.recording(one).state is RecordingState.CONDEMNED
    tamper(premises, update(permit).values(retention="quality-90d"))
    premises.clock.passes(hours=2)
    goes_on(premises)
    premises.assert_gone(one)


def test_audio_is_not_opened_for_a_purpose_that_only_a_row_gives(premises: Premises) -> None:
    one = premises.stored()
    tamper(premises, update(permit).values(purposes=f'{{"training": "{LATER.isoformat()}"}}'))
    answer = premises.write(
        lambda connection: access.open_for_purpose(
            connection,
            premises.moment(),
            one.id,
            "training",
            store=premises.shop.store,
            key_encryption_key=KEK,
            actor="maria",
        )
    )
    assert answer == Refusal(one.id, "its rows say something else than the log")
    assert "its permit is for training until " in incidents(premises)["rows_contradict_log"]


def test_a_permit_whose_event_was_changed_gives_nothing(premises: Premises) -> None:
    one = premises.completed()
    with premises.shop.database.engine.connect() as connection:
        allow_changes(connection)
        connection.execute(
            update(log_leaf)
            .where(log_leaf.c.leaf.contains("recording.permitted"))
            .values(leaf=log_leaf.c.leaf.concat(" "))
        )
        connection.commit()
    premises.work()
    assert premises.recording(one).state is RecordingState.COMPLETED
    assert "is not as it was logged" in incidents(premises)["job_failed"]
    with pytest.raises(Broken), premises.shop.database.read() as connection:
        permits.permit_of(connection, one.call_id)


def allow_changes(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("DROP TRIGGER log_leaf_no_update")
    else:
        connection.exec_driver_sql("DROP TRIGGER log_leaf_append_only ON log_leaf")


def test_rows_that_agree_call_nobody(premises: Premises) -> None:
    for _ in range(3):
        premises.stored()
    some = RowWatch(premises.shop, premises.jobs, at_once=2)
    for last in (False, True):
        some.look()
        assert (some.last == "") is last
    assert incidents(premises) == {}


def test_a_recording_that_another_application_started_goes_whatever_a_row_says_of_the_outcome(
    premises: Premises,
) -> None:
    owner = premises.call()
    tamper(premises, update(call).values(outcome="declined", state="suppressed"))
    other = premises.hears(owner, new_sid(), RecordingEvent.COMPLETED, source=BY_REST)
    assert other.state is RecordingState.CONDEMNED


@ONE_MACHINE
@pytest.mark.parametrize(("of", "name", "value"), [("recording.stored", "sd", "7"), ("call.received", "mode", "[]")])
def test_an_event_of_a_strange_form_calls_a_person_and_stops_nobody(
    premises: Premises, of: str, name: str, value: str
) -> None:
    premises.stored()

    def change(connection: Connection) -> None:
        disarm(connection, "log_leaf")
        row = connection.execute(select(log_leaf).where(log_leaf.c.leaf.contains(f'"type":"{of}"'))).one()
        leaf = json.dumps({**json.loads(row.leaf), name: json.loads(value)})
        changed = {"leaf": leaf, "hash": leaf_hash(leaf.encode())}
        connection.execute(update(log_leaf).where(log_leaf.c.idx == row.idx).values(changed))

    premises.write(change)
    watch(premises)
    assert "rows_contradict_log" in incidents(premises)
