"""Checks rows against the events of the log, since a row alone proves nothing."""
