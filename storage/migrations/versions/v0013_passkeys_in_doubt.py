"""The kind of incident about a passkey that counts its uses backwards.

Frozen: it says what was made then, and nothing of it is read from `storage.database.tables`, which goes on changing.
"""

from alembic import op
from sqlalchemy import String, bindparam, cast, column, table, text, update

revision = "0013"
down_revision = "0012"

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
    "not_signed",
    "not_anchored",
    "other",
)
NEW_KINDS = ("passkey_in_doubt",)
KINDS = (*KINDS_BEFORE[:-3], *NEW_KINDS, *KINDS_BEFORE[-3:])
NAME = "ck_incident_kind_known"


def upgrade() -> None:
    _allow(KINDS_BEFORE, KINDS)


def downgrade() -> None:
    """Incidents of the new kind become kind `other`, as those of any unknown kind. No command of ours asks for it."""
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
