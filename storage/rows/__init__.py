"""Reads and writes rows of calls, recordings and all that belongs to them: a module for each table or state."""
