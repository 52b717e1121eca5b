from datetime import UTC, datetime, timedelta

from storage.database.engine import Database
from storage.jobs.contract import JobKind, Lane, Standing
from storage.jobs.queue import JobQueue, create_job_tables
from tests.storage.jobs.engine import end_jobs, jobs_in
from tests.storage.jobs.statements import counted

FETCH = JobKind("fetch", Lane.BULK)
ENDED = 20_000
AT_ONCE_MAX = 1000


def test_twenty_thousand_ended_jobs_are_forgotten_in_small_parts_while_others_are_asked_for(database: Database) -> None:
    create_job_tables(database)
    queue = JobQueue(database)
    soon = datetime.now(UTC) + timedelta(minutes=1)

    def ask(job_id: str) -> None:
        database.write(lambda connection: queue.enqueue(connection, FETCH, job_id, job_id))

    ask("ended")
    end_jobs(database, queue, FETCH.key("ended"), ENDED)
    ask("before")
    assert jobs_in(database) == ENDED + 1
    parts = []
    with counted(database) as count:
        while forgotten := queue.forget(before=soon):
            parts.append(forgotten)
    assert (sum(parts), max(parts) <= AT_ONCE_MAX) == (ENDED, True)
    assert count.commits <= 2 * (len(parts) + 1), "one transaction finds a part, and one deletes it"
    ask("after")
    assert queue.under_way(FETCH) == {"before", "after"}
    assert queue.standing(FETCH, "ended") is None
    assert jobs_in(database) == 2


def test_what_ended_lately_is_remembered(database: Database) -> None:
    create_job_tables(database)
    queue = JobQueue(database)
    database.write(lambda connection: queue.enqueue(connection, FETCH, "ended", ""))
    end_jobs(database, queue, FETCH.key("ended"), 10)
    assert queue.forget(before=datetime.now(UTC) - timedelta(minutes=1)) == 0
    assert queue.standing(FETCH, "ended") is Standing.FAILED
