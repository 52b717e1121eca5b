"""The first schema: calls, permits, recordings, incidents, rulebooks, workers and the consent log."""

from alembic import op
from sqlalchemy import Connection, insert

from storage.tables import log_head, metadata

revision = "0001"
down_revision = None

APPEND_ONLY = ("log_leaf", "log_node")


def upgrade() -> None:
    connection = op.get_bind()
    metadata.create_all(connection)
    connection.execute(insert(log_head).values(id=1, size=0))
    _refuse_changes(connection)


def downgrade() -> None:
    metadata.drop_all(op.get_bind())


def _refuse_changes(connection: Connection) -> None:
    """A guard rail against our own mistakes, not evidence: whoever owns the database can remove it."""
    if connection.dialect.name == "sqlite":
        for table in APPEND_ONLY:
            for action in ("UPDATE", "DELETE"):
                op.execute(
                    f"CREATE TRIGGER {table}_no_{action.lower()} BEFORE {action} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, 'the consent log is append-only'); END"
                )
        return
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the consent log is append-only'; END $$"
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
