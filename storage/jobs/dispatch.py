"""Begins the jobs that wait: one read finds the lanes with waiting jobs, and only then are jobs taken.

DBOS's own threads would ask ten times a second in transactions that take the writers' turn on SQLite, mostly about
schedules, delays and deadlines, which no job has. They are ended at the start. The few entries of DBOS that are used
here are not its public ones, so its minor version is pinned.
"""

import logging
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from dbos import DBOS, Queue
from dbos._core import execute_dequeued_workflow
from dbos._dbos import _get_dbos_instance
from sqlalchemy import Select, TableClause, column, exists, func, literal, select, table, text, update
from sqlalchemy.exc import DBAPIError

from storage.database.engine import Database
from storage.errors import Unavailable
from storage.jobs.contract import Lane, Turn

log = logging.getLogger(__name__)

_WAITING, _RUNNING = (literal(status, literal_execute=True) for status in ("ENQUEUED", "PENDING"))
# In the words of the index over jobs that have not ended: without them SQLite would read all the others too.
_NOT_ENDED = text("status IN ('ENQUEUED', 'PENDING')")
_COLUMNS = (
    "workflow_uuid",
    "name",
    "queue_name",
    "status",
    "priority",
    "owner_xid",
    "created_at",
    "started_at_epoch_ms",
)


class Dispatch:
    """To be made after DBOS's launch, and used by one thread."""

    def __init__(self, database: Database, executor_id: str, version: str, begun_max: Mapping[Lane, int]) -> None:
        self._database, self._executor_id, self._version, self._begun_max = database, executor_id, version, begun_max
        self._engine = _get_dbos_instance()
        self._jobs = table_of_jobs(database)
        self._queues = {lane: _queue(lane) for lane in Lane}
        self._unanswered: set[str] = set()
        for event in (*self._engine.background_thread_stop_events, self._engine._background_jobs_stop_event):
            event.set()

    def begin_waiting(self) -> None:
        """Raises Unavailable while the database does not answer."""
        try:
            self._give_back()
            for lane in self._waiting():
                self._begin(lane)
        except DBAPIError as error:
            raise Unavailable("jobs: the database does not answer") from error

    def _waiting(self) -> list[Lane]:
        lanes = [lane for lane in Lane if self._running(lane) < self._begun_max[lane]]
        if not lanes:
            return []
        with self._database.read() as connection:
            row = connection.execute(which_wait(self._jobs, lanes)).one()
        return [lane for lane, waiting in zip(lanes, row, strict=True) if waiting]

    def _begin(self, lane: Lane) -> None:
        token = secrets.token_hex(16)
        self._unanswered.add(token)
        taken, _ = self._engine._sys_db.start_queued_workflows(
            self._queues[lane], self._executor_id, self._version, None, self._running(lane), owner_xid=token
        )
        jobs = self._engine._sys_db.get_workflow_statuses(taken)
        self._unanswered.remove(token)
        for job in jobs:
            try:
                execute_dequeued_workflow(self._engine, job, token)
            except Exception:  # the edge of a job: it rests, and those taken with it are begun
                log.exception("job %s cannot be begun here", job["workflow_uuid"])

    def _give_back(self) -> None:
        """Requeue jobs that were taken while the answer was lost: nobody does them, and this worker is alive."""
        if not self._unanswered:
            return
        mine = self._jobs.c.owner_xid.in_(self._unanswered), self._jobs.c.status == _RUNNING, _NOT_ENDED
        back = update(self._jobs).where(*mine).values(status=_WAITING, owner_xid=None, started_at_epoch_ms=None)
        self._database.write(lambda connection: connection.execute(back))
        self._unanswered.clear()

    def _running(self, lane: Lane) -> int:
        return self._engine._active_workflows_set.count_for_queue(lane.value)


def table_of_jobs(database: Database) -> TableClause:
    schema = None if database.dialect == "sqlite" else "dbos"
    return table("workflow_status", *map(column, _COLUMNS), schema=schema)


def backlog(jobs: TableClause) -> Select[str, int, int]:
    """Selects the kinds of jobs that no worker has begun, how many, and when the oldest was asked for (epoch ms)."""
    counted = select(jobs.c.name, func.count(), func.min(jobs.c.created_at)).group_by(jobs.c.name)
    return counted.where(jobs.c.status == _WAITING, _NOT_ENDED).order_by(func.min(jobs.c.created_at))


def has_waited(jobs: TableClause, lane: Lane, since_ms: int) -> Select[bool]:
    """Selects whether a job of the lane's first turn waits that was asked for before then (epoch ms)."""
    mine = jobs.c.queue_name == lane.value, jobs.c.priority == int(Turn.FIRST), jobs.c.created_at < since_ms
    return select(exists().where(*mine, jobs.c.status == _WAITING, _NOT_ENDED))


def which_wait(jobs: TableClause, lanes: Sequence[Lane]) -> Select[*tuple[Any, ...]]:
    """Selects a single row: for each lane, whether a job waits in it."""
    return select(
        *(exists().where(jobs.c.queue_name == lane.value, jobs.c.status == _WAITING, _NOT_ENDED) for lane in lanes)
    )


def _queue(lane: Lane) -> Queue:
    queue = DBOS.retrieve_queue(lane.value)
    assert queue is not None, "opened before"
    return queue
