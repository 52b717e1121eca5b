"""`onrecord corroborate` and `onrecord reconcile`: what Twilio knows, asked for by hand."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from simulator.clock import RealClock
from simulator.server import Server
from storage.moment import Moment
from storage.rows import call_end, calls
from tests.onrecord.commands.site import Site
from tests.simulator.office import Office
from tests.storage.test_calls import new_call


@pytest.fixture
def office() -> Iterator[Office]:
    office = Office(RealClock(), answer="<Reject/>")
    with Server(office.exchange):
        yield office


def this_day() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d}"


def test_a_day_without_a_difference_is_counted(connected: Site) -> None:
    ran = connected.run("reconcile")
    assert ran.code == 0
    assert "0 calls at Twilio, 0 here" in ran.out
    as_json = json.loads(connected.run("reconcile", "--json").out)
    assert (as_json["agrees"], as_json["provider_calls"], as_json["missing"]) == (True, 0, [])


def test_every_difference_of_a_day_is_printed(connected: Site, office: Office) -> None:
    sid = office.call().sid
    invented = new_call()
    with closing(connected.database()) as database:
        database.write(lambda connection: calls.add(connection, invented))
    for day, expected in ((this_day(), f"{sid}: Twilio lists it"), ("2026-11-22", f"{invented.call_sid}: it is here")):
        ran = connected.run("reconcile", "--day", day)
        assert (ran.code, ran.err) == (1, "")
        assert expected in ran.out
    assert "2 calls" not in ran.out
    listed = connected.run("incidents").out
    assert listed.count("  calls_missing  ") == 2
    assert sid not in listed


def test_a_day_that_has_not_begun_is_refused(connected: Site) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=2)
    ran = connected.run("reconcile", "--day", f"{tomorrow:%Y-%m-%d}")
    assert (ran.code, ran.out) == (1, "")
    assert "has not begun" in ran.err


def test_a_call_that_is_not_here_cannot_be_corroborated(connected: Site) -> None:
    ran = connected.run("corroborate", "CA" + "0" * 32)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "onrecord: corroborate: there is no call with this sid or id that Twilio had and that is over\n"


def test_a_call_that_twilio_does_not_tell_of_is_not_corroborated(connected: Site) -> None:
    ended = new_call()
    with closing(connected.database()) as database:
        database.write(lambda connection: calls.add(connection, ended))
        database.write(
            lambda connection: call_end.end(
                connection, Moment(datetime.now(UTC), bytes), ended, status="completed", duration_s=1
            )
        )
    as_json = connected.run("corroborate", ended.id, "--json")
    assert (as_json.code, json.loads(as_json.out)["match"]) == (1, None)
    for name in (ended.call_sid, ended.id):
        ran = connected.run("corroborate", name)
        assert (ran.code, ran.err) == (1, "onrecord: corroborate: Twilio does not know the call\n")
