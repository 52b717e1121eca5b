"""A link opens an account once, for a day, unless a newer one took its place."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from storage.database.engine import Database
from storage.database.tables import staff_link
from storage.staff import accounts, links
from storage.staff.accounts import Account
from tests.conftest import NOON
from tests.storage.staff.people import at, read


@pytest.fixture
def database(used_database: Database) -> Database:
    return used_database


def account_of(database: Database, bearer: str, now: datetime = NOON) -> str | None:
    return read(database, lambda c: links.account_of(c, bearer, now))


def make(database: Database, account: Account) -> str:
    return database.write(lambda c: links.make(c, at(), account.id))


def test_a_link_is_for_its_account_until_it_is_used(database: Database, alice: Account) -> None:
    bearer = make(database, alice)
    for _ in range(2):  # looking does not use it up
        assert account_of(database, bearer) == alice.id
    assert database.write(lambda c: links.redeem(c, bearer, NOON))
    assert account_of(database, bearer) is None
    assert not database.write(lambda c: links.redeem(c, bearer, NOON))


def test_a_link_is_good_for_a_day(database: Database, alice: Account) -> None:
    bearer, end = make(database, alice), NOON + timedelta(hours=24)
    assert account_of(database, bearer, end - timedelta(milliseconds=1)) == alice.id
    assert account_of(database, bearer, end) is None
    assert not database.write(lambda c: links.redeem(c, bearer, end))


def test_a_newer_link_takes_the_place_of_the_older_and_of_no_other_account(
    database: Database, alice: Account, bob: Account
) -> None:
    older, bobs = make(database, alice), make(database, bob)
    newer = make(database, alice)
    assert [account_of(database, one) for one in (older, newer, bobs)] == [None, alice.id, bob.id]


def test_a_link_of_a_disabled_account_opens_nothing(database: Database, alice: Account) -> None:
    bearer = make(database, alice)
    database.write(lambda c: accounts.disable(c, at(), alice, actor="root"))
    assert account_of(database, bearer) is None


@pytest.mark.parametrize("wrong", ["", "x", "\ud800", "A" * 43])
def test_a_wrong_link_opens_nothing(database: Database, alice: Account, wrong: str) -> None:
    make(database, alice)
    assert account_of(database, wrong) is None
    assert not database.write(lambda c: links.redeem(c, wrong, NOON))


def test_of_those_who_use_a_link_at_once_one_does(database: Database, alice: Account) -> None:
    bearer = make(database, alice)
    with ThreadPoolExecutor(4) as pool:
        uses = [pool.submit(database.write, lambda c: links.redeem(c, bearer, NOON)) for _ in range(8)]
    assert sorted(use.result() for use in uses) == [False] * 7 + [True]


def test_a_link_is_kept_nowhere(database: Database, alice: Account) -> None:
    bearer = make(database, alice)
    assert len(bearer) == 43
    assert bearer not in str(read(database, lambda c: c.execute(select(staff_link)).all()))
