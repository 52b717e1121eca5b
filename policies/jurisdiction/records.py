"""The records of the law pack: the consent that a recording needs in a place, and how long it must and may be kept.

Not legal advice: the records are research, and a line's operator should have a lawyer confirm them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from policies.durations import Duration, parse_duration
from policies.jurisdiction.sources import Source


class Regime(StrEnum):
    """The consent that recording a call needs in a place, from lax to strict."""

    ONE_PARTY = "one_party"  # the business may consent alone
    ALL_PARTY_NOTICE = "all_party_notice"  # everybody is told, staying on is consent
    ALL_PARTY_OPT_IN = "all_party_opt_in"  # everybody consents by an act
    PROHIBITED = "prohibited"

    @property
    def strictness(self) -> int:
        return _STRICTNESS[self]


_STRICTNESS = {regime: rank for rank, regime in enumerate(Regime)}


class Flag(StrEnum):
    """The demands of a place beside consent. The flags of all ends of a call count together."""

    NOTICE_IN_RECORDING = "notice_in_recording"  # the notice must be heard in the recording itself
    NO_RECORDING_ON_HOLD = "no_recording_on_hold"
    NO_SYSTEMATIC_RECORDING = "no_systematic_recording"  # some calls, not every one


@dataclass(frozen=True, slots=True)
class Position:
    """A side of a contested question. `view` is a regime where it is about consent, another word elsewhere."""

    view: str
    by: str

    @property
    def regime(self) -> Regime | None:
        return Regime(self.view) if self.view in list(Regime) else None


@dataclass(frozen=True, slots=True)
class Change:
    """The law of a place from a day on. A guess may make the law stricter than before, never laxer."""

    since: date
    regime: Regime
    why: str
    is_guess: bool


@dataclass(frozen=True, slots=True)
class Jurisdiction:
    """The record of a place. `is_guess`: nobody has researched it. `purposes_allowed`: None where none is excluded."""

    code: str
    name: str
    regime: Regime
    statute: str
    is_guess: bool
    as_of: str
    flags: frozenset[Flag] = frozenset()
    purposes_allowed: frozenset[str] | None = None
    positions: tuple[Position, ...] = ()
    changes: tuple[Change, ...] = ()
    sources: tuple[Source, ...] = ()
    note: str = ""

    def regime_on(self, day: date) -> Regime:
        """The regime of that day; where it is contested, by the stricter reading."""
        readings = [self.regime, *(position.regime for position in self.positions if position.regime)]
        for change in self.changes:
            if change.since <= day:
                readings = [*readings, change.regime] if change.is_guess else [change.regime]
        return max(readings, key=_STRICTNESS.__getitem__)

    def changed_on(self, day: date) -> Change | None:
        """The last change that holds on that day."""
        return next((change for change in reversed(self.changes) if change.since <= day), None)

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> "Jurisdiction":
        allowed = record.get("purposes_allowed")
        changes = (
            Change(
                date.fromisoformat(change["from"]),
                Regime(change["regime"]),
                change["why"],
                change["confidence"] == "guess",
            )
            for change in record.get("effective", ())
        )
        return cls(
            code=record["code"],
            name=record["name"],
            regime=Regime(record["regime"]),
            statute=record["statute"],
            is_guess=record["confidence"] == "guess",
            as_of=record["as_of"],
            flags=frozenset(map(Flag, record.get("flags", ()))),
            purposes_allowed=None if allowed is None else frozenset(allowed),
            positions=tuple(Position(position["view"], position["by"]) for position in record.get("positions", ())),
            changes=tuple(sorted(changes, key=lambda change: change.since)),
            sources=tuple(map(Source.of, record["sources"])),
            note=record.get("note", ""),
        )


@dataclass(frozen=True, slots=True)
class RetentionLaw:
    """A rule about retention. No `jurisdictions`, `sectors` or `purposes` means all of them.

    `only_when` names a further condition of the rule: words that were said, or a part of the call. `on_refusal` is how
    a line that must record treats a caller who refuses, and empty elsewhere.
    """

    id: str
    name: str
    rule: str
    subjects: frozenset[str]
    jurisdictions: frozenset[str]
    sectors: frozenset[str]
    purposes: frozenset[str]
    only_when: frozenset[str]
    floor: Duration | None
    ceiling: Duration | None
    must_record: bool
    on_refusal: str
    limitation_years: int
    discovery_rule: bool
    is_guess: bool
    sources: tuple[Source, ...]

    @property
    def limits_recordings(self) -> bool:
        """Whether it limits how long recordings are kept, independently of their content."""
        return "recording" in self.subjects and not self.only_when

    def binds(self, places: frozenset[str], sectors: frozenset[str]) -> bool:
        """Whether it is a rule of one of these places for one of these sectors."""
        return (not self.jurisdictions or not self.jurisdictions.isdisjoint(places)) and (
            not self.sectors or not self.sectors.isdisjoint(sectors)
        )

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> "RetentionLaw":
        limitation = record.get("limitation", {})
        return cls(
            id=record["id"],
            name=record["name"],
            rule=record["rule"],
            subjects=frozenset(record["subjects"]),
            jurisdictions=frozenset(record.get("jurisdictions", ())),
            sectors=frozenset(record.get("sectors", ())),
            purposes=frozenset(record.get("purposes", ())),
            only_when=frozenset(record.get("only_when", ())),
            floor=_duration(record.get("min")),
            ceiling=_duration(record.get("max")),
            must_record=record.get("must_record", False),
            on_refusal=record.get("on_refusal", ""),
            limitation_years=limitation.get("years", 0),
            discovery_rule=limitation.get("discovery_rule", False),
            is_guess=record["confidence"] == "guess",
            sources=tuple(map(Source.of, record["sources"])),
        )


def _duration(text: str | None) -> Duration | None:
    """None also for a rule of no length, under which something may not be kept at all."""
    return None if text in (None, "P0D") else parse_duration(str(text))
