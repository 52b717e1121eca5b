"""A call and its parts as values, as `policies.derivation` derives them from events. Times are those of the events.

A private field is represented by the digest under which its disclosure is kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from policies.lifecycle import CallState, RecordingState

Fields = Mapping[str, Any]
OPEN = "open"


@dataclass(frozen=True, slots=True)
class Agreed:
    """The terms that a permit of the call may have, by the ruling; times are to the second."""

    law: str
    usable_until: Mapping[str, str]
    retention: str
    retain_until: str | None
    conflicts: tuple[str, ...]
    silence_is_consent: bool
    prompts_max: int
    remembers_decline: bool
    on_refusal: str


@dataclass(frozen=True, slots=True)
class DerivedPermit:
    outcome: str
    usable_until: Mapping[str, str]
    retention: str
    retain_until: str
    decided_at: str


@dataclass(slots=True)
class DerivedRecording:
    """`is_permitted`: the call's permit covers it by now. `sid_by`, `object_by`, `audio_by` are digests."""

    is_permitted: bool
    source: str
    state: RecordingState
    noticed_at: str
    moved_at: str
    sid_by: str = ""
    retain_until: str | None = None
    objects: tuple[str, ...] = ()
    size_bytes: int = 0
    object_by: str = ""
    audio_by: str = ""
    destroyed_at: str | None = None
    reported_at: str | None = None


@dataclass(slots=True)
class DerivedHold:
    """`placed_by` and `released_by` map the names of the private fields to their digests."""

    placed_at: str
    placed_by: Fields
    released_at: str | None = None
    released_by: Fields = field(default_factory=dict)


@dataclass(slots=True)
class DerivedWithdrawal:
    """`by` is empty in events from before it was logged. `keeps`: the recording up to then is kept; a later withdrawal
    can only take that back. `actor_by` is the digest of the name of the staff, empty where the caller pressed a key.
    """

    withdrawn_at: str
    by: str
    keeps: bool
    actor_by: str = ""


@dataclass(slots=True)
class DerivedPause:
    """`limit_s` is counted from `asked_at`; `actor_by` is the digest of the name of the staff."""

    asked_at: str
    limit_s: int
    at_limit: str
    actor_by: str
    recording: str | None = None
    begun_at: str | None = None
    ended_at: str | None = None
    how: str = ""


@dataclass(frozen=True, slots=True)
class DerivedDecline:
    """`until` is a day; the moment itself stands under the digest `until_by`."""

    declined_at: str
    until: str
    until_by: str


@dataclass(slots=True)
class DerivedCall:
    """Times are those of the events. `received_by` maps the private fields of the first event to their digests.

    `account_by` is the digest of the hash of the provider's account, `remembered` the decline that is remembered for
    the number, and `forgotten_at` when an earlier decline was forgotten.
    """

    events: int = 0
    received_at: str = ""
    received_by: Fields = field(default_factory=dict)
    mode: str = ""
    language: str = ""
    rules_sha256: str = ""
    law_sha256: str = ""
    wording_sha256: str = ""
    is_synthetic: bool = False
    is_to_a_line: bool = True
    round: int = 1
    agreed: Agreed | None = None
    state: CallState = CallState.DISCLOSING
    outcome: str = OPEN
    reason: str = ""
    served_at: str | None = None
    decided_at: str | None = None
    ended_at: str | None = None
    permit: DerivedPermit | None = None
    recordings: dict[str, DerivedRecording] = field(default_factory=dict)
    holds: dict[int, DerivedHold] = field(default_factory=dict)
    withdrawal: DerivedWithdrawal | None = None
    pauses: dict[int, DerivedPause] = field(default_factory=dict)
    remembered: DerivedDecline | None = None
    forgotten_at: str | None = None
    corroborated_at: str | None = None
    account_at: str | None = None
    account_by: str = ""
    erased_at: str | None = None

    @property
    def keeps_recording(self) -> bool:
        """Whether the consent was withdrawn and the recording up to then is kept."""
        return self.withdrawal is not None and self.withdrawal.keeps

    @property
    def is_held(self) -> bool:
        return any(hold.released_at is None for hold in self.holds.values())


@dataclass(frozen=True, slots=True)
class DerivedAdoption:
    """A rulebook that was taken in force."""

    sha256: str
    adopted_at: str
    adopted_by: Fields


@dataclass(slots=True)
class DerivedIncident:
    kind: str
    about: str
    call_id: str | None
    opened_at: str
    closed_at: str | None = None
    closed_by: Fields = field(default_factory=dict)
