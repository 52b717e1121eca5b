"""The premises on which the jobs are put to the test: on one machine, and on Postgres with S3."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from storage.audio.contract import AudioStore
from storage.audio.directory_store import DirectoryStore
from storage.database.engine import Database
from storage.database.schema import migrate
from tests.databases import PostgresServer, migrated_file
from tests.faults.premises import Premises
from tests.storage.s3_peer import Peer, s3_peer


@pytest.fixture(scope="session")
def peer() -> Iterator[Peer]:
    with s3_peer() as peer:
        yield peer


@pytest.fixture(params=["one machine", "postgres and s3"])
def premises(request: pytest.FixtureRequest, postgres: PostgresServer, tmp_path: Path) -> Iterator[Premises]:
    if request.param == "one machine":
        (tmp_path / "audio").mkdir()
        with opened(migrated_file(tmp_path / "onrecord.db"), DirectoryStore(tmp_path / "audio"), tmp_path) as made:
            yield made
        return
    store = request.getfixturevalue("peer").new_store(lock=True)
    with postgres.fresh_database(migrated=True) as url, opened(url, store, tmp_path) as made:
        made.stride = 4  # this way is slow, and differs in few things
        yield made


@contextmanager
def opened(url: str, store: AudioStore, folder: Path, **more: Any) -> Iterator[Premises]:
    database = Database.open(url)
    try:
        migrate(database)
        yield Premises.open(database, store, folder / "spool", **more)
    finally:
        database.close()
