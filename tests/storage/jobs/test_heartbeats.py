from datetime import timedelta

import pytest
from sqlalchemy import Connection, insert

from storage.database.engine import Database
from storage.database.tables import worker
from storage.jobs.contract import JobKind, Lane
from storage.jobs.heartbeats import ENDED, BeatHistory, Heartbeats, Liveness
from storage.jobs.queue import JobQueue, create_job_tables
from tests.conftest import NOON
from tests.storage.jobs.statements import counted


def test_a_worker_is_dead_after_five_seconds_without_a_change_whatever_its_clock_says() -> None:
    history = BeatHistory(silent_s=5.0)
    wrong = NOON - timedelta(days=400)
    assert history.see([("a", wrong), ("b", NOON)], now=0.0).living == ["a", "b"]
    assert history.see([("a", wrong + timedelta(seconds=1)), ("b", NOON)], now=4.9).living == ["a", "b"]
    assert history.see([("a", wrong + timedelta(seconds=1)), ("b", NOON)], now=5.0).living == ["a"]


def test_a_worker_that_stood_still_itself_forgets_nobody() -> None:
    history = BeatHistory(silent_s=5.0)
    history.see([("a", NOON)], now=0.0)
    assert history.see([("a", NOON)], now=60.0).living == ["a"]
    assert history.see([("a", NOON)], now=64.0).living == ["a"]
    assert history.see([("a", NOON)], now=65.0).living == []


def test_a_row_that_is_gone_is_a_dead_workers_until_its_jobs_are_resumed() -> None:
    history = BeatHistory(silent_s=5.0)
    history.see([("a", NOON), ("b", NOON)], now=0.0)
    assert history.see([("a", NOON)], now=1.0) == Liveness(["a"], {"b": ENDED})
    assert history.see([("a", NOON)], now=2.0) == Liveness(["a"], {"b": ENDED})
    history.forget(["b"])
    assert history.see([("a", NOON)], now=3.0) == Liveness(["a"], {})


def test_a_worker_is_living_while_its_row_changes_and_comes_back_when_forgotten(database: Database) -> None:
    eldest, other = (Heartbeats(database, name, BeatHistory(silent_s=5.0)) for name in ("eldest", "other"))
    eldest.beat(NOON, now=0.0)
    assert other.beat(NOON.replace(minute=1), now=0.0) == Liveness(["eldest", "other"], {})
    other.beat(NOON.replace(minute=2), now=4.0)
    liveness = other.beat(NOON.replace(minute=3), now=5.0)
    assert liveness == Liveness(["other"], {"eldest": NOON})
    other.forget(liveness.dead)
    assert other.beat(NOON.replace(minute=4), now=5.5) == Liveness(["other"], {})
    eldest.beat(NOON.replace(minute=5), now=6.0)
    assert other.beat(NOON.replace(minute=6), now=6.0).living == ["other", "eldest"]
    other.leave()
    assert eldest.beat(NOON.replace(minute=7), now=7.0) == Liveness(["eldest"], {"other": ENDED})


def test_a_worker_that_came_back_in_time_keeps_its_row(database: Database) -> None:
    late, other = (Heartbeats(database, name, BeatHistory(silent_s=5.0)) for name in ("late", "other"))
    late.beat(NOON, now=0.0)
    other.beat(NOON, now=0.0)
    other.beat(NOON.replace(minute=1), now=4.0)
    liveness = other.beat(NOON.replace(minute=2), now=5.0)
    late.beat(NOON.replace(minute=2), now=5.0)
    other.forget(liveness.dead)
    assert other.beat(NOON.replace(minute=3), now=5.5).living == ["late", "other"]


@pytest.mark.parametrize("jobs", [0, 100, 1000])
@pytest.mark.parametrize("workers", [1, 4, 16])
def test_watching_costs_two_statements_however_many_workers_and_jobs(
    database: Database, workers: int, jobs: int
) -> None:
    create_job_tables(database)
    queue, kind = JobQueue(database), JobKind("fetch", Lane.BULK)
    others = [{"executor_id": f"w{n}", "started_at": NOON, "beat_at": NOON} for n in range(1, workers)]

    def populate(connection: Connection) -> None:
        for n in range(jobs):
            queue.enqueue(connection, kind, str(n), "")
        if others:
            connection.execute(insert(worker), others)

    database.write(populate)
    heartbeats = Heartbeats(database, "w0", BeatHistory(silent_s=5.0))
    heartbeats.beat(NOON, now=0.0)
    with counted(database) as count:
        assert len(heartbeats.beat(NOON, now=1.0).living) == workers
    assert (len(count.statements), count.commits) == (2, 1)
