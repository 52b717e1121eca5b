"""Rows that somebody changed beside the log: whatever promises something is found, and told in plain words."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import Column, Connection, LargeBinary, Table, delete, select, text, update
from sqlalchemy.exc import DBAPIError

from compliance import hold
from evidence.catalogue import CATALOGUE
from onrecord.installation import Installation
from policies.derivation import EFFECTS, WITHOUT_EFFECT
from policies.incidents import IncidentKind
from policies.pausing import AtLimit, PauseEnd
from policies.withdrawal import WithdrawnBy
from storage.custody import erasure
from storage.custody.erasure import Request
from storage.database.column_types import Instant
from storage.database.metadata import metadata
from storage.database.tables import (
    CALL_STATES,
    OUTCOMES,
    PERMITTING_OUTCOMES,
    RECORDING_STATES,
    audio_object,
    call,
    incident,
    legal_hold,
    pause,
    permit,
    provider_account,
    recording,
    recording_key,
    remembered_decline,
    rulebook_version,
    rules_adopted,
    withdrawal,
)
from storage.errors import Broken
from storage.log import verification as log_verification
from storage.row_check import check as row_check
from storage.row_check import claims as row_claims
from storage.rows import adoptions, calls, incidents, recordings
from tests.calls.call_runner import Town
from tests.calls.script import NUMBERS, ScriptedCall, ScriptedRound

YES, NO = [("presses", "1")], [("presses", "2")]
STATEFUL = (
    call,
    permit,
    recording,
    audio_object,
    recording_key,
    incident,
    legal_hold,
    pause,
    provider_account,
    remembered_decline,
    rules_adopted,
    withdrawal,
)


@dataclass
class Lived:
    """An installation on which everything has happened that rows tell of; and the ids of its calls."""

    town: Town
    kept: str
    other: str
    declined: str
    erased: str
    rogue: str

    @property
    def now(self) -> datetime:
        return self.town.exchange.clock.now()

    @contextmanager
    def tampering(self) -> Iterator[Connection]:
        """What is done with it is taken back."""
        with self.town.database.engine.connect() as connection:
            yield connection
            connection.rollback()

    def found(self, connection: Connection) -> list[str]:
        try:
            log_verification.verify(lambda: nullcontext(connection))
        except Broken as error:
            return [str(error)]
        return [str(one) for one in row_check.of_all(lambda: nullcontext(connection), self.now)]


@pytest.fixture(scope="module")
def lived(line_town: Town) -> Lived:
    town = line_town

    def place(
        name: str, caller: str, happens: Sequence[tuple[str, str]] = (), acts: Sequence[str] = (), **more: Any
    ) -> str:
        only = ScriptedRound(list(happens), presses=[digits for _, digits in happens], agent_acts=list(acts))
        ran = town.run(ScriptedCall(caller=caller, number=NUMBERS[name], rounds=[only], **more))
        assert ran.broken == []
        return ran.story.call.id

    kept = place("opt_in", "+15125550131", YES)
    other = place("notice", "+12125550132")
    erased = place("opt_in", "+15125550133", YES)
    rogue = place("never", "+15125550135", rogue="in_conversation")
    place("opt_in", "+15125550136", YES, ["withdraws keep"])
    place("opt_in", "+15125550137", YES, ["pauses"])
    town.exchange.clock.sleep(2 * 86400)
    town.work()
    _erase(town, erased)
    installation = cast(Installation, SimpleNamespace(database=town.database))
    (_, first), *_ = hold.place(installation.database, [kept], reason="case 12", actor="ann")
    hold.place(installation.database, [kept], reason="case 13", actor="ann")
    hold.release(installation.database, first, reason="settled", actor="bob")
    town.database.write(lambda connection: _close_one(connection, town))
    town.database.write(lambda connection: _adopt_one(connection, town))
    declined = place("opt_in", "+15125550134", NO)
    made = Lived(town, kept, other, declined, erased, rogue)
    with made.tampering() as connection:
        assert made.found(connection) == []
    return made


def _erase(town: Town, call_id: str) -> None:
    request = Request("gdpr-17", "ann")
    town.database.write(lambda connection: erasure.erase(connection, town.moment(), call_id, request, town.face.jobs))
    town.work()


def _close_one(connection: Connection, town: Town) -> None:
    moment, kind = town.moment(), IncidentKind.JOB_FAILED
    incidents.raise_incident(connection, moment, kind, about="sweep:", call_id=None, detail="sweep: no answer")
    (one,) = [one for one in incidents.open_incidents(connection) if one.kind is kind]
    assert incidents.close_incident(connection, moment, one.id, actor="ann", reason="it was a test")


def _adopt_one(connection: Connection, town: Town) -> None:
    sha256 = connection.scalars(select(rulebook_version.c.sha256)).first()
    assert sha256
    adoptions.adopt(connection, town.moment(), sha256, actor="ann")


Tampering = tuple[str, str]
TERMS = "outcome, purposes, retention, retain_until, decided_at"
PERMIT = f"INSERT INTO permit (call_id, {TERMS})"
OF_ANOTHER = "FROM {table} WHERE call_id = '{{other}}') WHERE call_id = '{{kept}}'"
LATER = "'2099-01-01T00:00:00.000000+00:00'"
# What is done, with the ids of `Lived` in braces; and what is said of it.
TAMPERINGS: dict[str, Tampering] = {
    "an outcome": (
        "UPDATE call SET outcome = 'consented' WHERE id = '{declined}'",
        "call {declined}: its row says that outcome is consented, and its events say declined",
    ),
    "a reason": ("UPDATE call SET reason = 'another' WHERE id = '{declined}'", "another reason than its events"),
    "a permit that nobody gave": (
        f"{PERMIT} SELECT '{{declined}}', {TERMS} FROM permit WHERE call_id = '{{kept}}'",
        "call {declined}: it has a permit, and no event gives one",
    ),
    "purposes": (
        """UPDATE permit SET purposes = replace(purposes, 'quality', 'training') WHERE call_id = '{kept}'""",
        "call {kept}: its permit is for training until ",
    ),
    "the retention of a permit": (
        "UPDATE permit SET retention = 'forever' WHERE call_id = '{kept}'",
        "its permit says that retention is forever",
    ),
    "the end of a permit": (
        f"UPDATE permit SET retain_until = {LATER} WHERE call_id = '{{kept}}'",
        "its permit says that retain_until is 2099",
    ),
    "the end of a recording": (
        f"UPDATE recording SET retain_until = {LATER} WHERE call_id = '{{kept}}'",
        "its row says that retain_until is 2099",
    ),
    "the state of a recording": (
        "UPDATE recording SET state = 'condemned' WHERE call_id = '{kept}'",
        "its row says that state is condemned, and its events say kept",
    ),
    "the permit of a recording": (
        "UPDATE recording SET permit = NULL, state = 'condemned' WHERE call_id = '{kept}'",
        "its row says that permit is nothing",
    ),
    "another recording's audio": (
        "UPDATE recording SET object_key = (SELECT object_key " + OF_ANOTHER.format(table="recording"),
        "its row has another object_key than its events",
    ),
    "another recording's audio, by its objects": (
        "UPDATE audio_object SET key = replace(key, 'rec/', 'rec/x-') WHERE name = 'master'",
        "the row of its object master names another object than its events",
    ),
    "a hold released": (
        f"UPDATE legal_hold SET released_by = 'ann', released_at = {LATER} WHERE released_at IS NULL",
        "its row says that released_at is 2099",
    ),
    "a hold deleted": ("DELETE FROM legal_hold WHERE released_at IS NULL", "of call {kept}: it has events and no row"),
    "a hold placed again": (
        "UPDATE legal_hold SET released_by = NULL, released_at = NULL",
        "its row says that released_at is nothing",
    ),
    "an incident opened again": (
        "UPDATE incident SET closed_at = NULL WHERE closed_at IS NOT NULL",
        "its row says that closed_at is nothing",
    ),
    "an incident deleted": ("DELETE FROM notice; DELETE FROM incident", "incident 1: it has events and no row"),
    "a rulebook in force": (
        "INSERT INTO rules_adopted SELECT id + 1, sha256, adopted_at, adopted_by FROM rules_adopted",
        "adoption 2 of a rulebook: it has a row and no event",
    ),
    "a decline deleted": (
        "DELETE FROM remembered_decline",
        "the remembered no of call {declined}: it is gone, and holds until ",
    ),
    "a decline extended": (
        f"UPDATE remembered_decline SET forget_at = {LATER}",
        "the remembered no of call {declined}: its row says that forget_at is 2099",
    ),
    "a call that was real": (
        "UPDATE call SET synthetic = 1 WHERE id = '{kept}'",
        "its row says that synthetic is 1, and its events say 0",
    ),
    "Twilio not asked any more": (
        "UPDATE call SET sweep_at = NULL WHERE id = '{declined}'",
        "its row says that it is looked at no more",
    ),
    "Twilio asked in a hundred years": (
        f"UPDATE call SET sweep_at = {LATER} WHERE id = '{{declined}}'",
        "its row has it looked at or asked about 2099-01-01",
    ),
    "an end": (f"UPDATE call SET ended_at = {LATER} WHERE id = '{{kept}}'", "its row says that ended_at is 2099"),
    "a beginning": (
        f"UPDATE call SET received_at = {LATER} WHERE id = '{{kept}}'",
        "its row says that received_at is 2099",
    ),
    "another number": (
        "UPDATE call SET caller_hash = (SELECT caller_hash FROM call WHERE id = '{other}') WHERE id = '{kept}'",
        "its row has another caller_hash than its events",
    ),
    "another rulebook": (
        "UPDATE call SET rules_sha256 = law_sha256 WHERE id = '{kept}'",
        "its row says that rules_sha256 is ",
    ),
    "other terms": (
        "UPDATE call SET terms = replace(terms, 'quality', 'training') WHERE id = '{declined}'",
        "its row promises another permit (terms) than the ruling in its events",
    ),
    "a name given back to an erased call": (
        "UPDATE call SET call_sid = 'CA00000000000000000000000000000000' WHERE id = '{erased}'",
        "call {erased}: its row has another call_sid than its events",
    ),
    "what Twilio told": (
        "UPDATE provider_account SET body = (SELECT body " + OF_ANOTHER.format(table="provider_account"),
        "what is kept of the provider's account is not what the log commits to",
    ),
    "a key thrown away": ("DELETE FROM recording_key", "it is kept by its events, and its key is gone"),
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_a_row_that_was_changed_is_told_by_what_it_says(name: str, lived: Lived) -> None:
    statement, words = (part.format(**vars(lived)) for part in TAMPERINGS[name])
    with lived.tampering() as connection:
        changed = [connection.execute(text(part)).rowcount for part in statement.split("; ")]
        assert changed[-1] >= 1
        assert [one for one in lived.found(connection) if words in one] != [], lived.found(connection)


def test_a_permit_that_was_taken_away_is_missed(lived: Lived) -> None:
    with lived.tampering() as connection:
        connection.execute(update(recording).where(recording.c.call_id == lived.kept).values(_WITHOUT_PERMIT))
        connection.execute(delete(permit).where(permit.c.call_id == lived.kept))
        assert f"call {lived.kept}: its permit is gone, which its events give" in lived.found(connection)


_WITHOUT_PERMIT = {"permit": None, "state": "condemned"}


def test_a_call_that_was_taken_away_whole_is_missed(lived: Lived) -> None:
    with lived.tampering() as connection:
        for table in reversed(metadata.sorted_tables):
            if "call_id" in table.c and table.name not in {"log_leaf", "disclosure"}:
                connection.execute(delete(table).where(table.c.call_id == lived.declined))
        connection.execute(delete(call).where(call.c.id == lived.declined))
        (one,) = [one for one in lived.found(connection) if lived.declined in one]
        assert one.endswith("events and no row")


def test_a_call_without_events_is_found(lived: Lived) -> None:
    with lived.tampering() as connection:
        known = calls.peek(connection, lived.declined)
        assert known is not None
        row = {name: getattr(known, name) for name in known.__dataclass_fields__}
        connection.execute(call.insert(), row | {"id": "0" * 32, "call_sid": "CA" + "0" * 32, "events": 0})
        assert f"call {'0' * 32}: it has a row and no events" in lived.found(connection)


def test_a_recording_that_was_made_up_is_found(lived: Lived) -> None:
    with lived.tampering() as connection:
        (known,) = recordings.of_call(connection, lived.rogue)
        row = {name: getattr(known, name) for name in known.__dataclass_fields__}
        connection.execute(recording.insert(), row | {"id": "0" * 32, "recording_sid": "RE" + "0" * 32})
        about = f"recording {'0' * 32} of call {lived.rogue}"
        assert f"{about}: it has a row and no events" in lived.found(connection)


def test_no_difference_names_anybody(lived: Lived) -> None:
    with lived.tampering() as connection:
        for table in (call, recording):
            for column in table.c:
                if column.name in row_claims.CLOSED:
                    told = [one for _, one in _changes(connection, lived, table, column)]
                    assert not [one for one in told if "+1" in one or "CA" in one or "RE" in one]


@pytest.mark.parametrize(
    ("table", "column"),
    [(table, column) for table in STATEFUL for column in table.c],
    ids=lambda value: value.name,
)
def test_any_column_of_any_row_is_found_changed_or_promises_nothing(
    table: Table, column: Column[Any], lived: Lived
) -> None:
    names = {f"{table.name}.{column.name}", f"{table.name}.*"}
    with lived.tampering() as connection:
        unseen = [change for change, told in _changes(connection, lived, table, column) if not told]
    if names & row_claims.NO_PROMISE.keys():
        return
    assert unseen == []


def _changes(
    connection: Connection, lived: Lived, table: Table, column: Column[Any]
) -> Iterator[tuple[dict[str, Any], str]]:
    """Every row with another value in that column that the database allows; and what is said of it."""
    key = [*table.primary_key.columns]
    rows = connection.execute(select(table)).mappings().all()
    others = {row[column.name] for row in rows}
    for row in rows:
        if _is_not_told(table, column, row, lived):
            continue
        mine = [one == row[one.name] for one in key]
        for value in _values(table, column, row[column.name], others):
            try:
                with connection.begin_nested() as point:
                    connection.execute(update(table).where(*mine).values({column.name: value}))
                    yield {column.name: value, **row}, "; ".join(lived.found(connection))
                    point.rollback()
            except DBAPIError:
                continue  # refused by the database


def _is_not_told(table: Table, column: Column[Any], row: Any, lived: Lived) -> bool:
    """Of these rows no event says it: what was erased, and words that were never said."""
    if table is call and column.name == "line":
        return bool(row["erased_at"])
    if table is call and column.name == "wording_sha256":
        return row["served_at"] is None
    return False


_CLOSED_SETS: dict[str, Sequence[str]] = {
    "call.state": CALL_STATES,
    "call.outcome": OUTCOMES,
    "permit.outcome": PERMITTING_OUTCOMES,
    "recording.state": RECORDING_STATES,
    "pause.at_limit": tuple(AtLimit),
    "pause.how": tuple(PauseEnd),
    "withdrawal.withdrawn_by": tuple(WithdrawnBy),
}


def _values(table: Table, column: Column[Any], present: Any, others: set[Any]) -> list[Any]:
    """Others that could stand there: those of other rows, later times, and none."""
    far: list[Any] = []
    if f"{table.name}.{column.name}" in {"call.sweep_at", "call.corroborate_at"}:
        # When it is asked is nobody's promise, as long as it is.
        far = [None] if present else []
        return [*far, datetime.fromisoformat("2099-01-01T00:00:00+00:00")]
    if name := _CLOSED_SETS.get(f"{table.name}.{column.name}"):
        return [value for value in name if value != present]
    kind = column.type
    if isinstance(kind, Instant):
        far = [(present or datetime.fromisoformat("2026-11-22T12:00:00+00:00")) + timedelta(days=1)]
    elif isinstance(kind, LargeBinary):
        far = [bytes(present or b"") + b"x"]
    elif kind.python_type is int:
        far = [1 - present if present in (0, 1) else present + 1]
    else:
        far = [f"{present or ''}x"]
    chosen = [*far, *(value for value in others if value != present)][:4]
    return [*chosen, *([None] if column.nullable and present is not None else [])]


def test_every_column_promises_something_or_has_a_reason_why_not() -> None:
    logs = {"log_leaf", "log_node", "log_head", "log_origin", "log_key", "log_checkpoint", "log_anchor", "disclosure"}
    whole = {name.partition(".")[0] for name in row_claims.NO_PROMISE if name.endswith(".*")}
    rest = {table.name for table in metadata.sorted_tables} - logs - whole
    assert rest == {table.name for table in STATEFUL}
    columns = {f"{table.name}.{column.name}" for table in STATEFUL for column in table.c}
    assert {name for name in row_claims.NO_PROMISE if not name.endswith(".*")} <= columns


def test_every_event_of_calls_has_its_effect_or_none() -> None:
    assert {name for name, kind in CATALOGUE.items() if kind.is_of_call} == EFFECTS.keys() | WITHOUT_EFFECT
    assert EFFECTS.keys() & WITHOUT_EFFECT == set()
