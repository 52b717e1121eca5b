"""The queue of `storage.jobs.contract`, on DBOS, which keeps the jobs in its own tables beside ours."""

import logging
from collections.abc import Collection
from datetime import datetime
from typing import NoReturn

from dbos import DBOSClient, DBOSPortableJSONSerializer, EnqueueOptions, _serialization
from dbos import error as dbos_error
from pysqlite3 import dbapi2 as sqlite
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import DBAPIError

from storage.database.engine import Database
from storage.database.held_back import reading_nothing
from storage.errors import NotMigrated, Unavailable
from storage.jobs import ENGINE_LOGGER
from storage.jobs.contract import Argument, DurableJobs, JobKind, Lane, Standing

__all__ = ["JobKind", "JobQueue", "Lane", "Standing", "create_job_tables"]

APPLICATION = "onrecord"
# JSON, because DBOS's own choice is pickle: whoever can write the database could then run code in a worker.
SERIALIZER = DBOSPortableJSONSerializer()
_FORGOTTEN_AT_ONCE = 200


def _refuse_pickle(*_: object) -> NoReturn:
    raise ValueError("jobs: a row says that it is a pickle, and is not read")


# DBOS reads each row in the way that the row itself names, and pickle is one of them whatever is chosen above.
_serialization.DefaultSerializer.deserialize = _refuse_pickle  # type: ignore[method-assign,assignment]  # see above


_STANDINGS = {
    "ENQUEUED": Standing.WAITING,
    "DELAYED": Standing.WAITING,
    "PENDING": Standing.RUNNING,
    "SUCCESS": Standing.DONE,
}


_ENDED = frozenset({Standing.DONE, Standing.FAILED})


class JobQueue(DurableJobs):
    def __init__(self, database: Database) -> None:
        self._client = _client(database.engine)

    def enqueue(self, connection: Connection, kind: JobKind, job_id: str, argument: Argument) -> None:
        options: EnqueueOptions = {
            "workflow_name": kind.name,
            "queue_name": kind.lane.value,
            "workflow_id": kind.key(job_id),
        }
        if kind.turn:  # without a priority a job comes before all that have one
            options["priority"] = int(kind.turn)
        with reading_nothing(connection):  # DBOS executes plain text, of its own tables
            self._client.enqueue_in_transaction(connection, options, argument)

    def standing(self, kind: JobKind, job_id: str) -> Standing | None:
        try:
            found = self._client.list_workflows(workflow_ids=[kind.key(job_id)], load_input=False, load_output=False)
        except DBAPIError as error:
            raise Unavailable(f"job {kind.key(job_id)}: the database does not answer") from error
        return _STANDINGS.get(found[0].status, Standing.FAILED) if found else None

    def under_way(self, kind: JobKind) -> frozenset[str]:
        try:
            found = self._client.list_workflows(
                name=kind.name, status=["ENQUEUED", "DELAYED", "PENDING"], load_input=False, load_output=False
            )
        except DBAPIError as error:
            raise Unavailable(f"jobs {kind.name}: the database does not answer") from error
        return frozenset(job.workflow_id.removeprefix(kind.key("")) for job in found)

    def forget(self, before: datetime) -> int:
        ended = self._client.list_workflows(
            completed_before=before.isoformat(), limit=_FORGOTTEN_AT_ONCE, load_input=False, load_output=False
        )
        if ended:
            self._client.delete_workflows([job.workflow_id for job in ended])
        return len(ended)

    def forget_about(self, kinds: Collection[JobKind], row_ids: Collection[str]) -> None:
        about = [kind.key(row_id) for row_id in row_ids for kind in kinds]
        if not about:
            return
        found = self._client.list_workflows(workflow_id_prefix=about, load_input=False, load_output=False)
        ended = [job.workflow_id for job in found if _STANDINGS.get(job.status, Standing.FAILED) in _ENDED]
        if ended:
            self._client.delete_workflows(ended)

    def open_lane(self, lane: Lane, *, begun_max: int) -> None:
        """To be called before a worker starts. `begun_max`: how many jobs a process begins at once."""
        self._client.register_queue(lane.value, worker_concurrency=begun_max)

    def check(self) -> None:
        try:
            self._client._sys_db.verify_migrations()
        except dbos_error.DBOSInitializationError as error:
            raise NotMigrated("DATABASE_URL: the tables of jobs are missing") from error


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
    """Send DBOS's messages through our log; given a logger without a handler, it would print by itself."""
    logger = logging.getLogger(ENGINE_LOGGER)
    logger.setLevel(logging.WARNING)
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
