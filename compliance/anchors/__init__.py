"""Giving the log's checkpoints to others to hold, and checking the log against the checkpoints that they hold."""
