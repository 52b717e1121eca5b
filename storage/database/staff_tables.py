"""The tables of the staff: accounts, their scopes, what they sign in with, and their sessions."""

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

from policies.permissions import Role
from policies.sessions import SignedInBy
from storage.database.column_types import Instant
from storage.database.metadata import metadata, one_of

SCOPE_KINDS = ("line", "team")

# An account is never deleted: it is disabled, so that whoever listened stays on record.
staff = Table(
    "staff",
    metadata,
    Column("id", String(32), primary_key=True),  # random; the only name that URLs and the log use
    Column("name", String(64), nullable=False, unique=True),  # to sign in with, in lower case
    Column("display_name", Text, nullable=False),
    Column("role", String(16), nullable=False),
    Column("team", String(64), nullable=False, server_default=""),  # today's
    Column("everywhere", Integer, nullable=False, server_default="0"),
    Column("password_hash", Text),  # argon2id
    Column("totp_secret", LargeBinary),  # sealed under the key file
    Column("totp_step", BigInteger, nullable=False, server_default="0"),  # of the last code that was accepted
    Column("failures", Integer, nullable=False, server_default="0"),  # to sign in, since the last success
    Column("failed_at", Instant),
    Column("settings", Text, nullable=False, server_default="{}"),  # JSON: the person's own
    Column("created_at", Instant, nullable=False),
    Column("disabled_at", Instant),
    one_of("role", tuple(Role)),
)
staff_scope = Table(
    "staff_scope",
    metadata,
    Column("staff_id", ForeignKey("staff.id"), primary_key=True),
    Column("kind", String(8), primary_key=True),
    Column("value", String(64), primary_key=True),
    one_of("kind", SCOPE_KINDS),
)
# Where the person takes calls: a number in E.164, or client:… or sip:… as the rulebook has it.
staff_address = Table(
    "staff_address",
    metadata,
    Column("address", String(128), primary_key=True),
    Column("staff_id", ForeignKey("staff.id"), nullable=False),
    Index("ix_staff_address_staff", "staff_id"),
)
staff_passkey = Table(
    "staff_passkey",
    metadata,
    Column("credential_sha256", String(64), primary_key=True),
    Column("credential_id", LargeBinary, nullable=False),
    Column("staff_id", ForeignKey("staff.id"), nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("sign_count", BigInteger, nullable=False),
    Column("label", Text, nullable=False),
    Column("added_at", Instant, nullable=False),
    Column("used_at", Instant),
    Index("ix_staff_passkey_staff", "staff_id"),
)
staff_recovery_code = Table(
    "staff_recovery_code",
    metadata,
    Column("code_sha256", String(64), primary_key=True),
    Column("staff_id", ForeignKey("staff.id"), nullable=False),
    Column("used_at", Instant),
    Index("ix_staff_recovery_code_staff", "staff_id"),
)
# The name by which a single sign-on knows the person.
staff_identity = Table(
    "staff_identity",
    metadata,
    Column("issuer", String(255), primary_key=True),
    Column("subject", String(255), primary_key=True),
    Column("staff_id", ForeignKey("staff.id"), nullable=False),
    UniqueConstraint("issuer", "staff_id"),
)
# A session is found by the hash of its token; the token is nowhere but in the browser.
staff_session = Table(
    "staff_session",
    metadata,
    Column("bearer_sha256", String(64), primary_key=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("staff_id", ForeignKey("staff.id"), nullable=False),
    Column("signed_in_by", String(16), nullable=False),
    Column("browser", Text, nullable=False),  # as it names itself, shortened
    Column("began_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),  # however busy it is
    Column("ended_at", Instant),
    Column("ended_because", Text, nullable=False, server_default=""),
    one_of("signed_in_by", tuple(SignedInBy)),
    CheckConstraint("(ended_at IS NULL) = (ended_because = '')", name="ended_why"),
    Index("ix_staff_session_staff", "staff_id"),
    Index("ix_staff_session_open", "ended_at", "ends_at"),
)
# A link by which a person sets up how they sign in, once.
staff_link = Table(
    "staff_link",
    metadata,
    Column("bearer_sha256", String(64), primary_key=True),
    Column("staff_id", ForeignKey("staff.id"), nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("used_at", Instant),
    Index("ix_staff_link_staff", "staff_id"),
)
# Challenges and states that have let somebody in, so that they let in nobody a second time.
used_once = Table(
    "used_once",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("used_at", Instant, nullable=False),
    Index("ix_used_once_used_at", "used_at"),
)
saved_filter = Table(
    "saved_filter",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("staff_id", ForeignKey("staff.id"), nullable=False),
    Column("name", String(64), nullable=False),
    Column("query", Text, nullable=False),  # of the list's URL, which holds no number
    Column("made_at", Instant, nullable=False),
    UniqueConstraint("staff_id", "name"),
)
