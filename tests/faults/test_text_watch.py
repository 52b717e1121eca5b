"""Texts of kept recordings, and texts that come late: found on the account's lists, deleted where nobody agreed."""

from dataclasses import replace
from datetime import timedelta

import pytest

from policies.consent import Outcome
from policies.copies import ACCOUNT_WIDE, PLACES, CopyKind
from policies.lifecycle import RecordingState
from storage.custody import erasure
from storage.custody.text_watch import TextWatch
from storage.errors import Broken, Unavailable
from storage.provider import ProviderCopy, Sight
from storage.rows import legs
from storage.rows.incidents import open_incidents
from storage.rows.legs import LegKind
from storage.rows.recordings import Recording
from tests.faults.phone_company import KeptCopy
from tests.faults.premises import ONE_MACHINE, Premises

pytestmark = ONE_MACHINE
EACH_KIND = pytest.mark.parametrize("kind", ACCOUNT_WIDE)
AGREED = {"quality": timedelta(days=90), "transcription": timedelta(days=30)}


def looks(premises: Premises) -> None:
    TextWatch(premises.shop, premises.jobs).look()
    premises.work()


def copy_of(premises: Premises, one: Recording, kind: CopyKind) -> ProviderCopy:
    if kind is CopyKind.CONVERSATION:
        return premises.company.make_copy(kind, call_sid=premises.owner(one).call_sid)
    return premises.company.make_copy(kind, recording_sid=one.recording_sid)


@EACH_KIND
def test_a_text_of_a_kept_recording_goes_where_nobody_agreed_to_one(premises: Premises, kind: CopyKind) -> None:
    one = premises.stored()
    copy_of(premises, one, kind)
    looks(premises)
    premises.assert_no_copies(one)
    premises.assert_kept(one)
    assert premises.incidents(one) == {"copy_without_permit"}
    assert premises.event(one, "copy.found")["why"] == "its permit lacks the purpose transcription"
    assert premises.event(one, "copy.deleted")["kind"] == kind


@EACH_KIND
def test_a_text_that_was_agreed_to_stays_until_its_time_is_over(premises: Premises, kind: CopyKind) -> None:
    one = premises.stored(AGREED)
    copy = copy_of(premises, one, kind)
    looks(premises)
    assert premises.company.has_copy(copy)
    assert premises.incidents(one) == set()


@EACH_KIND
def test_a_text_that_arrives_after_its_recording_was_destroyed_goes_too(premises: Premises, kind: CopyKind) -> None:
    one = premises.stored(AGREED)
    premises.condemn(one)
    premises.work()
    premises.assert_gone(one)
    copy_of(premises, one, kind)
    looks(premises)
    premises.assert_gone(one)
    assert premises.event(one, "copy.found")["why"] == "its recording had to go"


@pytest.mark.parametrize("outcome", [Outcome.DECLINED, Outcome.SILENT, None])
def test_a_text_of_a_call_without_consent_goes(premises: Premises, outcome: Outcome | None) -> None:
    call = premises.call(outcome)
    copy = premises.company.make_copy(CopyKind.CONVERSATION, call_sid=call.call_sid)
    looks(premises)
    assert not premises.company.has_copy(copy)
    assert premises.incidents(call) == {"copy_without_permit"}


def test_a_text_of_another_leg_of_the_call_goes(premises: Premises) -> None:
    call, leg_sid = premises.call(Outcome.DECLINED), "CA" + "e" * 32
    premises.write(lambda connection: legs.tie(connection, premises.moment(), call.id, leg_sid, LegKind.DIALLED))
    copy = premises.company.make_copy(CopyKind.TRANSCRIPT, call_sid=leg_sid)
    looks(premises)
    assert not premises.company.has_copy(copy)


def leg_of(premises: Premises, sid: str) -> str:
    """A leg dialled from that leg, of which no row is noted."""
    child = premises.company.ring("+14155550123")
    premises.company.calls[child] = replace(premises.company.calls[child], parent_sid=sid)
    return child


@EACH_KIND
def test_a_text_of_a_leg_that_is_not_noted_goes_and_the_leg_is_noted(premises: Premises, kind: CopyKind) -> None:
    call = premises.call(Outcome.DECLINED)
    child = leg_of(premises, call.call_sid)
    grandchild = leg_of(premises, child)
    copy = premises.company.make_copy(kind, call_sid=grandchild)
    looks(premises)
    assert not premises.company.has_copy(copy)
    with premises.shop.database.read() as connection:
        assert {leg.sid for leg in legs.of_call(connection, call.id)} == {child, grandchild}


def test_a_strangers_leg_is_asked_about_once(premises: Premises) -> None:
    child = leg_of(premises, premises.company.ring("+12125550199"))
    copy = premises.company.make_copy(CopyKind.TRANSCRIPT, call_sid=child)
    watch = TextWatch(premises.shop, premises.jobs)
    for _ in range(4):
        watch.look()
        premises.clock.passes(minutes=11)
    assert premises.company.has_copy(copy)
    assert [method for method, _ in premises.company.asked].count("call") == 2


@pytest.mark.parametrize("error", [Unavailable("503"), Broken("no sense")])
def test_a_text_of_a_leg_that_could_not_be_asked_about_goes_later(premises: Premises, error: Exception) -> None:
    call = premises.call(Outcome.DECLINED)
    copy = premises.company.make_copy(CopyKind.TRANSCRIPT, call_sid=leg_of(premises, call.call_sid))
    premises.company.trouble["call"] = [error]
    looks(premises)
    assert premises.company.has_copy(copy)
    premises.clock.passes(hours=3)
    looks(premises)
    assert not premises.company.has_copy(copy)


@EACH_KIND
def test_texts_of_nobodys_calls_are_left_alone(premises: Premises, kind: CopyKind) -> None:
    sid = premises.company.ring("+12125550199")
    copies = [
        premises.company.make_copy(kind, call_sid=sid),
        premises.company.make_copy(kind, recording_sid="RE" + "f" * 32),
        premises.company.make_copy(kind),
    ]
    looks(premises)
    assert all(premises.company.has_copy(copy) for copy in copies)


def test_many_texts_of_a_call_are_one_incident(premises: Premises) -> None:
    one = premises.stored()
    for kind in ACCOUNT_WIDE:
        copy_of(premises, one, kind)
    looks(premises)
    premises.assert_no_copies(one)
    assert [incident.kind for incident in premises.story(one).incidents] == ["copy_without_permit"]


@EACH_KIND
def test_a_text_that_cannot_be_deleted_is_tried_again_until_it_is_gone(premises: Premises, kind: CopyKind) -> None:
    one = premises.stored()
    copy = copy_of(premises, one, kind)
    premises.company.keeps[kind] = "answered 403"
    looks(premises)
    (incident,) = [found for found in premises.story(one).incidents if found.kind == "copy_remains"]
    assert PLACES[kind].name in incident.detail
    assert PLACES[kind].page in incident.detail
    premises.clock.passes(hours=2)
    looks(premises)
    assert "copy_remains" in premises.incidents(one)
    premises.company.remove_copy(copy)
    premises.clock.passes(hours=1)
    looks(premises)
    premises.assert_no_copies(one)
    assert premises.incidents(one) == {"copy_without_permit"}


def test_a_host_that_is_away_holds_up_neither_the_other_lists_nor_its_own_texts(premises: Premises) -> None:
    one, other = premises.stored(), premises.stored()
    copy_of(premises, one, CopyKind.CONVERSATION)
    copy_of(premises, other, CopyKind.TRANSCRIPTION)
    premises.company.trouble["copies_since"] = [Unavailable("503")]
    with pytest.raises(Unavailable):
        TextWatch(premises.shop, premises.jobs).look()
    premises.work()
    premises.assert_no_copies(other)
    premises.clock.passes(hours=3)
    looks(premises)
    premises.assert_no_copies(one)


def test_a_list_that_may_not_be_read_is_an_incident_until_it_may(premises: Premises) -> None:
    one = premises.stored()
    copy_of(premises, one, CopyKind.TRANSCRIPT)
    premises.company.looks[CopyKind.TRANSCRIPT] = Sight.FORBIDDEN
    premises.clock.passes(hours=2)
    looks(premises)
    assert of_the_account(premises) == {("copies_not_looked_for", "transcript")}
    premises.clock.passes(days=3)
    premises.company.looks.clear()
    looks(premises)
    assert of_the_account(premises) == set()
    premises.assert_no_copies(one)


def of_the_account(premises: Premises) -> set[tuple[str, str]]:
    with premises.shop.database.read() as connection:
        return {(found.kind, found.about) for found in open_incidents(connection) if found.call_id is None}


@pytest.mark.parametrize("late", [False, True], ids=["at once", "late"])
def test_results_of_add_ons_are_looked_for_at_intake_and_an_hour_later(premises: Premises, *, late: bool) -> None:
    one = premises.completed()
    if not late:
        copy_of(premises, one, CopyKind.ADD_ON_RESULT)
    premises.work()
    if late:
        copy_of(premises, one, CopyKind.ADD_ON_RESULT)
        premises.clock.passes(minutes=61)
        looks(premises)
    premises.assert_no_copies(one)
    premises.assert_kept(one)


def test_results_of_add_ons_that_were_agreed_to_stay(premises: Premises) -> None:
    one = premises.completed(purposes=AGREED)
    copy = copy_of(premises, one, CopyKind.ADD_ON_RESULT)
    premises.work()
    premises.clock.passes(minutes=61)
    looks(premises)
    assert premises.company.has_copy(copy)


def test_a_call_is_not_erased_over_a_text_that_remains(premises: Premises) -> None:
    one = premises.stored()
    copy = copy_of(premises, one, CopyKind.TRANSCRIPT)
    premises.company.keeps[CopyKind.TRANSCRIPT] = "answered 405"
    looks(premises)
    assert waits_for(premises, one) == 1
    premises.company.remove_copy(copy)
    premises.clock.passes(hours=2)
    looks(premises)
    assert waits_for(premises, one) == 0


def waits_for(premises: Premises, one: Recording) -> int:
    premises.ends(one)
    with premises.shop.database.read() as connection:
        return erasure.standing(connection, premises.owner(one)).copies


def test_a_conversation_of_two_calls_keeps_both_from_being_certified(premises: Premises) -> None:
    """Its row is of the call that it was found for first; the list counts, not the row."""
    recordings = [premises.completed(), premises.completed()]
    for one in recordings:
        shared = ProviderCopy(CopyKind.CONVERSATION, "conv_shared", "", premises.owner(one).call_sid)
        premises.company.copies.append(KeptCopy(shared, premises.company.now()))
    premises.company.keeps[CopyKind.CONVERSATION] = "answered 403"
    for one in recordings:
        premises.condemn(one)
        premises.work()
    assert {premises.recording(one).state for one in recordings} == {RecordingState.CONDEMNED}
