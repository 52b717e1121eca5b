"""Who closed an incident, and why.

Frozen: it says what was made then, and nothing of it is read from `storage.database.tables`, which goes on changing.
"""

from alembic import op
from sqlalchemy import Column, Text

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("incident", Column("closed_by", Text(), nullable=True))
    op.add_column("incident", Column("closed_because", Text(), nullable=True))


def downgrade() -> None:
    """What was said at a closing stands in the log alone then. No command of ours asks for it."""
    op.drop_column("incident", "closed_because")
    op.drop_column("incident", "closed_by")
