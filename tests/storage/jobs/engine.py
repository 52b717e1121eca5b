"""All that the tests of jobs know of the engine underneath: the suite itself knows it by no name."""

import fcntl
import os
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dbos import _recovery
from sqlalchemy import MetaData, Table, column, func, insert, select, table, text, update

from storage.database.engine import Database
from storage.jobs.queue import JobQueue

LOCKS = Path("/proc/locks")


def jobs_in(database: Database) -> int:
    jobs = table("workflow_status", schema=None if database.dialect == "sqlite" else "dbos")
    with database.read() as connection:
        return int(connection.scalar(select(func.count()).select_from(jobs)) or 0)


def give_up(queue: JobQueue, key: str) -> None:
    queue._client.cancel_workflow(key)


def end_jobs(database: Database, queue: JobQueue, key: str, number: int) -> None:
    """End that job, and make others like it until there are so many."""
    give_up(queue, key)
    schema = None if database.dialect == "sqlite" else "dbos"
    jobs = Table("workflow_status", MetaData(), autoload_with=database.engine, schema=schema)
    with database.read() as connection:
        ended = dict(connection.execute(select(jobs).where(jobs.c.workflow_uuid == key)).mappings().one())
    rows = [{**ended, "workflow_uuid": f"{key} {n}"} for n in range(1, number)]
    database.write(lambda connection: connection.execute(insert(jobs), rows))


def plant_pickle(database: Database, key: str, pickled: bytes) -> None:
    """In the place of what that job was asked for with."""
    schema = None if database.dialect == "sqlite" else "dbos"
    for name, planted in (("workflow_status", "serialization"), ("workflow_input", "inputs")):
        value = "py_pickle" if planted == "serialization" else b64encode(pickled).decode()
        rows = table(name, column("workflow_uuid"), column(planted), schema=schema)
        mine = update(rows).where(rows.c.workflow_uuid == key).values({planted: value})
        assert database.write(lambda connection, mine=mine: connection.execute(mine).rowcount) == 1  # type: ignore[misc]  # mypy cannot infer a lambda with a default


@contextmanager
def writes_cut(database: Database, turn: Path) -> Iterator[Callable[[], bool]]:
    """Whoever would write a job waits; on Postgres its connection is cut in the end. Yields whether somebody waits."""
    if database.dialect == "sqlite":
        with turn.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            inode = f":{os.fstat(file.fileno()).st_ino} "
            # Both the heartbeat and whoever resumes a job have to wait.
            yield lambda: sum("->" in line and inode in line for line in LOCKS.read_text().splitlines()) >= 2
        return
    with database.engine.begin() as connection:
        connection.execute(text("LOCK TABLE dbos.workflow_status IN EXCLUSIVE MODE"))
        yield lambda: _waiting(database) != []
        for pid in _waiting(database):
            connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})


def fail_to_resume_once(exists: Path) -> None:
    """The next job that is resumed is not, and the engine says so in its log only."""
    recovery: Any = _recovery
    resume = recovery._recover_workflow

    def fail(*arguments: Any) -> Any:
        if exists.exists():
            exists.unlink()
            raise RuntimeError("not resumed")
        return resume(*arguments)

    recovery._recover_workflow = fail


def _waiting(database: Database) -> list[int]:
    query = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with database.read() as connection:
        return list(connection.scalars(text(query)))


def ways_of_writing(database: Database) -> set[str]:
    """How everything that the steps left is written."""
    named = "operation_outputs" if database.dialect == "sqlite" else "dbos.operation_outputs"
    with database.read() as connection:
        return set(connection.scalars(text(f"SELECT DISTINCT serialization FROM {named}")))
