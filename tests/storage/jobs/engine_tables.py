"""All that the tests of jobs know of the engine underneath: the suite itself knows it by no name."""

from sqlalchemy import func, select, table, text

from storage.database.engine import Database
from storage.jobs.queue import JobQueue


def jobs_in(database: Database) -> int:
    jobs = table("workflow_status", schema=None if database.dialect == "sqlite" else "dbos")
    with database.read() as connection:
        return int(connection.scalar(select(func.count()).select_from(jobs)) or 0)


def give_up(queue: JobQueue, key: str) -> None:
    queue._client.cancel_workflow(key)


def ways_of_writing(database: Database) -> set[str]:
    """How everything that the steps left is written."""
    named = "operation_outputs" if database.dialect == "sqlite" else "dbos.operation_outputs"
    with database.read() as connection:
        return set(connection.scalars(text(f"SELECT DISTINCT serialization FROM {named}")))
