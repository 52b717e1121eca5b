"""A log with its keys and its anchor file, for the tests of those who sign it and of those who hold what was signed."""

import json
import os
import secrets
import shutil
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pysqlite3 import dbapi2 as sqlite
from sqlalchemy import Connection, delete, select, text, update

from compliance.anchors.anchor import Anchoring
from compliance.anchors.anchor_file import AnchorFile
from compliance.anchors.anchor_targets import AnchorTarget
from evidence.checkpoints import Checkpoint
from evidence.events import Event
from evidence.merkle import leaf_hash, root_of
from evidence.notes import Note, Signer
from onrecord.anchoring import anchoring_of
from onrecord.settings.environment import Settings, read_settings
from storage.database.engine import Database
from storage.database.tables import log_checkpoint, log_leaf, log_node
from storage.log import anchors, checkpoints, consent_log
from storage.log.anchors import Anchor
from storage.moment import Moment
from storage.rows.incidents import Incident, open_incidents
from tests.conftest import NOON

PHONE = {
    "PUBLIC_BASE_URL": "https://calls.example.org",
    "TWILIO_ACCOUNT_SID": "AC" + "0123456789abcdef" * 2,
    "TWILIO_AUTH_TOKEN": "t0ken-for-webhooks-0123456789",
}
# For what no database can make different.
ON_SQLITE = pytest.mark.parametrize("signed_log", ["sqlite"], indirect=True)


@dataclass
class SignedLog:
    """Its time passes only when it is told to."""

    database: Database
    folder: Path
    now: datetime = NOON
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        environ = {
            **PHONE,
            "ONRECORD_KEY_FILE": str(self.key_file),
            "ONRECORD_ANCHOR_FILE": str(self.anchor_file),
            **self.environ,
        }
        return read_settings(environ)

    @property
    def anchoring(self) -> Anchoring:
        return anchoring_of(self.settings, self.database, now=lambda: self.now)

    @property
    def key_file(self) -> Path:
        return self.folder / "keys"

    @property
    def anchor_file(self) -> Path:
        return self.folder / "anchors.txt"

    @property
    def file(self) -> AnchorFile:
        return AnchorFile(str(self.anchor_file))

    def passes(self, **time: float) -> None:
        self.now += timedelta(**time)

    def happens(self, count: int = 1) -> None:
        """Something that the log tells of."""
        events = [Event("selftest.passed", {"calls": n}) for n in range(count)]
        moment = Moment(self.now, os.urandom)
        self.database.write(lambda connection: consent_log.append_events(connection, moment, *events))

    def target(self, kind: str) -> AnchorTarget:
        return next(one for one in self.anchoring.find_targets() if one.kind == kind)

    def size(self) -> int:
        with self.database.read() as connection:
            return consent_log.size(connection)

    def signed(self) -> list[int]:
        """The size of each checkpoint."""
        return [Checkpoint.of(note).size for note in checkpoints.all_notes(self.database.read)]

    def held(self, kind: str) -> list[Anchor]:
        with self.database.read() as connection:
            return [one for one in anchors.anchors_of(connection) if one.kind == kind]

    def vkeys(self) -> list[str]:
        with self.database.read() as connection:
            return list(map(str, checkpoints.vkeys(connection)))

    def incidents(self) -> list[Incident]:
        with self.database.read() as connection:
            return open_incidents(connection)

    def told(self) -> list[dict[str, Any]]:
        """Every event of the log."""
        with self.database.read() as connection:
            return [json.loads(leaf) for leaf in consent_log.leaves(connection)]

    def lines(self) -> list[Note]:
        return self.file.all()

    def back_up(self) -> "Backup":
        url = self.database.engine.url
        if url.get_backend_name() == "sqlite":
            copy = self.folder / f"backup-{secrets.token_hex(4)}.db"
            with closing(sqlite.connect(str(url.database))) as connection:
                connection.execute(f"VACUUM INTO '{copy}'")
            return Backup(self, str(copy))
        name = f"backup_{secrets.token_hex(4)}"
        self.database.close()
        self._at_server(f"CREATE DATABASE {name} TEMPLATE {url.database}")
        self.database = Database.open(url.render_as_string(hide_password=False))
        return Backup(self, name)

    def restore(self, copy: str) -> None:
        url = self.database.engine.url
        self.database.close()
        if url.get_backend_name() == "sqlite":
            shutil.copy(copy, str(url.database))
            for beside in ("-wal", "-shm"):
                Path(f"{url.database}{beside}").unlink(missing_ok=True)
        else:
            self._at_server(f"DROP DATABASE {url.database} WITH (FORCE)")
            self._at_server(f"CREATE DATABASE {url.database} TEMPLATE {copy}")
        self.database = Database.open(url.render_as_string(hide_password=False))

    def _at_server(self, command: str) -> None:
        url = self.database.engine.url.set(drivername="postgresql", database="postgres")
        with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as connection:
            connection.execute(command.encode())


@dataclass(frozen=True)
class Backup:
    """A copy of a log's database, as it was."""

    log: SignedLog
    copy: str

    def restore(self) -> None:
        self.log.restore(self.copy)


def rewrite(database: Database, index: int, seed: bytes) -> None:
    """What an insider can do who owns the database and the key file: one event becomes another, and everything that was
    worked out from it is worked out again, the signatures too.
    """

    def forge(connection: Connection) -> None:
        disarm(connection, "log_leaf", "log_node", "log_checkpoint")
        line = '{"forged":true,"ts":"2026-11-22T12:00:00.000Z","type":"self.test","v":1}'
        changed: dict[str, Any] = {"leaf": line, "hash": leaf_hash(line.encode())}
        connection.execute(update(log_leaf).where(log_leaf.c.idx == index).values(changed))
        hashes = [bytes(one) for one in connection.scalars(select(log_leaf.c.hash).order_by(log_leaf.c.idx))]
        connection.execute(delete(log_node))  # the next keeper closes the subtrees as they are now
        for one in map(Checkpoint.of, checkpoints.all_notes(lambda: nullcontext(connection))):
            origin, size = one.origin, one.size
            body = Checkpoint(origin, size, root_of(hashes[:size])).text
            note = str(Note(body, (Signer(origin, seed).sign(body),)))
            connection.execute(update(log_checkpoint).where(log_checkpoint.c.size == size).values(note=note))

    database.write(forge)


def disarm(connection: Connection, *tables: str) -> None:
    """The tables refuse to be changed, until somebody who owns them takes that away."""
    for table in tables:
        if connection.dialect.name == "sqlite":
            for what in ("update", "delete"):
                connection.execute(text(f"DROP TRIGGER IF EXISTS {table}_no_{what}"))
        else:
            connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))
