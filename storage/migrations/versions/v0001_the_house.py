"""The first schema: calls, permits, recordings, incidents, rulebooks, workers and the consent log.

Frozen: it says what was made then, and nothing of it is read from `storage.database.tables`, which goes on changing.
"""

from alembic import op
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Text,
    UniqueConstraint,
)

revision = "0001"
down_revision = None

# A moment: on SQLite its ISO text in UTC, which sorts as time does.
INSTANT = DateTime(timezone=True).with_variant(String(32), "sqlite")
APPEND_ONLY = ("log_leaf", "log_node")


def upgrade() -> None:
    op.create_table(
        "call",
        Column("id", String(length=32), nullable=False),
        Column("call_sid", String(length=34), nullable=False),
        Column("line", String(length=20), nullable=False),
        Column("mode", String(length=16), nullable=False),
        Column("silence_is_consent", Integer(), nullable=False),
        Column("prompts_max", Integer(), nullable=False),
        Column("language", String(length=16), nullable=False),
        Column("wording_sha256", String(length=64), nullable=False),
        Column("rules_sha256", String(length=64), nullable=False),
        Column("state", String(length=16), nullable=False),
        Column("outcome", String(length=32), nullable=False),
        Column("reason", Text(), server_default="", nullable=False),
        Column("prompt", Integer(), server_default="0", nullable=False),
        Column("events", Integer(), server_default="0", nullable=False),
        Column("received_at", INSTANT, nullable=False),
        Column("disclosure_length_ms", Integer(), nullable=False),
        Column("decided_at", INSTANT, nullable=True),
        Column("ended_at", INSTANT, nullable=True),
        Column("sweep_at", INSTANT, nullable=True),
        CheckConstraint("outcome IN ('open') OR decided_at IS NOT NULL", name=op.f("ck_call_decided_when")),
        CheckConstraint(
            "outcome IN ('open', 'consented', 'consented_by_staying', 'declined', 'silent', "
            "'unclear', 'hung_up_in_disclosure', 'hung_up_in_choice', "
            "'disclosure_cut_short', 'disclosure_failed', 'not_asked', 'withdrawn')",
            name=op.f("ck_call_outcome_known"),
        ),
        CheckConstraint(
            "state <> 'recording' OR outcome IN ('consented', 'consented_by_staying')", name=op.f("ck_call_consented")
        ),
        CheckConstraint(
            "state IN ('disclosing', 'choosing', 'recording', 'suppressed', 'ending', 'ended')",
            name=op.f("ck_call_state_known"),
        ),
        CheckConstraint(
            "state NOT IN ('suppressed', 'ending', 'ended') OR outcome <> 'open'", name=op.f("ck_call_decided")
        ),
        PrimaryKeyConstraint("id", name=op.f("pk_call")),
        UniqueConstraint("call_sid", name=op.f("uq_call_call_sid")),
    )
    op.create_index("ix_call_sweep_at", "call", ["sweep_at"], unique=False)
    op.create_table(
        "disclosure",
        Column("digest", String(length=43), nullable=False),
        Column("call_id", String(length=32), nullable=True),
        Column("body", Text(), nullable=False),
        PrimaryKeyConstraint("digest", name=op.f("pk_disclosure")),
    )
    op.create_index("ix_disclosure_call", "disclosure", ["call_id"], unique=False)
    op.create_table(
        "log_head",
        Column("id", Integer(), nullable=False),
        Column("size", BigInteger(), nullable=False),
        CheckConstraint("id = 1", name=op.f("ck_log_head_only_one")),
        PrimaryKeyConstraint("id", name=op.f("pk_log_head")),
    )
    op.create_table(
        "log_leaf",
        Column("idx", BigInteger().with_variant(Integer(), "sqlite"), autoincrement=False, nullable=False),
        Column("leaf", Text(), nullable=False),
        Column("hash", LargeBinary(length=32), nullable=False),
        Column("call_id", String(length=32), nullable=True),
        Column("n", Integer(), nullable=True),
        CheckConstraint("(call_id IS NULL) = (n IS NULL)", name=op.f("ck_log_leaf_numbered")),
        CheckConstraint("length(hash) = 32", name=op.f("ck_log_leaf_hash_size")),
        PrimaryKeyConstraint("idx", name=op.f("pk_log_leaf")),
        UniqueConstraint("call_id", "n", name=op.f("uq_log_leaf_call_id_n")),
    )
    op.create_table(
        "log_node",
        Column("lvl", Integer(), nullable=False),
        Column("n", BigInteger().with_variant(Integer(), "sqlite"), nullable=False),
        Column("hash", LargeBinary(length=32), nullable=False),
        PrimaryKeyConstraint("lvl", "n", name=op.f("pk_log_node")),
    )
    op.create_table(
        "rulebook_version",
        Column("sha256", String(length=64), nullable=False),
        Column("text", Text(), nullable=False),
        Column("adopted_at", INSTANT, nullable=False),
        PrimaryKeyConstraint("sha256", name=op.f("pk_rulebook_version")),
    )
    op.create_table(
        "watermark",
        Column("name", String(length=32), nullable=False),
        Column("at", INSTANT, nullable=False),
        PrimaryKeyConstraint("name", name=op.f("pk_watermark")),
    )
    op.create_table(
        "wording_version",
        Column("sha256", String(length=64), nullable=False),
        Column("text", Text(), nullable=False),
        Column("adopted_at", INSTANT, nullable=False),
        PrimaryKeyConstraint("sha256", name=op.f("pk_wording_version")),
    )
    op.create_table(
        "worker",
        Column("executor_id", String(length=64), nullable=False),
        Column("started_at", INSTANT, nullable=False),
        Column("beat_at", INSTANT, nullable=False),
        PrimaryKeyConstraint("executor_id", name=op.f("pk_worker")),
    )
    op.create_table(
        "incident",
        Column("id", Integer(), nullable=False),
        Column("kind", String(length=48), nullable=False),
        Column("about", String(length=64), nullable=False),
        Column("call_id", String(length=32), nullable=True),
        Column("detail", Text(), nullable=False),
        Column("opened_at", INSTANT, nullable=False),
        Column("closed_at", INSTANT, nullable=True),
        ForeignKeyConstraint(["call_id"], ["call.id"], name=op.f("fk_incident_call_id")),
        PrimaryKeyConstraint("id", name=op.f("pk_incident")),
        UniqueConstraint("kind", "about", name=op.f("uq_incident_kind_about")),
    )
    op.create_table(
        "permit",
        Column("call_id", String(length=32), nullable=False),
        Column("outcome", String(length=32), nullable=False),
        Column("purposes", Text(), nullable=False),
        Column("retention", String(length=64), nullable=False),
        Column("retain_until", INSTANT, nullable=False),
        Column("decided_at", INSTANT, nullable=False),
        CheckConstraint("outcome IN ('consented', 'consented_by_staying')", name=op.f("ck_permit_outcome_known")),
        ForeignKeyConstraint(["call_id"], ["call.id"], name=op.f("fk_permit_call_id")),
        PrimaryKeyConstraint("call_id", name=op.f("pk_permit")),
    )
    op.create_table(
        "reply",
        Column("call_id", String(length=32), nullable=False),
        Column("step", String(length=32), nullable=False),
        Column("request_sha256", String(length=64), nullable=False),
        Column("body", LargeBinary(), nullable=False),
        ForeignKeyConstraint(["call_id"], ["call.id"], name=op.f("fk_reply_call_id")),
        PrimaryKeyConstraint("call_id", "step", name=op.f("pk_reply")),
    )
    op.create_table(
        "recording",
        Column("id", String(length=32), nullable=False),
        Column("recording_sid", String(length=34), nullable=False),
        Column("call_id", String(length=32), nullable=False),
        Column("permit", String(length=32), nullable=True),
        Column("state", String(length=16), nullable=False),
        Column("source", String(length=64), nullable=False),
        Column("duration_s", Integer(), nullable=True),
        Column("channels", Integer(), nullable=True),
        Column("noticed_at", INSTANT, nullable=False),
        Column("moved_at", INSTANT, nullable=False),
        Column("object_key", Text(), nullable=True),
        Column("retain_until", INSTANT, nullable=True),
        Column("destroyed_at", INSTANT, nullable=True),
        CheckConstraint("state <> 'destroyed' OR destroyed_at IS NOT NULL", name=op.f("ck_recording_destroyed_when")),
        CheckConstraint(
            "state IN ('absent', 'condemned', 'destroyed') OR permit IS NOT NULL", name=op.f("ck_recording_permitted")
        ),
        CheckConstraint(
            "state IN ('started', 'completed', 'stored', 'kept', 'absent', 'condemned', 'destroyed')",
            name=op.f("ck_recording_state_known"),
        ),
        CheckConstraint(
            "state NOT IN ('stored', 'kept') OR (object_key IS NOT NULL AND retain_until IS NOT NULL)",
            name=op.f("ck_recording_stored_where"),
        ),
        CheckConstraint("permit IS NULL OR permit = call_id", name=op.f("ck_recording_own_permit")),
        ForeignKeyConstraint(["call_id"], ["call.id"], name=op.f("fk_recording_call_id")),
        ForeignKeyConstraint(["permit"], ["permit.call_id"], name=op.f("fk_recording_permit")),
        PrimaryKeyConstraint("id", name=op.f("pk_recording")),
        UniqueConstraint("permit", name=op.f("uq_recording_permit")),
        UniqueConstraint("recording_sid", name=op.f("uq_recording_recording_sid")),
    )
    op.create_index("ix_recording_call", "recording", ["call_id"], unique=False)
    op.create_index("ix_recording_unmoved", "recording", ["state", "moved_at"], unique=False)
    op.create_table(
        "audio_object",
        Column("recording_id", String(length=32), nullable=False),
        Column("name", String(length=32), nullable=False),
        Column("key", Text(), nullable=False),
        Column("version_id", Text(), nullable=True),
        Column("size_bytes", BigInteger(), nullable=False),
        Column("sha256", String(length=64), nullable=False),
        Column("plain_sha256", String(length=64), nullable=False),
        ForeignKeyConstraint(["recording_id"], ["recording.id"], name=op.f("fk_audio_object_recording_id")),
        PrimaryKeyConstraint("recording_id", "name", name=op.f("pk_audio_object")),
        UniqueConstraint("key", name=op.f("uq_audio_object_key")),
    )
    op.create_table(
        "recording_key",
        Column("recording_id", String(length=32), nullable=False),
        Column("wrapped_key", LargeBinary(), nullable=False),
        ForeignKeyConstraint(["recording_id"], ["recording.id"], name=op.f("fk_recording_key_recording_id")),
        PrimaryKeyConstraint("recording_id", name=op.f("pk_recording_key")),
    )

    op.execute("INSERT INTO log_head (id, size) VALUES (1, 0)")
    _refuse_changes()


def downgrade() -> None:
    """Of the first version: nothing is left, not even the evidence. No command of ours asks for it."""
    for table in (
        "recording_key",
        "audio_object",
        "recording",
        "reply",
        "permit",
        "incident",
        "worker",
        "wording_version",
        "watermark",
        "rulebook_version",
        "log_node",
        "log_leaf",
        "log_head",
        "disclosure",
        "call",
    ):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION refuse_change()")


def _refuse_changes() -> None:
    """A guard rail against our own mistakes, not evidence: whoever owns the database can remove it."""
    if op.get_bind().dialect.name == "sqlite":
        for table in APPEND_ONLY:
            for action in ("UPDATE", "DELETE"):
                op.execute(
                    f"CREATE TRIGGER {table}_no_{action.lower()} BEFORE {action} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, 'the consent log is append-only'); END"
                )
        return
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the consent log is append-only'; END $$"
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
