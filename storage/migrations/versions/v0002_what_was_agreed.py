"""What richer rules need: the law that decided, who said no before, the prompts as played, and each purpose's own end.

Frozen: it says what was made then, and nothing of it is read from `storage.database.tables`, which goes on changing.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime

from alembic import op
from sqlalchemy import (
    Column,
    DateTime,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Text,
    bindparam,
    column,
    select,
    table,
    update,
)

revision = "0002"
down_revision = "0001"

# A moment: on SQLite its ISO text in UTC, which sorts as time does.
INSTANT = DateTime(timezone=True).with_variant(String(32), "sqlite")
_PERMIT = table("permit", column("call_id", String), column("purposes", Text), column("retain_until", INSTANT))
_PAGE = 1000


def upgrade() -> None:
    op.add_column("call", Column("law_sha256", String(length=64), server_default="", nullable=False))
    op.add_column("call", Column("on_refusal", String(length=48), server_default="", nullable=False))
    op.add_column("call", Column("remembers_decline", Integer(), server_default="0", nullable=False))
    op.add_column("call", Column("terms", Text(), server_default="", nullable=False))
    op.add_column("call", Column("caller_hash", String(length=64), nullable=True))
    op.add_column("call", Column("served_at", INSTANT, nullable=True))
    op.create_index("ix_call_caller_hash", "call", ["caller_hash"], unique=False)
    op.create_table(
        "law_version",
        Column("sha256", String(length=64), nullable=False),
        Column("version", String(length=32), nullable=False),
        Column("text", Text(), nullable=False),
        Column("adopted_at", INSTANT, nullable=False),
        PrimaryKeyConstraint("sha256", name=op.f("pk_law_version")),
    )
    op.create_table(
        "prompt_audio",
        Column("sha256", String(length=64), nullable=False),
        Column("body", LargeBinary(), nullable=False),
        Column("length_ms", Integer(), nullable=False),
        Column("adopted_at", INSTANT, nullable=False),
        PrimaryKeyConstraint("sha256", name=op.f("pk_prompt_audio")),
    )
    op.create_table(
        "remembered_decline",
        Column("number_hash", String(length=64), nullable=False),
        Column("call_id", String(length=32), nullable=False),
        Column("declined_at", INSTANT, nullable=False),
        Column("forget_at", INSTANT, nullable=False),
        ForeignKeyConstraint(["call_id"], ["call.id"], name=op.f("fk_remembered_decline_call_id")),
        PrimaryKeyConstraint("number_hash", name=op.f("pk_remembered_decline")),
    )
    op.create_index("ix_remembered_decline_forget_at", "remembered_decline", ["forget_at"], unique=False)
    # Until now every purpose ended when the audio did.
    _rewrite_purposes(dict.fromkeys)


def downgrade() -> None:
    """Each purpose's own end is lost, and who said no before. No command of ours asks for it."""
    _rewrite_purposes(lambda purposes, _: list(purposes))
    op.drop_table("remembered_decline")
    op.drop_table("prompt_audio")
    op.drop_table("law_version")
    op.drop_index("ix_call_caller_hash", "call")
    for name in ("served_at", "caller_hash", "terms", "remembers_decline", "on_refusal", "law_sha256"):
        op.drop_column("call", name)


def _rewrite_purposes(rewritten: Callable[[list[str], str], object]) -> None:
    """Of each permit: from its purposes as they stand, and until when its audio is kept."""
    connection, last = op.get_bind(), ""
    page = select(_PERMIT).order_by(_PERMIT.c.call_id).limit(_PAGE)
    save = update(_PERMIT).where(_PERMIT.c.call_id == bindparam("the_id")).values(purposes=bindparam("now"))
    while rows := connection.execute(page.where(_PERMIT.c.call_id > last)).all():
        connection.execute(
            save,
            [
                {"the_id": row.call_id, "now": json.dumps(rewritten(json.loads(row.purposes), _text(row.retain_until)))}
                for row in rows
            ],
        )
        last = rows[-1].call_id


def _text(moment: str | datetime) -> str:
    return moment if isinstance(moment, str) else moment.astimezone(UTC).isoformat(timespec="microseconds")
