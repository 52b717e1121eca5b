"""A challenge is good for its purpose and five minutes, and lets somebody in once."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from storage.database import tables
from storage.database.engine import Database
from storage.errors import Refused
from storage.staff import challenges, used_once
from tests.conftest import NOON
from tests.storage.staff.people import at, read

KEY = secrets.token_bytes(32)
ALICE, BOB = "a1" * 16, "b0" * 16


@pytest.fixture
def database(used_database: Database) -> Database:
    return used_database


def use(database: Database, what: bytes, now: datetime = NOON) -> bool:
    return database.write(lambda c: used_once.use(c, what, now))


def test_a_challenge_comes_back_as_it_was_issued_for_five_minutes() -> None:
    challenge, signed = challenges.issue(KEY, challenges.TO_SIGN_IN, at())
    assert len(challenge) == 32
    last = NOON + timedelta(minutes=5) - timedelta(milliseconds=1)
    assert challenges.read(KEY, challenges.TO_SIGN_IN, signed, last) == challenge
    with pytest.raises(Refused, match="too old"):
        challenges.read(KEY, challenges.TO_SIGN_IN, signed, NOON + timedelta(minutes=5))


def test_no_two_challenges_are_alike() -> None:
    assert len({challenges.issue(KEY, challenges.TO_SIGN_IN, at())[0] for _ in range(50)}) == 50


@pytest.mark.parametrize(
    ("issued", "wanted"),
    [
        (challenges.TO_SIGN_IN, challenges.to_add(ALICE)),
        (challenges.to_add(ALICE), challenges.TO_SIGN_IN),
        (challenges.to_add(BOB), challenges.to_add(ALICE)),
    ],
)
def test_a_challenge_of_another_purpose_is_refused(issued: str, wanted: str) -> None:
    _, signed = challenges.issue(KEY, issued, at())
    with pytest.raises(Refused):
        challenges.read(KEY, wanted, signed, NOON)


def test_a_challenge_of_another_installation_is_refused() -> None:
    _, signed = challenges.issue(secrets.token_bytes(32), challenges.TO_SIGN_IN, at())
    with pytest.raises(Refused):
        challenges.read(KEY, challenges.TO_SIGN_IN, signed, NOON)


@given(st.text(max_size=400))
def test_whatever_a_browser_hands_back_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        challenges.read(KEY, challenges.TO_SIGN_IN, text, NOON)


@given(st.data())
def test_a_challenge_that_was_changed_is_refused(data: st.DataObject) -> None:
    _, signed = challenges.issue(KEY, challenges.TO_SIGN_IN, at())
    place = data.draw(st.integers(0, len(signed) - 2))  # the last character has bits that stand for nothing
    changed = signed[:place] + data.draw(st.sampled_from("AZaz09-_.")) + signed[place + 1 :]
    if changed != signed:
        with pytest.raises(Refused):
            challenges.read(KEY, challenges.TO_SIGN_IN, changed, NOON)


def test_what_has_let_somebody_in_is_used_once(database: Database) -> None:
    one, other = secrets.token_bytes(32), secrets.token_bytes(32)
    assert [use(database, what) for what in (one, other, one, one)] == [True, True, False, False]


def test_of_those_who_use_it_at_once_one_gets_in(database: Database) -> None:
    what = secrets.token_bytes(32)
    with ThreadPoolExecutor(4) as pool:
        uses = [pool.submit(use, database, what) for _ in range(8)]
    assert sorted(use.result() for use in uses) == [False] * 7 + [True]


def test_what_was_used_is_forgotten_when_it_is_good_for_nothing_any_more(database: Database) -> None:
    early, late = secrets.token_bytes(32), secrets.token_bytes(32)
    assert use(database, early)
    assert use(database, late, NOON + timedelta(hours=1))
    assert use(database, secrets.token_bytes(32), NOON + timedelta(hours=25))
    kept = read(database, lambda c: set(c.scalars(select(tables.used_once.c.sha256))))
    assert sha256(early).hexdigest() not in kept
    assert sha256(late).hexdigest() in kept
