"""Recordings on other legs, in conferences and on other lines: found by one list of the account, and told apart."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from policies.consent import Outcome
from policies.lifecycle import RecordingEvent, RecordingState
from storage.custody.account_watch import AccountWatch
from storage.errors import Refused, Unavailable
from storage.rows import legs, recordings, strangers, watermarks
from storage.rows.calls import Call
from storage.rows.incidents import open_incidents
from storage.rows.recordings import Recording
from tests.faults.interruptions import Interruption
from tests.faults.phone_company import BY_REST
from tests.faults.premises import LINE, ONE_MACHINE, WAV, Premises

ELSEWHERE = "+12125559999"
CONFERENCE = "CF" + "7" * 32


def looked(premises: Premises, **after: float) -> Counter[str]:
    """A look of the watch, its jobs done; how often each question was asked."""
    premises.clock.passes(**(after or {"seconds": 5}))
    before = len(premises.company.asked)
    premises.watch.look()
    asked = Counter(method for method, _ in premises.company.asked[before:])
    premises.work()
    return asked


def leg_of(premises: Premises, sid: str) -> str:
    """A leg dialled from that leg."""
    child = premises.company.ring("+14155550123")
    premises.company.calls[child] = replace(premises.company.calls[child], parent_sid=sid)
    return child


def row(premises: Premises, recording_sid: str) -> Recording | None:
    with premises.shop.database.read() as connection:
        return recordings.peek_sid(connection, recording_sid)


def strangers_among(premises: Premises, *sids: str) -> set[str]:
    with premises.shop.database.read() as connection:
        return set(strangers.seen(connection, sids))


def changed(premises: Premises, sid: str, **fields: Any) -> None:
    premises.company.tapes[sid].shown = replace(premises.company.tapes[sid].shown, **fields)


def incidents(premises: Premises) -> list[tuple[str, str]]:
    with premises.shop.database.read() as connection:
        return [(told.kind, told.about) for told in open_incidents(connection)]


def in_conference(premises: Premises, sid: str, *participants: str, call_sid: str = "") -> str:
    premises.company.conferences_held[CONFERENCE] = list(participants)
    recording_sid = premises.company.start(sid, WAV, "Conference")
    changed(premises, recording_sid, conference_sid=CONFERENCE, call_sid=call_sid)
    return recording_sid


def own_leg(_: Premises, owner: Call) -> tuple[str, str]:
    return owner.call_sid, ""


def child_leg(premises: Premises, owner: Call) -> tuple[str, str]:
    return leg_of(premises, owner.call_sid), ""


def grandchild(premises: Premises, owner: Call) -> tuple[str, str]:
    return leg_of(premises, leg_of(premises, owner.call_sid)), ""


@pytest.mark.parametrize("of_leg", [own_leg, child_leg, grandchild])
def test_a_recording_on_any_leg_of_a_caller_who_declined_is_destroyed(
    premises: Premises, of_leg: Callable[[Premises, Call], tuple[str, str]]
) -> None:
    owner = premises.call(Outcome.DECLINED)
    leg_sid, _ = of_leg(premises, owner)
    sid = premises.company.start(leg_sid, WAV, BY_REST)
    looked(premises)
    found = row(premises, sid)
    assert found is not None
    assert (found.call_id, found.under_sid) == (owner.id, None if leg_sid == owner.call_sid else leg_sid)
    premises.assert_gone(found)
    assert premises.incidents(owner) == {"recording_without_permit"}
    with premises.shop.database.read() as connection:
        assert leg_sid == owner.call_sid or legs.call_of(connection, leg_sid) == owner.id
    again = premises.company.start(leg_sid, WAV, BY_REST)
    assert looked(premises)["call"] == 0, "whose leg it is was asked once"
    assert not premises.company.holds(again)


@ONE_MACHINE
@pytest.mark.parametrize("names_its_call", [True, False])
def test_a_conference_with_a_leg_of_a_caller_who_declined_is_not_recorded(
    premises: Premises, names_its_call: bool
) -> None:
    owner, other = premises.call(Outcome.DECLINED), premises.company.ring(ELSEWHERE)
    leg_sid = leg_of(premises, owner.call_sid)
    sid = in_conference(premises, other, other, leg_sid, call_sid=other if names_its_call else "")
    looked(premises)
    found = row(premises, sid)
    assert found is not None
    assert (found.call_id, found.under_sid) == (owner.id, CONFERENCE)
    premises.assert_gone(found)
    with premises.shop.database.read() as connection:
        assert {leg.sid for leg in legs.of_call(connection, owner.id)} == {CONFERENCE, leg_sid}


@ONE_MACHINE
def test_a_conference_of_which_nobody_says_who_was_in_it_is_for_a_person_once(premises: Premises) -> None:
    premises.call(Outcome.DECLINED)
    sid = in_conference(premises, "CA" + "0" * 32)
    for _ in range(3):
        looked(premises)
    assert premises.company.holds(sid)
    assert incidents(premises) == [("recording_not_tied", sid)]


@ONE_MACHINE
def test_a_recording_on_another_line_is_left_alone_and_asked_about_once(premises: Premises) -> None:
    sid = premises.company.start(premises.company.ring(ELSEWHERE), WAV, BY_REST)
    assert looked(premises) == {"recordings_since": 1, "call": 1}
    for _ in range(3):
        assert looked(premises) == {"recordings_since": 1}
    assert premises.company.holds(sid)
    assert (strangers_among(premises, sid), incidents(premises)) == ({sid}, [])
    with premises.shop.database.read() as connection:
        assert strangers.count(connection, premises.clock() - timedelta(minutes=1), premises.clock()) == 1


@ONE_MACHINE
def test_a_row_that_calls_it_a_strangers_hides_no_recording_of_our_call(premises: Premises) -> None:
    call = premises.call(Outcome.DECLINED)
    sid = premises.company.start(call.call_sid, WAV, BY_REST)
    premises.write(lambda connection: strangers.note(connection, premises.moment(), [sid]))
    looked(premises)
    premises.work()
    assert not premises.company.holds(sid)


@ONE_MACHINE
def test_a_stranger_is_forgotten_forty_days_after_it_was_last_listed(premises: Premises) -> None:
    old = premises.company.start(premises.company.ring(ELSEWHERE), WAV, BY_REST)
    looked(premises)
    looked(premises, days=30)
    premises.company.tapes[old].is_deleted = True
    looked(premises, days=39)
    assert strangers_among(premises, old) == {old}
    premises.company.start(premises.company.ring(ELSEWHERE), WAV, BY_REST)
    looked(premises, days=2)
    assert strangers_among(premises, old) == set()


@ONE_MACHINE
def test_a_call_to_one_of_our_lines_that_has_no_row_yet_is_no_strangers(premises: Premises) -> None:
    call_sid = premises.company.ring(LINE)
    sid = premises.company.start(call_sid, WAV, BY_REST)
    assert looked(premises)["call"] == 1
    assert looked(premises)["call"] == 0, "the provider's answer is remembered"
    assert strangers_among(premises, sid) == set()
    owner = premises.call(Outcome.DECLINED, call_sid=call_sid)
    looked(premises)
    premises.assert_gone(row(premises, sid) or pytest.fail("it was not found"))
    assert premises.incidents(owner) == {"recording_without_permit"}


@ONE_MACHINE
def test_a_call_to_one_of_our_lines_that_never_gets_a_row_is_for_a_person(premises: Premises) -> None:
    premises.call(Outcome.DECLINED)
    premises.clock.passes(days=1)
    sid = premises.company.start(premises.company.ring(LINE), WAV, BY_REST)
    premises.clock.passes(days=1)
    now = premises.clock()
    premises.write(lambda connection: watermarks.advance(connection, watermarks.CALLS, now))
    looked(premises)
    assert (strangers_among(premises, sid), incidents(premises)) == ({sid}, [("recording_not_tied", sid)])


@ONE_MACHINE
def test_recordings_from_before_there_was_this_installation_are_strangers_and_no_incident(premises: Premises) -> None:
    sid = premises.company.start(premises.company.ring(LINE), WAV, BY_REST)
    premises.clock.passes(days=1)
    premises.call(Outcome.DECLINED)
    now = premises.clock()
    premises.write(lambda connection: watermarks.advance(connection, watermarks.CALLS, now))
    looked(premises)
    assert (strangers_among(premises, sid), incidents(premises)) == ({sid}, [])


@ONE_MACHINE
@pytest.mark.parametrize("error", [Unavailable("503"), Refused("credentials")])
def test_a_question_that_fails_decides_nothing_and_holds_up_no_other(premises: Premises, error: Exception) -> None:
    owner = premises.call(Outcome.DECLINED)
    theirs = premises.company.start(leg_of(premises, owner.call_sid), WAV, BY_REST)
    others = premises.company.start(premises.company.ring(ELSEWHERE), WAV, BY_REST)
    sound = premises.company.start(owner.call_sid, WAV, BY_REST)
    premises.company.trouble["call"] = [error, error]
    looked(premises)
    assert not premises.company.holds(sound)
    assert strangers_among(premises, theirs, others) == set()
    looked(premises)
    assert not premises.company.holds(theirs)
    assert strangers_among(premises, theirs, others) == {others}


@ONE_MACHINE
def test_an_interval_without_news_is_one_request_and_no_write(premises: Premises) -> None:
    for _ in range(20):
        owner = premises.call()
        sid = premises.company.start(owner.call_sid, WAV)
        premises.hears(owner, sid, RecordingEvent.IN_PROGRESS)
    looked(premises)
    writes = Interruption(10_000, lambda: None, is_after=False)
    quiet = AccountWatch(writes.around(premises.shop), premises.jobs, premises.watch.lines, premises.watch.position)
    before = len(premises.company.asked)
    for _ in range(3):
        premises.clock.passes(seconds=5)
        quiet.look()
    assert Counter(method for method, _ in premises.company.asked[before:]) == {"recordings_since": 3}
    assert writes.count == 0


@ONE_MACHINE
def test_a_recording_that_comes_back_days_after_its_destruction_is_deleted_again(premises: Premises) -> None:
    owner = premises.call(Outcome.DECLINED)
    sid = premises.company.start(owner.call_sid, WAV, BY_REST)
    looked(premises)
    premises.company.tapes[sid].is_deleted = False
    looked(premises, days=9)
    assert not premises.company.holds(sid)


def listed_from(premises: Premises) -> list[str]:
    return [since for method, since in premises.company.asked if method == "recordings_since"]


@ONE_MACHINE
def test_a_large_account_is_listed_from_the_last_list_and_whole_once_an_hour(premises: Premises) -> None:
    sids = [premises.company.start("CA" + f"{number:032x}", WAV, BY_REST) for number in range(1001)]
    premises.write(lambda connection: strangers.note(connection, premises.moment(), sids))
    premises.clock.passes(days=3)
    for _ in range(4):
        looked(premises)
    first, *later = listed_from(premises)
    assert (first, all(later)) == ("", True)
    assert premises.clock() - datetime.fromisoformat(later[-1]) < timedelta(minutes=11)
    sid = premises.company.start(premises.call(Outcome.DECLINED).call_sid, WAV, BY_REST)
    looked(premises)
    assert not premises.company.holds(sid), "what is new is seen at once"
    premises.company.tapes[sid].is_deleted = False
    changed(premises, sid, started_at=premises.clock() - timedelta(days=2))
    looked(premises)
    assert premises.company.holds(sid)
    looked(premises, hours=1)
    assert listed_from(premises)[-1] == ""
    assert not premises.company.holds(sid), "and what is old within the hour"


@ONE_MACHINE
def test_a_large_account_is_listed_from_the_oldest_recording_that_is_not_complete(premises: Premises) -> None:
    owner = premises.call()
    began = premises.clock()
    premises.hears(owner, premises.company.start(owner.call_sid, WAV), RecordingEvent.IN_PROGRESS)
    premises.clock.passes(hours=3)
    looked(premises)
    premises.watch.position.whole_rows = 1001
    looked(premises)
    assert datetime.fromisoformat(listed_from(premises)[-1]) <= began


@ONE_MACHINE
def test_a_recording_that_twilio_says_it_stopped_and_that_runs_is_not_taken_for_stopped(premises: Premises) -> None:
    company, owner = premises.company, premises.call(Outcome.DECLINED)
    sid = company.start(owner.call_sid, WAV, BY_REST)
    stop, company.stop = company.stop, lambda *_: None  # type: ignore[method-assign]  # as after a 21220
    premises.clock.passes(seconds=5)
    premises.watch.look()
    premises.work(tries=3)
    found = row(premises, sid)
    assert found is not None
    assert found.state is RecordingState.CONDEMNED
    assert "recording.stopped" not in premises.told(found)
    company.stop = stop  # type: ignore[method-assign]  # as before
    premises.clock.passes(hours=1)
    premises.sweep()
    premises.work()
    premises.assert_gone(found)
    [event] = [event for event in premises.story(owner).events if event["type"] == "recording.stopped"]
    assert event["seen"] == "stopped"


@ONE_MACHINE
def test_the_end_of_a_stop_is_logged_once_however_often_it_is_asked_for(premises: Premises) -> None:
    owner = premises.call(Outcome.DECLINED)
    sid = premises.company.start(owner.call_sid, WAV, BY_REST)
    premises.company.trouble["delete"] = [Refused("403")]
    looked(premises)
    premises.clock.passes(hours=1)
    premises.sweep()
    premises.work()
    found = row(premises, sid)
    assert found is not None
    premises.assert_gone(found)
    assert premises.told(found).count("recording.stopped") == 1
