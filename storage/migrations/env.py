"""Alembic's entry: runs the versions on the connection it is handed; `storage.database.schema` is the only caller."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
