"""Checks that the database can be used: once at a start, and now and then by `/readyz`."""

import shutil
from pathlib import Path

from sqlalchemy import inspect, select, text

from storage.database.engine import Database
from storage.database.schema import PATIENCE_S, check_schema
from storage.database.tables import recording_key
from storage.disk import disk_edge
from storage.errors import Unavailable

# SQLite's log grows to about 4 MB before it is written back and used again.
ROOM_MIN_BYTES = 8 << 20


class DatabaseCheck:
    """Fails also when the database's file is no longer the file that was found first.

    Called, it raises Refused or Unavailable, naming DATABASE_URL.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        name = database.engine.url.database
        self._file = Path(name) if database.dialect == "sqlite" and name else None
        self._was = self._identity()

    def __call__(self) -> None:
        if self._file is not None:
            self._look_at(self._file)
        check_schema(self._database)
        # The version is written over itself: a disk that is full, or a server that only reads, says so now.
        same = text("UPDATE alembic_version SET version_num = version_num")
        self._database.write(lambda connection: connection.execute(same), within_s=PATIENCE_S)

    def _look_at(self, file: Path) -> None:
        self._was = self._was or self._identity()
        if self._identity() != self._was:
            # Whoever has it open goes on writing into a file that nobody will ever find again.
            raise Unavailable(f"DATABASE_URL: {file} was removed or exchanged: put it back and start again")
        with disk_edge(f"DATABASE_URL: {file} cannot be looked at"):
            room_bytes = shutil.disk_usage(file.parent).free
        if room_bytes < ROOM_MIN_BYTES:
            raise Unavailable(f"DATABASE_URL: no room left on the disk of {file}: make some")

    def _identity(self) -> tuple[int, int] | None:
        try:
            held = self._file.stat() if self._file is not None else None
        except OSError:
            return None
        return (held.st_dev, held.st_ino) if held else None


def holds_sealed_audio(database: Database) -> bool:
    """Whether there are recordings that only the keys of this installation can open."""
    with database.read() as connection:
        if not inspect(connection).has_table(recording_key.name):
            return False
        return connection.execute(select(recording_key.c.recording_id).limit(1)).first() is not None
