"""Several processes append to one log: every event is there, in one unbroken row, whoever wrote it."""

import os
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from multiprocessing import get_context

from evidence.events import Event
from storage.database.engine import Database
from storage.log import consent_log
from storage.log.verification import verify

PROCESSES, CALLS = 4, 25


def append(url: str, worker: int) -> None:
    with closing(Database.open(url)) as database:
        for n in range(CALLS):
            call_id = f"{worker:08x}{n:024x}"
            database.write(
                lambda connection, call_id=call_id: consent_log.append(  # type: ignore[misc]  # mypy and defaults
                    connection,
                    [Event("call.sent_back"), Event("call.received", {}, {"caller": "+14155550100"})],
                    call_id=call_id,
                    first_n=0,
                    at=datetime.now(UTC),
                    random=os.urandom,
                )
            )


def test_four_processes_leave_one_unbroken_log(database: Database, database_url: str) -> None:
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        for done in [pool.submit(append, database_url, worker) for worker in range(PROCESSES)]:
            done.result()
    assert verify(database.read).size == PROCESSES * CALLS * 2
