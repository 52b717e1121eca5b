"""The rules on signing in to the console: by which ways a role may, and how long an account waits after failures."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from policies.permissions import Role
from policies.sessions import Limits, SignedInBy

FAILURES_FREE = 4
"""The failed attempts after which nobody waits: people mistype."""
WAIT_MAX = timedelta(minutes=15)
FRESH_FOR = timedelta(minutes=15)
# OpenID Connect Extended Authentication Profile ACR Values 1.0: resistant to phishing; and with a protected key. The
# methods of RFC 8176 (`amr`) do not tell that: hwk also stands for a button that is pressed on a telephone.
_RESISTANT = frozenset({"phr", "phrh"})


class CredentialKind(StrEnum):
    PASSKEY = "passkey"
    PASSWORD = "password"  # noqa: S105 - the kind
    SECOND_FACTOR = "second_factor"
    RECOVERY_CODES = "recovery_codes"
    IDENTITY = "identity"  # of a single sign-on


@dataclass(frozen=True, slots=True)
class ConsoleRules:
    """The rulebook's rules on the console. `passkey_roles`: the roles that sign in with a passkey, or not at all."""

    passkey_roles: frozenset[Role] = frozenset()
    limits: Limits = field(default_factory=Limits)


def may_sign_in(role: Role, by: SignedInBy, passkey_roles: Collection[Role], *, acr: str = "") -> bool:
    """Whether a role may sign in this way. A single sign-on counts as what its provider says in `acr`, the claim of the
    ID token: a role that demands passkeys comes by it only where the provider saw something as good.
    """
    if role not in passkey_roles or by is SignedInBy.PASSKEY:
        return True
    return by is SignedInBy.SINGLE_SIGN_ON and acr in _RESISTANT


def wait_until(failures: int, failed_at: datetime | None) -> datetime | None:
    """Until when no password of the account is looked at: 2^n s after the nth failed attempt in a row, from the fifth
    on, and 15 minutes at most. None: nobody waits.
    """
    if failed_at is None or failures <= FAILURES_FREE:
        return None
    return failed_at + min(timedelta(seconds=2 ** min(failures, 30)), WAIT_MAX)


def is_fresh(began_at: datetime, now: datetime) -> bool:
    """Whether a session is young enough to change what its account signs in with: a browser that was left open must
    not be enough to take an account over.
    """
    return now - began_at <= FRESH_FOR


def counts_back(kept: int, counted: int) -> bool:
    """Whether a passkey counts its uses backwards, as a copy of it would (WebAuthn 3, 7.2). A device that does not
    count says 0 each time; 0 after anything else is backwards.
    """
    return kept > 0 and counted <= kept
