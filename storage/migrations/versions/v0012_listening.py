"""Listening: leases to hear a recording; and what the staff say about a call.

Frozen: it says what was made then, and nothing of it is read from `storage.database.tables`, which goes on changing.
"""

from alembic import op
from sqlalchemy import (
    CheckConstraint,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Integer,
    PrimaryKeyConstraint,
    String,
    Text,
)

revision = "0012"
down_revision = "0011"

# A moment: on SQLite its ISO text in UTC, which sorts as time does.
INSTANT = DateTime(timezone=True).with_variant(String(32), "sqlite")


def upgrade() -> None:
    op.create_table(
        "comment",
        Column("id", String(length=32), nullable=False),
        Column("call_id", String(length=32), nullable=False),
        Column("answers", String(length=32), nullable=True),
        Column("staff_id", String(length=32), nullable=False),
        Column("at_ms", Integer(), nullable=True),
        Column("is_private", Integer(), nullable=False),
        Column("body", Text(), nullable=False),
        Column("written_at", INSTANT, nullable=False),
        Column("changed_at", INSTANT, nullable=True),
        ForeignKeyConstraint(["answers"], ["comment.id"], name=op.f("fk_comment_answers")),
        ForeignKeyConstraint(["call_id"], ["call.id"], name=op.f("fk_comment_call_id")),
        ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_comment_staff_id")),
        PrimaryKeyConstraint("id", name=op.f("pk_comment")),
    )
    op.create_index("ix_comment_call", "comment", ["call_id", "written_at"], unique=False)
    op.create_table(
        "lease",
        Column("id", String(length=32), nullable=False),
        Column("recording_id", String(length=32), nullable=False),
        Column("staff_id", String(length=32), nullable=False),
        Column("session_id", String(length=32), nullable=False),
        Column("purpose", String(length=48), nullable=False),
        Column("opened_at", INSTANT, nullable=False),
        Column("renewed_at", INSTANT, nullable=False),
        Column("report", Integer(), server_default="0", nullable=False),
        Column("position_ms", Integer(), server_default="0", nullable=False),
        Column("fresh", Text(), server_default="[]", nullable=False),
        Column("fresh_played_ms", Integer(), server_default="0", nullable=False),
        Column("logged_at", INSTANT, nullable=False),
        Column("refused_at", INSTANT, nullable=True),
        Column("ended_at", INSTANT, nullable=True),
        Column("ended_by", String(length=24), server_default="", nullable=False),
        CheckConstraint("(ended_at IS NULL) = (ended_by = '')", name=op.f("ck_lease_ended_by_what")),
        CheckConstraint(
            "ended_by IN ('', 'closed', 'no_report', 'signed_out', 'not_permitted', 'out_of_scope', "
            "'may_not_be_opened')",
            name=op.f("ck_lease_ended_by_known"),
        ),
        ForeignKeyConstraint(["recording_id"], ["recording.id"], name=op.f("fk_lease_recording_id")),
        ForeignKeyConstraint(["session_id"], ["staff_session.id"], name=op.f("fk_lease_session_id")),
        ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_lease_staff_id")),
        PrimaryKeyConstraint("id", name=op.f("pk_lease")),
    )
    op.create_index("ix_lease_open", "lease", ["ended_at", "renewed_at"], unique=False)
    op.create_index("ix_lease_recording", "lease", ["recording_id"], unique=False)


def downgrade() -> None:
    """No command of ours asks for it."""
    for name in ("lease", "comment"):
        op.drop_table(name)
