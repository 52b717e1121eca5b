"""Brings the database to the schema that this version needs, and says at start whether it is there."""

from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from storage.database.engine import Database
from storage.errors import NotMigrated, Refused

# Alembic takes as long to import as an eighth of a web process, which needs none of it to look at the version.
if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

SCHEMA_VERSION = "0017"
PATIENCE_S = 10.0  # a database that takes longer to say its version is of no use
_migrating = Lock()  # what alembic works on, it keeps in a global
_LOCK = 7_236_418  # the same between processes on Postgres: any number that nobody else takes in this database


def migrate(database: Database) -> None:
    """Apply every version that is missing, all in one transaction; two who ask at once take turns.

    Raises Refused for a database that a newer program, or another one, has made.
    """
    with _migrating:
        database.write(_migrate)


def check_schema(database: Database) -> None:
    """Raises NotMigrated for an empty database or an older version, and Refused for one that `migrate` would refuse."""
    version = database.look(_version, within_s=PATIENCE_S)
    if version == SCHEMA_VERSION:
        return
    if version is None:
        raise NotMigrated("DATABASE_URL: the database is empty")
    _refuse_unknown(version)
    raise NotMigrated(f"DATABASE_URL: the database is at version {version} and {SCHEMA_VERSION} is needed")


def check_known(database: Database) -> None:
    """Raises Refused for a database that `migrate` would refuse. An empty one is fine."""
    version = database.look(_version, within_s=PATIENCE_S)
    if version is not None:
        _refuse_unknown(version)


def newest_version() -> str | None:
    return _scripts().get_current_head()


def _migrate(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    version = _version(connection)
    if version == SCHEMA_VERSION:
        return
    if version is not None:
        _refuse_unknown(version)
    from alembic import command

    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    version: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return version


def _refuse_unknown(version: str) -> None:
    if version not in {script.revision for script in _scripts().walk_revisions()}:
        raise Refused(
            f"DATABASE_URL: the database is at version {version}, which a newer onrecord or another program has made; "
            f"run the newer onrecord, or name another database"
        )


def _scripts() -> "ScriptDirectory":
    from alembic.script import ScriptDirectory

    return ScriptDirectory.from_config(_config())


def _config() -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parents[1] / "migrations"))
    return config
