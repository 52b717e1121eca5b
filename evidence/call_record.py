"""The record of a call, as a value: vCons and receipts are written from it. Nothing in it is guessed.

Instants are aware of their zone. A value that is unknown or erased is None or empty.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Literal

Basis = Literal["express", "implied", ""]
"""Express: a key was pressed. Implied: the caller stayed on. Empty: there is no consent."""

# The caller hung up before answering: neither consent nor refusal, and the caller's wish is unknown.
HUNG_UP = frozenset({"hung_up_in_disclosure", "hung_up_in_choice"})


@dataclass(frozen=True, slots=True)
class Notice:
    """A disclosure that was served. The texts are empty where they are not kept; `sha256` identifies them anyhow."""

    at: datetime
    prompt: str
    sha256: str
    language: str
    disclosure: str = ""
    question: str = ""


@dataclass(frozen=True, slots=True)
class KeyPress:
    """A key. `digit` is empty where several were pressed: they can be anything, and are not kept."""

    at: datetime
    digit: str
    attempt: int
    answer: str


@dataclass(frozen=True, slots=True)
class Grant:
    purpose: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class RecordedAudio:
    """A recording of the call. The hashes (hex) are of the WAV as it came from the provider."""

    id: str
    state: str
    is_permitted: bool
    start: datetime | None = None
    duration_s: int | None = None
    channels: int | None = None
    sha256: str = ""
    sha512: str = ""
    retain_until: datetime | None = None
    destroyed_at: datetime | None = None
    destroyed_by: str = ""


@dataclass(frozen=True, slots=True)
class Proven:
    """An event as it is hashed, and its tlog-proof where there is one."""

    index: int
    at: datetime
    type: str
    line: str
    tlog_proof: str | None = None


@dataclass(frozen=True, slots=True)
class Business:
    """The business that asked for consent, by the rules that the call came in under. Places are ISO 3166 codes.

    `address`, `contact` and `stored_in` are empty where the rules do not say; `recipients` is None there, and empty
    where nobody else gets recordings.
    """

    name: str
    jurisdictions: tuple[str, ...]
    recorder_jurisdiction: str
    address: str = ""
    contact: str = ""
    stored_in: tuple[str, ...] = ()
    recipients: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class CallRecord:
    """`caller` is the number or SIP address, if disclosed and not erased. `status` is the provider's, once the call is
    over. `purposes` are the purposes asked for, `grants` those of the permit, past or present. `keep` is an ISO 8601
    duration. `proofs` are the events behind the answer, in the log's order.
    """

    id: str
    received_at: datetime
    line: str
    mode: str
    language: str
    outcome: str
    reason: str
    basis: Basis
    decided_at: datetime | None
    caller: str = ""
    business: Business | None = None
    provider: str = ""
    ended_at: datetime | None = None
    status: str = ""
    withdrawn_at: datetime | None = None
    erased_at: datetime | None = None
    is_synthetic: bool = False
    notices: Sequence[Notice] = ()
    presses: Sequence[KeyPress] = ()
    purposes: Sequence[str] = ()
    grants: Sequence[Grant] = ()
    retention: str = ""
    keep: str = ""
    retain_until: datetime | None = None
    tapes: Sequence[RecordedAudio] = ()
    proofs: Sequence[Proven] = ()

    @property
    def is_open(self) -> bool:
        """The question has no answer yet."""
        return self.outcome == "open"

    def uuid(self, what: str = "") -> str:
        """Always the same for the same call: the UUID of the call itself, or of the part of it that `what` names."""
        if not what:
            return uuid_of(self.id)
        return uuid_of(sha256(f"{self.id} {what}".encode()).hexdigest()[:32])


def uuid_of(digits: str) -> str:
    """32 hex digits as a UUID of version 8 (RFC 9562 §5.8). Six bits hold version and variant; the others stay."""
    variant = f"{int(digits[16], 16) & 0x3 | 0x8:x}"
    marked = f"{digits[:12]}8{digits[13:16]}{variant}{digits[17:]}"
    return "-".join((marked[:8], marked[8:12], marked[12:16], marked[16:20], marked[20:]))


def instant(at: datetime) -> str:
    """RFC 3339 in UTC, to the millisecond where there is a part of a second."""
    utc = at.astimezone(UTC)
    return utc.isoformat(timespec="milliseconds" if utc.microsecond else "seconds").replace("+00:00", "Z")
