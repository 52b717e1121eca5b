"""What becomes of calls and recordings, as rows: one module for each table or state that an operation asks about."""
