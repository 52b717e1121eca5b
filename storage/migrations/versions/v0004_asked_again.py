"""A call may be sent to the line's beginning again: which round it is in, and an answer for each different request.

Frozen: it says what was made then, and nothing of it is read from `storage.database.tables`, which goes on changing.
"""

from alembic import op
from sqlalchemy import Column, DateTime, ForeignKeyConstraint, Integer, LargeBinary, PrimaryKeyConstraint, String

revision = "0004"
down_revision = "0003"

# A moment: on SQLite its ISO text in UTC, which sorts as time does.
INSTANT = DateTime(timezone=True).with_variant(String(32), "sqlite")


def upgrade() -> None:
    for name, first in (("round", "1"), ("asked_before", "0"), ("agreed_round", "0")):
        op.add_column("call", Column(name, Integer(), server_default=first, nullable=False))
    op.execute("UPDATE call SET agreed_round = 1 WHERE state = 'recording'")
    _put_aside()
    op.create_table(
        "reply",
        Column("call_id", String(length=32), nullable=False),
        Column("step", String(length=32), nullable=False),
        Column("attempt", Integer(), nullable=False),
        Column("request_sha256", String(length=64), nullable=False),
        Column("body", LargeBinary(), nullable=False),
        Column("answered_at", INSTANT, nullable=False),
        ForeignKeyConstraint(["call_id"], ["call.id"], name=op.f("fk_reply_call_id")),
        PrimaryKeyConstraint("call_id", "step", "attempt", name=op.f("pk_reply")),
    )
    # When each was given was not written down. Nothing can be a repeat of one that was given before this version ran.
    op.execute(
        "INSERT INTO reply (call_id, step, attempt, request_sha256, body, answered_at) "
        "SELECT before.call_id, before.step, 1, before.request_sha256, before.body, call.received_at "
        "FROM reply_before AS before JOIN call ON call.id = before.call_id"
    )
    op.drop_table("reply_before")


def downgrade() -> None:
    """Rounds are lost, and all but the first answer to each step. No command of ours asks for it."""
    _put_aside()
    op.create_table(
        "reply",
        Column("call_id", String(length=32), nullable=False),
        Column("step", String(length=32), nullable=False),
        Column("request_sha256", String(length=64), nullable=False),
        Column("body", LargeBinary(), nullable=False),
        ForeignKeyConstraint(["call_id"], ["call.id"], name=op.f("fk_reply_call_id")),
        PrimaryKeyConstraint("call_id", "step", name=op.f("pk_reply")),
    )
    op.execute(
        "INSERT INTO reply (call_id, step, request_sha256, body) "
        "SELECT call_id, step, request_sha256, body FROM reply_before WHERE attempt = 1"
    )
    op.drop_table("reply_before")
    for name in ("agreed_round", "asked_before", "round"):
        op.drop_column("call", name)


def _put_aside() -> None:
    """Postgres names a primary key's index for all tables, so the old one gives its name up."""
    op.rename_table("reply", "reply_before")
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint("pk_reply", "reply_before")
