"""How long a session of the staff lasts, and how it was begun."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

IDLE_MIN, WHOLE_MAX = timedelta(minutes=5), timedelta(hours=24)
"""The limits that a rulebook may set: nobody has to hurry, and nobody stays signed in over the next day."""


class SignedInBy(StrEnum):
    PASSKEY = "passkey"
    PASSWORD = "password"  # noqa: S105 - with a second factor
    SINGLE_SIGN_ON = "single_sign_on"


class SessionEnd(StrEnum):
    """Why a session ended before its time."""

    SIGNED_OUT = "signed_out"
    SIGNED_IN_AGAIN = "signed_in_again"  # in the same browser
    REVOKED = "revoked"
    DISABLED = "disabled"
    RESET = "reset"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - in another session


@dataclass(frozen=True, slots=True)
class Limits:
    """A session ends after `idle` without a request, and `whole` after its beginning in any case."""

    idle: timedelta = timedelta(minutes=30)
    whole: timedelta = timedelta(hours=12)
    warned: timedelta = timedelta(minutes=2)
    """How long before its end the person is warned."""


def ends_at(limits: Limits, *, seen_at: datetime, ends_at: datetime) -> datetime:
    """When a session ends if nothing more comes."""
    return min(seen_at + limits.idle, ends_at)
