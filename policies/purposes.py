"""For what a recording may be used, and until when: what the caller agreed to, and nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Granted:
    """One purpose that the caller agreed to. At `until` the use for it is over, though the audio may be kept longer."""

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
    until = max((one.until for one in granted if one.purpose == purpose), default=None)
    if until is None:
        return NotGranted(f"its caller did not agree to its use for {purpose}")
    if until <= at:
        return NotGranted(f"its use for {purpose} ended on {until:%Y-%m-%d}")
    return Allowed()
