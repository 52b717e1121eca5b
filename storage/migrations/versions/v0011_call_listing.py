"""The list of calls, with the agents who took them and the staff who reviewed them.

Frozen: it says what was made then, and nothing of it is read from `storage.database.tables`, which goes on changing.
The list of an installation that has calls already is filled by its worker, from the log's first event on.
"""

from alembic import op
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Integer,
    PrimaryKeyConstraint,
    String,
    text,
)

revision = "0011"
down_revision = "0010"

# A moment: on SQLite its ISO text in UTC, which sorts as time does.
INSTANT = DateTime(timezone=True).with_variant(String(32), "sqlite")
FILTERED = ("line", "place", "outcome", "audio", "language", "mode", "reviewed", "synthetic")


def upgrade() -> None:
    op.create_table(
        "taken_by",
        Column("call_id", String(length=32), nullable=False),
        Column("address", String(length=256), nullable=False),
        Column("taken_at", INSTANT, nullable=False),
        Column("received_at", INSTANT, nullable=False),
        ForeignKeyConstraint(["call_id"], ["call.id"], name=op.f("fk_taken_by_call_id")),
        PrimaryKeyConstraint("call_id", "address", name=op.f("pk_taken_by")),
    )
    op.create_index("ix_taken_by_agent", "taken_by", ["address", "received_at", "call_id"], unique=False)
    op.create_table(
        "review",
        Column("call_id", String(length=32), nullable=False),
        Column("staff_id", String(length=32), nullable=False),
        Column("reviewed_at", INSTANT, nullable=False),
        ForeignKeyConstraint(["call_id"], ["call.id"], name=op.f("fk_review_call_id")),
        ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_review_staff_id")),
        PrimaryKeyConstraint("call_id", "staff_id", name=op.f("pk_review")),
    )
    op.create_table(
        "call_listing",
        Column("call_id", String(length=32), nullable=False),
        Column("received_at", INSTANT, nullable=False),
        Column("line", String(length=20), nullable=False),
        Column("place", String(length=64), nullable=False),
        Column("mode", String(length=16), nullable=False),
        Column("language", String(length=16), nullable=False),
        Column("outcome", String(length=32), nullable=False),
        Column("audio", String(length=16), nullable=False),
        Column("recorded_s", Integer(), nullable=True),
        Column("retain_until", INSTANT, nullable=True),
        Column("reviewed", Integer(), nullable=False),
        Column("synthetic", Integer(), nullable=False),
        Column("caller_masked", String(length=32), nullable=False),
        Column("caller_hash", String(length=64), nullable=True),
        Column("erased", Integer(), nullable=False),
        CheckConstraint(
            "audio IN ('none', 'expected', 'kept', 'in_doubt', 'condemned', 'destroyed')",
            name=op.f("ck_call_listing_audio_known"),
        ),
        CheckConstraint(
            "erased = 0 OR (caller_masked = '' AND caller_hash IS NULL)", name=op.f("ck_call_listing_erased_wholly")
        ),
        PrimaryKeyConstraint("call_id", name=op.f("pk_call_listing")),
    )
    for column in FILTERED:
        others = [name for name in FILTERED if name != column]
        led = [column, "received_at", "call_id", *others]
        op.create_index(f"ix_call_listing_{column}", "call_listing", led, unique=False)
    op.create_index("ix_call_listing_received", "call_listing", ["received_at", "call_id", *FILTERED], unique=False)
    op.create_index("ix_call_listing_caller", "call_listing", ["caller_hash", "received_at", "call_id"], unique=False)
    op.create_index(
        "ix_call_listing_due",
        "call_listing",
        ["retain_until", "call_id", "received_at", *FILTERED],
        unique=False,
        sqlite_where=text("retain_until IS NOT NULL"),
        postgresql_where=text("retain_until IS NOT NULL"),
    )
    op.create_table(
        "listing_mark",
        Column("id", Integer(), nullable=False),
        Column("size", BigInteger(), nullable=False),
        CheckConstraint("id = 1", name=op.f("ck_listing_mark_only_one")),
        PrimaryKeyConstraint("id", name=op.f("pk_listing_mark")),
    )


def downgrade() -> None:
    for name in ("listing_mark", "call_listing", "review", "taken_by"):
        op.drop_table(name)
