"""A folder, a database, and real worker processes."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, select

from storage.database.engine import Database
from storage.database.tables import worker
from storage.jobs.contract import JobKind, Standing
from storage.jobs.heartbeats import ENDED
from storage.jobs.queue import JobQueue, create_job_tables
from tests.storage.jobs.a_worker import STEPS, WALK
from tests.storage.jobs.engine import ways_of_writing

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

    def start(self, number: int = 1, *more_jobs: str, steps: tuple[str, ...] = STEPS) -> "list[Process]":
        environment = {**os.environ, "STEPS": " ".join(steps)}
        module = ["-W", "error", "-m", "tests.storage.jobs.a_worker"]
        command = [sys.executable, *module, self.url, str(self.folder), *more_jobs]
        with (self.folder / "output").open("ab") as output:
            started = [
                subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
                for _ in range(number)
            ]
        self.processes += started
        until(lambda: len(self.lines("started")) == len(self.processes))
        return started

    def ask(self, job_id: str, kind: JobKind = WALK) -> None:
        self.database.write(lambda connection: self.queue.enqueue(connection, kind, job_id, job_id))

    def hold(self, what: str = "hold_second") -> None:
        (self.folder / what).touch()

    def let_go(self, what: str = "hold_second") -> None:
        (self.folder / what).unlink()

    def lines(self, file: str) -> list[str]:
        path = self.folder / file
        return path.read_text().splitlines() if path.exists() else []

    def steps(self) -> Counter[str]:
        return Counter(line.rsplit(" ", 1)[0] for line in self.lines("steps"))

    def standing(self, job_id: str, kind: JobKind = WALK) -> Standing | None:
        return self.queue.standing(kind, job_id)

    def workers(self) -> dict[int, datetime]:
        """When each was last heard of, by process id."""
        with self.database.read() as connection:
            rows = connection.execute(select(worker).where(worker.c.beat_at > ENDED)).all()
        return {int(row.executor_id.split("-")[-2]): row.beat_at for row in rows}

    def take_rows_away(self) -> None:
        self.database.write(lambda connection: connection.execute(delete(worker)))

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
