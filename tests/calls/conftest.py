"""The installation that whole phone calls are made to, of each kind."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from storage.audio.opening import open_store
from storage.database.engine import Database
from storage.database.schema import migrate
from tests.calls.call_runner import Town, town
from tests.databases import PostgresServer
from tests.storage.s3_peer import s3_peer


@pytest.fixture(scope="module", params=["SQLite and a directory", "Postgres and S3"])
def line_town(
    request: pytest.FixtureRequest, postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Town]:
    """One installation for all calls of a module, as in life; each call is one among others."""
    folder = tmp_path_factory.mktemp("town")
    with ExitStack() as stack:
        if request.param == "Postgres and S3":
            url = stack.enter_context(postgres.fresh_database())
            store = stack.enter_context(s3_peer()).new_store(lock=False)
        else:
            (folder / "audio").mkdir(mode=0o700)
            url, store = f"sqlite:///{folder}/onrecord.db", open_store(f"dir:{folder}/audio")
        database = Database.open(url)
        stack.callback(database.close)
        migrate(database)
        built = stack.enter_context(town(database, store, folder / "spool"))
        yield built
        assert built.broken(built.seen) == []
