"""Durable jobs: the contract that every engine keeps, and that one suite checks (tests/storage/jobs).

Enqueued
  A job is committed together with its reason, or not at all. The same kind and id is the same job, however often it is
  enqueued, until it is forgotten. Its argument is an id or a few and never anything personal: the tables of jobs are
  beside ours, where erasing a person does not reach.

Done
  At least once, by any worker, and begun about a second after it was enqueued where a worker has room. A step that
  succeeded is kept and not done again; a step in which its worker died is, so it must bear repeating.
  Of the jobs of a lane those of an earlier `Turn` are begun first, and of one turn the oldest: while more is asked for
  than workers do, a later turn waits for all of an earlier one. It loses nothing, and has its turn when there is room.
  No other worker begins a job while the worker that has it is alive. A worker that was silent for longer than
  `Tempo.silent_s` counts as dead; should it come back in the middle of a step, the step may be done twice, and the job
  goes on in one place only.
  A dead worker's jobs are resumed by a living worker within seconds, at the interrupted step. So are the jobs of a
  worker that was stopped and could not wait for them. Several may find it dead at once; each job is resumed once.
  A database that goes away holds everything up and loses nothing.

Failing
  A step that raises Unavailable is tried again with patience (`Patience`), for hours, and holds up no other job. Any
  other failure is for good: `on_failure` is called, at least once, and the job is failed.
  A job that was begun by code with other steps fails in that way at the first step whose name differs; a job with fewer
  or more steps at the end goes on. A job whose kind its worker has no code for rests with that worker; once that worker
  has ended, it is done by a worker that has the code.

Forgotten
  A job that ended is remembered until `forget` is called: a bounded number in each transaction, while others work. Jobs
  that wait or run are never forgotten.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Protocol

from sqlalchemy import Connection

Argument = str | Mapping[str, str | int | None]


class Lane(StrEnum):
    """Jobs of one lane never wait for those of another."""

    PROMPT = "prompt"  # a caller's wish waits for it: stop, destroy
    BULK = "bulk"  # audio: many, long, and held up for hours when a store is down
    TELLING = "telling"  # messages to people, whose receivers may be slow, or away for a day


class Turn(IntEnum):
    """Which jobs of a lane are begun first."""

    FIRST = 0
    LOOKING_BACK = 1  # at calls that are over, and for which nothing is left to do


@dataclass(frozen=True)
class JobKind:
    """A kind of job, named in one place for callers and workers."""

    name: str
    lane: Lane
    turn: Turn = Turn.FIRST

    def key(self, job_id: str) -> str:
        return f"{self.name}:{job_id}"


class Standing(StrEnum):
    """The state of a job. Only a waiting or running job will still do something."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class DurableJobs(Protocol):
    """The queue. It starts no thread and opens no connection of its own, so web processes may use it."""

    def enqueue(self, connection: Connection, kind: JobKind, job_id: str, argument: Argument) -> None:
        """Enqueue a job, in the caller's transaction.

        The same kind and id, enqueued again at any time, is the same job: nothing happens, even when it has failed.
        For another try, use another id.
        """
        ...

    def standing(self, kind: JobKind, job_id: str) -> Standing | None:
        """None for a job that was never enqueued, or was forgotten since."""
        ...

    def under_way(self, kind: JobKind) -> frozenset[str]:
        """The ids of the jobs of a kind that are waiting or running."""
        ...

    def forget(self, before: datetime) -> int:
        """Delete some of the jobs that ended before `before`, done or failed; 0 when none are left."""
        ...

    def forget_about(self, kinds: Collection[JobKind], row_ids: Collection[str]) -> None:
        """Delete the ended jobs of these kinds about these rows."""
        ...

    def check(self) -> None:
        """Raises NotMigrated when the tables of jobs are missing or too old."""
        ...


class JobWorker(Protocol):
    """A worker: at most one in a process, in any number of processes on any number of machines."""

    def start(self) -> None:
        """Begin jobs, queued ones and those of dead workers, until `stop`."""
        ...

    def stop(self, grace_s: int = 10) -> None:
        """Begin nothing more, let running steps end for `grace_s`, and leave the rest to other workers.

        A step that has not ended by then still runs on its thread, and Python waits for threads: a process that must
        end at once calls `os._exit`, which loses nothing.
        """
        ...
