"""Only the kinds of incident that there are.

A row of any other kind can only come from elsewhere. It becomes one of kind `other` that is about itself, with its kind
and subject in its words; the log keeps both as they were.

Frozen: it says what was made then, and nothing of it is read from `storage.database.tables`, which goes on changing.
"""

from alembic import op
from sqlalchemy import String, bindparam, cast, column, table, text, update

revision = "0008"
down_revision = "0007"

KINDS = (
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
)
OTHER = "other"
NAME = "ck_incident_kind_known"
CHECK = f"kind IN {(*KINDS, OTHER)}"
UNIQUE = "CONSTRAINT uq_incident_kind_about UNIQUE (kind, about)"


def upgrade() -> None:
    number, kind, about, detail = (column(name, String) for name in ("id", "kind", "about", "detail"))
    told = kind + " about " + about + ": " + detail
    itself = "incident " + cast(number, String)
    strange = update(table("incident", number, kind, about, detail)).where(kind.not_in(KINDS))
    op.get_bind().execute(strange.values(kind=OTHER, about=itself, detail=told))
    if op.get_bind().dialect.name == "sqlite":
        _rewrite_schema(UNIQUE, f"{UNIQUE}, CONSTRAINT {NAME} CHECK ({CHECK})")
    else:
        op.create_check_constraint(op.f(NAME), "incident", CHECK)


def downgrade() -> None:
    """What has become an incident of another kind stays one. No command of ours asks for it."""
    if op.get_bind().dialect.name == "sqlite":
        _rewrite_schema(f"{UNIQUE}, CONSTRAINT {NAME} CHECK ({CHECK})", UNIQUE)
    else:
        op.drop_constraint(op.f(NAME), "incident")


def _rewrite_schema(old: str, new: str) -> None:
    """SQLite can't add a check, and for one that all rows meet its manual says to do this.

    https://www.sqlite.org/lang_altertable.html#otheralter
    """
    connection = op.get_bind()
    version = connection.scalar(text("PRAGMA schema_version"))
    connection.execute(text("PRAGMA writable_schema = ON"))
    swap = text("UPDATE sqlite_master SET sql = replace(sql, :old, :new) WHERE type = 'table' AND name = 'incident'")
    connection.execute(swap.bindparams(bindparam("old", old), bindparam("new", new)))
    connection.execute(text(f"PRAGMA schema_version = {version + 1}"))
    connection.execute(text("PRAGMA writable_schema = OFF"))
