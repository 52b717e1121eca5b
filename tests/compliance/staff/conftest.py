import pytest

from storage.database.engine import Database
from tests.compliance.staff.desk import Desk


@pytest.fixture
def desk(used_database: Database) -> Desk:
    return Desk(used_database)
