"""Why a recording may be heard: the rule that asked for consent, what was agreed to, until when, and what holds it.

All of it is from the log. Whether it may be heard now is decided by `storage.custody.access`, asked and not logged.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from compliance.call_log import Entry
from compliance.call_page.known_events import listed, ruling_of
from policies.derived import DerivedCall
from policies.jurisdiction.pack import Law
from policies.purposes import Allowed, NotGranted
from storage.custody.access import Decide

_CONSENT = "consent for "


@dataclass(frozen=True, slots=True)
class Cited:
    """A step of the ruling with its source `by`. `record` names the law pack's record, `sources` are those of the
    record, and `note` is the ruling's own.
    """

    about: str
    says: str
    by: str
    record: str = ""
    as_of: str = ""
    note: str = ""
    override: int = 0
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PurposeHeld:
    """A purpose that the permit grants. `rule` and `keep` (ISO 8601) are the rulebook's, `ended_by` the law's record
    that is shorter. `opens` is whether the recording may be heard for it now.
    """

    purpose: str
    until: datetime
    is_over: bool
    opens: Allowed | NotGranted
    rule: str = ""
    keep: str = ""
    ended_by: str = ""


@dataclass(frozen=True, slots=True)
class HoldInForce:
    """A legal hold that is not released. `reason` and `placed_by` are the staff's words."""

    number: int
    since: datetime
    reason: str
    placed_by: str


@dataclass(frozen=True, slots=True)
class WhyHeard:
    """`basis` is express (a key) or implied (staying on). `decided_by` is the step of the ruling that made the mode;
    `because` are all of its steps. Both are empty for calls of a version that logged no ruling.
    """

    mode: str
    outcome: str
    basis: str
    decided_by: tuple[Cited, ...]
    because: tuple[Cited, ...]
    purposes: tuple[PurposeHeld, ...]
    retention: str
    retain_until: datetime | None
    conflicts: tuple[str, ...]
    holds: tuple[HoldInForce, ...]

    @property
    def can_be_heard(self) -> bool:
        """For one purpose or more, now."""
        return any(isinstance(purpose.opens, Allowed) for purpose in self.purposes)

    @property
    def why_not(self) -> tuple[str, ...]:
        """The reasons for which it can't be heard for any purpose now; empty where it can."""
        refused = (purpose.opens.reason for purpose in self.purposes if isinstance(purpose.opens, NotGranted))
        return () if self.can_be_heard else tuple(dict.fromkeys(refused))


def why_heard(
    derived: DerivedCall, entries: list[Entry], law: Law | None, decide: Decide, at: datetime
) -> WhyHeard | None:
    """None for a call without a permit. `law` is the pack that the call was decided under, where it is kept."""
    given = derived.permit
    if given is None:
        return None
    ruling = ruling_of(entries)
    because = tuple(cited(ruling, law))
    of_purpose = {told["purpose"]: told for told in listed(ruling.get("purposes"))}
    return WhyHeard(
        mode=derived.mode,
        outcome=derived.outcome,
        basis=str(_first(entries, "recording.permitted").get("basis", "")),
        decided_by=tuple(step for step in because if step.about.startswith(_CONSENT)),
        because=because,
        purposes=tuple(
            _held(purpose, datetime.fromisoformat(until), of_purpose.get(purpose, {}), decide, at)
            for purpose, until in given.usable_until.items()
        ),
        retention=given.retention,
        retain_until=datetime.fromisoformat(given.retain_until) if given.retain_until else None,
        conflicts=tuple(listed(ruling.get("conflicts"))),
        holds=tuple(_holds(derived, entries)),
    )


def cited(ruling: Mapping[str, Any], law: Law | None) -> Iterator[Cited]:
    """The steps of a ruling, in its order."""
    for step in listed(ruling.get("because")):
        told = {name: str(step.get(name, "")) for name in ("about", "says", "by", "record", "as_of", "note")}
        number = step.get("override")
        sources = law.sources_of(told["record"]) if law else ()
        yield Cited(**told, override=number if isinstance(number, int) else 0, sources=sources)


def _held(purpose: str, until: datetime, told: Mapping[str, Any], decide: Decide, at: datetime) -> PurposeHeld:
    return PurposeHeld(
        purpose=purpose,
        until=until,
        is_over=until <= at,
        opens=decide(purpose),
        rule=told.get("rule", ""),
        keep=told.get("keep", ""),
        ended_by=told.get("ended_by", ""),
    )


def _holds(derived: DerivedCall, entries: list[Entry]) -> Iterator[HoldInForce]:
    placed = {entry.public["hold"]: entry for entry in entries if entry.type == "privacy.hold"}
    for number, hold in derived.holds.items():
        if hold.released_at is None and number in placed:
            words = placed[number].private
            yield HoldInForce(number, placed[number].at, str(words.get("reason", "")), str(words.get("actor", "")))


def _first(entries: list[Entry], type_: str) -> Mapping[str, Any]:
    return next((entry.public for entry in entries if entry.type == type_), {})
