"""Requests that were answered while the database was away, kept on this machine's disk."""
