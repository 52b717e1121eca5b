"""Caller and agent meet in a conference: asked on disk first, seen afterwards, and nobody is left alone in it."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from sqlalchemy import Connection, update

from policies.consent import Outcome
from storage.custody.handing_over import Documents, accompany, join, release
from storage.custody.workshop import Workshop
from storage.database.tables import handoff as handoff_table
from storage.errors import Refused
from storage.row_check.logged_calls import Contradicted
from storage.rows import call_end, handoffs
from storage.rows.calls import Call
from storage.rows.handoffs import Handoff
from tests.faults.interruptions import Died, at_each_effect, die, nobody_answers
from tests.faults.premises import Patient, Premises

DOCUMENTS = Documents(lambda call_id, round_: f"join {call_id} {round_}", lambda call_id: f"alone {call_id}")


@dataclass
class Meeting:
    """A recorded call whose agent has answered. Twilio fetches the document for a leg that it redirects."""

    premises: Premises
    call: Call = field(init=False)
    leg_sid: str = field(init=False)
    id: str = field(init=False)

    def __post_init__(self) -> None:
        self.call = self.premises.call(Outcome.CONSENTED)
        self.leg_sid = self.premises.company.ring("+12125550199")
        self.premises.company.when_redirected = self._fetched
        self.premises.write(
            lambda connection: handoffs.note(
                connection,
                self.premises.moment(),
                self.premises.row(connection, self.call),
                self.leg_sid,
                self.premises.jobs,
            )
        )
        self.id = self.handoff.id

    @property
    def handoff(self) -> Handoff:
        with self.premises.shop.database.read() as connection:
            found = handoffs.of_leg(connection, self.call.id, self.leg_sid)
        assert found
        return found

    def change(self, change: Callable[[Connection, Handoff], object]) -> None:
        self.premises.write(lambda connection: change(connection, self._locked(connection)))

    def met(self) -> None:
        self.change(lambda connection, noted: handoffs.met(connection, self.premises.moment(), noted))

    def joins(self, shop: Workshop | None = None) -> None:
        join(shop or self.premises.shop, DOCUMENTS, Patient(self.premises.clock), self.id)  # type: ignore[arg-type]  # steps

    def ends(self) -> None:
        def end(connection: Connection) -> None:
            row = self.premises.row(connection, self.call)
            call_end.end(connection, self.premises.moment(), row, status="completed", duration_s=9)
            handoffs.release(connection, row.id, self.premises.jobs)

        self.premises.write(end)

    def sent(self, call_sid: str) -> list[str]:
        return [url for sid, url in self.premises.company.redirected if sid == call_sid]

    def is_over(self, call_sid: str) -> bool:
        return self.premises.company.calls[call_sid].ended

    def _locked(self, connection: Connection) -> Handoff:
        found = handoffs.by_id(connection, self.id)
        assert found
        return found

    def _fetched(self, call_sid: str) -> None:
        if call_sid == self.leg_sid:
            assert self.handoff.asked_at, "the provider heard of it before the disk"
            self.change(lambda connection, noted: handoffs.joined(connection, self.premises.moment(), noted))


@pytest.fixture
def meeting(premises: Premises) -> Meeting:
    return Meeting(premises)


def test_the_agent_is_sent_into_the_conference_once_the_disk_knows(meeting: Meeting) -> None:
    meeting.joins()
    assert meeting.sent(meeting.leg_sid) == [f"join {meeting.call.id} 1"]
    assert meeting.handoff.is_on
    assert not meeting.sent(meeting.call.call_sid)


def test_a_caller_who_waits_for_an_agent_who_had_hung_up_is_told_goodbye(meeting: Meeting) -> None:
    meeting.premises.company.hang_up(meeting.leg_sid)
    meeting.met()
    meeting.joins()
    assert meeting.sent(meeting.call.call_sid) == [f"alone {meeting.call.id}"]
    assert not meeting.handoff.is_on


def test_a_caller_who_is_not_in_the_conference_is_left_in_peace(meeting: Meeting) -> None:
    meeting.premises.company.hang_up(meeting.leg_sid)
    meeting.joins()
    assert not meeting.sent(meeting.call.call_sid)


def test_an_agent_who_leaves_unnoticed_later_is_found_out(meeting: Meeting) -> None:
    meeting.joins()
    meeting.met()
    meeting.premises.company.hang_up(meeting.leg_sid)
    for _ in range(2):
        accompany(meeting.premises.shop, DOCUMENTS, Patient(), meeting.id)  # type: ignore[arg-type]  # steps
    assert set(meeting.sent(meeting.call.call_sid)) == {f"alone {meeting.call.id}"}


def test_where_the_provider_refuses_caller_and_agent_stay_as_they_are(meeting: Meeting) -> None:
    meeting.premises.company.trouble["redirect"].append(Refused("403"))
    with pytest.raises(Refused):
        meeting.joins()
    assert not meeting.handoff.is_on
    assert not meeting.premises.company.redirected


def test_a_call_that_is_over_hands_nobody_over(meeting: Meeting) -> None:
    meeting.ends()
    meeting.joins()
    assert not meeting.premises.company.redirected
    assert not meeting.handoff.asked_at


def test_only_one_agent_comes_into_the_conference_of_a_round(meeting: Meeting) -> None:
    other = Meeting.__new__(Meeting)
    meeting.joins()
    other.premises, other.call, other.leg_sid = meeting.premises, meeting.call, meeting.premises.company.ring("+1")
    meeting.premises.write(
        lambda connection: handoffs.note(
            connection,
            meeting.premises.moment(),
            meeting.premises.row(connection, meeting.call),
            other.leg_sid,
            meeting.premises.jobs,
        )
    )
    other.id = other.handoff.id
    other.joins()
    assert not other.sent(other.leg_sid)


def test_the_leg_that_stays_behind_is_ended_and_no_other(meeting: Meeting) -> None:
    meeting.joins()
    bystander = meeting.premises.company.ring("+12125550199")
    meeting.ends()
    for _ in range(2):
        release(meeting.premises.shop, Patient(), meeting.id)  # type: ignore[arg-type]  # steps
    assert meeting.is_over(meeting.leg_sid)
    assert not meeting.is_over(bystander)
    assert not meeting.handoff.is_on


def test_a_row_that_names_a_callers_leg_as_the_agents_ends_nobodys_call(meeting: Meeting) -> None:
    meeting.joins()
    another = meeting.premises.call()
    forged = update(handoff_table).where(handoff_table.c.id == meeting.id).values(leg_sid=another.call_sid)
    meeting.premises.write(lambda connection: connection.execute(forged))
    with pytest.raises(Contradicted, match="names a caller's leg as the agent's"):
        release(meeting.premises.shop, Patient(), meeting.id)  # type: ignore[arg-type]  # steps
    assert not meeting.is_over(another.call_sid)


@pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("happens", [die, nobody_answers])
@pytest.mark.parametrize("has_hung_up", [False, True])
def test_whatever_dies_the_agent_is_there_or_the_caller_is_told(
    premises: Premises, *, is_after: bool, happens: Callable[[], None], has_hung_up: bool
) -> None:
    for interruption in at_each_effect(premises.stride, is_after=is_after, effects_min=2):
        meeting = Meeting(premises)
        meeting.met()
        if has_hung_up:
            premises.company.hang_up(meeting.leg_sid)
        interruption.happens = happens
        try:
            meeting.joins(interruption.around(premises.shop))
        except Died:
            meeting.joins()
        assert meeting.handoff.is_on != has_hung_up
        assert bool(meeting.sent(meeting.call.call_sid)) == has_hung_up
        assert not meeting.is_over(meeting.call.call_sid)
        assert meeting.is_over(meeting.leg_sid) == has_hung_up
