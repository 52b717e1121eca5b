"""A worker costs the database as little while nothing is asked for as while its jobs take their time."""

from sqlalchemy import text

from storage.database.engine import Database
from storage.jobs.contract import Lane
from storage.jobs.dispatch import table_of_jobs, which_wait
from storage.jobs.queue import create_job_tables
from tests.storage.jobs.a_worker import CREW
from tests.storage.jobs.conftest import Yard, until

BEATS = 20


def counts(yard: Yard) -> list[list[int]]:
    return [[int(number) for number in line.split()] for line in yard.lines("counts")]


def cost_of(yard: Yard) -> list[int]:
    """Of so many beats: the beats, the looks for jobs, the statements and the commits."""
    since = len(counts(yard))
    until(lambda: len(counts(yard)) > since + BEATS)
    first, *_, last = counts(yard)[since : since + BEATS + 1]
    return [after - before for before, after in zip(first, last, strict=True)]


def test_an_idle_worker_commits_its_heartbeat_and_reads_once_for_each_look(yard: Yard) -> None:
    yard.start()
    beats, looks, statements, commits = cost_of(yard)
    assert commits == beats == BEATS
    assert abs(statements - 2 * beats - looks) <= 1  # a look may be half done


def test_a_worker_whose_jobs_take_their_time_costs_no_more(yard: Yard) -> None:
    yard.hold()
    yard.start()
    for n in range(CREW.steps_max):
        yard.ask(str(n))
    until(lambda: sum(yard.steps().values()) == 2 * CREW.steps_max)
    beats, looks, statements, commits = cost_of(yard)
    assert commits == beats == BEATS
    assert abs(statements - 2 * beats - looks) <= 1
    yard.let_go()


def test_a_look_for_waiting_jobs_reads_none_that_ended(database: Database) -> None:
    create_job_tables(database)
    query = which_wait(table_of_jobs(database), list(Lane))
    explain = "EXPLAIN QUERY PLAN " if database.dialect == "sqlite" else "EXPLAIN "
    with database.read() as connection:
        if database.dialect == "postgresql":  # which reads an empty table through, whatever indexes there are
            connection.execute(text("SET LOCAL enable_seqscan = off"))
        words = str(query.compile(connection, compile_kwargs={"literal_binds": True}))
        plan = "\n".join(str(row) for row in connection.execute(text(explain + words)))
    assert plan.count("in_flight") == len(Lane)
