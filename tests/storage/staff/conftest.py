"""People to try things on. Their names are nobody else's, so that tests can share a database."""

import pytest

from storage.database.engine import Database
from storage.staff.accounts import Account
from tests.storage.staff.people import add


@pytest.fixture
def alice(database: Database) -> Account:
    return add(database, "alice")


@pytest.fixture
def bob(database: Database) -> Account:
    return add(database, "bob")
