"""`python -m storage.migrations.draft`: the statements that a new version needs, from `storage.database.tables`.

Printed for a person to finish: it knows tables, columns, indexes and the constraints of new tables, and nothing of
triggers, of rows that must move, or of checks added to an old table. A version that was ever released is not drafted
again: it is frozen, and what changes is the next one.
"""

import re
import sys
from tempfile import TemporaryDirectory

from alembic.autogenerate import produce_migrations, render_python_code
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from storage.database.engine import Database
from storage.database.schema import migrate
from storage.database.tables import metadata

_WIDTH = 80


def draft(connection: Connection) -> str:
    """Statements that take this database to `storage.database.tables`; "pass" where none is needed."""
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    operations = produce_migrations(context, metadata).upgrade_ops
    assert operations is not None
    code = render_python_code(
        operations, sqlalchemy_module_prefix="", alembic_module_prefix="op.", migration_context=context
    )
    code = re.sub(r"storage\.columns\.Instant\(length=32\)", "INSTANT", code)
    code = "\n".join(line for line in code.splitlines() if not line.lstrip().startswith("# ###"))
    return re.sub(rf'"[^"\n]{{{_WIDTH},}}"', lambda found: _broken_up(found[0].strip('"')), code)


def _broken_up(text: str) -> str:
    lines = [""]
    for word in re.findall(r"\S+\s*", text):
        if len(lines[-1] + word) > _WIDTH:
            lines.append("")
        lines[-1] += word
    return "\n".join(f'"{line}"' for line in lines)


def main(since: str = "head") -> None:
    """Print what is missing since the newest version; since "base", everything."""
    with TemporaryDirectory() as folder:
        database = Database.open(f"sqlite:///{folder}/draft.db")
        if since != "base":
            migrate(database)
        with database.read() as connection:
            print(draft(connection))
        database.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
