"""Sessions end: by themselves, by logging out, by being revoked, and with their account."""

import secrets
from datetime import datetime, timedelta

import pytest

from policies.permissions import Role
from policies.sessions import Limits, SignedInBy
from storage.database.engine import Database
from storage.database.tables import staff_session
from storage.moment import Moment
from storage.staff import accounts, sessions
from storage.staff.accounts import Account, Position
from storage.staff.sessions import Session
from tests.conftest import NOON

LIMITS = Limits(idle=timedelta(minutes=30), whole=timedelta(hours=12))


def moment(at: datetime = NOON) -> Moment:
    return Moment(at, secrets.token_bytes)


@pytest.fixture
def alice(database: Database) -> Account:
    return database.write(lambda c: accounts.add(c, moment(), "alice", "Alice", Position(Role.REVIEWER), actor="root"))


def begin(database: Database, alice: Account) -> str:
    return database.write(lambda c: sessions.begin(c, moment(), alice.id, SignedInBy.PASSKEY, "Browser\x00 1", LIMITS))


def living(database: Database, token: str, at: datetime = NOON) -> Session | None:
    with database.read() as connection:
        return sessions.living(connection, token, at, LIMITS)


def test_a_session_lives_until_it_was_idle_for_too_long(database: Database, alice: Account) -> None:
    token = begin(database, alice)
    found = living(database, token, NOON + timedelta(minutes=29, seconds=59))
    assert found is not None
    assert found.browser == "Browser 1"
    assert living(database, token, NOON + timedelta(minutes=30)) is None
    database.write(lambda c: sessions.see(c, found.id, NOON + timedelta(minutes=20)))
    assert living(database, token, NOON + timedelta(minutes=49))
    assert living(database, token, NOON + timedelta(minutes=50)) is None


def test_a_session_ends_after_its_whole_time_however_busy(database: Database, alice: Account) -> None:
    token = begin(database, alice)
    session = living(database, token)
    assert session is not None
    at = NOON + timedelta(hours=12)
    database.write(lambda c: sessions.see(c, session.id, at - timedelta(seconds=1)))
    assert living(database, token, at - timedelta(seconds=1))
    assert living(database, token, at) is None


def test_a_session_that_was_ended_stays_ended(database: Database, alice: Account) -> None:
    token, other = begin(database, alice), begin(database, alice)
    session = living(database, token)
    assert session is not None
    database.write(lambda c: sessions.end(c, session.id, NOON, "signed out"))
    database.write(lambda c: sessions.see(c, session.id, NOON + timedelta(minutes=1)))
    assert living(database, token) is None
    assert living(database, other)


def test_all_sessions_of_an_account_end_but_one(database: Database, alice: Account) -> None:
    tokens = [begin(database, alice) for _ in range(3)]
    kept = living(database, tokens[1])
    assert kept is not None
    database.write(lambda c: sessions.end_all(c, alice.id, NOON, "revoked", but=kept.id))
    assert [living(database, token) is not None for token in tokens] == [False, True, False]
    with database.read() as connection:
        assert [found.id for found in sessions.of_account(connection, alice.id, NOON, LIMITS)] == [kept.id]


def test_no_session_of_a_disabled_account_lives(database: Database, alice: Account) -> None:
    token = begin(database, alice)
    session = living(database, token)
    assert session is not None
    database.write(lambda c: accounts.disable(c, moment(), alice, actor="root"))
    assert living(database, token) is None
    with database.read() as connection:
        assert not sessions.lives(connection, session.id, NOON, LIMITS)


def test_a_token_is_kept_nowhere_and_a_wrong_one_opens_nothing(database: Database, alice: Account) -> None:
    token = begin(database, alice)
    with database.read() as connection:
        rows = connection.execute(staff_session.select()).all()
    assert token not in str(rows)
    assert len(token) == 43
    assert [living(database, wrong) for wrong in ("", token[:-1], token + "A", token.lower())] == [None] * 4
