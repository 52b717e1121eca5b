"""A day's calls at Twilio and here: the same ones, or a person is told which are on one list only."""

import json
import secrets
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from compliance.provider.reconcile_day import Reconciliation
from storage.database.engine import Database
from storage.database.tables import disclosure, log_leaf
from storage.errors import Refused, Unavailable
from storage.moment import Moment
from storage.provider import Listed, ProviderCall
from storage.rows import calls, strangers
from storage.rows.calls import Call
from storage.rows.incidents import open_incidents
from tests.conftest import NOON
from tests.faults.phone_company import PhoneCompany
from tests.storage.test_calls import new_call

LINE, ELSEWHERE = "+12125550100", "+12125550199"
DAY = NOON.date()


@dataclass
class Desk:
    database: Database
    now: datetime = NOON
    company: PhoneCompany = field(init=False)

    def __post_init__(self) -> None:
        self.company = PhoneCompany(lambda: self.now)

    @property
    def reconciliation(self) -> Reconciliation:
        return Reconciliation(self.database, self.company, frozenset({LINE}), self.moment)

    def moment(self) -> Moment:
        return Moment(self.now, secrets.token_bytes)

    def at_twilio(self, line: str = LINE) -> str:
        return self.company.ring(line)

    def here(self, call_sid: str = "", **fields: Any) -> Call:
        new = new_call()
        made = Call(
            **{
                **{name: getattr(new, name) for name in Call.__dataclass_fields__},
                "call_sid": call_sid or new.call_sid,
                "received_at": self.now,
                **fields,
            }
        )
        self.database.write(lambda connection: calls.add(connection, made))
        return made

    def on_both(self) -> str:
        sid = self.at_twilio()
        self.here(sid)
        return sid

    def look(self, **after: float) -> None:
        self.now += timedelta(**after)
        self.reconciliation.look()

    def logged(self) -> list[dict[str, Any]]:
        with self.database.read() as connection:
            leaves = [json.loads(leaf) for leaf in connection.scalars(select(log_leaf.c.leaf).order_by(log_leaf.c.idx))]
        return [leaf for leaf in leaves if leaf["type"] == "reconcile.done"]

    def incidents(self) -> list[tuple[str, str]]:
        with self.database.read() as connection:
            return [(one.kind, one.about) for one in open_incidents(connection)]


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


ON_ONE_DATABASE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_a_day_on_which_both_lists_are_the_same_is_logged_and_raises_nothing(desk: Desk) -> None:
    for _ in range(3):
        desk.on_both()
    desk.at_twilio(ELSEWHERE)
    desk.database.write(lambda connection: strangers.note(connection, desk.moment(), ["RE" + "5" * 32]))
    desk.now += timedelta(days=1)
    desk.database.write(lambda connection: strangers.note(connection, desk.moment(), ["RE" + "6" * 32]))
    found = desk.reconciliation.go_through(DAY)
    assert (found.agrees, found.provider_calls, found.logged_calls) == (True, 3, 3)
    (told,) = desk.logged()
    counted = {
        "provider_calls": 3,
        "logged_calls": 3,
        "missing": 0,
        "unknown_to_provider": 0,
        "erased": 0,
        "strangers": 1,
    }
    assert told.items() >= {"day": "2026-11-22", **counted}.items()
    assert "sd" not in told
    assert desk.incidents() == []


def test_a_call_that_only_twilio_lists_is_missing_and_one_that_it_denies_is_unknown(desk: Desk) -> None:
    desk.on_both()
    missing, unknown = desk.at_twilio(), desk.here().call_sid
    desk.now += timedelta(days=1)
    found = desk.reconciliation.go_through(DAY)
    assert (found.missing, found.unknown) == ((missing,), (unknown,))
    (told,) = desk.logged()
    assert (told["missing"], told["unknown_to_provider"], set(told["sd"])) == (1, 1, {"missing_ids", "unknown_ids"})
    assert desk.incidents() == [("calls_missing", "day 2026-11-22")]


def test_a_day_that_agrees_at_last_closes_its_incident(desk: Desk) -> None:
    missing = desk.at_twilio()
    desk.now += timedelta(days=1)
    for day in (DAY, DAY - timedelta(days=1)):
        desk.reconciliation.go_through(day)
    assert desk.incidents() == [("calls_missing", "day 2026-11-22")]
    desk.here(missing, received_at=NOON)
    desk.reconciliation.go_through(DAY)
    assert desk.incidents() == []
    del desk.company.calls[missing]
    desk.reconciliation.go_through(DAY)
    assert desk.incidents() == [("calls_missing", "day 2026-11-22")]


@ON_ONE_DATABASE
def test_a_call_to_what_is_no_line_is_ours_once_it_reached_us_and_all_others_are_other_peoples(desk: Desk) -> None:
    desk.here(desk.at_twilio("sip:support@pbx.example"), line="")
    for dialled in ("sip:support@pbx.example", ELSEWHERE, ""):
        desk.at_twilio(dialled)
    unknown = desk.here(line="").call_sid
    desk.now += timedelta(days=1)
    found = desk.reconciliation.go_through(DAY)
    assert (found.missing, found.unknown, found.provider_calls, found.logged_calls) == ((), (unknown,), 1, 2)


@ON_ONE_DATABASE
def test_which_calls_differ_can_be_erased(desk: Desk) -> None:
    missing = desk.at_twilio()
    desk.now += timedelta(hours=1)
    desk.reconciliation.go_through(DAY)
    assert missing not in json.dumps(desk.logged())
    with desk.database.read() as connection:
        assert len(connection.scalars(select(disclosure.c.body)).all()) == 1


@ON_ONE_DATABASE
def test_a_call_of_the_day_before_that_was_written_down_late_is_not_unknown(desk: Desk) -> None:
    sid = desk.at_twilio()
    desk.now += timedelta(hours=20)
    desk.here(sid)
    desk.now += timedelta(days=1)
    for day in (DAY, DAY + timedelta(days=1)):
        assert desk.reconciliation.compare(day).agrees


@ON_ONE_DATABASE
def test_calls_of_the_self_test_are_no_calls(desk: Desk) -> None:
    desk.here(synthetic=True)
    desk.now += timedelta(days=1)
    found = desk.reconciliation.compare(DAY)
    assert (found.agrees, found.logged_calls, found.erased) == (True, 0, 0)


@ON_ONE_DATABASE
def test_an_erased_call_is_counted_apart_and_stands_for_the_one_at_twilio(desk: Desk) -> None:
    desk.at_twilio()
    desk.here("ER" + "0" * 32, erased_at=desk.now)
    desk.now += timedelta(days=1)
    found = desk.reconciliation.compare(DAY)
    assert (found.agrees, found.provider_calls, found.logged_calls, found.erased) == (True, 1, 0, 1)


@ON_ONE_DATABASE
def test_an_erased_call_of_another_hour_hides_no_missing_one(desk: Desk) -> None:
    missing = desk.at_twilio()
    desk.now += timedelta(hours=1)
    desk.here("ER" + "0" * 32, erased_at=desk.now)
    desk.now += timedelta(days=1)
    assert desk.reconciliation.compare(DAY).missing == (missing,)


@ON_ONE_DATABASE
def test_a_line_that_is_in_the_rules_no_more_is_still_compared(desk: Desk) -> None:
    desk.here(desk.at_twilio(ELSEWHERE), line=ELSEWHERE)
    missing = desk.at_twilio(ELSEWHERE)
    desk.now += timedelta(days=1)
    assert desk.reconciliation.compare(DAY).missing == (missing,)


@ON_ONE_DATABASE
def test_of_a_day_that_goes_on_there_is_what_has_been_and_one_to_come_is_refused(desk: Desk) -> None:
    desk.on_both()
    desk.now += timedelta(minutes=1)
    assert desk.reconciliation.compare(DAY).provider_calls == 1
    with pytest.raises(Refused):
        desk.reconciliation.compare(date(2026, 11, 23))


def test_each_day_is_gone_through_once_from_the_first_whole_one_on(desk: Desk) -> None:
    desk.at_twilio()  # of a day that had begun before anybody looked
    desk.look()
    for _ in range(30):
        desk.look(hours=3)
    assert [told["day"] for told in desk.logged()] == ["2026-11-23", "2026-11-24", "2026-11-25"]


@ON_ONE_DATABASE
def test_days_on_which_nobody_looked_are_made_up_for(desk: Desk) -> None:
    desk.look()
    desk.look(days=4)
    assert [told["day"] for told in desk.logged()] == ["2026-11-23", "2026-11-24", "2026-11-25"]


@ON_ONE_DATABASE
def test_a_clock_that_was_ahead_for_a_while_keeps_no_later_day_from_it(desk: Desk) -> None:
    desk.look()
    desk.look(days=400)
    told = len(desk.logged())
    desk.look(days=-398)
    desk.look(days=1)
    desk.look(days=1)
    assert [told["day"] for told in desk.logged()[told:]] == ["2026-11-24", "2026-11-25"]


@ON_ONE_DATABASE
def test_a_day_is_not_gone_through_before_its_last_calls_are_over(desk: Desk) -> None:
    desk.look()
    desk.look(days=1, hours=12, minutes=59)
    assert desk.logged() == []
    desk.look(minutes=1)
    assert len(desk.logged()) == 1


@ON_ONE_DATABASE
def test_a_day_that_twilio_would_not_list_is_gone_through_later(desk: Desk) -> None:
    desk.look()
    desk.company.trouble["calls_between"] = [Unavailable("503")]
    with pytest.raises(Unavailable):
        desk.look(days=2)
    assert desk.logged() == []
    desk.look(minutes=10)
    assert len(desk.logged()) == 1


def test_of_two_who_look_at_once_one_logs_the_day(desk: Desk) -> None:
    desk.look()
    desk.now += timedelta(days=2)
    listed = desk.company.calls_between

    def calls_between(begin: datetime, end: datetime) -> Listed[ProviderCall]:
        desk.company.calls_between = listed  # type: ignore[method-assign]  # the other one is asked in between
        desk.reconciliation.look()
        return listed(begin, end)

    desk.company.calls_between = calls_between  # type: ignore[method-assign]  # as above
    desk.reconciliation.look()
    assert len(desk.logged()) == 1
