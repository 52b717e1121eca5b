"""One database, SQLite or Postgres: its engine, its schema, and how long anybody waits for it."""
