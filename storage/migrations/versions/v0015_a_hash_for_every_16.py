"""The log's tree keeps a hash for every 16 children instead of for every 256.

The hashes that are there stay: each of their levels is now every second one. The worker closes the levels between.

Frozen: it says what was made then, and nothing of it is read from `storage.database.tables`, which goes on changing.
"""

from alembic import op
from sqlalchemy import column, delete, table, update

revision = "0015"
down_revision = "0014"

_NODE = table("log_node", column("lvl"))
_LEVELS = (1, 2, 3, 4)


def upgrade() -> None:
    """From the highest level down, so that none meets another."""
    _guard(on=False)
    for level in reversed(_LEVELS):
        op.execute(update(_NODE).where(_NODE.c.lvl == level).values(lvl=2 * level))
    _guard(on=True)


def downgrade() -> None:
    """No command of ours asks for it."""
    _guard(on=False)
    op.execute(delete(_NODE).where(_NODE.c.lvl % 2 == 1))
    for level in _LEVELS:
        op.execute(update(_NODE).where(_NODE.c.lvl == 2 * level).values(lvl=level))
    _guard(on=True)


def _guard(*, on: bool) -> None:
    """The refusal of every change to the table."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE log_node {'ENABLE' if on else 'DISABLE'} TRIGGER log_node_append_only")
        return
    for action in ("UPDATE", "DELETE"):
        name = f"log_node_no_{action.lower()}"
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {action} ON log_node "
            f"BEGIN SELECT RAISE(ABORT, 'the consent log is append-only'); END"
            if on
            else f"DROP TRIGGER {name}"
        )
