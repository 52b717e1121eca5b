"""The worker of `storage.jobs.contract`, run by `onrecord work`.

DBOS keeps finished steps, and this module does the rest: each process has an identity of its own, since two processes
with the same identity do steps twice; and a living worker resumes a dead worker's jobs, which DBOS never does.
"""

import logging
import os
import secrets
import socket
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from threading import Event, Semaphore, Thread
from typing import Any

from dbos import DBOS, DBOSConfig

from storage.database.engine import Database
from storage.errors import Broken, Refused, Unavailable
from storage.jobs.contract import JobKind, JobWorker, Lane
from storage.jobs.dispatch import Dispatch
from storage.jobs.heartbeats import BeatHistory, Heartbeats, Liveness
from storage.jobs.periodic import repeat
from storage.jobs.queue import APPLICATION, SERIALIZER, JobQueue
from storage.jobs.steps import OtherCode, Patience, Steps
from storage.refrain import Refrain

log = logging.getLogger(__name__)

Job = Callable[[Steps, Any], None]
OnFailure = Callable[[JobKind, Any, Exception], None]
OnSuccess = Callable[[JobKind, Any], None]
OnWait = Callable[[JobKind, Any, Unavailable, float], None]

# By default this is a hash of the source: after an edit, no worker would resume jobs that the old code began.
APPLICATION_VERSION = "1"


@dataclass(frozen=True)
class Periodic:
    """Work done by the eldest living worker only; for a moment two may do it, which it must bear.

    `everywhere`: done by each worker, for work on its own machine.
    """

    name: str
    every_s: float
    work: Callable[[], object]
    everywhere: bool = False


@dataclass(frozen=True)
class Crew:
    """A lane's size in one process: how many jobs are begun at once, and how many of them carry out a step."""

    begun_max: int
    steps_max: int


@dataclass(frozen=True)
class Tempo:
    beat_s: float = 1.0
    silent_s: float = 5.0  # then a worker is dead; less than a busy machine's pauses would cost work done twice
    poll_s: float = 0.5
    prompt: Crew = Crew(begun_max=50, steps_max=4)
    bulk: Crew = Crew(begun_max=50, steps_max=2)
    telling: Crew = Crew(begun_max=20, steps_max=4)

    def crew(self, lane: Lane) -> Crew:
        return {Lane.PROMPT: self.prompt, Lane.BULK: self.bulk, Lane.TELLING: self.telling}[lane]


class Worker(JobWorker):
    """At most one in a process. Call `start`, and in the end `stop`."""

    def __init__(
        self,
        database: Database,
        jobs: Mapping[JobKind, Job],
        *,
        on_failure: OnFailure,
        on_success: OnSuccess = lambda *_: None,
        on_wait: OnWait = lambda *_: None,
        periodic: Sequence[Periodic] = (),
        patience: Patience | None = None,
        tempo: Tempo | None = None,
    ) -> None:
        """`on_failure` opens an incident when a job has failed for good; it is itself a step, done once.

        `on_success` is called when a job has done all its steps, at least once: it closes what `on_failure` opened for
        an earlier job about the same. `on_wait` is called each time that a job has to wait, with the reason and the
        seconds.
        """
        self.executor_id = f"{socket.gethostname()[:32]}-{os.getpid()}-{secrets.token_hex(4)}"
        self._database, self._jobs, self._periodic = database, jobs, periodic
        self._on_failure, self._on_success, self._on_wait = on_failure, on_success, on_wait
        self._patience, self._tempo = patience or Patience(), tempo or Tempo()
        self._heartbeats = Heartbeats(database, self.executor_id, BeatHistory(self._tempo.silent_s))
        self._liveness = Liveness([], {})
        self._stopping, self._stopped = Event(), Event()
        self._threads: list[Thread] = []

    def start(self) -> None:
        queue = JobQueue(self._database)
        queue.check()
        self._beat()  # before the first job is begun, or another worker would resume it
        for lane in Lane:
            queue.open_lane(lane, begun_max=self._tempo.crew(lane).begun_max)
        DBOS(config=_config(self._database, self.executor_id))
        steps = {lane: self._steps(lane) for lane in Lane}
        for kind, job in self._jobs.items():
            DBOS.workflow(name=kind.name)(self._guarded(kind, job, steps[kind.lane]))
        DBOS.launch()
        with_jobs = _workers_with_jobs()
        self._beat()  # after it: a worker has its row before it begins a job
        self._heartbeats.history.miss(with_jobs - {*self._liveness.living, *self._liveness.dead})
        begun_max = {lane: self._tempo.crew(lane).begun_max for lane in Lane}
        self._dispatch = Dispatch(self._database, self.executor_id, APPLICATION_VERSION, begun_max)
        beat_s = self._tempo.beat_s
        self._threads = [
            repeat("beat", beat_s, self._beat, self._stopped),
            repeat("begin", self._tempo.poll_s, self._begin_waiting, self._stopping),
            repeat("resume", beat_s, self._resume_the_dead, self._stopping, when=lambda: bool(self._liveness.dead)),
            *(repeat(one.name, one.every_s, one.work, self._stopping, when=self._turn(one)) for one in self._periodic),
        ]

    def stop(self, grace_s: int = 10) -> None:
        beat, *others = self._threads
        self._stopping.set()
        late_at = time.monotonic() + grace_s  # once for all of them: each may be waiting for an answer that never comes
        for thread in others:
            thread.join(max(0.0, late_at - time.monotonic()))
        DBOS.destroy(workflow_completion_timeout_sec=grace_s, destroy_registry=True)
        self._stopped.set()  # not before: a worker without a beat counts as dead, and its running jobs are begun again
        beat.join(grace_s)
        self._heartbeats.leave()

    def _turn(self, one: Periodic) -> Callable[[], bool]:
        return lambda: one.everywhere or self._is_eldest()

    def _steps(self, lane: Lane) -> Steps:
        return Steps(Semaphore(self._tempo.crew(lane).steps_max), self._stopping, self._patience)

    def _guarded(self, kind: JobKind, job: Job, steps: Steps) -> Callable[[Any], None]:
        def guarded(argument: Any) -> None:
            told = replace(steps, on_wait=self._telling(kind, argument))
            try:
                job(told, argument)
            except Exception as error:  # the edge of a job
                tell = partial(self._on_failure, kind, argument, error)
                try:
                    told("on_failure", tell)
                except OtherCode:  # older code finished a step at this place
                    told.patiently(tell)
                raise
            told.patiently(partial(self._on_success, kind, argument))

        return guarded

    def _telling(self, kind: JobKind, argument: Any) -> Callable[[Unavailable, float], None]:
        refrain = Refrain()

        def tell(error: Unavailable, wait_s: float) -> None:
            if refrain.is_due(str(error), time.monotonic()):
                log.warning("%s of %s waits, and is tried again in %.0f s: %s", kind.name, argument, wait_s, error)
            try:
                self._on_wait(kind, argument, error, wait_s)
            except (Refused, Unavailable, Broken) as failure:  # `on_wait` is called again with the next try
                if refrain.is_due(str(failure), time.monotonic()):
                    log.warning("why %s of %s waits could not be kept: %s", kind.name, argument, failure)

        return tell

    def _beat(self) -> None:
        self._liveness = self._heartbeats.beat(datetime.now(UTC), time.monotonic())

    def _begin_waiting(self) -> None:
        self._dispatch.begin_waiting()

    def _is_eldest(self) -> bool:
        return self._liveness.living[:1] == [self.executor_id]

    def _resume_the_dead(self) -> None:
        self._resume_jobs_of(self._liveness.dead)

    def _resume_jobs_of(self, dead: Mapping[str, datetime]) -> None:
        # Not `resume_workflows`: this asks, in the transaction that takes the job, whether the dead worker still
        # holds it, so of two workers only the first resumes it.
        DBOS._recover_pending_workflows(sorted(dead))
        held = _workers_with_jobs(among=dead)  # a job that could not be resumed is only logged by DBOS
        self._heartbeats.forget({executor_id: beat for executor_id, beat in dead.items() if executor_id not in held})


def _workers_with_jobs(among: Collection[str] | None = None) -> set[str]:
    executor_ids = None if among is None else sorted(among)
    running = DBOS.list_workflows(status="PENDING", executor_id=executor_ids, load_input=False, load_output=False)
    return {job.executor_id for job in running if job.executor_id}


def _config(database: Database, executor_id: str) -> DBOSConfig:
    return DBOSConfig(
        name=APPLICATION,
        system_database_engine=database.engine,
        run_migrations=False,
        use_listen_notify=False,
        serializer=SERIALIZER,
        executor_id=executor_id,
        application_version=APPLICATION_VERSION,
        conductor_key=None,
        enable_otlp=False,
        log_level="WARNING",
        scheduler_polling_interval_sec=3600.0,  # unused; see Periodic
        notification_listener_polling_interval_sec=0.2,  # unused too, but stopping waits for it
    )
