"""Durable jobs: one contract, whatever engine is underneath, and one suite that holds it to it (tests/storage/jobs).

Asked for
  A job is on disk in the transaction of its reason, or it was never asked for. The same kind and id is the same job,
  however often it is asked for, until it is forgotten. Its argument is an id or a few and never anything personal: the
  tables of jobs are beside ours, where erasing a person does not reach.

Done
  At least once, by any worker, and begun about a second after it was asked for where a worker has room. A step that
  succeeded is kept and not done again; a step in which its worker died is, so it must bear repeating.
  One worker at a time: no other begins a job while the worker that has it is alive. A worker that was silent for
  longer than `Tempo.silent_s` counts as dead; should it come back in the middle of a step, the step may be done twice,
  and the job goes on in one place only.
  A dead worker's jobs are resumed by a living one within seconds, at the step that was cut. So are those of a worker
  that was told to end and could not wait for them. Several may find it dead at once, and one of them resumes each job.
  A database that goes away holds everything up and loses nothing.

Failing
  What is unavailable is tried again with patience (`Patience`), for hours, and holds up no other job. Any other failure
  is for good: `on_failure` is told, at least once, and the job is failed.
  A job that was begun by code with other steps fails in that way at the first step whose name differs; one with fewer
  or more steps at the end goes on. A job of a kind that its worker does not know rests with that worker, and is done by
  one that knows it once that worker has ended.

Forgotten
  A job that ended is remembered until somebody asks to forget it: a bounded number in each transaction, while others
  work. What waits or runs is never forgotten.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from sqlalchemy import Connection

Argument = str | Mapping[str, str | int | None]


class Lane(StrEnum):
    """Jobs of one lane never wait for those of another."""

    PROMPT = "prompt"  # a caller's wish waits for it: stop, destroy
    BULK = "bulk"  # audio: many, long, and held up for hours when a store is down


@dataclass(frozen=True)
class JobKind:
    """Named once, for those who ask for the job and for those who do it."""

    name: str
    lane: Lane

    def key(self, job_id: str) -> str:
        return f"{self.name}:{job_id}"


class Standing(StrEnum):
    """What became of a job. Only a waiting or running one will still do something."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class DurableJobs(Protocol):
    """The asking side. It starts no thread and opens no connection of its own, so web processes may use it."""

    def enqueue(self, connection: Connection, kind: JobKind, job_id: str, argument: Argument) -> None:
        """Ask for a job, in the caller's transaction.

        The same kind and id, asked for again at any time, is the same job: nothing happens, even when it has failed.
        Who wants another try asks under another id.
        """
        ...

    def standing(self, kind: JobKind, job_id: str) -> Standing | None:
        """None for a job that was never asked for, or was forgotten since."""
        ...

    def under_way(self, kind: JobKind) -> frozenset[str]:
        """The ids of the jobs of a kind that are waiting or running."""
        ...

    def forget(self, before: datetime) -> int:
        """Delete some of the jobs that ended before `before`, done or failed; 0 when none are left."""
        ...

    def forget_about(self, kinds: Collection[JobKind], row_ids: Collection[str]) -> None:
        """Delete what is kept of the ended jobs of those kinds about these rows."""
        ...

    def check(self) -> None:
        """Raises NotMigrated when the tables of jobs are missing or too old."""
        ...


class JobWorker(Protocol):
    """The doing side: one in a process, any number of processes on any number of machines."""

    def start(self) -> None:
        """Begin jobs, one's own and those of the dead, until `stop`."""
        ...

    def stop(self, grace_s: int = 10) -> None:
        """Begin nothing more, let running steps end for `grace_s`, and leave the rest to the others.

        A step that has not ended by then still runs on its thread, and Python waits for threads: a process that must be
        gone ends itself with `os._exit`. Nothing is lost by it.
        """
        ...
