"""What an older version kept, as this one finds it when the schema has been brought up to date."""

import json
import os
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select, text

from evidence.events import Event, Value
from policies.consent import Outcome
from policies.incidents import IncidentKind
from policies.lifecycle import CallState
from policies.purposes import Granted
from storage.database.engine import Database
from storage.database.schema import migrate
from storage.database.tables import call, incident, permit, recording
from storage.errors import Broken
from storage.log import consent_log
from storage.moment import Moment
from storage.row_check.rows_of_no_call import differences_of_no_call
from storage.rows import calls, permits
from storage.rows.incidents import close_incident, open_incidents
from storage.rows.permits import Permit
from tests.conftest import NOON
from tests.storage.versions import downgrade, upgrade

UNTIL = datetime(2027, 2, 20, 18, 30, 0, 250_000, tzinfo=timezone(timedelta(hours=6, minutes=30)))
# Only the columns of the first version: what is not named is not written.
CALL = {
    "call_sid": "CA1",
    "line": "+12125550100",
    "mode": "opt_in",
    "silence_is_consent": 1,
    "prompts_max": 2,
    "language": "en-US",
    "wording_sha256": "a" * 64,
    "rules_sha256": "b" * 64,
    "state": "recording",
    "outcome": "consented",
    "reason": "",
    "prompt": 1,
    "events": 4,
    "received_at": NOON,
    "disclosure_length_ms": 9000,
    "decided_at": NOON,
    "ended_at": None,
    "sweep_at": NOON,
}
PERMIT = {"outcome": "consented", "retention": "quality-90d", "retain_until": UNTIL, "decided_at": NOON}


@pytest.fixture
def old(empty_database_url: str) -> Iterator[Database]:
    opened = Database.open(empty_database_url)
    upgrade(opened, "0001")
    yield opened
    opened.close()


def add(database: Database, name: str, purposes: str, **more: Any) -> None:
    def work(connection: Connection) -> None:
        connection.execute(insert(call), CALL | {"id": name, "call_sid": f"CA{name}"} | more)
        connection.execute(insert(permit), PERMIT | {"call_id": name, "purposes": purposes})

    database.write(work)


def rows(database: Database, query: str) -> list[dict[str, Any]]:
    with database.read() as connection:
        return [dict(row) for row in connection.execute(text(query)).mappings()]


def test_a_call_from_before_keeps_all_it_had_and_claims_nothing_new(old: Database) -> None:
    add(old, "c1", '["quality"]')
    before = rows(old, "SELECT * FROM call")
    migrate(old)
    (after,) = rows(old, "SELECT * FROM call")
    assert [{name: after[name] for name in before[0]}] == before
    with old.read() as connection:
        known = calls.peek(connection, "c1")
    assert known is not None
    assert (known.state, known.silence_is_consent, known.received_at) == (CallState.RECORDING, True, NOON)
    new = (known.law_sha256, known.on_refusal, known.remembers_decline, known.terms, known.caller_hash, known.served_at)
    assert new == ("", "", False, "", None, None)


def test_each_purpose_of_a_permit_from_before_ends_when_its_audio_does(old: Database) -> None:
    add(old, "c1", '["quality", "training"]')
    migrate(old)
    with old.read() as connection:
        given = permits.kept_permit(connection, "c1")
    granted = (Granted("quality", UNTIL), Granted("training", UNTIL))
    assert given == Permit("c1", Outcome.CONSENTED, granted, "quality-90d", UNTIL, NOON)


def test_a_purpose_ends_at_an_instant_that_anybody_can_read(old: Database) -> None:
    add(old, "c1", '["quality"]')
    migrate(old)
    (kept,) = rows(old, "SELECT purposes FROM permit")
    assert json.loads(kept["purposes"]) == {"quality": "2027-02-20T12:00:00.250000+00:00"}


def test_no_permit_of_many_is_left_out(old: Database) -> None:
    """More than are rewritten at once, with ids of every beginning."""
    many = [f"{number * 2654435761 % 2**32:08x}" for number in range(2300)]

    def work(connection: Connection) -> None:
        connection.execute(insert(call), [CALL | {"id": one, "call_sid": f"CA{one}"} for one in many])
        connection.execute(insert(permit), [PERMIT | {"call_id": one, "purposes": f'["p{one}"]'} for one in many])

    old.write(work)
    migrate(old)
    with old.read() as connection:
        kept = {row.call_id: json.loads(row.purposes) for row in connection.execute(select(permit))}
    assert kept == {one: {f"p{one}": "2027-02-20T12:00:00.250000+00:00"} for one in many}


def test_on_the_way_back_a_permit_names_its_purposes_as_before(old: Database) -> None:
    add(old, "c1", '["quality", "training"]')
    before = rows(old, "SELECT * FROM permit"), rows(old, "SELECT * FROM call")
    migrate(old)
    downgrade(old, "0001")
    assert (rows(old, "SELECT * FROM permit"), rows(old, "SELECT * FROM call")) == before


RECORDING = {"source": "StartCallRecordingTwiML", "noticed_at": NOON, "moved_at": NOON}


def test_a_recording_from_before_stays_as_it_was_and_a_later_one_may_be_in_doubt(old: Database) -> None:
    add(old, "c1", '["quality"]')

    def record(name: str, state: str, permit: str | None) -> None:
        row = RECORDING | {"id": name, "recording_sid": name, "call_id": "c1", "state": state, "permit": permit}
        old.write(lambda connection: connection.execute(insert(recording), row))

    record("r1", "completed", "c1")
    with pytest.raises(Broken):
        record("r2", "quarantined", None)
    migrate(old)
    [kept] = rows(old, "SELECT * FROM recording")
    assert (kept["state"], kept["permit"], kept["reported_at"], kept["started_at"]) == ("completed", "c1", None, None)
    record("r2", "quarantined", None)
    with pytest.raises(Broken):
        record("r3", "of tomorrow", "c1")
    downgrade(old, "0003")
    assert [one["state"] for one in rows(old, "SELECT * FROM recording ORDER BY id")] == ["completed", "condemned"]
    migrate(old)


INCIDENT = {"detail": "the lights went out", "opened_at": NOON}


def test_an_incident_of_a_kind_that_there_is_no_more_stays_with_its_words_and_the_log_agrees(old: Database) -> None:
    kinds = ["power_cut", "job_failed", "flood"]
    upgrade(old, "0007")

    def raise_all(connection: Connection) -> None:
        for number, kind in enumerate(kinds, start=1):
            connection.execute(insert(incident), {"kind": kind, "about": "the cellar", **INCIDENT})
            told: dict[str, Value] = {"incident": number, "kind": kind, "about": "the cellar", "about_call": None}
            consent_log.append_events(connection, Moment(NOON, os.urandom), Event("incident.opened", told))

    old.write(raise_all)
    migrate(old)
    with old.read() as connection:
        assert [(one.kind, one.about, one.detail) for one in open_incidents(connection)] == [
            (IncidentKind.OTHER, "incident 1", "power_cut about the cellar: the lights went out"),
            (IncidentKind.JOB_FAILED, "the cellar", "the lights went out"),
            (IncidentKind.OTHER, "incident 3", "flood about the cellar: the lights went out"),
        ]
        assert [*differences_of_no_call(old.read)] == []
    with pytest.raises(Broken, match="kind_known"):
        old.write(lambda connection: connection.execute(insert(incident), {"kind": "flood", "about": "x", **INCIDENT}))
    moment = Moment(NOON, os.urandom)
    assert old.write(lambda connection: close_incident(connection, moment, 1, actor="ann", reason="dried"))
    downgrade(old, "0007")
    migrate(old)
    assert [one["kind"] for one in rows(old, "SELECT kind FROM incident ORDER BY id")] == [
        "other",
        "job_failed",
        "other",
    ]
