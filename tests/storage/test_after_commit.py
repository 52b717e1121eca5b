"""A log line about what is written is written once, when that is on disk, however often the work for it ran."""

import logging
import os
from collections.abc import Callable

import pytest
from sqlalchemy import Connection, insert, text

from policies.incidents import IncidentKind
from storage.database import group_commit
from storage.database.after_commit import after_commit
from storage.database.engine import Database
from storage.database.tables import watermark
from storage.moment import Moment
from storage.rows.incidents import open_incidents, raise_incident
from tests.conftest import NOON

Work = Callable[[Connection], None]
ABOUT = "the cellar"


def raises_one(connection: Connection) -> None:
    moment = Moment(NOON, os.urandom)
    raise_incident(connection, moment, IncidentKind.JOB_FAILED, about=ABOUT, call_id=None, detail="flooded")


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def twice(database: Database, work: Work) -> None:
    """Writes by a work that has to run once more: for a lost race, or for a neighbour in its transaction that fails."""
    ran: list[Connection] = []

    def counted(connection: Connection) -> None:
        ran.append(connection)
        work(connection)
        if len(ran) == 1 and database.dialect == "sqlite":
            database._writer._queue.put(group_commit._Waiting(fails))
        elif len(ran) == 1:
            for _ in range(2):
                connection.execute(insert(watermark), {"name": "race", "at": NOON})

    database.write(counted)
    assert len(ran) == 2


def fails(connection: Connection) -> None:
    raises_one(connection)
    after_commit(connection, lambda: logging.error("what failed is told"))
    raise ValueError


def test_an_incident_is_told_when_it_is_on_disk_and_not_before(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    before: list[str] = []

    def work(connection: Connection) -> None:
        raises_one(connection)
        before.extend(said(caplog))

    database.write(work)
    assert (before, said(caplog)) == ([], ["incident job_failed about the cellar: flooded"])
    database.write(raises_one)
    assert len(said(caplog)) == 1


def test_what_is_taken_back_is_not_told(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ValueError, match="^$"):
        database.write(fails)
    database.write(lambda connection: connection.execute(text("SELECT 1")))
    with database.read() as connection:
        assert (open_incidents(connection), said(caplog)) == ([], [])


def test_what_had_to_be_written_twice_is_told_once(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    twice(database, raises_one)
    assert said(caplog) == ["incident job_failed about the cellar: flooded"]


def test_what_is_only_read_is_told_at_once(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    database.write(raises_one)
    with database.read() as connection:
        after_commit(connection, lambda: logging.error("it was read"))
        assert said(caplog)[1:] == ["it was read"]
