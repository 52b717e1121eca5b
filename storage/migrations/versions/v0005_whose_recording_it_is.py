"""What tells the recording that we ordered from others of the same call, and a state for one of which that is unclear.

Frozen: it says what was made then, and nothing of it is read from `storage.database.tables`, which goes on changing.
"""

from alembic import op
from sqlalchemy import Column, DateTime, String, bindparam, text

revision = "0005"
down_revision = "0004"

# A moment: on SQLite its ISO text in UTC, which sorts as time does.
INSTANT = DateTime(timezone=True).with_variant(String(32), "sqlite")
BEFORE = {
    "ck_recording_state_known": (
        "state IN ('started', 'completed', 'stored', 'kept', 'absent', 'condemned', 'destroyed')"
    ),
    "ck_recording_permitted": "state IN ('absent', 'condemned', 'destroyed') OR permit IS NOT NULL",
}
AFTER = {name: check.replace("'condemned'", "'quarantined', 'condemned'") for name, check in BEFORE.items()}


def upgrade() -> None:
    op.add_column("recording", Column("track", String(length=16), nullable=True))
    op.add_column("recording", Column("started_at", INSTANT, nullable=True))
    op.add_column("recording", Column("reported_at", INSTANT, nullable=True))
    op.add_column("provider_account", Column("recording_asked_at", INSTANT, nullable=True))
    _change_checks(BEFORE, AFTER)


def downgrade() -> None:
    """Recordings in doubt are given up: no other state fits them. No command of ours asks for it."""
    op.execute("UPDATE recording SET state = 'condemned' WHERE state = 'quarantined'")
    _change_checks(AFTER, BEFORE)
    op.drop_column("provider_account", "recording_asked_at")
    for name in ("reported_at", "started_at", "track"):
        op.drop_column("recording", name)


def _change_checks(old: dict[str, str], new: dict[str, str]) -> None:
    if op.get_bind().dialect.name == "sqlite":
        _rewrite_schema(old, new)
        return
    for name, check in new.items():
        op.drop_constraint(op.f(name), "recording")
        op.create_check_constraint(op.f(name), "recording", check)


def _rewrite_schema(old: dict[str, str], new: dict[str, str]) -> None:
    """SQLite can't change a check, and for changes that leave all rows as they are its manual says to do this.

    https://www.sqlite.org/lang_altertable.html#otheralter
    """
    connection = op.get_bind()
    version = connection.scalar(text("PRAGMA schema_version"))
    connection.execute(text("PRAGMA writable_schema = ON"))
    swap = text("UPDATE sqlite_master SET sql = replace(sql, :old, :new) WHERE type = 'table' AND name = 'recording'")
    for name, check in new.items():
        connection.execute(swap.bindparams(bindparam("old", f"({old[name]})"), bindparam("new", f"({check})")))
    connection.execute(text(f"PRAGMA schema_version = {version + 1}"))
    connection.execute(text("PRAGMA writable_schema = OFF"))
