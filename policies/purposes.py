"""The purposes that a recording may be used for, and until when: only those that the caller agreed to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Granted:
    """A purpose that the caller agreed to. From `until` on the recording may not be used for it, though it may be kept
    longer.
    """

    purpose: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Allowed:
    """It may be used."""


@dataclass(frozen=True, slots=True)
class NotGranted:
    """It may not, and why in plain words."""

    reason: str


def use_of(granted: Sequence[Granted], purpose: str, at: datetime) -> Allowed | NotGranted:
    """Whether a recording may be used for a purpose at that time. Agreeing to one purpose is agreeing to no other."""
    until = max((grant.until for grant in granted if grant.purpose == purpose), default=None)
    if until is None:
        return NotGranted(f"its caller did not agree to its use for {purpose}")
    if until <= at:
        return NotGranted(f"its use for {purpose} ended on {until:%Y-%m-%d}")
    return Allowed()
