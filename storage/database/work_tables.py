"""The tables of delayed work on recordings, and of what people are to be told."""

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text

from policies.telling import Turn
from storage.database.column_types import Instant
from storage.database.metadata import metadata, one_of

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

# The outbox: turns of incidents, each written in the transaction of the turn. `way` is empty until the row is shared
# out among the ways of the rulebook. A row goes when it has become part of a message.
notice = Table(
    "notice",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("way", String(32), nullable=False, server_default=""),
    Column("incident_id", ForeignKey("incident.id"), nullable=False),
    Column("turn", String(16), nullable=False),
    Column("at", Instant, nullable=False),
    one_of("turn", tuple(Turn)),
    Index("ix_notice_way", "way"),
)

# A message to people by one way, with the same bytes at each try. Its id lets a receiver know a repetition.
message = Table(
    "message",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("way", String(32), nullable=False),
    Column("body", Text, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("told_at", Instant),
    Index("ix_message_told", "told_at"),
)
