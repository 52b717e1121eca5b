"""Real worker processes, real kill -9."""

import fcntl
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from storage.database.engine import Database
from storage.database.tables import worker
from storage.jobs.heartbeats import ENDED
from storage.jobs.queue import JobQueue, Standing, create_job_tables
from tests.storage.jobs.a_worker import QUICK, WALK
from tests.storage.jobs.engine_tables import ways_of_writing

Process = subprocess.Popen[bytes]

ROOT = Path(__file__).parents[3]
OUR_OWN = ("'/", "b'/", "('127.0.0.1'")


def until(true: Callable[[], bool], within_s: float = 30.0) -> None:
    end = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


class Yard:
    """A folder, a database, and the worker processes of one test."""

    def __init__(self, database: Database, url: str, folder: Path) -> None:
        self.database, self.url, self.folder = database, url, folder
        self.queue = JobQueue(database)
        self.processes: list[Process] = []

    def start(self, number: int = 1, *more_jobs: str) -> "list[Process]":
        module = ["-W", "error", "-m", "tests.storage.jobs.a_worker"]
        command = [sys.executable, *module, self.url, str(self.folder), *more_jobs]
        with (self.folder / "output").open("ab") as output:
            started = [subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output) for _ in range(number)]
        self.processes += started
        until(lambda: len(self.lines("started")) == len(self.processes))
        return started

    def ask(self, job_id: str) -> None:
        self.database.write(lambda connection: self.queue.enqueue(connection, WALK, job_id, job_id))

    def hold(self, what: str = "hold") -> None:
        (self.folder / what).touch()

    def let_go(self, what: str = "hold") -> None:
        (self.folder / what).unlink()

    def lines(self, file: str) -> list[str]:
        path = self.folder / file
        return path.read_text().splitlines() if path.exists() else []

    def steps(self) -> Counter[str]:
        return Counter(line.rsplit(" ", 1)[0] for line in self.lines("steps"))

    def standing(self, job_id: str) -> Standing | None:
        return self.queue.standing(WALK, job_id)

    def workers(self) -> dict[int, datetime]:
        """When each was last heard of, by process id."""
        with self.database.read() as connection:
            rows = connection.execute(select(worker).where(worker.c.beat_at > ENDED)).all()
        return {int(row.executor_id.split("-")[-2]): row.beat_at for row in rows}

    def watch_for(self, process: "Process", seconds: float) -> None:
        """Until that process has been alive, and looking at the others, for so long."""
        since = self.workers()[process.pid]
        until(lambda: self.workers()[process.pid] - since > timedelta(seconds=seconds))

    def stop_between_writes(self, process: "Process") -> None:
        """As SIGSTOP. On SQLite one that is stopped in the middle of a write keeps everybody from writing, which is
        another story than that of one who is silent.
        """
        with (self.folder / "onrecord.db.turn").open("ab") as turn:
            if self.database.dialect == "sqlite":
                fcntl.flock(turn, fcntl.LOCK_EX)
            process.send_signal(signal.SIGSTOP)
            until(lambda: Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T")

    def end(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture
def yard(database: Database, database_url: str, tmp_path: Path) -> Iterator[Yard]:
    create_job_tables(database)
    yard = Yard(database, database_url, tmp_path)
    yield yard
    yard.end()
    assert [line for line in yard.lines("output") if line.startswith("INFO")] == [], "a worker is quiet"
    assert [line for line in yard.lines("connections") if not line.startswith(OUR_OWN)] == [], "it calls nobody else"
    assert ways_of_writing(yard.database) <= {"portable_json"}, "nothing is pickled"


def test_a_dead_workers_job_is_resumed_once_at_the_step_that_was_cut(yard: Yard) -> None:
    yard.hold()
    [first] = yard.start()
    yard.ask("a")
    until(lambda: yard.steps()["a second"] == 1)
    second, third = yard.start(2)
    yard.watch_for(second, seconds=1.5 * QUICK.silent_s)
    yard.watch_for(third, seconds=0.1)
    assert yard.steps() == {"a first": 1, "a second": 1}, "what a living worker did was done again"
    assert set(yard.lines("ticks")) == {str(first.pid)}, "what is periodic is for the eldest only"
    until(lambda: set(yard.lines("tocks")) == {str(one.pid) for one in (first, second, third)})  # or for everybody
    first.kill()
    until(lambda: yard.steps()["a second"] == 2)
    yard.let_go()
    until(lambda: yard.standing("a") is Standing.DONE)
    assert yard.steps() == {"a first": 1, "a second": 2, "a third": 1}
    until(lambda: set(yard.workers()) == {second.pid, third.pid})
    until(lambda: len(set(yard.lines("ticks"))) == 2)  # the next eldest follows it
    third.kill()
    until(lambda: set(yard.workers()) == {second.pid})  # forgotten, though it held nothing


def test_a_worker_that_was_silent_too_long_gives_way_to_who_took_over(yard: Yard) -> None:
    yard.hold()
    [first] = yard.start()
    yard.ask("a")
    until(lambda: yard.steps()["a second"] == 1)
    yard.start()
    yard.stop_between_writes(first)
    until(lambda: yard.steps()["a second"] == 2)
    yard.let_go()
    until(lambda: yard.standing("a") is Standing.DONE)
    first.send_signal(signal.SIGCONT)
    until(lambda: first.pid in yard.workers())
    first.terminate()
    assert first.wait(20) == 0
    assert yard.steps() == {"a first": 1, "a second": 2, "a third": 1}


def test_a_worker_told_to_stop_ends_and_leaves_the_rest_to_another_with_newer_code(yard: Yard) -> None:
    yard.hold()
    [first] = yard.start()
    yard.ask("a")
    until(lambda: yard.steps()["a second"] == 1)
    first.terminate()
    assert first.wait(20) == 0
    assert yard.workers() == {}
    yard.let_go()
    yard.start(1, "one_more_job")
    until(lambda: yard.standing("a") is Standing.DONE)
    assert yard.steps() == {"a first": 1, "a second": 2, "a third": 1}
    yard.ask("a")
    assert yard.standing("a") is Standing.DONE, "it was asked for again and is still the same job"
    assert yard.queue.forget(before=datetime.now(UTC) + timedelta(seconds=2)) == 1
    assert yard.standing("a") is None


def test_however_much_hangs_a_worker_told_to_stop_waits_for_it_once(yard: Yard) -> None:
    (process,) = yard.start()
    yard.hold("hold_drags")
    until(lambda: len(yard.lines("drags")) == 5)
    began = time.monotonic()
    process.terminate()
    process.wait(30)
    assert (process.returncode, time.monotonic() - began < 6) == (0, True)  # of 2 s of grace for each kind of work


def test_a_failure_for_good_is_told_and_not_tried_again_even_if_the_worker_dies(yard: Yard) -> None:
    yard.hold("hold_failure")
    [first] = yard.start()
    yard.ask("bad")
    until(lambda: len(yard.lines("failures")) == 1)
    first.kill()
    yard.let_go("hold_failure")
    yard.start()
    until(lambda: yard.standing("bad") is Standing.FAILED)
    assert yard.steps() == {"bad first": 1, "bad second": 1}
    assert yard.lines("failures") == ["bad Refused('job bad')"] * 2
    until(lambda: any(line.startswith("ERROR:dbos:") for line in yard.lines("output")))  # our log, our format
