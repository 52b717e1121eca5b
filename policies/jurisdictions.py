"""What a call demands before it may be recorded: the strictest of its three ends, and of what the line says."""

from collections.abc import Iterable
from dataclasses import dataclass

from policies.consent import Mode, Standard
from policies.places import UNKNOWN_PLACE, Jurisdiction, Regime, jurisdictions, place_of, regime_of, strictest
from policies.rules import AUTO, Business, Line

__all__ = [
    "UNKNOWN_PLACE",
    "Demand",
    "Jurisdiction",
    "Regime",
    "jurisdictions",
    "place_of",
    "regime_of",
    "standard_for",
    "strictest",
]

# Who is at an end of the call, the ISO 3166 code of where, and what the law asks there.
End = tuple[str, str, Regime]

_LEAST: dict[Regime, Mode] = {
    Regime.ONE_PARTY: Mode.NOTICE,  # nobody is recorded untold, whatever a law would allow
    Regime.ALL_PARTY_NOTICE: Mode.NOTICE,
    Regime.ALL_PARTY_OPT_IN: Mode.OPT_IN,
    Regime.PROHIBITED: Mode.NEVER,
}
_BY_STRICTNESS = (Mode.NOTICE, Mode.OPT_OUT, Mode.OPT_IN, Mode.NEVER)
_SILENCE_MAY_COUNT = frozenset({Regime.ONE_PARTY, Regime.ALL_PARTY_NOTICE})


@dataclass(frozen=True, slots=True)
class Demand:
    """The standard a call is held to, and why: `regimes` by end (caller, agent, recorder), `reason` in words."""

    standard: Standard
    regimes: tuple[End, ...]
    reason: str

    @property
    def mode(self) -> Mode:
        return self.standard.mode


def standard_for(line: Line, business: Business, caller_place: str) -> Demand:
    """What a call to `line` from `caller_place` (see `place_of`) demands."""
    ends = tuple(
        (end, code, regime_of(code))
        for end, code in (
            ("caller", caller_place),
            ("agent", business.jurisdiction),
            ("recorder", business.recorder_jurisdiction),
        )
    )
    return demand_of(line, ends)


def demand_of(line: Line, ends: tuple[End, ...]) -> Demand:
    """The demand of one or more ends; one more of them never makes it laxer."""
    law = strictest(regime for _, _, regime in ends)
    standard = Standard(
        mode=_mode(line, _LEAST[law]),
        silence_is_consent=line.silence_is_consent and law in _SILENCE_MAY_COUNT,
        prompts_max=line.prompts_max,
    )
    decisive = ", ".join(f"{end} {code}" for end, code, regime in ends if regime is law)
    return Demand(standard, ends, f"{standard.mode}: the line says {line.consent}, the law {law} ({decisive})")


def _mode(line: Line, least: Mode) -> Mode:
    """The line's own mode where it is stricter than `least`."""
    if line.consent is Mode.MUST_RECORD:
        # Takes the accept key as opt_in does, so only a prohibition is stricter.
        return Mode.NEVER if least is Mode.NEVER else Mode.MUST_RECORD
    # As shipped, silence is not consent, so "auto" asks even where the law would be content with a notice.
    return _stricter((Mode.OPT_OUT if line.consent == AUTO else line.consent, least))


def _stricter(modes: Iterable[Mode]) -> Mode:
    return max(modes, key=_BY_STRICTNESS.index)
