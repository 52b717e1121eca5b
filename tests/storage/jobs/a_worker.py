"""A worker process for the tests: `python -m tests.storage.jobs.a_worker DATABASE_URL FOLDER [JOB…]`.

Its job has the steps that STEPS names. Each writes a line to FOLDER/steps and stays as long as FOLDER/hold_STEP exists;
the second refuses a job called `bad`. The failure is written to FOLDER/failures, and stays as long as
FOLDER/hold_failure exists. Some of what is done again and again does not end while FOLDER/hold_drags exists. Before it
resumes the jobs of the dead it writes to FOLDER/resuming and stays as long as FOLDER/hold_resuming_PID exists; then it
writes to FOLDER/resumed. Once FOLDER/fail_to_resume exists, the next job is not resumed, and once FOLDER/lose_answer
exists, the next is taken and the answer is lost. After each beat it writes to FOLDER/counts how many beats, looks for
jobs, statements and commits there were. Whatever address the process connects to is written to FOLDER/connections. Each
JOB is one more kind that it can do; its turn as in `back:1`. Where BULK is set, so many of them begin at once.
"""

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from storage.database.engine import Database
from storage.errors import Refused
from storage.jobs.contract import JobKind, Lane, Turn
from storage.jobs.steps import Steps
from storage.jobs.worker import Crew, Periodic, Tempo, Worker
from tests.storage.jobs.engine import fail_to_resume_once
from tests.storage.jobs.statements import Count, counted

WALK = JobKind("walk", Lane.PROMPT)
STEPS = ("first", "second", "third")
CREW = Crew(begun_max=10, steps_max=4)
QUICK = Tempo(beat_s=0.1, silent_s=1.0, poll_s=0.1, prompt=CREW, bulk=CREW)


def kind(named: str) -> JobKind:
    name, _, turn = named.partition(":")
    return JobKind(name, Lane.BULK, Turn(int(turn or 0)))


def note(folder: Path, file: str, line: str) -> None:
    with (folder / file).open("a") as lines:
        lines.write(f"{line}\n")


def stay(while_exists: Path) -> None:
    while while_exists.exists():
        time.sleep(0.02)


def failed(folder: Path, job_id: str, error: Exception) -> None:
    note(folder, "failures", f"{job_id} {error!r}")
    stay(folder / "hold_failure")


def drag(folder: Path) -> None:
    if (folder / "hold_drags").exists():
        note(folder, "drags", "one")
        stay(folder / "hold_drags")


def walk(folder: Path, steps: Steps, job_id: str) -> None:
    def step(name: str) -> str:
        note(folder, "steps", f"{job_id} {name} {os.getpid()}")
        stay(folder / f"hold_{name}")
        if (job_id, name) == ("bad", "second"):
            raise Refused("job bad")
        return name

    for name in os.environ["STEPS"].split():
        steps(name, lambda name=name: step(name))  # type: ignore[misc]  # mypy cannot infer a lambda with a default


class Watched(Worker):
    """Tells what it does, and stays where a test wants it to."""

    folder: Path
    count: Count
    looks = beats = 0

    def _beat(self) -> None:
        super()._beat()
        self.beats += 1
        note(self.folder, "counts", f"{self.beats} {self.looks} {len(self.count.statements)} {self.count.commits}")

    def _begin_waiting(self) -> None:
        super()._begin_waiting()
        self.looks += 1

    def _resume_jobs_of(self, dead: Mapping[str, datetime]) -> None:
        note(self.folder, "resuming", str(os.getpid()))
        stay(self.folder / f"hold_resuming_{os.getpid()}")
        super()._resume_jobs_of(dead)
        note(self.folder, "resumed", str(os.getpid()))


def lose_an_answer(database: Database, folder: Path) -> None:
    """The commit is made, and nobody hears of it."""
    dialect: Any = database.engine.dialect
    commit = dialect.do_commit

    def do_commit(connection: Any) -> None:
        commit(connection)
        if threading.current_thread().name == "begin" and (folder / "lose_answer").exists():
            (folder / "lose_answer").unlink()
            raise dialect.dbapi.OperationalError("server closed the connection unexpectedly")

    dialect.do_commit = do_commit


def main(url: str, folder: Path, *more: str) -> None:
    def heard(event: str, args: tuple[Any, ...]) -> None:
        if event in {"socket.connect", "socket.sendto", "socket.getaddrinfo"}:
            note(folder, "connections", repr(args[1] if event != "socket.getaddrinfo" else args[0]))

    sys.addaudithook(heard)
    logging.basicConfig(level=logging.INFO)
    kinds = [WALK, *map(kind, more)]
    database = Database.open(url)
    lose_an_answer(database, folder)
    fail_to_resume_once(folder / "fail_to_resume")
    worker = Watched(
        database,
        {one: lambda steps, job_id: walk(folder, steps, job_id) for one in kinds},
        on_failure=lambda _kind, job_id, error: failed(folder, job_id, error),
        periodic=[
            Periodic("tick", 0.1, lambda: note(folder, "ticks", str(os.getpid()))),
            Periodic("tock", 0.1, lambda: note(folder, "tocks", str(os.getpid())), everywhere=True),
            *(Periodic(f"drag {n}", 0.1, lambda: drag(folder), everywhere=True) for n in range(5)),
        ],
        tempo=replace(QUICK, bulk=replace(CREW, begun_max=int(os.environ.get("BULK", CREW.begun_max)))),
    )
    worker.folder = folder
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    with counted(database) as worker.count:
        worker.start()
        note(folder, "started", worker.executor_id)
        ended.wait()
        worker.stop(grace_s=2)
    database.close()
    note(folder, "stopped", worker.executor_id)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
