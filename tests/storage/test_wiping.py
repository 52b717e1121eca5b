"""What was deleted is gone from the database's own files, and not only from its tables."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pysqlite3 import dbapi2 as sqlite
from sqlalchemy import Connection, insert, text, update

from storage.database.engine import SQLITE_PRAGMAS, Database
from storage.database.schema import migrate
from storage.database.tables import metadata, wording_version
from storage.database.wipe import wipe
from storage.errors import Unavailable
from tests.conftest import NOON

TABLES = metadata.sorted_tables
NEEDLE = "CA" + "5" * 32


@contextmanager
def sqlite_at(folder: Path) -> Iterator[tuple[Database, Path]]:
    file = folder / "onrecord.db"
    database = Database.open(f"sqlite:///{file}")
    try:
        migrate(database)
        yield database, file
    finally:
        database.close()


def hold_needle(database: Database) -> None:
    row = {"sha256": "0" * 64, "text": NEEDLE, "adopted_at": NOON}
    database.write(lambda connection: connection.execute(insert(wording_version), row))


def delete_needle(database: Database) -> None:
    database.write(lambda connection: connection.execute(text("DELETE FROM wording_version")))


def lying(file: Path, needle: str = NEEDLE) -> set[str]:
    """Which of the database's files hold the bytes."""
    return {path.name for path in file.parent.glob(f"{file.name}*") if needle.encode() in path.read_bytes()}


def test_deleted_bytes_lie_in_the_files_until_they_are_wiped(tmp_path: Path) -> None:
    with sqlite_at(tmp_path) as (database, file):
        hold_needle(database)
        delete_needle(database)
        assert lying(file) == {"onrecord.db-wal"}
        wipe(database, TABLES)
        assert lying(file) == set()
        hold_needle(database)
        wipe(database, TABLES)
        assert lying(file) == {"onrecord.db"}


def test_without_secure_delete_they_would_stay_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SQLITE_PRAGMAS, "secure_delete", 0)
    with sqlite_at(tmp_path) as (database, file):
        hold_needle(database)
        wipe(database, TABLES)
        delete_needle(database)
        _checkpoint(database)
        assert lying(file) == {"onrecord.db"}


def test_pages_that_were_split_keep_old_copies_until_the_file_is_written_anew(tmp_path: Path) -> None:
    """`secure_delete` wipes a row where it lies, and not where it lay before."""
    with sqlite_at(tmp_path) as (database, file):
        sids = database.write(_grow_and_change)
        _checkpoint(database)
        kept = file.read_bytes()
        assert [sid for sid in sids if sid.encode() in kept], "no old copy: this control has lost its point"
        wipe(database, TABLES)
        written_anew = file.read_bytes()
        assert [sid for sid in sids if sid.encode() in written_anew] == []


def _grow_and_change(connection: Connection) -> list[str]:
    """Rows that grow after they were written, as calls do; returns what was then taken out of all of them."""
    dice = random.Random(1)  # the same rows every time

    def digits(count: int) -> str:
        return f"{dice.getrandbits(4 * count):0{count}x}"

    connection.execute(text("CREATE TABLE grown (id TEXT PRIMARY KEY, sid TEXT UNIQUE, more TEXT)"))
    rows: list[tuple[str, str]] = []
    for _ in range(2500):
        rows.append((digits(32), f"CA{digits(32)}"))
        connection.exec_driver_sql("INSERT INTO grown VALUES (?, ?, '')", rows[-1])
        for row_id, _ in dice.sample(rows, min(4, len(rows))):
            grow = "UPDATE grown SET more = ? WHERE id = ?"
            connection.exec_driver_sql(grow, (digits(dice.randint(1, 900)), row_id))
    connection.exec_driver_sql("UPDATE grown SET sid = 'ER' || id")
    return [sid for _, sid in rows]


def _checkpoint(database: Database) -> None:
    raw = database.engine.raw_connection()
    raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw.close()


def test_a_reader_that_does_not_let_go_is_told_of_and_not_waited_for_for_ever(tmp_path: Path) -> None:
    with sqlite_at(tmp_path) as (database, file):
        hold_needle(database)
        reader = sqlite.connect(str(file), isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM wording_version").fetchone()
        delete_needle(database)
        with pytest.raises(Unavailable, match="still in its write-ahead log"):
            wipe(database, TABLES, patience_s=0.0)
        assert "onrecord.db-wal" in lying(file)
        hold_needle(database)  # and nobody who writes is held up by it
        delete_needle(database)
        reader.close()
        wipe(database, TABLES)
        assert lying(file) == set()


def test_a_wiped_database_goes_on(database: Database) -> None:
    def adopt(connection: Connection) -> None:
        connection.execute(insert(wording_version), {"sha256": "0" * 64, "text": "a", "adopted_at": NOON})

    database.write(adopt)
    with database.read() as connection:
        assert connection.execute(text("SELECT 1")).scalar() == 1
    wipe(database, TABLES)
    database.write(lambda connection: connection.execute(update(wording_version).values(text="b")))
    with database.read() as connection:
        assert connection.scalar(text("SELECT text FROM wording_version")) == "b"
