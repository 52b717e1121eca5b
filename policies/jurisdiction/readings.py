"""Reads the law for each end of a call from the pack's records, in order: subdivision, country, union, unknown.

The first researched record in that order decides. A guess before it may make the reading stricter, never laxer.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from operator import attrgetter
from typing import Literal

from policies.jurisdiction.overrides import Override, most_particular
from policies.jurisdiction.pack import UNKNOWN_PLACE, UNKNOWN_REGIME, Flag, Jurisdiction, Law, Regime
from policies.jurisdiction.records import Change
from policies.reasons import Reason

Who = Literal["caller", "agent", "recorder"]


@dataclass(frozen=True, slots=True)
class End:
    """An end of a call, and the ISO 3166 code of where it may be. An end that may be in several places counts as
    several.
    """

    who: Who
    place: str


@dataclass(frozen=True, slots=True)
class Reading:
    """The law's demands at an end. `purposes_allowed` is None where none is excluded."""

    end: End
    regime: Regime
    flags: frozenset[Flag]
    purposes_allowed: frozenset[str] | None
    reasons: tuple[Reason, ...]


def reading_of(law: Law, end: End, day: date, overrides: Sequence[Override] = ()) -> Reading:
    """The reading for an end on a day. `overrides` hold on that day and are about the line and the purpose."""
    parts = _any_of(law, end.place)
    if parts:
        return _strictest_part([reading_of(law, End(end.who, part), day, overrides) for part in parts], end)
    reading = _by_law(law, end, day)
    return _overridden(reading, law.within(end.place), overrides) if overrides else reading


@lru_cache(maxsize=4096)  # the same for every call of a day from or to a place; a day's calls need a few hundred
def _by_law(law: Law, end: End, day: date) -> Reading:
    records = records_for(law, end.place)
    regime = strictest(_regime(record, day) for record in records)
    allowed = [record.purposes_allowed for record in records if record.purposes_allowed is not None]
    return Reading(
        end,
        regime,
        frozenset[Flag]().union(*(record.flags for record in records)),
        frozenset.intersection(*allowed) if allowed else None,
        tuple(_reason(end, day, record) for record in records),
    )


def _strictest_part(parts: Sequence[Reading], end: End) -> Reading:
    """The reading for a country where the part is unknown: each part is read, and the strictest counts."""
    strict = max(parts, key=lambda reading: reading.regime.strictness)
    allowed = [reading.purposes_allowed for reading in parts if reading.purposes_allowed is not None]
    note = f"which part of {end.place.partition('-')[0]} is not known, so the strictest counts"
    first, *others = strict.reasons
    return Reading(
        end,
        strict.regime,
        frozenset[Flag]().union(*(reading.flags for reading in parts)),
        frozenset.intersection(*allowed) if allowed else None,
        (
            replace(first, about=f"{end.who} in {end.place}", note="; ".join(filter(None, (note, first.note)))),
            *(replace(other, about=f"{end.who} in {end.place}") for other in others),
        ),
    )


def records_for(law: Law, place: str) -> tuple[Jurisdiction, ...]:
    """The records that decide for a place, from the nearest to the first that somebody has researched."""
    found = []
    for code in (*law.within(place), UNKNOWN_PLACE):
        if record := law.jurisdictions.get(code):
            found.append(record)
            if not record.is_guess:
                break
    return tuple(found)


def _any_of(law: Law, place: str) -> tuple[str, ...]:
    """The parts that a place may be: all those of a country that is named alone, or with an unknown part."""
    country = place.partition("-")[0]
    return () if place in law.parts(country) else law.parts(country)


def strictest(regimes: Iterable[Regime]) -> Regime:
    """The strictest of at least one regime."""
    return max(regimes, key=lambda regime: regime.strictness)


def _regime(record: Jurisdiction, day: date) -> Regime:
    regime = record.regime_on(day)
    return strictest((regime, UNKNOWN_REGIME)) if record.is_guess else regime


def _reason(end: End, day: date, record: Jurisdiction) -> Reason:
    """The reason that a record gives: there is one for every record that was read."""
    change = record.changed_on(day)
    return Reason(
        about=f"{end.who} in {end.place}",
        says=str(_regime(record, day)),
        by=record.statute,
        record=record.code,
        note=_how_sure(record, change),
        as_of="" if record.is_guess else record.as_of,
        since=change.since.isoformat() if change else "",
        positions=tuple(f"{position.view}: {position.by}" for position in record.positions),
    )


def _how_sure(record: Jurisdiction, change: Change | None) -> str:
    guess = "a guess, researched by nobody: it counts as unknown, and may only raise that" if record.is_guess else ""
    contested = "contested: the stricter reading counts" if record.positions else ""
    changed = f"{'a guess that may only raise: ' if change.is_guess else ''}{change.why}" if change else ""
    return "; ".join(part for part in (guess, contested, changed) if part)


def _overridden(reading: Reading, places: tuple[str, ...], overrides: Sequence[Override]) -> Reading:
    """The reading as the operator's rulebook has it."""
    overrides = [override for override in overrides if override.is_about_law and override.jurisdiction in ("", *places)]
    if not overrides:
        return reading
    regime, flags, reasons = reading.regime, set(reading.flags), list(reading.reasons)
    if said := most_particular(overrides, places, attrgetter("regime"), attrgetter("strictness")):
        regime, by = said
        reasons.append(by_rulebook(by, f"{reading.end.who} in {reading.end.place}", str(regime)))
    for flag in Flag:
        told = most_particular(overrides, places, attrgetter(flag), int)
        if told and told[0] != (flag in reading.flags):
            flags.symmetric_difference_update({flag})
            reasons.append(by_rulebook(told[1], f"{reading.end.who} in {reading.end.place}", f"{flag} {told[0]}"))
    allowed = reading.purposes_allowed
    if allowed is not None and (told := most_particular(overrides, places, _allowed_purpose)):
        allowed |= {told[0]}
        reasons.append(by_rulebook(told[1], f"{reading.end.who} in {reading.end.place}", f"{told[0]} is allowed"))
    return Reading(reading.end, regime, frozenset(flags), allowed, tuple(reasons))


def _allowed_purpose(override: Override) -> str | None:
    return override.purpose if override.purpose_allowed else None


def caller_chains(law: Law, ends: Iterable[End]) -> list[tuple[str, ...]]:
    """The places that the caller may be in, each with the places around it: a line's setting for a place is for callers
    from there. Without a caller it is a single empty chain, for settings about every place.
    """
    return [law.within(end.place) for end in ends if end.who == "caller"] or [()]


def by_rulebook(by: Override, about: str, says: str) -> Reason:
    return Reason(about=about, says=says, by=f"rulebook override {by.number} ({by.scope})", override=by.number)
