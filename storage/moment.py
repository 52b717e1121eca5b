"""The time and the randomness of one transaction, which enter at the edge."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Moment:
    """When a transaction happens, and its source of random bytes."""

    at: datetime
    random: Callable[[int], bytes] = secrets.token_bytes

    @classmethod
    def now(cls) -> Self:
        return cls(utc_now())

    def new_id(self) -> str:
        """128 random bits as 32 hex digits: no id of ours can be guessed, or tied to a number or a time."""
        return self.random(16).hex()
