"""The tables of the consent log. Rows are only ever added, but for the head, which counts them, and the disclosures,
which can be erased.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from storage.database.column_types import Instant
from storage.database.metadata import metadata, one_of

# The event row is the leaf.
log_leaf = Table(
    "log_leaf",
    metadata,
    Column("idx", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("leaf", Text, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    Column("call_id", String(32)),
    Column("n", Integer),
    UniqueConstraint("call_id", "n"),
    CheckConstraint("(call_id IS NULL) = (n IS NULL)", name="numbered"),
    CheckConstraint("length(hash) = 32", name="hash_size"),
)
log_node = Table(
    "log_node",
    metadata,
    Column("lvl", Integer, primary_key=True),
    Column("n", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("hash", LargeBinary(32), nullable=False),
)
log_head = Table(
    "log_head",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("size", BigInteger, nullable=False),
    CheckConstraint("id = 1", name="only_one"),
)
# The only table with personal data: deleting a row erases it, and breaks no proof.
disclosure = Table(
    "disclosure",
    metadata,
    Column("digest", String(43), primary_key=True),
    Column("call_id", String(32)),
    Column("body", Text, nullable=False),
    Index("ix_disclosure_call", "call_id"),
)

# The names under which the log was signed: a new name after each restored backup, since a name that has once signed
# more events must not sign fewer.
log_origin = Table(
    "log_origin",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("origin", String(128), nullable=False, unique=True),
    Column("first_size", BigInteger, nullable=False),  # the log's size when it began
    Column("began_at", Instant, nullable=False),
    Column("resumed_over", Text),  # the checkpoint, signed under the name before, that the restored log fell short of
)
# The keys that checkpoints may be signed with, as vkeys (C2SP signed-note).
log_key = Table(
    "log_key",
    metadata,
    Column("vkey", String(256), primary_key=True),
    Column("origin_id", ForeignKey("log_origin.id"), nullable=False),
    Column("added_at", Instant, nullable=False),
)
# Signed notes: at that size the log had that root. They are never changed, and never contradict one another.
log_checkpoint = Table(
    "log_checkpoint",
    metadata,
    Column("size", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("origin_id", ForeignKey("log_origin.id"), nullable=False),
    Column("note", Text, nullable=False),
    Column("signed_at", Instant, nullable=False),
)
# Who else holds a checkpoint, and their receipt for it.
log_anchor = Table(
    "log_anchor",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("size", ForeignKey("log_checkpoint.size"), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("place", Text, nullable=False),
    Column("receipt", LargeBinary, nullable=False),
    Column("anchored_at", Instant, nullable=False),
    one_of("kind", ("file", "s3", "witness", "tsa")),
    Index("ix_log_anchor_size", "size"),
)
