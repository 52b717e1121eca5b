"""The staff: accounts, scopes, what they sign in with, sessions; and their saved filters.

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

revision = "0010"
down_revision = "0009"

# A moment: on SQLite its ISO text in UTC, which sorts as time does.
INSTANT = DateTime(timezone=True).with_variant(String(32), "sqlite")
NAMES = (
    "saved_filter",
    "used_once",
    "staff_link",
    "staff_session",
    "staff_identity",
    "staff_recovery_code",
    "staff_passkey",
    "staff_address",
    "staff_scope",
    "staff",
)


def upgrade() -> None:
    op.create_table(
        "staff",
        Column("id", String(length=32), nullable=False),
        Column("name", String(length=64), nullable=False),
        Column("display_name", Text(), nullable=False),
        Column("role", String(length=16), nullable=False),
        Column("team", String(length=64), server_default="", nullable=False),
        Column("everywhere", Integer(), server_default="0", nullable=False),
        Column("password_hash", Text(), nullable=True),
        Column("totp_secret", LargeBinary(), nullable=True),
        Column("totp_step", BigInteger(), server_default="0", nullable=False),
        Column("failures", Integer(), server_default="0", nullable=False),
        Column("failed_at", INSTANT, nullable=True),
        Column("settings", Text(), server_default="{}", nullable=False),
        Column("created_at", INSTANT, nullable=False),
        Column("disabled_at", INSTANT, nullable=True),
        CheckConstraint(
            "role IN ('agent', 'reviewer', 'supervisor', 'compliance', 'admin')", name=op.f("ck_staff_role_known")
        ),
        PrimaryKeyConstraint("id", name=op.f("pk_staff")),
        UniqueConstraint("name", name=op.f("uq_staff_name")),
    )
    op.create_table(
        "used_once",
        Column("sha256", String(length=64), nullable=False),
        Column("used_at", INSTANT, nullable=False),
        PrimaryKeyConstraint("sha256", name=op.f("pk_used_once")),
    )
    op.create_index("ix_used_once_used_at", "used_once", ["used_at"], unique=False)
    op.create_table(
        "saved_filter",
        Column("id", String(length=32), nullable=False),
        Column("staff_id", String(length=32), nullable=False),
        Column("name", String(length=64), nullable=False),
        Column("query", Text(), nullable=False),
        Column("made_at", INSTANT, nullable=False),
        ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_saved_filter_staff_id")),
        PrimaryKeyConstraint("id", name=op.f("pk_saved_filter")),
        UniqueConstraint("staff_id", "name", name=op.f("uq_saved_filter_staff_id_name")),
    )
    op.create_table(
        "staff_address",
        Column("address", String(length=128), nullable=False),
        Column("staff_id", String(length=32), nullable=False),
        ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_staff_address_staff_id")),
        PrimaryKeyConstraint("address", name=op.f("pk_staff_address")),
    )
    op.create_index("ix_staff_address_staff", "staff_address", ["staff_id"], unique=False)
    op.create_table(
        "staff_identity",
        Column("issuer", String(length=255), nullable=False),
        Column("subject", String(length=255), nullable=False),
        Column("staff_id", String(length=32), nullable=False),
        ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_staff_identity_staff_id")),
        PrimaryKeyConstraint("issuer", "subject", name=op.f("pk_staff_identity")),
        UniqueConstraint("issuer", "staff_id", name=op.f("uq_staff_identity_issuer_staff_id")),
    )
    op.create_table(
        "staff_link",
        Column("bearer_sha256", String(length=64), nullable=False),
        Column("staff_id", String(length=32), nullable=False),
        Column("made_at", INSTANT, nullable=False),
        Column("expires_at", INSTANT, nullable=False),
        Column("used_at", INSTANT, nullable=True),
        ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_staff_link_staff_id")),
        PrimaryKeyConstraint("bearer_sha256", name=op.f("pk_staff_link")),
    )
    op.create_index("ix_staff_link_staff", "staff_link", ["staff_id"], unique=False)
    op.create_table(
        "staff_passkey",
        Column("credential_sha256", String(length=64), nullable=False),
        Column("credential_id", LargeBinary(), nullable=False),
        Column("staff_id", String(length=32), nullable=False),
        Column("public_key", LargeBinary(), nullable=False),
        Column("sign_count", BigInteger(), nullable=False),
        Column("label", Text(), nullable=False),
        Column("added_at", INSTANT, nullable=False),
        Column("used_at", INSTANT, nullable=True),
        ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_staff_passkey_staff_id")),
        PrimaryKeyConstraint("credential_sha256", name=op.f("pk_staff_passkey")),
    )
    op.create_index("ix_staff_passkey_staff", "staff_passkey", ["staff_id"], unique=False)
    op.create_table(
        "staff_recovery_code",
        Column("code_sha256", String(length=64), nullable=False),
        Column("staff_id", String(length=32), nullable=False),
        Column("used_at", INSTANT, nullable=True),
        ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_staff_recovery_code_staff_id")),
        PrimaryKeyConstraint("code_sha256", name=op.f("pk_staff_recovery_code")),
    )
    op.create_index("ix_staff_recovery_code_staff", "staff_recovery_code", ["staff_id"], unique=False)
    op.create_table(
        "staff_scope",
        Column("staff_id", String(length=32), nullable=False),
        Column("kind", String(length=8), nullable=False),
        Column("value", String(length=64), nullable=False),
        CheckConstraint("kind IN ('line', 'team')", name=op.f("ck_staff_scope_kind_known")),
        ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_staff_scope_staff_id")),
        PrimaryKeyConstraint("staff_id", "kind", "value", name=op.f("pk_staff_scope")),
    )
    op.create_table(
        "staff_session",
        Column("bearer_sha256", String(length=64), nullable=False),
        Column("id", String(length=32), nullable=False),
        Column("staff_id", String(length=32), nullable=False),
        Column("signed_in_by", String(length=16), nullable=False),
        Column("browser", Text(), nullable=False),
        Column("began_at", INSTANT, nullable=False),
        Column("seen_at", INSTANT, nullable=False),
        Column("ends_at", INSTANT, nullable=False),
        Column("ended_at", INSTANT, nullable=True),
        Column("ended_because", Text(), server_default="", nullable=False),
        CheckConstraint("(ended_at IS NULL) = (ended_because = '')", name=op.f("ck_staff_session_ended_why")),
        CheckConstraint(
            "signed_in_by IN ('passkey', 'password', 'single_sign_on')",
            name=op.f("ck_staff_session_signed_in_by_known"),
        ),
        ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_staff_session_staff_id")),
        PrimaryKeyConstraint("bearer_sha256", name=op.f("pk_staff_session")),
        UniqueConstraint("id", name=op.f("uq_staff_session_id")),
    )
    op.create_index("ix_staff_session_open", "staff_session", ["ended_at", "ends_at"], unique=False)
    op.create_index("ix_staff_session_staff", "staff_session", ["staff_id"], unique=False)


def downgrade() -> None:
    """No command of ours asks for it."""
    for name in NAMES:
        op.drop_table(name)
