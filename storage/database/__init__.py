"""The database, SQLite or Postgres: its engine, its schema, and the limits on waiting for it."""
