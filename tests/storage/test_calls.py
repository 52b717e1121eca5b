"""Calls and permits as rows: what is written is read back, and what nothing changes stays."""

import secrets
from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest
from sqlalchemy import Connection

from evidence.events import Event
from policies.consent import Outcome, replaces
from policies.lifecycle import CallEvent, CallState
from policies.purposes import Granted
from storage.database.engine import Database
from storage.moment import Moment
from storage.rows import calls, permits
from storage.rows.calls import OPEN, Call
from storage.rows.permits import Permit
from tests.conftest import NOON

MOMENT = Moment(NOON, secrets.token_bytes)


def new_call() -> Call:
    """With something of its own in every field that may be left out."""
    name = secrets.token_hex(16)
    return Call(
        id=name,
        call_sid=f"CA{name}",
        line="+12125550100",
        mode="opt_in",
        silence_is_consent=False,
        prompts_max=2,
        language="en-US",
        wording_sha256="a" * 64,
        rules_sha256="b" * 64,
        state=CallState.DISCLOSING,
        outcome=OPEN,
        reason="",
        prompt=0,
        events=0,
        received_at=NOON,
        disclosure_length_ms=9000,
        sweep_at=NOON + timedelta(seconds=5),
        law_sha256="c" * 64,
        on_refusal="voicemail",
        remembers_decline=True,
        terms='{"quality":"P90D"}',
        caller_hash="d" * 64,
    )


@pytest.fixture
def known(used_database: Database) -> Call:
    new = new_call()
    used_database.write(lambda connection: calls.add(connection, new))
    return new


def read(database: Database, known: Call) -> Call | None:
    with database.read() as connection:
        return calls.peek(connection, known.id)


def test_a_call_is_read_as_it_was_written(used_database: Database, known: Call) -> None:
    assert read(used_database, known) == known
    served = replace(new_call(), served_at=NOON, caller_hash=None, remembers_decline=False)
    used_database.write(lambda connection: calls.add(connection, served))
    assert read(used_database, served) == served


def test_when_the_disclosure_was_served_is_kept_through_all_that_follows(used_database: Database, known: Call) -> None:
    later = Moment(NOON + timedelta(seconds=12), secrets.token_bytes)
    told = Event("disclosure.served")
    served = used_database.write(
        lambda connection: calls.append_events(connection, MOMENT, known, told, served_at=NOON)
    )
    assert read(used_database, known) == served == replace(known, served_at=NOON, events=1)
    moved = used_database.write(
        lambda connection: calls.settle(connection, later, served, CallEvent.DISCLOSURE_COMPLETED)
    )
    told_more = used_database.write(lambda connection: calls.append_events(connection, later, moved, told))
    assert read(used_database, known) == told_more
    assert told_more.served_at == NOON


def test_a_permit_keeps_each_purpose_with_its_own_end(used_database: Database, known: Call) -> None:
    until = NOON + timedelta(days=90, microseconds=1)
    granted = (Granted("training", NOON + timedelta(days=30)), Granted("quality", until))
    given = Permit(known.id, Outcome.CONSENTED, granted, "quality-90d", until, NOON)
    used_database.write(lambda connection: permits.give(connection, given))
    with used_database.read() as connection:
        assert permits.kept_permit(connection, known.id) == given


def test_a_settled_outcome_is_replaced_only_where_the_rule_says_so(used_database: Database) -> None:
    """Whatever the state table would let through: a call that is over takes every event."""
    later = Moment(NOON + timedelta(minutes=1), secrets.token_bytes)

    def settled(connection: Connection, old: Outcome, new: Outcome) -> Call:
        call = replace(new_call(), state=CallState.ENDED, outcome=old.value, reason="first", decided_at=NOON)
        calls.add(connection, call)
        moved = calls.settle(connection, later, call, CallEvent.ENDED, outcome=new, reason="second")
        assert calls.peek(connection, call.id) == moved
        return moved

    for old, new in product(Outcome, Outcome):
        call = used_database.write(lambda connection, old=old, new=new: settled(connection, old, new))  # type: ignore[misc]  # mypy and defaults
        expected = (new, "second", later.at) if replaces(new, old) else (old, "first", NOON)
        assert (call.outcome, call.reason, call.decided_at) == expected
