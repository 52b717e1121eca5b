"""The table of delayed work on recordings."""

from sqlalchemy import Column, ForeignKey, Integer, String, Table, Text

from storage.database.column_types import Instant
from storage.database.metadata import metadata

# Why a recording stands still: the last failure of the work on it. The row goes when the recording moves on.
delay = Table(
    "delay",
    metadata,
    Column("recording_id", ForeignKey("recording.id"), primary_key=True),
    Column("job", String(32), nullable=False),
    Column("reason", Text, nullable=False),
    Column("since", Instant, nullable=False),
    Column("tried_at", Instant, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("failures", Integer, nullable=False),  # how many jobs have given it up
    Column("again_at", Instant),  # no new job before that
    Column("media", String(64)),  # the SHA-256 of odd audio as it came last, and since when it comes like that
    Column("media_since", Instant),
)
