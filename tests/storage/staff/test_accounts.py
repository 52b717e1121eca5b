"""Accounts of the staff: added, changed and disabled, each time with its event."""

import secrets
from collections.abc import Callable
from typing import TypeVar

import pytest
from sqlalchemy import Connection

from evidence.events import Event
from policies.permissions import Role, Scope
from storage.database.engine import Database
from storage.errors import Refused
from storage.log import consent_log
from storage.moment import Moment
from storage.staff import accounts
from storage.staff.accounts import Account, Position
from tests.conftest import NOON

T = TypeVar("T")
LINE = "+12125550100"
MOMENT = Moment(NOON, secrets.token_bytes)
AGENT = Position(Role.AGENT, team="sales", addresses=frozenset({"client:alice"}))
REVIEWER = Position(Role.REVIEWER, Scope(lines=frozenset({LINE}), teams=frozenset({"sales"})))


def add(database: Database, name: str = "alice", position: Position = AGENT) -> Account:
    return database.write(lambda c: accounts.add(c, MOMENT, name, name.title(), position, actor="root"))


def types(database: Database) -> list[str]:
    with database.read() as connection:
        return [
            consent_log.read_event(index, leaf)["type"] for index, leaf in enumerate(consent_log.leaves(connection))
        ]


def read(database: Database, work: Callable[[Connection], T]) -> T:
    with database.read() as connection:
        return work(connection)


def test_an_account_is_found_by_its_id_and_by_its_name_however_written(database: Database) -> None:
    alice = add(database)
    assert read(database, lambda c: accounts.by_id(c, alice.id)) == alice
    assert read(database, lambda c: accounts.by_name(c, " ALICE ")) == alice
    assert read(database, lambda c: accounts.by_name(c, "bob")) is None
    assert (accounts.position_of(alice), alice.is_enabled) == (AGENT, True)


def test_a_reviewer_of_a_team_reaches_the_people_who_are_in_it_today(database: Database) -> None:
    alice, bob = add(database), add(database, "bob", REVIEWER)
    assert read(database, lambda c: accounts.reach(c, bob)).addresses == {"client:alice"}
    database.write(lambda c: accounts.change(c, MOMENT, alice, Position(Role.AGENT, team="support"), actor="root"))
    assert read(database, lambda c: accounts.reach(c, bob)).addresses == frozenset()
    assert read(database, lambda c: accounts.reach(c, bob)).lines == {LINE}


def test_each_change_is_an_event_and_no_change_is_none(database: Database) -> None:
    alice = add(database)
    moved = database.write(lambda c: accounts.change(c, MOMENT, alice, REVIEWER, actor="root"))
    database.write(lambda c: accounts.change(c, MOMENT, moved, REVIEWER, actor="root"))
    for _ in range(2):
        database.write(lambda c: accounts.disable(c, MOMENT, accounts.existing(c, alice.id), actor="root"))
    for _ in range(2):
        database.write(lambda c: accounts.enable(c, MOMENT, accounts.existing(c, alice.id), actor="root"))
    assert types(database) == ["staff.added", "staff.changed", "staff.disabled", "staff.enabled"]


def test_the_log_names_nobody(database: Database) -> None:
    add(database, "alice", Position(Role.SUPERVISOR, Scope(lines=frozenset({LINE}), teams=frozenset({"sales"}))))
    [leaf] = read(database, lambda c: list(consent_log.leaves(c)))
    assert not {word for word in ("alice", "Alice", "root", LINE, "sales") if word in leaf}


@pytest.mark.parametrize("name", ["", "a", "Äbc", "a b", "1st", "a\n", "a" * 64, "a/b", "a'--"])
def test_a_name_that_is_none_is_refused(database: Database, name: str) -> None:
    with pytest.raises(Refused):
        add(database, name)


def test_a_taken_name_and_another_persons_address_are_refused_and_nothing_is_left(database: Database) -> None:
    add(database)
    with pytest.raises(Refused):
        add(database, "ALICE")
    with pytest.raises(Refused):
        add(database, "bob")
    assert [account.name for account in read(database, accounts.everybody)] == ["alice"]
    assert types(database) == ["staff.added"]


def test_every_event_of_the_staff_has_words() -> None:
    from evidence.catalogue import in_words

    event = {"type": "staff.changed", "account": "0" * 32, "role": "reviewer", "everywhere": False}
    assert in_words(event, {}) == [
        f"The account {'0' * 32} was changed: reviewer, for lines and teams that are not disclosed."
    ]
    assert in_words({**event, "teams": ["sales"], "lines": [LINE]}, {})[0].endswith(f"{LINE}, team sales.")
    assert Event("staff.disabled", {"account": "0" * 32}, {"actor": "root"})
