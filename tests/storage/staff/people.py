"""What the tests of the staff share: accounts to try things on, and moments."""

import secrets
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection

from policies.permissions import Role
from storage.database.engine import Database
from storage.moment import Moment
from storage.staff import accounts
from storage.staff.accounts import Account, Position
from tests.conftest import NOON

T = TypeVar("T")


def at(now: datetime = NOON) -> Moment:
    return Moment(now, secrets.token_bytes)


def add(database: Database, name: str, role: Role = Role.REVIEWER) -> Account:
    """Its name begins so: other tests have added accounts to this database."""
    name = f"{name}-{secrets.token_hex(8)}"
    return database.write(lambda c: accounts.add(c, at(), name, "Somebody", Position(role), actor="root"))


def read(database: Database, work: Callable[[Connection], T]) -> T:
    with database.read() as connection:
        return work(connection)
