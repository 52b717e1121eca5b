"""Rows that are held back are written before another row that refers to them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Connection, bindparam, insert, select

from policies.consent import Outcome
from policies.lifecycle import RecordingState
from storage.database.engine import Database
from storage.database.prepared_statements import Prepared
from storage.database.tables import recording, watermark
from storage.rows import calls, permits
from storage.rows.permits import Permit
from tests.conftest import NOON
from tests.storage.test_calls import new_call
from tests.storage.test_held_back import executed, held

NAMED = ("id", "recording_sid", "call_id", "permit", "state", "source", "noticed_at", "moved_at")
NOTICE = Prepared(insert(recording).values({name: bindparam(name) for name in NAMED}))


@dataclass(frozen=True)
class Known:
    """A call, and what is written of it."""

    id: str

    @classmethod
    def to(cls, database: Database) -> "Known":
        new = new_call()
        database.write(lambda connection: calls.add(connection, new))
        return cls(new.id)

    def permit(self, connection: Connection) -> None:
        permits.give(connection, Permit(self.id, Outcome.CONSENTED, (), "P90D", NOON, NOON))

    def recording(self, name: str, *, is_permitted: bool) -> dict[str, str | datetime | None]:
        return {
            "id": f"{name}{self.id}"[:32],
            "recording_sid": f"RE{name}{self.id}"[:34],
            "call_id": self.id,
            "permit": self.id if is_permitted else None,
            "state": RecordingState.STARTED if is_permitted else RecordingState.CONDEMNED,
            "source": "DialVerb",
            "noticed_at": NOON,
            "moved_at": NOON,
        }


def added(statements: list[str]) -> list[str]:
    return [statement.split()[2] for statement in statements if statement.startswith("INSERT")]


@pytest.mark.parametrize("is_prepared", [True, False])
def test_a_row_comes_after_one_that_it_refers_to(database: Database, is_prepared: bool) -> None:
    known = Known.to(database)

    def work(connection: Connection) -> None:
        known.permit(connection)
        row: dict[str, Any] = known.recording("r", is_permitted=True)
        if is_prepared:
            NOTICE.run(connection, row)
        else:
            connection.execute(insert(recording).values(**row))

    with executed(database) as statements:
        database.write(work)
    assert added(statements) == ["permit", "recording"]


def test_rows_held_back_earlier_do_not_draw_another_ahead_of_the_one_that_it_refers_to(database: Database) -> None:
    known = Known.to(database)

    def work(connection: Connection) -> None:
        NOTICE.hold(connection, known.recording("a", is_permitted=False), call_id=known.id)
        known.permit(connection)
        NOTICE.hold(connection, known.recording("b", is_permitted=True), call_id=known.id)

    with executed(database) as statements:
        database.write(work)
    assert added(statements) == ["recording", "permit", "recording"]


def test_a_row_to_which_nothing_refers_waits_on(database: Database) -> None:
    known = Known.to(database)

    def work(connection: Connection) -> None:
        held(connection)
        NOTICE.run(connection, known.recording("r", is_permitted=False))
        assert added(statements) == ["recording"]

    with executed(database) as statements:
        database.write(work)
    with database.read() as connection:
        assert connection.execute(select(watermark.c.name)).all() == [("one",)]
