"""People are told of incidents: the outbox, the messages, and the kind of incident where that does not work.

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
    bindparam,
    cast,
    column,
    table,
    text,
    update,
)

revision = "0016"
down_revision = "0015"

# A moment: on SQLite its ISO text in UTC, which sorts as time does.
INSTANT = DateTime(timezone=True).with_variant(String(32), "sqlite")
KINDS_BEFORE = (
    "recording_without_permit",
    "recording_in_doubt",
    "recording_absent",
    "recording_missing",
    "recording_waits",
    "recording_stays_completed",
    "recording_stays_stored",
    "recording_stays_condemned",
    "recording_never_stored",
    "job_failed",
    "steps_not_heard",
    "call_without_sid",
    "request_not_settled",
    "requests_missing",
    "call_not_understood",
    "list_not_understood",
    "provider_contradicts",
    "calls_missing",
    "clocks_apart",
    "policy_conflict",
    "selftest_failed",
    "rows_contradict_log",
    "copy_without_permit",
    "copy_remains",
    "copies_not_looked_for",
    "recording_not_tied",
    "withdrawal_waits",
    "pause_forgotten",
    "account_unsafe",
    "passkey_in_doubt",
    "not_signed",
    "not_anchored",
    "other",
)
NEW_KINDS = ("not_told",)
KINDS = (*KINDS_BEFORE[:-1], *NEW_KINDS, "other")
NAME = "ck_incident_kind_known"


def upgrade() -> None:
    _allow(KINDS_BEFORE, KINDS)
    op.create_table(
        "message",
        Column("id", String(length=32), nullable=False),
        Column("way", String(length=32), nullable=False),
        Column("body", Text(), nullable=False),
        Column("made_at", INSTANT, nullable=False),
        Column("told_at", INSTANT, nullable=True),
        PrimaryKeyConstraint("id", name=op.f("pk_message")),
    )
    op.create_index("ix_message_told", "message", ["told_at"], unique=False)
    op.create_table(
        "notice",
        Column("id", Integer(), nullable=False),
        Column("way", String(length=32), server_default="", nullable=False),
        Column("incident_id", Integer(), nullable=False),
        Column("turn", String(length=16), nullable=False),
        Column("at", INSTANT, nullable=False),
        CheckConstraint("turn IN ('opened', 'opened_again', 'closed')", name=op.f("ck_notice_turn_known")),
        ForeignKeyConstraint(["incident_id"], ["incident.id"], name=op.f("fk_notice_incident_id")),
        PrimaryKeyConstraint("id", name=op.f("pk_notice")),
    )
    op.create_index("ix_notice_way", "notice", ["way"], unique=False)


def downgrade() -> None:
    """Incidents of the new kind become kind `other`, as those of any unknown kind. No command of ours asks for it."""
    for name in ("notice", "message"):
        op.drop_table(name)
    number, kind, about = (column(name, String) for name in ("id", "kind", "about"))
    strange = update(table("incident", number, kind, about)).where(kind.in_(NEW_KINDS))
    op.get_bind().execute(strange.values(kind="other", about="incident " + cast(number, String)))
    _allow(KINDS, KINDS_BEFORE)


def _allow(before: tuple[str, ...], after: tuple[str, ...]) -> None:
    """SQLite can't change a check, and where the rows meet the new one its manual says to rewrite the schema.

    https://www.sqlite.org/lang_altertable.html#otheralter
    """
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        op.drop_constraint(op.f(NAME), "incident")
        op.create_check_constraint(op.f(NAME), "incident", f"kind IN {after}")
        return
    version = connection.scalar(text("PRAGMA schema_version"))
    connection.execute(text("PRAGMA writable_schema = ON"))
    swap = text("UPDATE sqlite_master SET sql = replace(sql, :old, :new) WHERE type = 'table' AND name = 'incident'")
    connection.execute(swap.bindparams(bindparam("old", f"kind IN {before}"), bindparam("new", f"kind IN {after}")))
    connection.execute(text(f"PRAGMA schema_version = {version + 1}"))
    connection.execute(text("PRAGMA writable_schema = OFF"))
