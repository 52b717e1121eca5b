"""The demands on consent to each purpose of a line: from the law of all ends together, and from the line's own rule.

The modes run from lax to strict, and the strictest wins. Beside them stands the duty to record: where a regulated line
must record, a caller who refuses is not connected unrecorded.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Self

from policies.consent import Mode
from policies.jurisdiction.overrides import AUTO, Override, Setting, most_particular, said_at_each
from policies.jurisdiction.pack import Flag, Law, Regime
from policies.jurisdiction.readings import End, Reading, by_rulebook, caller_chains, reading_of, strictest
from policies.reasons import Reason
from policies.rules import Line

_LEAST: Mapping[Regime, Mode] = {
    Regime.ONE_PARTY: Mode.NOTICE,  # the floor: a number is not a place, and nobody is recorded untold
    Regime.ALL_PARTY_NOTICE: Mode.NOTICE,
    Regime.ALL_PARTY_OPT_IN: Mode.OPT_IN,
    Regime.PROHIBITED: Mode.NEVER,
}
_SILENCE_MAY_COUNT = frozenset({Regime.ONE_PARTY, Regime.ALL_PARTY_NOTICE})
_BY_STRICTNESS = (Mode.NOTICE, Mode.OPT_OUT, Mode.OPT_IN, Mode.NEVER)
END_CALL, OTHER_CHANNEL = "end_call", "offer_other_channel"
REFUSALS = (END_CALL, "end_call_or_other_recorded_channel", OTHER_CHANNEL)
"""What a caller is owed who refuses where the line must record; of several the first of these counts."""


@dataclass(frozen=True, slots=True)
class Overlay:
    """Whether the line must record a call, and how it answers a refusal."""

    must_record: bool
    on_refusal: str
    reasons: tuple[Reason, ...]

    @classmethod
    def of(cls, law: Law, sectors: frozenset[str], ends: Sequence[End], overrides: Sequence[Override]) -> Self:
        """An override for a single purpose says nothing here: a call is recorded or it is not."""
        of_calls = [override for override in overrides if not override.purpose]
        chains = [law.within(end.place) for end in ends]
        found = [*_by_law(law, sectors, chains, of_calls), *_by_rulebook(chains, of_calls)]
        owed = {refusal for refusal, _ in found if refusal}
        chosen = next((refusal for refusal in REFUSALS if refusal in owed), OTHER_CHANNEL)
        return cls(bool(owed), chosen, tuple(reason for _, reason in found))


_Chains = Sequence[tuple[str, ...]]
# What a refusal is owed, or nothing where the rulebook frees the line of a duty.
_Duty = tuple[str, Reason]


def _by_law(law: Law, sectors: frozenset[str], chains: _Chains, overrides: Sequence[Override]) -> Iterator[_Duty]:
    """The duties to record by law. Where overrides free every end that a duty binds, only the overrides are given as
    reasons.
    """
    for rule in law.retention:
        if not rule.must_record or rule.sectors.isdisjoint(sectors):
            continue
        bound = [chain for chain in chains if not rule.jurisdictions.isdisjoint(chain)]
        if not bound:
            continue
        about = f"the duty to record ({rule.name})"
        freed = [found[1] for chain in bound if (found := _must_record(overrides, chain)) and not found[0]]
        if len(freed) < len(bound):
            guess = "a guess" if rule.is_guess else ""
            says = f"must record; a refusal: {rule.on_refusal}"
            yield rule.on_refusal, Reason(about, says, rule.name, rule.id, guess)
        else:
            yield from (("", by_rulebook(by, about, "does not bind this line")) for by in dict.fromkeys(freed))


def _by_rulebook(chains: _Chains, overrides: Sequence[Override]) -> Iterator[_Duty]:
    said = [_must_record(overrides, chain) for chain in chains]
    for by in dict.fromkeys(found[1] for found in said if found and found[0]):
        refusal = by.on_refusal or OTHER_CHANNEL
        yield refusal, by_rulebook(by, "the duty to record", f"must record; a refusal: {refusal}")


def _must_record(overrides: Sequence[Override], places: tuple[str, ...]) -> tuple[bool, Override] | None:
    return most_particular(overrides, places, lambda override: override.must_record, int)


@dataclass(frozen=True, slots=True)
class Demand:
    """The demand on consent to a purpose, and the readings of the law at each end that it rests on."""

    purpose: str
    mode: Mode
    silence_is_consent: bool
    readings: tuple[Reading, ...]
    why_never: str
    reasons: tuple[Reason, ...]

    @property
    def flags(self) -> frozenset[Flag]:
        return frozenset[Flag]().union(*(reading.flags for reading in self.readings))


def demands_of(
    law: Law, line: Line, ends: Sequence[End], day: date, overrides: Sequence[Override], overlay: Overlay
) -> tuple[Demand, ...]:
    """The demand for each purpose of the line. `overrides` hold on that day and are about the line."""
    read: dict[tuple[Override, ...], tuple[Reading, ...]] = {}
    made = []
    for purpose in line.purposes:
        about = tuple(override for override in overrides if override.purpose in ("", purpose))
        if about not in read:
            read[about] = tuple(reading_of(law, end, day, about) for end in ends)
        made.append(_demand(law, line, purpose, read[about], about, overlay))
    return tuple(made)


def call_mode(demands: Sequence[Demand]) -> Mode:
    """The one mode in which a caller is asked about all purposes that consent can cover; `NEVER` where there is none.

    A purpose that is left out counts as opt_in: its prohibition must not make the question about the others laxer. A
    duty to record that binds one purpose binds the call.
    """
    modes = {demand.mode for demand in demands}
    if modes == {Mode.NEVER} or Mode.MUST_RECORD in modes:
        return Mode.NEVER if modes == {Mode.NEVER} else Mode.MUST_RECORD
    return max((Mode.OPT_IN if mode is Mode.NEVER else mode for mode in modes), key=_BY_STRICTNESS.index)


def mode_for(setting: Setting, law: Regime, *, must_record: bool = False) -> Mode:
    """The line's own mode where it is stricter than the law. Only a prohibition is stricter than a duty to record."""
    least = _LEAST[law]
    if Mode.NEVER in (least, setting):
        return Mode.NEVER
    if must_record or setting is Mode.MUST_RECORD:
        return Mode.MUST_RECORD
    # As shipped, silence is not consent, so "auto" asks even where the law would be content with a notice.
    return max(Mode.OPT_OUT if setting == AUTO else setting, least, key=_BY_STRICTNESS.index)


def _demand(
    law: Law,
    line: Line,
    purpose: str,
    readings: tuple[Reading, ...],
    overrides: Sequence[Override],
    overlay: Overlay,
) -> Demand:
    regime = strictest(reading.regime for reading in readings)
    setting, reasons = _setting(law, line, readings, overrides)
    excluded = [
        reading.end
        for reading in readings
        if reading.purposes_allowed is not None and purpose not in reading.purposes_allowed
    ]
    mode = Mode.NEVER if excluded else mode_for(setting, regime, must_record=overlay.must_record)
    decisive = ", ".join(f"{reading.end.who} {reading.end.place}" for reading in readings if reading.regime is regime)
    by = f"the line says {setting}, the strictest law is {regime} ({decisive})"
    if excluded:
        by = f"{excluded[0].place} allows other purposes only"
    why_never = "never-record line" if setting is Mode.NEVER else f"the law of {decisive} forbids it"
    return Demand(
        purpose=purpose,
        mode=mode,
        silence_is_consent=_silence(law, line, readings, overrides) and regime in _SILENCE_MAY_COUNT,
        readings=readings,
        why_never=by if excluded else why_never,
        reasons=(
            *(reason for reading in readings for reason in reading.reasons),
            *reasons,
            Reason(about=f"consent for {purpose}", says=str(mode), by=by),
        ),
    )


def _setting(
    law: Law, line: Line, readings: Sequence[Reading], overrides: Sequence[Override]
) -> tuple[Setting, tuple[Reason, ...]]:
    """The strictest setting over all places where the caller may be: an override's, or the line's own."""
    found = said_at_each(_callers(law, readings), overrides, _consent_of, line.consent, _RANK.__getitem__)
    setting, by = max(found, key=lambda said: _RANK[said[0]])
    return setting, (by_rulebook(by, "the line", f"says {setting}"),) if by else ()


def _consent_of(override: Override) -> Setting | None:
    return override.consent


_RANK: Mapping[Setting, int] = {
    Mode.NOTICE: 0,
    AUTO: 1,
    Mode.OPT_OUT: 1,
    Mode.OPT_IN: 2,
    Mode.MUST_RECORD: 3,
    Mode.NEVER: 4,
}


def _silence(law: Law, line: Line, readings: Sequence[Reading], overrides: Sequence[Override]) -> bool:
    callers, own = _callers(law, readings), line.silence_is_consent
    found = said_at_each(callers, overrides, lambda override: override.silence_is_consent, own, lambda said: not said)
    return all(said for said, _ in found)


def _callers(law: Law, readings: Sequence[Reading]) -> list[tuple[str, ...]]:
    return caller_chains(law, [reading.end for reading in readings])
