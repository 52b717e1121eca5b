"""Who said no is not asked again until it is forgotten: one row for each number, and none that outlives its time."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection, func, insert, select

from storage.database.engine import Database
from storage.database.tables import call, remembered_decline
from storage.errors import Broken
from storage.rows import declines
from storage.rows.declines import RememberedDecline
from tests.conftest import NOON

DAY = timedelta(days=1)
ALICE, BOB = "a" * 64, "b" * 64


@pytest.fixture(autouse=True)
def _calls(database: Database) -> None:
    """Two calls to have declined on."""
    row = {"line": "+12125550100", "mode": "opt_in", "silence_is_consent": 0, "prompts_max": 1, "language": "en-US"}
    hashes = {"wording_sha256": "", "rules_sha256": "", "disclosure_length_ms": 1}
    decided = {"state": "ended", "outcome": "declined", "received_at": NOON, "decided_at": NOON}
    rows = [row | hashes | decided | {"id": name, "call_sid": f"CA{name}"} for name in ("c1", "c2")]
    database.write(lambda connection: connection.execute(insert(call), rows))


def remember(
    database: Database, number_hash: str = ALICE, *, call_id: str = "c1", at: datetime = NOON, days: float = 30
) -> None:
    until = at + timedelta(days=days)
    database.write(
        lambda connection: declines.remember(connection, number_hash, call_id=call_id, at=at, forget_at=until)
    )


def remembered(database: Database, number_hash: str = ALICE, *, days: float = 0) -> RememberedDecline | None:
    with database.read() as connection:
        return declines.remembered(connection, number_hash, NOON + timedelta(days=days))


def rows(database: Database) -> int:
    with database.read() as connection:
        return connection.scalar(select(func.count()).select_from(remembered_decline)) or 0


def test_a_no_is_remembered_for_its_number_alone(database: Database) -> None:
    remember(database)
    assert remembered(database) == RememberedDecline(ALICE, "c1", NOON, NOON + 30 * DAY)
    assert remembered(database, BOB) is None


def test_a_no_holds_up_to_its_last_instant(database: Database) -> None:
    remember(database)
    assert remembered(database, days=30 - 1e-9)
    assert remembered(database, days=30) is None
    assert rows(database) == 1  # nothing was deleted: it only no longer counts


def test_a_later_no_takes_the_place_of_an_earlier_one(database: Database) -> None:
    remember(database, days=30)
    remember(database, call_id="c2", at=NOON + DAY, days=1)
    assert remembered(database, days=1) == RememberedDecline(ALICE, "c2", NOON + DAY, NOON + 2 * DAY)
    assert rows(database) == 1


def test_an_earlier_no_that_is_told_late_changes_nothing(database: Database) -> None:
    remember(database, call_id="c2", at=NOON + DAY)
    remember(database, call_id="c1", at=NOON)
    found = remembered(database)
    assert found is not None
    assert found.call_id == "c2"


def test_the_same_no_told_twice_is_one(database: Database) -> None:
    remember(database)
    remember(database)
    assert rows(database) == 1


def test_calls_that_end_at_once_leave_the_last_no(database: Database) -> None:
    def decline(seconds: int) -> None:
        remember(database, at=NOON + timedelta(seconds=seconds))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(decline, [*range(16)]))
    found = remembered(database)
    assert found is not None
    assert found.declined_at == NOON + timedelta(seconds=15)


def test_a_no_on_a_call_that_never_was_is_refused(database: Database) -> None:
    with pytest.raises(Broken, match="constraint"):
        remember(database, call_id="c3")
    assert rows(database) == 0


def test_a_number_is_forgotten_at_its_owners_wish(database: Database) -> None:
    remember(database)
    remember(database, BOB)
    assert database.write(lambda connection: declines.forget(connection, ALICE))
    assert not database.write(lambda connection: declines.forget(connection, ALICE))
    assert remembered(database) is None
    assert remembered(database, BOB)


def test_what_is_over_is_forgotten_a_few_at_a_time_and_nothing_else_is(database: Database) -> None:
    over = [secrets.token_hex(32) for _ in range(5)]
    for days, number_hash in enumerate(over):
        remember(database, number_hash, days=days)
    remember(database, BOB, days=5)

    def forget(connection: Connection) -> int:
        return declines.forget_expired(connection, NOON + 4 * DAY, limit=2)

    assert [database.write(forget)] == [2]
    with database.read() as connection:
        left = set(connection.scalars(select(remembered_decline.c.number_hash)))
    assert left == {*over[2:], BOB}
    assert [database.write(forget) for _ in range(3)] == [2, 1, 0]
    assert (rows(database), remembered(database, BOB) is not None) == (1, True)
