"""What was handed out under a lease, beside what was heard; and how many reports were taken after its end.

Frozen: it says what was made then, and nothing of it is read from `storage.database.tables`, which goes on changing.
"""

from alembic import op
from sqlalchemy import Column, Integer, Text

revision = "0014"
down_revision = "0013"

RANGES = ("handed", "handed_fresh")


def upgrade() -> None:
    for name in RANGES:
        op.add_column("lease", Column(name, Text(), server_default="[]", nullable=False))
    op.add_column("lease", Column("last_words", Integer(), server_default="0", nullable=False))


def downgrade() -> None:
    """No command of ours asks for it."""
    for name in (*RANGES, "last_words"):
        op.drop_column("lease", name)
