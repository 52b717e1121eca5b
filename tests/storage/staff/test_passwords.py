"""Passwords are kept as argon2id hashes; an unknown name is looked at as a known one is."""

import os
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from sqlalchemy import event

from policies.sign_in import FAILURES_FREE
from storage.database.engine import Database
from storage.errors import Unavailable
from storage.staff import passwords, throttle
from storage.staff.accounts import Account
from storage.staff.passwords import Hashing, KeptPassword
from tests.conftest import NOON
from tests.storage.staff.people import read

RIGHT = "correct horse battery"
USUAL, CHEAP = Hashing(), Hashing(time_cost=1, memory_kib=8, lanes=1)


@pytest.fixture
def database(used_database: Database) -> Database:
    return used_database


@pytest.fixture(scope="module")
def kept() -> str:
    return USUAL.hash_of(RIGHT, os.urandom)


def test_a_password_is_kept_as_rfc_9106_has_it(kept: str) -> None:
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert RIGHT not in kept
    assert USUAL.is_right(RIGHT, kept)
    assert not USUAL.is_outdated(kept)


def test_the_right_password_is_told_from_any_other() -> None:
    kept = CHEAP.hash_of(RIGHT, os.urandom)
    assert CHEAP.is_right(RIGHT, kept)
    assert not CHEAP.is_right(RIGHT.upper(), kept)
    assert not CHEAP.is_right(RIGHT + " ", kept)
    assert not CHEAP.is_right(RIGHT[:-1], kept)


def test_a_password_is_the_same_however_a_keyboard_puts_it_together() -> None:
    kept = CHEAP.hash_of("crème brûlée, bien sûr", os.urandom)
    assert CHEAP.is_right("cre\N{COMBINING GRAVE ACCENT}me bru\N{COMBINING CIRCUMFLEX ACCENT}lée, bien sûr", kept)


def test_no_password_is_right_where_there_is_none() -> None:
    assert not CHEAP.is_right(RIGHT, "")
    assert not CHEAP.is_right("", "")
    assert not CHEAP.is_right("\ud800", "")
    assert not CHEAP.is_right(RIGHT, "not a hash")


def test_where_there_is_no_password_another_of_the_same_cost_is_looked_at(
    monkeypatch: pytest.MonkeyPatch, kept: str
) -> None:
    looked: list[str | bytes] = []

    def verify(_: PasswordHasher, hash_: str | bytes, __: str | bytes) -> bool:
        looked.append(hash_)
        raise VerifyMismatchError

    monkeypatch.setattr(PasswordHasher, "verify", verify)
    assert not USUAL.is_right(RIGHT, "")
    assert looked == [USUAL.nobodys]
    assert not USUAL.is_outdated(USUAL.nobodys)
    assert len(USUAL.nobodys) == len(kept)


@pytest.mark.parametrize("other", [Hashing(time_cost=2), Hashing(memory_kib=19456), Hashing(lanes=1)])
def test_a_hash_with_other_parameters_is_outdated(kept: str, other: Hashing) -> None:
    assert other.is_outdated(kept)


def test_the_same_password_is_never_kept_alike() -> None:
    assert CHEAP.hash_of(RIGHT, os.urandom) != CHEAP.hash_of(RIGHT, os.urandom)


def test_only_so_many_passwords_are_looked_at_at_once() -> None:
    busy = Hashing(time_cost=1, memory_kib=8, lanes=1, wait_s=0.001)
    kept = busy.hash_of(RIGHT, os.urandom)
    for _ in range(2):
        busy.at_once.acquire()
    with pytest.raises(Unavailable):
        busy.is_right(RIGHT, kept)
    with pytest.raises(Unavailable):
        busy.hash_of(RIGHT, os.urandom)
    busy.at_once.release()
    assert busy.is_right(RIGHT, kept)


def test_of_those_who_come_while_many_wait_nobody_waits() -> None:
    busy = Hashing(time_cost=1, memory_kib=8, lanes=1, wait_s=3600.0)
    kept = busy.hash_of(RIGHT, os.urandom)
    for _ in range(2):
        busy.at_once.acquire()
    with ThreadPoolExecutor(16) as pool:
        tries = {pool.submit(busy.is_right, RIGHT, kept) for _ in range(16)}
        refused: set[Future[bool]] = set()
        while len(refused) < 12:
            done, _ = wait(tries - refused, return_when=FIRST_COMPLETED)
            refused |= done
        assert all(isinstance(one.exception(), Unavailable) for one in refused)
        busy.at_once.release()
        assert [one.result() for one in tries - refused] == [True] * 4


def of_name(database: Database, name: str) -> KeptPassword:
    return read(database, lambda c: passwords.of_name(c, name))


def test_a_password_is_found_by_the_account_s_name(database: Database, alice: Account, kept: str) -> None:
    found = of_name(database, f" {alice.name.upper()} ")
    assert found == KeptPassword(alice.id)
    database.write(lambda c: passwords.save(c, alice.id, kept))
    assert not read(database, lambda c: passwords.is_still(c, found))
    assert of_name(database, alice.name) == KeptPassword(alice.id, kept)
    assert read(database, lambda c: passwords.of_account(c, alice.id)) == kept
    database.write(lambda c: passwords.forget(c, alice.id))
    assert read(database, lambda c: passwords.is_still(c, found))


@pytest.mark.parametrize("name", ["nobody-of-this-name", "", "\x00", "\ud800", "é"])
def test_a_name_that_nobody_has_is_no_account_s(database: Database, alice: Account, name: str) -> None:
    assert of_name(database, name) == KeptPassword()


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
