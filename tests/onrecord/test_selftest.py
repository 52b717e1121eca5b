"""The self-test passes where all is well, on every kind of line; its result is kept, and it is run every day."""

import re
from collections.abc import Iterable
from dataclasses import replace
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest
from sqlalchemy import func, select
from werkzeug.wrappers import Response

from onrecord.daily import EVERY
from onrecord.selftest.http import Elsewhere
from policies.lifecycle import CallState
from storage.database.engine import Database
from storage.database.tables import call, log_leaf, remembered_decline
from storage.errors import Unavailable
from storage.jobs.queue import create_job_tables
from storage.rows import watermarks
from tests.onrecord.tested_service import MENU, PROMPT, RECORDED, RULES, only, served

ONE_DATABASE = pytest.mark.parametrize("used_database", ["sqlite"], indirect=True)
NOTICE, NEVER = 1, 2
MODES = {"auto": 0, "notice": 1, "never": 2, "must_record": 3, "opt_out": 4, "opt_in": 5}
EVERYBODY = {"reachable", "in_time", "answers", "signature", "disclosure", "uncut", "gate", "connected", "logged"}
ASKED = {"question", "declined", "silent", "accepted", "too_early", "told"}
# What the calls of each line are held to: those from a withheld number, and those from where the line is.
HELD = {
    "auto": ({"opt_in", "opt_out"}, ASKED),
    "notice": ({"opt_in", "notice"}, ASKED),
    "never": ({"never"}, {"never", "told"}),
    "must_record": ({"must_record"}, ASKED | {"refused"}),
    "opt_out": ({"opt_in", "opt_out"}, ASKED),
    "opt_in": ({"opt_in"}, ASKED),
}


@pytest.mark.parametrize("mode", MODES)
def test_a_line_of_every_mode_passes(mode: str, used_database: Database) -> None:
    with served(used_database) as service:
        verdict = service.run(MODES[mode])
        assert verdict.faults == ()
        made = service.calls(verdict)
        assert ({row.mode for row in made}, set(verdict.checks) - EVERYBODY) == HELD[mode]
        assert set(verdict.checks) > EVERYBODY
        assert {row.state for row in made} == {CallState.ENDED}
        assert all(row.synthetic and row.sweep_at is None for row in made)
        logged = service.logged()
        assert (logged["type"], logged["failed"]) == ("selftest.passed", [])
        assert (logged["lines"], set(logged["calls"])) == (1, {row.id for row in made})


@ONE_DATABASE
def test_all_lines_are_called_at_once_and_nobody_waits_twice(used_database: Database) -> None:
    with served(used_database) as service:
        verdict = service.run()
        assert verdict.faults == ()
        assert verdict.lines == len(MODES)
        longest_ms = max(row.disclosure_length_ms for row in service.calls(verdict))
        assert verdict.took_ms == pytest.approx(longest_ms, abs=50)


@ONE_DATABASE
@pytest.mark.parametrize("turn", range(3))
def test_every_language_of_a_menu_has_its_turn(turn: int, used_database: Database) -> None:
    with served(used_database, MENU) as service:
        service.clock.passes(turn * EVERY.total_seconds())
        verdict = service.run(0)
        assert verdict.faults == ()
        assert {row.language for row in service.calls(verdict)} == {"en-US", "es-US", "de-DE"}


@ONE_DATABASE
def test_a_recorded_disclosure_is_fetched_and_heard_to_its_end(used_database: Database) -> None:
    with served(used_database, RECORDED) as service:
        verdict = service.run(5)
        assert verdict.faults == ()
        assert verdict.took_ms == pytest.approx(PROMPT.length_ms, abs=50)
        (mode,) = {event["mode"] for event in service.events("disclosure.served", verdict)}
        assert mode == "audio"


FAILED = ("disclosure", "told")


def test_a_failure_is_an_event_and_one_incident_a_day(database: Database) -> None:
    create_job_tables(database)
    with served(database, sabotage=silent_about_the_recording) as service:
        for _ in range(2):
            assert service.run(2).failed == FAILED
        logged = service.logged()
        assert (logged["type"], logged["failed"], logged["lines"]) == ("selftest.failed", [*FAILED], 1)
        (raised,) = service.incidents()
        assert raised.about == "2026-11-22: disclosure, told"
        assert raised.detail.startswith("disclosure: line 3, a caller who is not asked: what is said is not")
        service.clock.passes(EVERY.total_seconds())
        service.run(2)
        assert len(service.incidents()) == 2


def test_a_run_that_passes_closes_the_incidents_of_those_that_failed(database: Database) -> None:
    create_job_tables(database)
    with served(database, only(NEVER, NOTICE), sabotage=silent_about_the_recording) as service:
        service.run()
        service.clock.passes(EVERY.total_seconds())
        service.run()
        assert len(service.incidents()) == 2
    with served(database, only(NEVER, NOTICE)) as service:
        assert service.run(0).faults == ()
        assert len(service.incidents()) == 2  # of the other line nothing is known
        assert service.run().faults == ()
        assert service.incidents() == []


def silent_about_the_recording(app: WSGIApplication) -> WSGIApplication:
    """Says nothing at all where it says that nothing is recorded."""

    def without(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        answer = Response.from_app(app, environ)
        answer.data = re.sub(rb"<Say.*?</Say>", b"<Say>Welcome.</Say>", answer.data)
        return answer(environ, start)

    return without


def test_it_runs_a_day_after_the_first_look_and_then_every_day(database: Database) -> None:
    create_job_tables(database)
    with served(database, only(NEVER)) as service:

        def runs() -> int:
            with database.read() as connection:
                leaves = connection.scalars(select(log_leaf.c.leaf))
                return sum('"type":"selftest.passed"' in leaf for leaf in leaves)

        told = []
        for hours in (0, 1, 22.9, 0.2, 0.1, 23, 1):
            service.clock.passes(hours * 3600)
            service.test.look()
            told.append(runs())
        assert told == [0, 0, 0, 1, 1, 1, 2]


def test_it_runs_on_a_day_after_a_clock_that_was_ahead_is_right_again(database: Database) -> None:
    create_job_tables(database)
    with served(database, only(NEVER)) as service:
        marks = []
        for days in (0, 400, -400, 1, 1):
            service.clock.passes(days * 86400)
            service.test.look()
            with database.read() as connection:
                marks.append(watermarks.reached(connection, "selftest") == service.clock())
        assert marks == [True, True, True, True, True]


def test_a_run_of_one_line_is_not_that_of_the_day(database: Database) -> None:
    create_job_tables(database)
    with served(database, only(NEVER, NOTICE)) as service:
        service.test.look()
        service.clock.passes(EVERY.total_seconds() - 60)
        service.run(0)
        service.clock.passes(60)
        service.test.look()
        assert service.logged()["lines"] == 2


def test_a_run_that_is_given_up_is_begun_again_and_leaves_no_call_open(database: Database) -> None:
    create_job_tables(database)
    with served(database, only(NOTICE)) as service:
        service.test.look()
        service.clock.passes(EVERY.total_seconds())

        def give_up(seconds: float) -> None:
            raise Unavailable("the worker is told to end")

        with pytest.raises(Unavailable):
            replace(service.test, wait=give_up).look()
        open_calls = select(func.count()).select_from(call).where(call.c.state != CallState.ENDED)
        with database.read() as connection:
            assert connection.scalar(open_calls)
        service.clock.passes(3601)
        service.test.look()
        with database.read() as connection:
            assert connection.scalar(open_calls) == 0
        assert service.logged()["type"] == "selftest.passed"


def test_nothing_of_it_is_remembered_as_somebodys_decline(database: Database) -> None:
    create_job_tables(database)
    remembering = RULES.replace(
        '[declines] # the tests\' callers call again and again, and each test is about one call\nremember = "never"', ""
    )
    assert remembering != RULES
    with served(database, remembering) as service:
        for _ in range(2):
            assert service.run(0).faults == ()
        with database.read() as connection:
            assert connection.scalar(select(func.count()).select_from(remembered_decline)) == 0


@ONE_DATABASE
def test_nobody_but_the_service_is_asked(used_database: Database) -> None:
    with served(used_database) as service, pytest.raises(Elsewhere):
        service.test.means.wire.post("http://127.0.0.1:9/voice/answer", {})
