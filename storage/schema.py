"""Brings the database to the schema this version needs (`onrecord init`), and says at start whether it is there."""

from pathlib import Path
from threading import Lock

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from storage.database import Database
from storage.errors import Refused

SCHEMA_VERSION = "0001"
_migrating = Lock()  # what alembic works on, it keeps in a global


def migrate(database: Database) -> None:
    """Apply every version that is missing, in one transaction. Nothing is done where all are there."""
    with _migrating, database.engine.begin() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def check_schema(database: Database) -> None:
    """Raises Refused, with the remedy, when the database is not at the version this program was written for."""
    with database.read() as connection:
        if not inspect(connection).has_table("alembic_version"):
            raise Refused("DATABASE_URL: the database is empty; run `onrecord init`")
        version = connection.scalar(text("SELECT version_num FROM alembic_version"))
    if version != SCHEMA_VERSION:
        raise Refused(
            f"DATABASE_URL: the database is at version {version} and {SCHEMA_VERSION} is needed; run `onrecord init`"
        )


def newest_version() -> str | None:
    return ScriptDirectory.from_config(_config()).get_current_head()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    return config
