"""More is asked for than a worker does: what comes first, and what has its turn later."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from storage.database.engine import Database
from storage.jobs import backlog
from storage.jobs.contract import JobKind, Lane, Standing, Turn
from storage.jobs.queue import JobQueue, create_job_tables
from tests.storage.jobs.a_worker import WALK
from tests.storage.jobs.conftest import Yard, until
from tests.storage.jobs.engine import give_up

BEGUN = 3
STORE = JobKind("store", Lane.BULK)
LOOK_BACK = JobKind("look_back", Lane.BULK, Turn.LOOKING_BACK)
KINDS = ("store", "look_back:1")


@pytest.fixture(autouse=True)
def small_crew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BULK", str(BEGUN))


def ask_in_the_wrong_order(yard: Yard, count: int) -> None:
    for kind in (LOOK_BACK, STORE):
        for n in range(count):
            yard.ask(f"{kind.name}{n}", kind)


def standings(yard: Yard, kind: JobKind) -> Counter[Standing | None]:
    return Counter(yard.standing(f"{kind.name}{n}", kind) for n in range(2 * BEGUN))


def begun(yard: Yard) -> list[str]:
    return [line.split()[0] for line in yard.lines("steps") if " first " in line]


def test_a_backlog_is_worked_off_by_turn(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BULK", "1")
    ask_in_the_wrong_order(yard, 2 * BEGUN)
    yard.start(1, *KINDS)
    until(lambda: len(begun(yard)) == 4 * BEGUN)
    assert [job_id.rstrip("0123456789") for job_id in begun(yard)] == [
        kind.name for kind in (STORE, LOOK_BACK) for _ in range(2 * BEGUN)
    ]


def test_at_twice_the_capacity_recordings_are_stored_and_the_rest_waits(yard: Yard) -> None:
    ask_in_the_wrong_order(yard, 2 * BEGUN)
    yard.hold()
    yard.start(1, *KINDS)
    until(lambda: len(begun(yard)) == BEGUN)
    assert standings(yard, STORE) == {Standing.RUNNING: BEGUN, Standing.WAITING: BEGUN}
    assert standings(yard, LOOK_BACK) == {Standing.WAITING: 2 * BEGUN}
    yard.let_go()
    until(lambda: standings(yard, LOOK_BACK) == {Standing.DONE: 2 * BEGUN})


def test_a_stop_that_is_asked_for_last_begins_while_all_recordings_wait(yard: Yard) -> None:
    ask_in_the_wrong_order(yard, 2 * BEGUN)
    yard.hold()
    yard.start(1, *KINDS)
    until(lambda: len(begun(yard)) == BEGUN)
    yard.ask("stop", WALK)
    until(lambda: "stop" in begun(yard))
    assert begun(yard)[-1] == "stop"
    assert len(begun(yard)) == BEGUN + 1
    yard.let_go()


def test_a_recording_that_comes_late_goes_before_what_can_wait(yard: Yard) -> None:
    yard.hold()
    yard.start(1, *KINDS)
    for n in range(2 * BEGUN):
        yard.ask(f"look_back{n}", LOOK_BACK)
    until(lambda: len(begun(yard)) == BEGUN)
    yard.ask("store", STORE)
    yard.let_go()
    until(lambda: len(begun(yard)) == 2 * BEGUN + 1)
    assert begun(yard).index("store") <= 2 * BEGUN - 1


def test_the_worker_tells_which_jobs_have_waited_for_a_minute(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    create_job_tables(database)
    queue, now = JobQueue(database), datetime.now(UTC)
    for n, kind in enumerate([LOOK_BACK, STORE, STORE]):
        database.write(lambda connection, kind=kind, n=n: queue.enqueue(connection, kind, f"{n}", ""))  # type: ignore[misc]  # mypy and defaults
    give_up(queue, STORE.key("2"))
    backlog.tell(database, lambda: now + timedelta(seconds=30))
    assert caplog.messages == []
    backlog.tell(database, lambda: now + timedelta(seconds=90))
    assert sorted(told.partition(" wait")[0] for told in caplog.messages) == ["1 jobs look_back", "1 jobs store"]


def test_workers_are_behind_once_a_recording_has_waited_for_ten_seconds(database: Database) -> None:
    create_job_tables(database)
    queue, now = JobQueue(database), datetime.now(UTC)
    later = now + timedelta(seconds=60)
    for kind in (WALK, LOOK_BACK):
        database.write(lambda connection, kind=kind: queue.enqueue(connection, kind, "1", ""))  # type: ignore[misc]  # mypy and defaults
    assert not backlog.is_behind(database, later), "neither a stop nor a look back is a recording"
    database.write(lambda connection: queue.enqueue(connection, STORE, "1", ""))
    assert not backlog.is_behind(database, now)
    assert backlog.is_behind(database, later)
    give_up(queue, STORE.key("1"))
    assert not backlog.is_behind(database, later)
