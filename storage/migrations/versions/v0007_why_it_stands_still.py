"""Why the work on a recording does not go on, kept until it does.

Frozen: it says what was made then, and nothing of it is read from `storage.database.tables`, which goes on changing.
"""

from alembic import op
from sqlalchemy import Column, DateTime, ForeignKeyConstraint, Integer, PrimaryKeyConstraint, String, Text

revision = "0007"
down_revision = "0006"

# A moment: on SQLite its ISO text in UTC, which sorts as time does.
INSTANT = DateTime(timezone=True).with_variant(String(32), "sqlite")


def upgrade() -> None:
    op.create_table(
        "delay",
        Column("recording_id", String(length=32), nullable=False),
        Column("job", String(length=32), nullable=False),
        Column("reason", Text(), nullable=False),
        Column("since", INSTANT, nullable=False),
        Column("tried_at", INSTANT, nullable=False),
        Column("tries", Integer(), nullable=False),
        Column("failures", Integer(), nullable=False),
        Column("again_at", INSTANT, nullable=True),
        Column("media", String(length=64), nullable=True),
        Column("media_since", INSTANT, nullable=True),
        ForeignKeyConstraint(["recording_id"], ["recording.id"], name=op.f("fk_delay_recording_id")),
        PrimaryKeyConstraint("recording_id", name=op.f("pk_delay")),
    )


def downgrade() -> None:
    op.drop_table("delay")
