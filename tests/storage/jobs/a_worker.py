"""A worker process for the tests: `python -m tests.storage.jobs.a_worker DATABASE_URL FOLDER [JOB…]`.

Its job has three steps. Each writes a line to FOLDER/steps; the second stays as long as FOLDER/hold exists, and refuses
a job called `bad`. The failure is written to FOLDER/failures, and stays as long as FOLDER/hold_failure exists. Some of
what is done again and again does not come to an end while FOLDER/hold_drags exists. Whatever address the process
connects to is written to FOLDER/connections. Each JOB is one more kind that it can do.
"""

import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from storage.database.engine import Database
from storage.errors import Refused
from storage.jobs.queue import JobKind, Lane
from storage.jobs.steps import Steps
from storage.jobs.worker import Crew, Periodic, Tempo, Worker

WALK = JobKind("walk", Lane.PROMPT)
CREW = Crew(begun_max=10, steps_max=4, poll_s=0.1)
QUICK = Tempo(beat_s=0.1, silent_s=1.0, prompt=CREW, bulk=CREW)


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
        if name == "second":
            stay(folder / "hold")
            if job_id == "bad":
                raise Refused("job bad")
        return name

    for name in ("first", "second", "third"):
        steps(name, lambda name=name: step(name))  # type: ignore[misc]  # mypy cannot infer a lambda with a default


def main(url: str, folder: Path, *more: str) -> None:
    def heard(event: str, args: tuple[Any, ...]) -> None:
        if event in {"socket.connect", "socket.sendto", "socket.getaddrinfo"}:
            note(folder, "connections", repr(args[1] if event != "socket.getaddrinfo" else args[0]))

    sys.addaudithook(heard)
    logging.basicConfig(level=logging.INFO)
    kinds = [WALK, *(JobKind(name, Lane.BULK) for name in more)]
    database = Database.open(url)
    worker = Worker(
        database,
        {kind: lambda steps, job_id: walk(folder, steps, job_id) for kind in kinds},
        on_failure=lambda kind, job_id, error: failed(folder, job_id, error),
        periodic=[
            Periodic("tick", 0.1, lambda: note(folder, "ticks", str(os.getpid()))),
            Periodic("tock", 0.1, lambda: note(folder, "tocks", str(os.getpid())), everywhere=True),
            *(Periodic(f"drag {n}", 0.1, lambda: drag(folder), everywhere=True) for n in range(5)),
        ],
        tempo=QUICK,
    )
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    worker.start()
    note(folder, "started", worker.executor_id)
    ended.wait()
    worker.stop(grace_s=2)
    database.close()
    note(folder, "stopped", worker.executor_id)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
