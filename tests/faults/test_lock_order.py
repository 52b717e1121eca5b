"""Whoever waits for what a caller's step has locked does not hold the log meanwhile: the step would wait for that, and
the database would have to end one of the two.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from time import monotonic, sleep
from types import SimpleNamespace
from typing import cast

import pytest
from sqlalchemy import Connection, select, text

from compliance import hold
from onrecord.installation import Installation
from policies.consent import Outcome
from storage.database.engine import Database
from storage.database.tables import remembered_decline
from storage.log import consent_log
from storage.rows import calls
from tests.faults.premises import Premises
from tests.faults.test_erasure import at_rest, erased

pytestmark = pytest.mark.parametrize("premises", ["postgres and s3"], indirect=True)


@contextmanager
def step_of_a_caller(database: Database, locks: Callable[[Connection], object]) -> Iterator[Connection]:
    """A transaction that has locked something, and is about to append to the log."""
    with database.engine.begin() as connection:
        connection.execute(text("SET LOCAL lock_timeout = '500ms'"))
        locks(connection)
        yield connection
        consent_log.lock(connection)


def somebody_waits(database: Database) -> None:
    mine = "wait_event_type = 'Lock' AND datname = current_database()"
    query = text(f"SELECT count(*) FROM pg_stat_activity WHERE {mine}")
    late_at = monotonic() + 10
    while True:
        with database.read() as connection:
            if connection.scalar(query):
                return
        assert monotonic() < late_at
        sleep(0.01)


def test_many_calls_are_held_while_one_of_them_goes_on(premises: Premises) -> None:
    database = premises.shop.database
    ids = sorted(premises.call(Outcome.DECLINED).id for _ in range(3))
    installation = cast(Installation, SimpleNamespace(database=database))
    with ThreadPoolExecutor(1) as pool:
        with step_of_a_caller(database, lambda connection: calls.by_id(connection, ids[1])):
            held = pool.submit(hold.place, installation.database, ids, reason="case 12", actor="ann")
            somebody_waits(database)
        assert [call_id for call_id, _ in held.result()] == ids


def test_a_call_is_erased_while_the_same_caller_declines_again(premises: Premises) -> None:
    one, database = at_rest(premises), premises.shop.database
    with ThreadPoolExecutor(1) as pool:
        with step_of_a_caller(database, lambda connection: connection.execute(_DECLINED)):
            gone = pool.submit(erased, premises, one)
            somebody_waits(database)
        assert gone.result()


_DECLINED = select(remembered_decline.c.number_hash).with_for_update()
