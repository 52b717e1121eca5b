"""Durable jobs, the asking side: a job is on disk together with its reason, or neither is.

Web processes use this and nothing more: it starts no thread and opens no connection of its own. Workers do the jobs
(`storage.jobs.worker`). DBOS keeps them in its own tables beside ours, which erasing a person does not reach; so an
argument is an id or a few, and never anything personal.
"""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from dbos import DBOSClient, DBOSPortableJSONSerializer
from dbos import error as dbos_error
from pysqlite3 import dbapi2 as sqlite
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import DBAPIError

from storage.database.engine import Database
from storage.errors import Refused, Unavailable

Argument = str | Mapping[str, str | int | None]

APPLICATION = "onrecord"
# JSON, because DBOS's own choice is pickle: whoever can write the database could then run code in a worker.
SERIALIZER = DBOSPortableJSONSerializer()
_FORGOTTEN_AT_ONCE = 200


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


_STANDINGS = {
    "ENQUEUED": Standing.WAITING,
    "DELAYED": Standing.WAITING,
    "PENDING": Standing.RUNNING,
    "SUCCESS": Standing.DONE,
}


_ENDED = frozenset({Standing.DONE, Standing.FAILED})


class JobQueue:
    def __init__(self, database: Database) -> None:
        self._client = _client(database.engine)

    def enqueue(self, connection: Connection, kind: JobKind, job_id: str, argument: Argument) -> None:
        """Ask for a job, in the caller's transaction.

        The same kind and id, asked for again at any time, is the same job: nothing happens, even when it has failed.
        Who wants another try asks under another id.
        """
        self._client.enqueue_in_transaction(
            connection,
            {"workflow_name": kind.name, "queue_name": kind.lane.value, "workflow_id": kind.key(job_id)},
            argument,
        )

    def standing(self, kind: JobKind, job_id: str) -> Standing | None:
        """None for a job that was never asked for, or was forgotten since."""
        try:
            found = self._client.list_workflows(workflow_ids=[kind.key(job_id)], load_input=False, load_output=False)
        except DBAPIError as error:
            raise Unavailable(f"job {kind.key(job_id)}: the database does not answer") from error
        return _STANDINGS.get(found[0].status, Standing.FAILED) if found else None

    def under_way(self, kind: JobKind) -> frozenset[str]:
        """The ids of the jobs of a kind that are waiting or running."""
        try:
            found = self._client.list_workflows(
                name=kind.name, status=["ENQUEUED", "DELAYED", "PENDING"], load_input=False, load_output=False
            )
        except DBAPIError as error:
            raise Unavailable(f"jobs {kind.name}: the database does not answer") from error
        return frozenset(job.workflow_id.removeprefix(kind.key("")) for job in found)

    def forget(self, before: datetime) -> int:
        """Delete some of the jobs that ended before `before`, done or failed; 0 when none are left."""
        ended = self._client.list_workflows(
            completed_before=before.isoformat(), limit=_FORGOTTEN_AT_ONCE, load_input=False, load_output=False
        )
        if ended:
            self._client.delete_workflows([job.workflow_id for job in ended])
        return len(ended)

    def forget_about(self, kinds: Collection[JobKind], row_ids: Collection[str]) -> None:
        """Delete what is kept of the ended jobs of those kinds about these rows."""
        about = [kind.key(row_id) for row_id in row_ids for kind in kinds]
        if not about:
            return
        found = self._client.list_workflows(workflow_id_prefix=about, load_input=False, load_output=False)
        ended = [job.workflow_id for job in found if _STANDINGS.get(job.status, Standing.FAILED) in _ENDED]
        if ended:
            self._client.delete_workflows(ended)

    def open_lane(self, lane: Lane, *, begun_max: int, poll_s: float) -> None:
        """For a worker, before it starts: how many jobs one process begins at once, and how often it looks for more."""
        self._client.register_queue(lane.value, worker_concurrency=begun_max, polling_interval_sec=poll_s)

    def check(self) -> None:
        """Raises Refused when the tables of jobs are missing or too old."""
        try:
            self._client._sys_db.verify_migrations()
        except dbos_error.DBOSInitializationError as error:
            raise Refused("DATABASE_URL: the tables of jobs are missing; run `onrecord init`") from error


def create_job_tables(database: Database) -> None:
    """Create DBOS's tables, or bring them up to this version's: in the same file, or in the schema `dbos`."""
    if database.dialect != "sqlite":
        _client(database.engine)._sys_db.run_migrations()
        return
    # On SQLite DBOS says BEGIN IMMEDIATE itself, which an engine that already has said it would refuse.
    engine = create_engine(database.engine.url, module=sqlite)
    try:
        _client(engine)._sys_db.run_migrations()
    finally:
        engine.dispose()


def _client(engine: Engine) -> DBOSClient:
    _quieten()
    return DBOSClient(
        system_database_engine=engine,
        serializer=SERIALIZER,
        application_name=APPLICATION,
        lazy=True,
        retry_connection_errors=False,  # DBOS would wait for the database for ever, and a caller with it
    )


def _quieten() -> None:
    """What DBOS has to say goes through our log; given a logger without a handler, it would print by itself."""
    logger = logging.getLogger("dbos")
    logger.setLevel(logging.WARNING)
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
