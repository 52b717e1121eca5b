"""The tables of the calls' list: the list, worked out from other rows, the agents who took calls, and the reviews."""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, Integer, String, Table, text

from policies.listing import ListedAudio
from storage.database.column_types import Instant
from storage.database.metadata import metadata, one_of

FILTERED = ("line", "place", "outcome", "audio", "language", "mode", "reviewed", "synthetic")
"""The columns of the list that are filtered by equality: each leads an index that holds all the others."""
_KEPT_ONLY = text("retain_until IS NOT NULL")


def _led_by(column: str) -> Index:
    others = (name for name in FILTERED if name != column)
    return Index(f"ix_call_listing_{column}", column, "received_at", "call_id", *others)


# Which agents answered a call, as the provider names their phones. They are erased with the call.
taken_by = Table(
    "taken_by",
    metadata,
    Column("call_id", ForeignKey("call.id"), primary_key=True),
    Column("address", String(256), primary_key=True),
    Column("taken_at", Instant, nullable=False),
    Column("received_at", Instant, nullable=False),  # the call's, so that an agent's calls are found newest first
    Index("ix_taken_by_agent", "address", "received_at", "call_id"),
)

# Who of the staff has reviewed a call.
review = Table(
    "review",
    metadata,
    Column("call_id", ForeignKey("call.id"), primary_key=True),
    Column("staff_id", ForeignKey("staff.id"), primary_key=True),
    Column("reviewed_at", Instant, nullable=False),
)

# The list of calls, a projection of the log's events and the rows beside them: it can be deleted and made again. It
# refers to no call by a foreign key, which would lock the calls' rows while callers wait for them.
call_listing = Table(
    "call_listing",
    metadata,
    Column("call_id", String(32), primary_key=True),
    Column("received_at", Instant, nullable=False),
    Column("line", String(20), nullable=False),  # empty where what was dialled is none of our lines
    Column("place", String(64), nullable=False),  # the caller's by the ruling; empty where it is unknown
    Column("mode", String(16), nullable=False),
    Column("language", String(16), nullable=False),
    Column("outcome", String(32), nullable=False),
    Column("audio", String(16), nullable=False),
    Column("recorded_s", Integer),
    Column("retain_until", Instant),  # empty where nothing is there to be kept
    Column("reviewed", Integer, nullable=False),
    Column("synthetic", Integer, nullable=False),
    Column("caller_masked", String(32), nullable=False),  # empty where it is erased
    Column("caller_hash", String(64)),
    Column("erased", Integer, nullable=False),
    one_of("audio", tuple(ListedAudio)),
    CheckConstraint("erased = 0 OR (caller_masked = '' AND caller_hash IS NULL)", name="erased_wholly"),
    Index("ix_call_listing_received", "received_at", "call_id", *FILTERED),
    *(_led_by(column) for column in FILTERED),
    Index("ix_call_listing_caller", "caller_hash", "received_at", "call_id"),
    Index(
        "ix_call_listing_due",
        "retain_until",
        "call_id",
        "received_at",
        *FILTERED,
        sqlite_where=_KEPT_ONLY,
        postgresql_where=_KEPT_ONLY,
    ),
)

# How many of the log's events the list takes account of.
listing_mark = Table(
    "listing_mark",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("size", BigInteger, nullable=False),
    CheckConstraint("id = 1", name="only_one"),
)
