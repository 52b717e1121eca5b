"""Whether more is asked for than all workers do; and the worker's log, which tells what has waited for long."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from storage.database.engine import Database
from storage.jobs.contract import Lane
from storage.jobs.dispatch import backlog, has_waited, table_of_jobs

log = logging.getLogger(__name__)

LOOK_EVERY_S = 60.0
_LONG = timedelta(minutes=1)
# A job is begun within a second where a worker has room.
_BEHIND = timedelta(seconds=10)


@dataclass(frozen=True)
class Backlog:
    """`since`: when the oldest job of this kind that no worker has begun was asked for."""

    kind: str
    count: int
    since: datetime


def is_behind(database: Database, now: datetime) -> bool:
    """Whether a recording waits to be stored or to expire because each worker has as many as it begins at once."""
    since_ms = int((now - _BEHIND).timestamp() * 1000)
    with database.read() as connection:
        return bool(connection.scalar(has_waited(table_of_jobs(database), Lane.BULK, since_ms)))


def backlogs(database: Database, now: datetime) -> list[Backlog]:
    """The kinds of which a job has waited for long, the longest first."""
    with database.read() as connection:
        rows = connection.execute(backlog(table_of_jobs(database))).all()
    found = [
        Backlog(name, count, datetime.fromtimestamp(since_ms / 1000, now.tzinfo)) for name, count, since_ms in rows
    ]
    return [each for each in found if now - each.since >= _LONG]


def tell(database: Database, now: Callable[[], datetime]) -> None:
    at = now()
    for each in backlogs(database, at):
        log.warning("%d jobs %s wait to be begun, the oldest for %.0f s", each.count, each.kind, _s(at - each.since))


def _s(waited: timedelta) -> float:
    return waited.total_seconds()
