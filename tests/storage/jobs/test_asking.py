from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection

from storage.database.engine import Database
from storage.errors import NotMigrated
from storage.jobs.queue import JobKind, JobQueue, Lane, Standing, create_job_tables
from tests.storage.jobs.engine import give_up, jobs_in

FETCH = JobKind("fetch", Lane.BULK)
DESTROY = JobKind("destroy", Lane.PROMPT)


@pytest.fixture
def queue(database: Database) -> JobQueue:
    create_job_tables(database)
    return JobQueue(database)


def ask(database: Database, queue: JobQueue, kind: JobKind, *job_ids: str) -> None:
    def work(connection: Connection) -> None:
        for job_id in job_ids:
            queue.enqueue(connection, kind, job_id, {"recording": job_id})

    database.write(work)


def test_a_job_waits_once_its_reason_is_durable(database: Database, queue: JobQueue) -> None:
    ask(database, queue, FETCH, "RE1")
    assert queue.standing(FETCH, "RE1") is Standing.WAITING


def test_a_job_whose_reason_is_rolled_back_was_never_asked_for(database: Database, queue: JobQueue) -> None:
    def fails(connection: Connection) -> None:
        queue.enqueue(connection, FETCH, "RE1", "RE1")
        raise KeyError

    with pytest.raises(KeyError):
        database.write(fails)
    assert queue.standing(FETCH, "RE1") is None
    assert jobs_in(database) == 0


def test_a_job_asked_for_three_times_is_one_job(database: Database, queue: JobQueue) -> None:
    ask(database, queue, FETCH, "RE1", "RE1")
    ask(database, queue, FETCH, "RE1")
    assert jobs_in(database) == 1


def test_what_is_under_way_is_known_by_kind(database: Database, queue: JobQueue) -> None:
    ask(database, queue, FETCH, "RE1", "RE2:2026112212")
    ask(database, queue, DESTROY, "RE3")
    assert queue.under_way(FETCH) == {"RE1", "RE2:2026112212"}
    give_up(queue, FETCH.key("RE1"))
    assert queue.under_way(FETCH) == {"RE2:2026112212"}
    assert queue.under_way(JobKind("sweep", Lane.PROMPT)) == frozenset()


def test_jobs_of_two_kinds_may_have_one_id(database: Database, queue: JobQueue) -> None:
    ask(database, queue, FETCH, "RE1")
    ask(database, queue, DESTROY, "RE1")
    assert jobs_in(database) == 2


def test_a_job_that_has_not_ended_is_not_forgotten(database: Database, queue: JobQueue) -> None:
    ask(database, queue, FETCH, "RE1")
    assert queue.forget(before=datetime.now(UTC)) == 0
    assert queue.standing(FETCH, "RE1") is Standing.WAITING


def test_missing_tables_of_jobs_are_refused_until_they_are_made(database: Database) -> None:
    with pytest.raises(NotMigrated, match="tables of jobs are missing"):
        JobQueue(database).check()
    create_job_tables(database)
    create_job_tables(database)
    JobQueue(database).check()
