"""The sweep's conditions on rows are held to the rule that they stand in front of: they miss no recording that must go.

Conditions that propose too many do no harm, since the rule is asked again before anything is destroyed.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import ColumnElement, Connection, insert, select

from policies.consent import Outcome
from policies.disposition import STORED_HERE, is_given_up, must_be_gone
from policies.lifecycle import CallState, RecordingState
from storage.custody import sweep
from storage.database.engine import Database
from storage.database.tables import call, legal_hold, permit, recording
from storage.rows import holds
from tests.conftest import NOON

NOW = NOON
MOMENT = timedelta(microseconds=1)
UNTOUCHED = NOW - timedelta(days=1)  # long enough for the first job to be over
edges = st.sampled_from([NOW - MOMENT, NOW, NOW + MOMENT])
moments = edges | st.timedeltas(timedelta(days=-3650), timedelta(days=3650)).map(lambda away: NOW + away)


@dataclass(frozen=True)
class Row:
    """A recording with its call's permit and holds; `releases` has one entry for each hold, with whether it ended."""

    state: RecordingState
    permitted_until: datetime | None
    retain_until: datetime | None
    releases: tuple[bool, ...]

    @property
    def is_held(self) -> bool:
        return not all(self.releases)


def _is_possible(row: Row) -> bool:
    """By the tables' own constraints."""
    needs_a_permit = row.state in STORED_HERE | {RecordingState.STARTED, RecordingState.COMPLETED}
    return (row.permitted_until is not None or not needs_a_permit) and (
        row.retain_until is not None or row.state not in STORED_HERE
    )


rows = st.builds(
    Row,
    state=st.sampled_from(RecordingState),
    permitted_until=st.none() | moments,
    retain_until=st.none() | moments,
    releases=st.lists(st.booleans(), max_size=2).map(tuple),
).filter(_is_possible)


def write(connection: Connection, row: Row) -> str:
    """The recording's id."""
    name = secrets.token_hex(16)
    is_permitted = row.permitted_until is not None
    decided = {"outcome": Outcome.CONSENTED if is_permitted else Outcome.DECLINED, "decided_at": UNTOUCHED}
    of_call = {"id": name, "call_sid": f"CA{name}", "line": "", "mode": "opt_in", "silence_is_consent": 0}
    texts = {"language": "en-US", "wording_sha256": "", "rules_sha256": ""}
    numbers = {"prompts_max": 1, "disclosure_length_ms": 1, "received_at": UNTOUCHED, "state": CallState.ENDED}
    connection.execute(insert(call), {**of_call, **texts, **numbers, **decided})
    if is_permitted:
        given = {"purposes": "{}", "retention": "short", "retain_until": row.permitted_until}
        connection.execute(insert(permit), {"call_id": name, **given, **decided})
    facts: dict[str, object] = {
        "state": row.state,
        "retain_until": row.retain_until,
        "noticed_at": UNTOUCHED,
        "moved_at": UNTOUCHED,
    }
    facts |= {"source": "", "object_key": name if row.state in STORED_HERE else None}
    facts |= {"destroyed_at": UNTOUCHED if row.state is RecordingState.DESTROYED else None}
    of_recording = {"id": name, "recording_sid": f"RE{name}", "call_id": name, "permit": name if is_permitted else None}
    connection.execute(insert(recording), {**of_recording, **facts})
    for is_released in row.releases:
        ended = {"released_by": "ann", "released_at": UNTOUCHED} if is_released else {}
        hold = {"call_id": name, "reason": "case 12", "placed_by": "ann", "placed_at": UNTOUCHED}
        connection.execute(insert(legal_hold).values({**hold, **ended}))
    return name


def proposed(connection: Connection, condition: ColumnElement[bool], names: dict[str, Row]) -> set[str]:
    mine = recording.c.id.in_(names)
    return set(connection.scalars(select(recording.c.id).where(condition, mine)))


on_random_rows = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@on_random_rows
@given(some=st.lists(rows, min_size=1, max_size=30))
def test_no_recording_that_must_be_gone_or_given_up_is_missed(used_database: Database, some: list[Row]) -> None:
    names = used_database.write(lambda connection: {write(connection, row): row for row in some})
    with used_database.read() as connection:
        going = proposed(connection, sweep.expired(NOW) | sweep.still_condemned(NOW), names)
        given_up = proposed(connection, sweep.never_stored(NOW), names)
    must_go = {
        name for name, row in names.items() if must_be_gone(row.state, row.retain_until, is_held=row.is_held, at=NOW)
    }
    unstored = {
        name
        for name, row in names.items()
        if row.permitted_until and is_given_up(row.state, row.permitted_until, is_held=row.is_held, at=NOW)
    }
    assert (must_go - going, unstored - given_up) == (set(), set())


@pytest.mark.parametrize("is_held", [False, True])
def test_the_rows_of_these_tests_are_held_as_the_program_sees_it(used_database: Database, is_held: bool) -> None:
    row = Row(RecordingState.KEPT, NOW, NOW, (True, not is_held))
    name = used_database.write(lambda connection: write(connection, row))
    with used_database.read() as connection:
        assert bool(holds.holding(connection, name)) is row.is_held is is_held
