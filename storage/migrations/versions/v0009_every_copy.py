"""The other legs and the copies of calls, withdrawals and pauses, and the kinds of incident about them.

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
    UniqueConstraint,
    bindparam,
    cast,
    column,
    table,
    text,
    update,
)

revision = "0009"
down_revision = "0008"

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
    "not_signed",
    "not_anchored",
    "other",
)
NEW_KINDS = (
    "copy_without_permit",
    "copy_remains",
    "copies_not_looked_for",
    "recording_not_tied",
    "withdrawal_waits",
    "pause_forgotten",
    "account_unsafe",
)
KINDS = (*KINDS_BEFORE[:-3], *NEW_KINDS, *KINDS_BEFORE[-3:])
NAME = "ck_incident_kind_known"


def upgrade() -> None:
    _allow(KINDS_BEFORE, KINDS)
    op.add_column("recording", Column("under_sid", String(length=34), nullable=True))
    op.create_table(
        "stranger",
        Column("recording_sid", String(length=34), nullable=False),
        Column("noticed_at", INSTANT, nullable=False),
        Column("seen_at", INSTANT, nullable=False),
        PrimaryKeyConstraint("recording_sid", name=op.f("pk_stranger")),
    )
    op.create_table(
        "leg",
        Column("sid", String(length=34), nullable=False),
        Column("call_id", String(length=32), nullable=False),
        Column("kind", String(length=16), nullable=False),
        Column("noticed_at", INSTANT, nullable=False),
        CheckConstraint("kind IN ('dialled', 'conference')", name=op.f("ck_leg_kind_known")),
        ForeignKeyConstraint(["call_id"], ["call.id"], name=op.f("fk_leg_call_id")),
        PrimaryKeyConstraint("sid", name=op.f("pk_leg")),
    )
    op.create_index("ix_leg_call", "leg", ["call_id"], unique=False)
    op.create_table(
        "handoff",
        Column("id", String(length=32), nullable=False),
        Column("leg_sid", String(length=34), nullable=False),
        Column("call_id", String(length=32), nullable=False),
        Column("round", Integer(), nullable=False),
        Column("noticed_at", INSTANT, nullable=False),
        Column("asked_at", INSTANT, nullable=True),
        Column("joined_at", INSTANT, nullable=True),
        Column("met_at", INSTANT, nullable=True),
        Column("stays", Integer(), nullable=False),
        Column("left_at", INSTANT, nullable=True),
        ForeignKeyConstraint(["call_id"], ["call.id"], name=op.f("fk_handoff_call_id")),
        PrimaryKeyConstraint("id", name=op.f("pk_handoff")),
        UniqueConstraint("leg_sid", name=op.f("uq_handoff_leg_sid")),
    )
    op.create_index("ix_handoff_call", "handoff", ["call_id"], unique=False)
    op.create_table(
        "withdrawal",
        Column("call_id", String(length=32), nullable=False),
        Column("withdrawn_at", INSTANT, nullable=False),
        Column("withdrawn_by", String(length=16), nullable=False),
        Column("actor", Text(), nullable=False),
        Column("keeps", Integer(), nullable=False),
        Column("asked_at", INSTANT, nullable=False),
        Column("carried_out_at", INSTANT, nullable=True),
        CheckConstraint(
            "withdrawn_by IN ('caller', 'agent', 'request')", name=op.f("ck_withdrawal_withdrawn_by_known")
        ),
        ForeignKeyConstraint(["call_id"], ["call.id"], name=op.f("fk_withdrawal_call_id")),
        PrimaryKeyConstraint("call_id", name=op.f("pk_withdrawal")),
    )
    op.create_index("ix_withdrawal_open", "withdrawal", ["carried_out_at"], unique=False)
    op.create_table(
        "pause",
        Column("id", Integer(), nullable=False),
        Column("call_id", String(length=32), nullable=False),
        Column("recording_id", String(length=32), nullable=True),
        Column("asked_at", INSTANT, nullable=False),
        Column("asked_by", Text(), nullable=False),
        Column("limit_at", INSTANT, nullable=False),
        Column("at_limit", String(length=8), nullable=False),
        Column("begun_at", INSTANT, nullable=True),
        Column("resume_asked_at", INSTANT, nullable=True),
        Column("resume_asked_by", Text(), nullable=True),
        Column("ended_at", INSTANT, nullable=True),
        Column("how", String(length=16), server_default="", nullable=False),
        CheckConstraint("(ended_at IS NULL) = (how = '')", name=op.f("ck_pause_ended_how")),
        CheckConstraint("at_limit IN ('stop', 'resume', 'alarm')", name=op.f("ck_pause_at_limit_known")),
        CheckConstraint(
            "how IN ('', 'resumed', 'limit', 'withdrawn', 'call_ended', 'never_begun')", name=op.f("ck_pause_how_known")
        ),
        ForeignKeyConstraint(["call_id"], ["call.id"], name=op.f("fk_pause_call_id")),
        ForeignKeyConstraint(["recording_id"], ["recording.id"], name=op.f("fk_pause_recording_id")),
        PrimaryKeyConstraint("id", name=op.f("pk_pause")),
    )
    op.create_index("ix_pause_call", "pause", ["call_id"], unique=False)
    op.create_index("ix_pause_open", "pause", ["ended_at"], unique=False)
    op.create_table(
        "provider_copy",
        Column("id", String(length=32), nullable=False),
        Column("kind", String(length=24), nullable=False),
        Column("name", Text(), nullable=False),
        Column("call_id", String(length=32), nullable=False),
        Column("recording_id", String(length=32), nullable=True),
        Column("state", String(length=8), nullable=False),
        Column("noticed_at", INSTANT, nullable=False),
        Column("gone_at", INSTANT, nullable=True),
        CheckConstraint("(state = 'gone') = (gone_at IS NOT NULL)", name=op.f("ck_provider_copy_gone_when")),
        CheckConstraint(
            "kind IN ('conversation', 'transcript', 'batch_transcript', 'transcription', 'add_on_result')",
            name=op.f("ck_provider_copy_kind_known"),
        ),
        CheckConstraint("state IN ('found', 'gone')", name=op.f("ck_provider_copy_state_known")),
        ForeignKeyConstraint(["call_id"], ["call.id"], name=op.f("fk_provider_copy_call_id")),
        ForeignKeyConstraint(["recording_id"], ["recording.id"], name=op.f("fk_provider_copy_recording_id")),
        PrimaryKeyConstraint("id", name=op.f("pk_provider_copy")),
        UniqueConstraint("kind", "name", name=op.f("uq_provider_copy_kind_name")),
    )
    op.create_index("ix_provider_copy_call", "provider_copy", ["call_id"], unique=False)
    op.create_index("ix_provider_copy_state", "provider_copy", ["state"], unique=False)


def downgrade() -> None:
    """Incidents of the new kinds become kind `other`, as those of any unknown kind. No command of ours asks for it."""
    for name in ("provider_copy", "pause", "withdrawal", "handoff", "leg", "stranger"):
        op.drop_table(name)
    op.drop_column("recording", "under_sid")
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
