"""Alembic's entry: runs the versions on the connection it is handed; `storage.schema` is the only caller."""

from alembic import context

from storage.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
