"""Passkeys as rows: several of an account, each with its label."""

import secrets
from datetime import timedelta

import pytest

from storage.database.engine import Database
from storage.errors import Refused
from storage.staff import passkeys
from storage.staff.accounts import Account
from storage.staff.ceremonies import NewPasskey
from tests.conftest import NOON
from tests.storage.staff.people import at, read


@pytest.fixture
def database(used_database: Database) -> Database:
    return used_database


def add(database: Database, account: Account, label: str = "laptop", credential_id: bytes = b"") -> str:
    new = NewPasskey(credential_id or secrets.token_bytes(16), b"a key", 3)
    return database.write(lambda c: passkeys.add(c, at(), account.id, new, label))


def labels(database: Database, account: Account) -> list[str]:
    return [passkey.label for passkey in read(database, lambda c: passkeys.of_account(c, account.id))]


def test_an_account_has_several_passkeys_each_with_its_label(database: Database, alice: Account, bob: Account) -> None:
    id_ = secrets.token_bytes(16)
    one = add(database, alice, " laptop ", id_)
    add(database, alice, "telephone")
    add(database, bob, "key ring")
    assert labels(database, alice) == ["laptop", "telephone"]
    found = read(database, lambda c: passkeys.by_id(c, one))
    assert found is not None
    assert (found.account_id, found.credential_id, found.public_key) == (alice.id, id_, b"a key")
    assert (found.sign_count, found.added_at, found.used_at) == (3, NOON, None)


def test_a_passkey_is_one_account_s_and_there_once(database: Database, alice: Account, bob: Account) -> None:
    id_ = secrets.token_bytes(16)
    add(database, alice, credential_id=id_)
    for account in (alice, bob):
        with pytest.raises(Refused):
            add(database, account, credential_id=id_)


def test_an_account_has_so_many_passkeys_at_most(database: Database, alice: Account) -> None:
    for _ in range(passkeys.COUNT_MAX):
        add(database, alice)
    with pytest.raises(Refused):
        add(database, alice)


def test_only_its_own_account_renames_and_removes_a_passkey(database: Database, alice: Account, bob: Account) -> None:
    one = add(database, alice)
    assert not database.write(lambda c: passkeys.rename(c, bob.id, one, "mine"))
    assert not database.write(lambda c: passkeys.remove(c, bob.id, one))
    assert database.write(lambda c: passkeys.rename(c, alice.id, one, "desk"))
    assert labels(database, alice) == ["desk"]
    assert [database.write(lambda c: passkeys.remove(c, alice.id, one)) for _ in range(2)] == [True, False]


def test_a_passkey_remembers_when_it_was_used_and_its_count(database: Database, alice: Account) -> None:
    one, later = add(database, alice), NOON + timedelta(hours=1)
    database.write(lambda c: passkeys.use(c, one, 8, later))
    found = read(database, lambda c: passkeys.by_id(c, one))
    assert found is not None
    assert (found.sign_count, found.used_at) == (8, later)


@pytest.mark.parametrize("label", ["", " ", "x" * 65, "a\nb", "\u202eb"])
def test_a_label_that_is_none_is_refused(database: Database, alice: Account, label: str) -> None:
    with pytest.raises(Refused):
        add(database, alice, label)
