"""The tables of listening, and of what is said about a call while listening."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, String, Table, Text

from policies.listening import Stop
from storage.database.column_types import Instant
from storage.database.metadata import metadata, one_of

# Somebody listens to a recording for a purpose. The log has what was heard; `fresh` is not in it yet.
lease = Table(
    "lease",
    metadata,
    Column("id", String(32), primary_key=True),  # random
    Column("recording_id", ForeignKey("recording.id"), nullable=False),
    Column("staff_id", ForeignKey("staff.id"), nullable=False),
    Column("session_id", ForeignKey("staff_session.id"), nullable=False),
    Column("purpose", String(48), nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("renewed_at", Instant, nullable=False),
    Column("report", Integer, nullable=False, server_default="0"),  # the number of the last one
    Column("position_ms", Integer, nullable=False, server_default="0"),
    Column("fresh", Text, nullable=False, server_default="[]"),  # JSON: ranges in ms
    Column("fresh_played_ms", Integer, nullable=False, server_default="0"),
    Column("handed", Text, nullable=False, server_default="[]"),  # JSON: ranges of which sound was handed out
    Column("handed_fresh", Text, nullable=False, server_default="[]"),  # those of them that are in no event yet
    Column("logged_at", Instant, nullable=False),
    Column("refused_at", Instant),  # when somebody else last tried to hear by it
    Column("ended_at", Instant),
    Column("ended_by", String(24), nullable=False, server_default=""),
    Column("last_words", Integer, nullable=False, server_default="0"),  # reports that were taken after its end
    one_of("ended_by", ("", *Stop)),
    CheckConstraint("(ended_at IS NULL) = (ended_by = '')", name="ended_by_what"),
    Index("ix_lease_open", "ended_at", "renewed_at"),
    Index("ix_lease_recording", "recording_id"),
)
# Words of the staff about a call. They are erased with it.
comment = Table(
    "comment",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("call_id", ForeignKey("call.id"), nullable=False),
    Column("answers", ForeignKey("comment.id")),  # the first of its thread
    Column("staff_id", ForeignKey("staff.id"), nullable=False),
    Column("at_ms", Integer),  # a place in the recording
    Column("is_private", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("written_at", Instant, nullable=False),
    Column("changed_at", Instant),
    Index("ix_comment_call", "call_id", "written_at"),
)
