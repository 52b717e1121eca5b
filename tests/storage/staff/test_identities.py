"""An identity of a single sign-on is one account's, and an account has one of each issuer."""

import secrets

import pytest

from storage.database.engine import Database
from storage.errors import Refused
from storage.staff import identities
from storage.staff.accounts import Account
from storage.staff.identities import BoundIdentity
from tests.storage.staff.people import read

ISSUER, OTHER = "https://id.example.org", "https://id.example.net"


@pytest.fixture
def database(used_database: Database) -> Database:
    return used_database


@pytest.fixture
def subject() -> str:
    """Nobody else's in this database."""
    return secrets.token_hex(8)


def bind(database: Database, account: Account, subject: str, issuer: str = ISSUER) -> bool:
    return database.write(lambda c: identities.bind(c, account.id, issuer, subject))


def test_an_identity_is_found_by_issuer_and_subject_and_by_nothing_less(
    database: Database, alice: Account, subject: str
) -> None:
    def found(issuer: str, subject: str) -> str | None:
        return read(database, lambda c: identities.account_of(c, issuer, subject))

    assert bind(database, alice, subject)
    assert found(ISSUER, subject) == alice.id
    near = [(OTHER, subject), (ISSUER, subject[1:]), (ISSUER, f"{subject} "), (ISSUER, subject.upper() + "X"), ("", "")]
    assert [found(*pair) for pair in near] == [None] * 5


def test_an_identity_of_another_account_is_refused(
    database: Database, alice: Account, bob: Account, subject: str
) -> None:
    bind(database, alice, subject)
    with pytest.raises(Refused):
        bind(database, bob, subject)
    assert read(database, lambda c: identities.account_of(c, ISSUER, subject)) == alice.id


def test_an_account_has_one_identity_of_an_issuer(database: Database, alice: Account, subject: str) -> None:
    assert bind(database, alice, subject)
    assert not bind(database, alice, subject)  # as it is already
    with pytest.raises(Refused):
        bind(database, alice, f"{subject}2")
    bind(database, alice, subject, OTHER)
    assert read(database, lambda c: identities.of_account(c, alice.id)) == [
        BoundIdentity(OTHER, subject, alice.id),
        BoundIdentity(ISSUER, subject, alice.id),
    ]


def test_an_identity_that_was_unbound_can_be_bound_again(
    database: Database, alice: Account, bob: Account, subject: str
) -> None:
    bind(database, alice, subject)
    assert [database.write(lambda c: identities.unbind(c, alice.id, ISSUER)) for _ in range(2)] == [True, False]
    assert bind(database, bob, subject)


@pytest.mark.parametrize(
    ("issuer", "wrong"), [("", "1"), (ISSUER, ""), (ISSUER, "x" * 256), (ISSUER, "ä"), ("\n", "1")]
)
def test_an_identity_that_is_none_is_refused(database: Database, alice: Account, issuer: str, wrong: str) -> None:
    with pytest.raises(Refused):
        bind(database, alice, wrong, issuer)


@pytest.mark.parametrize("issuer", ["", "\0", "a\0b", "x" * 256])
def test_what_is_no_issuer_is_none_of_an_accounts(database: Database, alice: Account, issuer: str) -> None:
    assert database.write(lambda c: identities.unbind(c, alice.id, issuer)) is False
