"""Erasing a call: all that is personal goes and nothing that proves does, at once or not at all."""

from collections.abc import Callable
from datetime import timedelta
from typing import cast

import pytest
from sqlalchemy import Connection, insert, select, update

from evidence.disclosures import read_disclosure
from policies.consent import Outcome
from policies.erasure import stand_in
from policies.incidents import IncidentKind
from policies.lifecycle import RecordingEvent, RecordingState
from storage.custody import erasure
from storage.custody.destroy import delete_again, destroy
from storage.custody.erasure import NotErased, Request, Traces
from storage.custody.intake import intake
from storage.database.tables import call, disclosure, incident, recording, recording_key
from storage.database.tables import provider_account as account
from storage.jobs.steps import Steps
from storage.log import consent_log
from storage.log import verification as log_verification
from storage.log.tree import KeptTree
from storage.rows import agents, declines, holds, replies, watermarks
from storage.rows.incidents import raise_incident
from storage.rows.recordings import Recording
from storage.rows.replies import Reply
from tests.faults.premises import ONE_MACHINE, Patient, Premises

REQUEST = Request("gdpr-17", actor="ann", ticket="case 12")
AGAIN = Request("gdpr-17", actor="ann", again=True)


def at_rest(premises: Premises) -> Recording:
    """A kept recording of a call that Twilio is not asked about any more, with all that a call can leave."""
    one = premises.stored()
    over(premises)
    premises.write(lambda connection: _leave_more(premises, connection, one))
    return premises.recording(one)


def over(premises: Premises) -> None:
    """Twilio says that the calls have ended, and a day later they are looked at for the last time."""
    for _ in range(2):
        premises.clock.passes(days=2)
        premises.sweep()


def _leave_more(premises: Premises, connection: Connection, one: Recording) -> None:
    now, known = premises.clock.now, premises.row(connection, premises.story(one).call)
    replies.keep(connection, known.id, "answer", Reply("0" * 64, b"<Response/>", now))
    connection.execute(insert(account), {"call_id": known.id, "body": b"{}", "fetched_at": now})
    agents.note(connection, premises.moment(), known.id, "client:anna")
    declines.remember(connection, "f" * 64, call_id=known.id, at=now, forget_at=now + timedelta(days=9))
    detail = f"{known.call_sid}, {one.recording_sid} and +15125550111"
    odd = IncidentKind.CALL_NOT_UNDERSTOOD
    raise_incident(connection, premises.moment(), odd, about=known.id, call_id=known.id, detail=detail)
    connection.execute(update(call).where(call.c.id == known.id).values(caller_hash="f" * 64, corroborate_at=now))


def erased(premises: Premises, one: Recording, request: Request = REQUEST) -> Traces | NotErased:
    return premises.write(
        lambda connection: erasure.erase(connection, premises.moment(), one.call_id, request, premises.jobs)
    )


def refused(premises: Premises, one: Recording) -> str:
    before = everything(premises)
    found = erased(premises, one)
    assert isinstance(found, NotErased)
    assert everything(premises) == before
    return found.why


def everything(premises: Premises) -> list[object]:
    tables = (call, disclosure, recording, recording_key, incident, account)
    with premises.shop.database.read() as connection:
        return [sorted(map(repr, connection.execute(select(table)))) for table in tables] + [
            consent_log.size(connection)
        ]


def test_what_is_personal_goes_and_the_audio_with_it(premises: Premises) -> None:
    one = at_rest(premises)
    found = erased(premises, one)
    assert isinstance(found, Traces)
    assert {"audio_sha256", "object", "provider_recording_id"} <= {*found.fields}
    assert (len(found.destroyed), found.rows) == (1, 6)
    with premises.shop.database.read() as connection:
        assert connection.execute(select(recording_key)).all() == []  # nobody opens it from here on
        assert agents.addresses(connection, one.call_id) == []
        left = [read_disclosure(body)[0] for body in connection.scalars(select(disclosure.c.body))]
        (detail,) = connection.scalars(select(incident.c.detail).where(incident.c.kind == "call_not_understood"))
    assert sorted(left) == ["actor", "ticket"]
    assert detail == "(erased), (erased) and (erased)"
    known = premises.story(one).call
    assert (known.call_sid, known.caller_hash, known.corroborate_at) == (stand_in(known.id), None, None)
    asked = len(premises.company.asked)
    premises.work()
    assert premises.recording(one).state is RecordingState.DESTROYED
    assert premises.company.asked[asked:] == []  # Twilio is not asked for a name that nobody knows
    assert premises.strays() == []
    assert premises.incidents(one) == {"call_not_understood"}


def test_the_log_says_what_was_erased_and_by_which_rule_the_audio_went(premises: Premises) -> None:
    one = at_rest(premises)
    with premises.shop.database.read() as connection:
        names = [read_disclosure(body)[0] for body in connection.scalars(select(disclosure.c.body))]
    erased(premises, one)
    premises.work()
    *_, event, certificate = premises.story(one).events
    assert (event["type"], event["basis"], event["recordings"]) == ("privacy.erased", "gdpr-17", 1)
    assert event["fields"] == sorted(names)
    assert event["disclosures"] == len(names)
    assert (certificate["type"], certificate["rule"]) == ("recording.destroyed", "erased")
    assert certificate["where"] == ["store", "key"]


def test_older_proofs_hold(premises: Premises) -> None:
    one = at_rest(premises)
    before = log_verification.verify(premises.shop.database.read)
    erased(premises, one)
    with premises.shop.database.read() as connection:
        assert KeptTree.of(connection).root(before.size) == before.root
        assert log_verification.verify(premises.shop.database.read).size > before.size


@ONE_MACHINE
def test_a_second_time_nothing_is_left(premises: Premises) -> None:
    one = at_rest(premises)
    erased(premises, one)
    before = everything(premises)
    assert not erased(premises, one)  # while the audio's job still waits
    premises.work()
    assert not erased(premises, one, AGAIN)
    assert len(everything(premises)[0]) == len(before[0])  # type: ignore[arg-type]  # a list


@ONE_MACHINE
def test_an_erasure_that_fails_half_way_has_erased_nothing(premises: Premises) -> None:
    one = at_rest(premises)
    before = everything(premises)

    def half_way(connection: Connection) -> None:
        erasure.erase(connection, premises.moment(), one.call_id, REQUEST, premises.jobs)
        raise KeyError

    with pytest.raises(KeyError):
        premises.write(half_way)
    assert everything(premises) == before
    premises.assert_kept(one)


@ONE_MACHINE
def test_a_held_call_is_left_as_it_is_until_the_hold_is_released(premises: Premises) -> None:
    one = at_rest(premises)

    def hold(connection: Connection) -> int:
        known = premises.row(connection, premises.story(one).call)
        return holds.place(connection, premises.moment(), known, reason="case 13", actor="bob")

    hold_id = premises.write(hold)
    assert refused(premises, one) == f"a legal hold keeps it ({hold_id})"
    assert isinstance(erased(premises, one, AGAIN), NotErased)
    premises.write(
        lambda connection: holds.release(connection, premises.moment(), hold_id, reason="closed", actor="bob")
    )
    assert erased(premises, one)


def still_open(premises: Premises) -> Recording:
    owner = premises.call()
    return premises.hears(owner, premises.company.start(owner.call_sid, b""), RecordingEvent.IN_PROGRESS)


def just_over(premises: Premises) -> Recording:
    one = premises.stored()
    premises.clock.passes(minutes=5)
    premises.sweep()
    return one


def still_listed(premises: Premises) -> Recording:
    one = at_rest(premises)
    reached = premises.story(one).call.received_at
    premises.write(lambda connection: watermarks.advance(connection, watermarks.CALLS, reached))
    return one


def condemned(premises: Premises) -> Recording:
    one = at_rest(premises)
    premises.condemn(one)
    return one


@ONE_MACHINE
@pytest.mark.parametrize(
    ("made", "why"),
    [
        (still_open, "it is not over"),
        (just_over, "it is looked at until a day after its end"),
        (still_listed, "it is looked at until a day after its end"),
        (condemned, "a recording of it is condemned: wait until it is kept or destroyed"),
    ],
)
def test_a_call_of_which_news_may_come_has_to_wait(
    premises: Premises, made: Callable[[Premises], Recording], why: str
) -> None:
    assert refused(premises, made(premises)) == why


@ONE_MACHINE
def test_a_call_that_was_never_recorded_is_erased_too(premises: Premises) -> None:
    owner = premises.call(Outcome.DECLINED)
    premises.company.hang_up(owner.call_sid)
    over(premises)
    found = premises.write(
        lambda connection: erasure.erase(connection, premises.moment(), owner.id, REQUEST, premises.jobs)
    )
    assert isinstance(found, Traces)
    assert (found.fields, found.recordings, found.rows) == (("callee", "caller_hash", "provider_call_id"), (), 1)
    assert premises.story(owner).call.call_sid == stand_in(owner.id)


@ONE_MACHINE
@pytest.mark.parametrize("made", [still_open, just_over, Premises.completed, condemned, at_rest])
def test_what_a_restored_backup_brings_back_is_erased_as_far_as_it_had_come(
    premises: Premises, made: Callable[[Premises], Recording]
) -> None:
    """Twilio has nothing of it any more, and is asked nothing about it."""
    one = made(premises)
    for tape in premises.company.tapes.values():
        tape.is_deleted = True
    asked = len(premises.company.asked)
    assert erased(premises, one, AGAIN)
    premises.work()
    premises.clock.passes(days=3)
    premises.sweep()
    premises.work()
    assert premises.recording(one).state is RecordingState.DESTROYED
    assert {method for method, _ in premises.company.asked[asked:]} == {"recordings_since"}
    assert premises.strays() == []
    assert "job_failed" not in premises.incidents(one)
    *_, event, _ = premises.story(one).events
    assert (event["type"], event["again"]) == ("privacy.erased", True)


@ONE_MACHINE
def test_jobs_that_were_asked_for_before_do_nothing_to_an_erased_call(premises: Premises) -> None:
    one = at_rest(premises)
    erased(premises, one)
    premises.work()
    asked, events = len(premises.company.asked), len(premises.story(one).events)
    for job in (intake, destroy, delete_again):
        job(premises.shop, cast(Steps, Patient()), one.id)
    assert premises.company.asked[asked:] == []
    assert len(premises.story(one).events) == events


@ONE_MACHINE
def test_a_decline_that_was_remembered_on_another_call_is_not_forgotten(premises: Premises) -> None:
    one, other = at_rest(premises), premises.call(Outcome.DECLINED)
    later = premises.clock.now + timedelta(days=1)
    premises.write(
        lambda connection: declines.remember(
            connection, "f" * 64, call_id=other.id, at=later, forget_at=later + timedelta(days=9)
        )
    )
    erased(premises, one)
    with premises.shop.database.read() as connection:
        assert declines.remembered(connection, "f" * 64, later) is not None
