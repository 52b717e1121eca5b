"""What makes the log worth something to an outsider: checkpoints, keys and anchors; and what Twilio itself says of a
call, legal holds, erasures, and the calls of the self-test.

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

revision = "0003"
down_revision = "0002"

# A moment: on SQLite its ISO text in UTC, which sorts as time does.
INSTANT = DateTime(timezone=True).with_variant(String(32), "sqlite")
SIZE = BigInteger().with_variant(Integer(), "sqlite")
APPEND_ONLY = ("log_origin", "log_key", "log_checkpoint", "log_anchor")


def upgrade() -> None:
    op.create_table(
        "log_origin",
        Column("id", Integer(), nullable=False),
        Column("origin", String(length=128), nullable=False),
        Column("first_size", BigInteger(), nullable=False),
        Column("began_at", INSTANT, nullable=False),
        Column("resumed_over", Text(), nullable=True),
        PrimaryKeyConstraint("id", name=op.f("pk_log_origin")),
        UniqueConstraint("origin", name=op.f("uq_log_origin_origin")),
    )
    op.create_table(
        "log_key",
        Column("vkey", String(length=256), nullable=False),
        Column("origin_id", Integer(), nullable=False),
        Column("added_at", INSTANT, nullable=False),
        ForeignKeyConstraint(["origin_id"], ["log_origin.id"], name=op.f("fk_log_key_origin_id")),
        PrimaryKeyConstraint("vkey", name=op.f("pk_log_key")),
    )
    op.create_table(
        "log_checkpoint",
        Column("size", SIZE, autoincrement=False, nullable=False),
        Column("origin_id", Integer(), nullable=False),
        Column("note", Text(), nullable=False),
        Column("signed_at", INSTANT, nullable=False),
        ForeignKeyConstraint(["origin_id"], ["log_origin.id"], name=op.f("fk_log_checkpoint_origin_id")),
        PrimaryKeyConstraint("size", name=op.f("pk_log_checkpoint")),
    )
    op.create_table(
        "log_anchor",
        Column("id", Integer(), nullable=False),
        Column("size", SIZE, nullable=False),
        Column("kind", String(length=16), nullable=False),
        Column("place", Text(), nullable=False),
        Column("receipt", LargeBinary(), nullable=False),
        Column("anchored_at", INSTANT, nullable=False),
        CheckConstraint("kind IN ('file', 's3', 'witness', 'tsa')", name=op.f("ck_log_anchor_kind_known")),
        ForeignKeyConstraint(["size"], ["log_checkpoint.size"], name=op.f("fk_log_anchor_size")),
        PrimaryKeyConstraint("id", name=op.f("pk_log_anchor")),
    )
    op.create_index("ix_log_anchor_size", "log_anchor", ["size"], unique=False)
    op.create_table(
        "legal_hold",
        Column("id", Integer(), nullable=False),
        Column("call_id", String(length=32), nullable=False),
        Column("reason", Text(), nullable=False),
        Column("placed_by", Text(), nullable=False),
        Column("placed_at", INSTANT, nullable=False),
        Column("released_by", Text(), nullable=True),
        Column("released_at", INSTANT, nullable=True),
        CheckConstraint("(released_by IS NULL) = (released_at IS NULL)", name=op.f("ck_legal_hold_released_by_whom")),
        ForeignKeyConstraint(["call_id"], ["call.id"], name=op.f("fk_legal_hold_call_id")),
        PrimaryKeyConstraint("id", name=op.f("pk_legal_hold")),
    )
    op.create_index("ix_legal_hold_call", "legal_hold", ["call_id"], unique=False)
    op.create_table(
        "provider_account",
        Column("call_id", String(length=32), nullable=False),
        Column("body", LargeBinary(), nullable=False),
        Column("fetched_at", INSTANT, nullable=False),
        ForeignKeyConstraint(["call_id"], ["call.id"], name=op.f("fk_provider_account_call_id")),
        PrimaryKeyConstraint("call_id", name=op.f("pk_provider_account")),
    )
    op.add_column("call", Column("corroborate_at", INSTANT, nullable=True))
    op.add_column("call", Column("synthetic", Integer(), server_default="0", nullable=False))
    op.add_column("call", Column("erased_at", INSTANT, nullable=True))
    op.create_index("ix_call_corroborate_at", "call", ["corroborate_at"], unique=False)
    _refuse_changes()


def downgrade() -> None:
    """Checkpoints, holds and what Twilio said are lost. No command of ours asks for it."""
    op.drop_index("ix_call_corroborate_at", "call")
    for name in ("erased_at", "synthetic", "corroborate_at"):
        op.drop_column("call", name)
    for table in ("provider_account", "legal_hold", "log_anchor", "log_checkpoint", "log_key", "log_origin"):
        op.drop_table(table)


def _refuse_changes() -> None:
    """A guard rail against our own mistakes, as the first version's is. Its function is used here on Postgres."""
    for table in APPEND_ONLY:
        if op.get_bind().dialect.name == "postgresql":
            op.execute(
                f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
                f"FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
            )
            continue
        for action in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{action.lower()} BEFORE {action} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, 'the consent log is append-only'); END"
            )
