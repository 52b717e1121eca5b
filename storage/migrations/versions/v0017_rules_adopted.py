"""Which rulebook is in force, since when, and on whose word.

Frozen: it says what was made then, and nothing of it is read from `storage.database.tables`, which goes on changing.
"""

from alembic import op
from sqlalchemy import Column, DateTime, ForeignKeyConstraint, Integer, PrimaryKeyConstraint, String, Text

revision = "0017"
down_revision = "0016"

# A moment: on SQLite its ISO text in UTC, which sorts as time does.
INSTANT = DateTime(timezone=True).with_variant(String(32), "sqlite")


def upgrade() -> None:
    op.create_table(
        "rules_adopted",
        Column("id", Integer(), nullable=False),
        Column("sha256", String(length=64), nullable=False),
        Column("adopted_at", INSTANT, nullable=False),
        Column("adopted_by", Text(), nullable=False),
        ForeignKeyConstraint(["sha256"], ["rulebook_version.sha256"], name=op.f("fk_rules_adopted_sha256")),
        PrimaryKeyConstraint("id", name=op.f("pk_rules_adopted")),
    )


def downgrade() -> None:
    """No command of ours asks for it."""
    op.drop_table("rules_adopted")
