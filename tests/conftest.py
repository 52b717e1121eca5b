"""What every room's tests share: each runs on SQLite and on Postgres, and the closing lines say on which it did."""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from storage.database.engine import Database
from storage.database.schema import migrate
from storage.jobs.queue import create_job_tables
from storage.log import verification as log_verification
from tests.databases import PostgresServer, migrated_file

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
DIALECTS = ("sqlite", "postgresql")
_ran: Counter[str] = Counter()
# How long an example takes says something of the machine, and nothing of what is tested.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    server = PostgresServer()
    yield server
    server.close()


@pytest.fixture(params=DIALECTS)
def empty_database_url(request: pytest.FixtureRequest, postgres: PostgresServer, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without tables; the test runs once on each kind."""
    _ran[request.param] += 1
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'onrecord.db'}"
        return
    with postgres.fresh_database() as url:
        yield url


@pytest.fixture(params=DIALECTS)
def database_url(request: pytest.FixtureRequest, postgres: PostgresServer, tmp_path: Path) -> Iterator[str]:
    """The URL of a database with all tables and nothing in them; the test runs once on each kind."""
    _ran[request.param] += 1
    if request.param == "sqlite":
        yield migrated_file(tmp_path / "onrecord.db")
        return
    with postgres.fresh_database(migrated=True) as url:
        yield url


@pytest.fixture(scope="session")
def used_databases(postgres: PostgresServer) -> Iterator[dict[str, Database]]:
    """The databases that tests share, and their check at the end: whoever broke one is found whatever the order was."""
    opened: dict[str, Database] = {}
    yield opened
    for database in opened.values():
        with closing(database):
            log_verification.verify(database.read)


@pytest.fixture(params=DIALECTS)
def used_database(
    request: pytest.FixtureRequest,
    postgres: PostgresServer,
    used_databases: dict[str, Database],
    tmp_path_factory: pytest.TempPathFactory,
) -> Database:
    """A database that other tests wrote to before: for those that break nothing and look only for their own rows."""
    dialect = request.param
    _ran[dialect] += 1
    if dialect not in used_databases:
        file = tmp_path_factory.mktemp("used") / "onrecord.db"
        url = postgres.lasting_database() if dialect == "postgresql" else f"sqlite:///{file}"
        used_databases[dialect] = Database.open(url)
        migrate(used_databases[dialect])
        create_job_tables(used_databases[dialect])
    return used_databases[dialect]


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database.open(database_url)
    yield opened
    opened.close()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """One of several processes that share the tests tells the first what it ran."""
    if (told := getattr(session.config, "workeroutput", None)) is not None:
        told["ran"] = dict(_ran)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    _ran.update(getattr(node, "workeroutput", {}).get("ran", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for dialect in DIALECTS:
        terminalreporter.write_line(f"ran on {dialect}: {_ran[dialect]} tests")
