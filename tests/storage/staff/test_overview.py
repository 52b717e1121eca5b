"""The overview of all accounts: how each can sign in, and when its person was last there."""

from datetime import timedelta

from policies.sessions import Limits, SignedInBy
from storage.database.engine import Database
from storage.staff import identities, links, overview, passkeys, passwords, sessions
from storage.staff.ceremonies import NewPasskey
from storage.staff.overview import Overview
from tests.conftest import NOON
from tests.storage.staff.people import add, at, read


def of(database: Database, account_id: str) -> Overview:
    return read(database, lambda c: overview.of_everybody(c, NOON))[account_id]


def test_an_account_without_anything_has_no_way_in(used_database: Database) -> None:
    account = add(used_database, "alice")
    assert of(used_database, account.id) == Overview(0, False, 0, False, None)
    assert not of(used_database, account.id).has_any


def test_each_way_in_is_seen_on_its_account_alone(used_database: Database) -> None:
    alice, bob = add(used_database, "alice"), add(used_database, "bob")
    for number in (1, 2):
        new = NewPasskey(f"{alice.id}{number}".encode(), b"key", 0)
        used_database.write(lambda c, new=new: passkeys.add(c, at(), alice.id, new, "phone"))  # type: ignore[misc]  # mypy and defaults
    used_database.write(lambda c: passwords.save(c, bob.id, "hash"))
    used_database.write(lambda c: identities.bind(c, bob.id, "https://id.example", bob.id))
    assert of(used_database, alice.id) == Overview(2, False, 0, False, None)
    assert of(used_database, bob.id) == Overview(0, True, 1, False, None)
    assert of(used_database, alice.id).has_any
    assert of(used_database, bob.id).has_any


def test_a_link_counts_as_long_as_it_opens_something(used_database: Database) -> None:
    alice, bob, carol = (add(used_database, name) for name in ("alice", "bob", "carol"))
    used_database.write(lambda c: links.make(c, at(), alice.id))
    used_database.write(lambda c: links.make(c, at(NOON - timedelta(hours=24)), bob.id))
    used = used_database.write(lambda c: links.make(c, at(), carol.id))
    used_database.write(lambda c: links.redeem(c, used, NOON))
    assert [of(used_database, one.id).has_link for one in (alice, bob, carol)] == [True, False, False]


def test_the_latest_of_all_sessions_counts(used_database: Database) -> None:
    alice = add(used_database, "alice")
    for hours in (3, 1, 2):
        moment = at(NOON - timedelta(hours=hours))
        used_database.write(
            lambda c, moment=moment: sessions.begin(c, moment, alice.id, SignedInBy.PASSKEY, "", Limits())  # type: ignore[misc]  # mypy and defaults
        )
    assert of(used_database, alice.id).seen_at == NOON - timedelta(hours=1)
