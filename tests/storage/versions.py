"""Takes a database from one version of the schema to another, also back, which no command of ours does."""

from collections.abc import Callable
from typing import Any

from alembic import command
from sqlalchemy import Connection

from storage.database import schema
from storage.database.engine import Database


def upgrade(database: Database, to: str) -> None:
    _run(database, command.upgrade, to)


def downgrade(database: Database, to: str = "base") -> None:
    _run(database, command.downgrade, to)


def _run(database: Database, act: Callable[[Any, str], None], to: str) -> None:
    def work(connection: Connection) -> None:
        config = schema._config()
        config.attributes["connection"] = connection
        act(config, to)

    database.write(work)
