"""Passwords are kept as argon2id hashes; an unknown name is looked at as a known one is."""

import os
from collections.abc import Iterator
from threading import BoundedSemaphore

import pytest
from sqlalchemy import event

from policies.sign_in import FAILURES_FREE
from storage.database.engine import Database
from storage.errors import Unavailable
from storage.staff import passwords, throttle
from storage.staff.accounts import Account
from tests.conftest import NOON
from tests.storage.staff.people import read

RIGHT = "correct horse battery"


@pytest.fixture
def database(used_database: Database) -> Database:
    return used_database


@pytest.fixture(scope="module")
def kept() -> str:
    return passwords.hash_of(RIGHT, os.urandom)


def test_a_password_is_kept_as_rfc_9106_has_it(kept: str) -> None:
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert RIGHT not in kept
    assert not passwords.is_outdated(kept)


def test_the_right_password_is_told_from_any_other(kept: str) -> None:
    assert passwords.is_right(RIGHT, kept)
    assert not passwords.is_right(RIGHT.upper(), kept)
    assert not passwords.is_right(RIGHT + " ", kept)


def test_a_password_is_the_same_however_a_keyboard_puts_it_together() -> None:
    kept = passwords.hash_of("crème brûlée, bien sûr", os.urandom)
    assert passwords.is_right("cre\N{COMBINING GRAVE ACCENT}me bru\N{COMBINING CIRCUMFLEX ACCENT}lée, bien sûr", kept)


def test_no_password_is_right_where_there_is_none() -> None:
    assert not passwords.is_right(RIGHT, "")
    assert not passwords.is_right("", "")
    assert not passwords.is_right("\ud800", passwords.NOBODYS)
    assert not passwords.is_right(RIGHT, "not a hash")


def test_what_is_looked_at_for_an_unknown_name_costs_as_much_as_a_password(kept: str) -> None:
    assert not passwords.is_outdated(passwords.NOBODYS)
    assert len(passwords.NOBODYS) == len(kept)


def test_a_hash_with_other_parameters_is_outdated() -> None:
    assert passwords.is_outdated(passwords.NOBODYS.replace("t=3", "t=2"))
    assert passwords.is_outdated(passwords.NOBODYS.replace("m=65536", "m=19456"))


def test_the_same_password_is_never_kept_alike(kept: str) -> None:
    assert passwords.hash_of(RIGHT, os.urandom) != kept


def test_only_so_many_passwords_are_looked_at_at_once(monkeypatch: pytest.MonkeyPatch, kept: str) -> None:
    monkeypatch.setattr(passwords, "_WAIT_S", 0.001)
    taken = BoundedSemaphore(1)
    taken.acquire()
    monkeypatch.setattr(passwords, "_at_once", taken)
    with pytest.raises(Unavailable):
        passwords.is_right(RIGHT, kept)
    taken.release()
    assert passwords.is_right(RIGHT, kept)


def test_a_password_is_found_by_the_account_s_name(database: Database, alice: Account, kept: str) -> None:
    found = read(database, lambda c: passwords.of_name(c, f" {alice.name.upper()} "))
    assert found is not None
    assert (found.account_id, found.kept) == (alice.id, "")
    database.write(lambda c: passwords.save(c, alice.id, kept))
    assert not read(database, lambda c: passwords.is_still(c, found))
    assert read(database, lambda c: passwords.of_account(c, alice.id)) == kept
    assert read(database, lambda c: passwords.of_name(c, f"{alice.name}s")) is None
    database.write(lambda c: passwords.forget(c, alice.id))
    assert read(database, lambda c: passwords.is_still(c, found))


def waits(database: Database, account: Account) -> bool:
    return read(database, lambda c: throttle.waits(c, account.id, NOON))


def test_an_account_waits_after_five_failures_and_not_after_a_success(database: Database, alice: Account) -> None:
    for _ in range(FAILURES_FREE):
        database.write(lambda c: throttle.fail(c, alice.id, NOON))
    assert not waits(database, alice)
    database.write(lambda c: throttle.fail(c, alice.id, NOON))
    assert waits(database, alice)
    database.write(lambda c: throttle.clear(c, alice.id))
    assert not waits(database, alice)


@pytest.fixture
def statements(database: Database) -> Iterator[list[str]]:
    said: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        said.append(statement.partition(" ")[0])

    event.listen(database.engine, "before_cursor_execute", note)
    yield said
    event.remove(database.engine, "before_cursor_execute", note)


def test_a_failure_of_an_unknown_name_writes_as_much_and_changes_nothing(
    database: Database, alice: Account, bob: Account, statements: list[str]
) -> None:
    database.write(lambda c: throttle.fail(c, alice.id, NOON))
    known = [*statements]
    statements.clear()
    database.write(throttle.fail_uncounted)
    assert statements == known
    for _ in range(FAILURES_FREE):
        database.write(throttle.fail_uncounted)
        database.write(lambda c: throttle.fail(c, alice.id, NOON))
    assert (waits(database, alice), waits(database, bob)) == (True, False)
