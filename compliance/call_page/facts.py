"""The facts of a call, by its events where these can be followed, and by its rows otherwise."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from compliance.call_log import Entry
from compliance.call_page.known_events import listed, ruling_of
from compliance.explain import MODES
from policies.consent import Outcome
from policies.derived import OPEN, DerivedCall
from policies.jurisdiction.pack import UNKNOWN_PLACE, Law
from policies.lifecycle import RecordingState
from policies.masking import masked
from storage.row_check.checked_call import CheckedCall
from storage.rows.calls import REFERENCE_LENGTH

UNKNOWN_CALLER = "not known"
ERASED_CALLER = "erased"
_CALLER = "caller "
_WHY = frozenset({"recording.quarantined", "recording.identified", "recording.condemned"})

OUTCOMES: Mapping[str, str] = {
    OPEN: "not decided yet",
    Outcome.CONSENTED: "agreed to be recorded, by key",
    Outcome.CONSENTED_BY_STAYING: "agreed to be recorded, by staying on the line",
    Outcome.DECLINED: "declined to be recorded",
    Outcome.SILENT: "pressed nothing, which is no consent here",
    Outcome.UNCLEAR: "pressed no key that means yes",
    Outcome.HUNG_UP_IN_DISCLOSURE: "hung up during the disclosure",
    Outcome.HUNG_UP_IN_CHOICE: "hung up at the question",
    Outcome.DISCLOSURE_CUT_SHORT: "not to be recorded, since the disclosure was cut short",
    Outcome.DISCLOSURE_FAILED: "not to be recorded, since the disclosure failed",
    Outcome.NOT_ASKED: "not asked, and not to be recorded",
    Outcome.WITHDRAWN: "withdrew the consent",
}
"""Every outcome, in words about the caller."""


@dataclass(frozen=True, slots=True)
class Place:
    """ISO 3166, or ZZ for an unknown place. `name` is the law pack's, the code where it has none."""

    code: str
    name: str


@dataclass(frozen=True, slots=True)
class CallFacts:
    """`caller` is masked, `places` are those that the number may belong to and `places_by` how they are known. `line`
    is empty where what was dialled is no line. `outcome` is a `policies.consent.Outcome` or "open"; `outcome_says` and
    `reason` say it in words, as `mode_says` does what the mode asks.
    """

    id: str
    reference: str
    line: str
    caller: str
    places: tuple[Place, ...]
    places_by: str
    received_at: datetime
    ended_at: datetime | None
    mode: str
    mode_says: str
    language: str
    outcome: str
    outcome_says: str
    reason: str
    state: str
    round: int
    is_synthetic: bool
    erased_at: datetime | None
    rules_sha256: str
    law_sha256: str

    @property
    def is_over(self) -> bool:
        return self.ended_at is not None


@dataclass(frozen=True, slots=True)
class MadeRecording:
    """A recording of the call. `is_covered`: the call's permit covers it. `why` is why it was in doubt, or had to go,
    by its last event that says so; `rule` is that of its destruction.
    """

    id: str
    state: RecordingState
    is_covered: bool
    source: str
    duration_s: int | None
    channels: int | None
    started_at: datetime | None
    retain_until: datetime | None
    destroyed_at: datetime | None
    why: str
    rule: str
    oddities: tuple[str, ...]


def facts_of(known: CheckedCall, entries: Sequence[Entry], law: Law | None) -> CallFacts:
    row, derived = known.rows.call, known.derived
    received = next((entry for entry in entries if entry.type == "call.received"), None)
    outcome = derived.outcome if derived else row.outcome
    mode = str(derived.mode) if derived else row.mode
    return CallFacts(
        id=row.id,
        reference=row.id[:REFERENCE_LENGTH],
        line=row.line,
        caller=_caller(received, is_erased=row.erased_at is not None),
        places=tuple(_places(listed(ruling_of(entries).get("ends")), law)),
        places_by=str(received.public.get("caller_place_by", "")) if received else "",
        received_at=row.received_at,
        ended_at=row.ended_at,
        mode=mode,
        mode_says=MODES.get(mode, mode),
        language=str(derived.language) if derived else row.language,
        outcome=outcome,
        outcome_says=OUTCOMES.get(outcome, outcome),
        reason=_reason(derived) if derived else row.reason,
        state=str(derived.state) if derived else row.state,
        round=derived.round if derived else row.round,
        is_synthetic=bool(row.synthetic),
        erased_at=row.erased_at,
        rules_sha256=row.rules_sha256,
        law_sha256=row.law_sha256,
    )


def recordings_of(known: CheckedCall, entries: Sequence[Entry]) -> list[MadeRecording]:
    """In the order in which they were noticed."""
    rows = sorted(known.rows.recordings, key=lambda row: (row.noticed_at, row.id))
    return [_recording(known.derived, row, [entry for entry in entries if _is_about(entry, row.id)]) for row in rows]


def _recording(derived: DerivedCall | None, row: Any, told: Sequence[Entry]) -> MadeRecording:
    logged = derived.recordings.get(row.id) if derived else None
    why = [str(entry.public.get("why", "")) for entry in told if entry.type in _WHY]
    rules = [str(entry.public.get("rule", "")) for entry in told if entry.type == "recording.destroyed"]
    return MadeRecording(
        id=row.id,
        state=logged.state if logged else RecordingState(row.state),
        is_covered=logged.is_permitted if logged else row.permit is not None,
        source=row.source,
        duration_s=row.duration_s,
        channels=row.channels,
        started_at=row.started_at,
        retain_until=row.retain_until,
        destroyed_at=row.destroyed_at,
        why=why[-1] if why else "",
        rule=rules[-1] if rules else "",
        oddities=tuple(str(odd) for entry in told for odd in listed(entry.public.get("oddities"))),
    )


def _is_about(entry: Entry, recording_id: str) -> bool:
    return entry.public.get("recording") == recording_id


def _caller(received: Entry | None, *, is_erased: bool) -> str:
    if received is not None and "caller" in received.private:
        return masked(str(received.private["caller"]))
    return ERASED_CALLER if is_erased else UNKNOWN_CALLER


def _places(ends: Sequence[Any], law: Law | None) -> Iterator[Place]:
    for end in ends:
        code = str(end).removeprefix(_CALLER)
        if code != str(end):
            record = law.jurisdictions.get(code) if law else None
            yield Place(code, record.name if record else "unknown" if code == UNKNOWN_PLACE else code)


def _reason(derived: DerivedCall) -> str:
    return "" if derived.outcome == OPEN else str(derived.reason)
