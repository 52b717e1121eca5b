"""The ruling on a call: the consent that recording it needs, the purposes that consent covers, how long the recording
is kept, and why.

The strictest of the call's ends and the line's own rule decides; nobody is recorded without a disclosure, even where a
law would allow it. Everything here is a value: the same law, rulebook, ends and time give the same ruling, years later
too.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from policies.consent import Mode, Standard
from policies.demands import Demand, Overlay, call_mode, demands_of
from policies.durations import RetentionRule, days_about, end_of
from policies.jurisdiction.overrides import Override, said_at_each
from policies.jurisdiction.pack import UNKNOWN_REGIME, Flag, Law
from policies.jurisdiction.readings import End, caller_chains
from policies.reasons import Reason
from policies.retention import Keeping, Kept, default_rule, keeping_of
from policies.rules import Line, Rulebook


@dataclass(frozen=True, slots=True)
class Ruling:
    """`purposes` are those that consent will cover. `on_refusal` is in `demands.REFUSALS` where the line must record;
    `why_never` is the reason where callers are not asked at all.
    """

    line: str
    at: datetime
    law_version: str
    law_sha256: str
    rules_sha256: str
    ends: tuple[End, ...]
    declined_before: bool
    standard: Standard
    purposes: tuple[str, ...]
    flags: frozenset[Flag]
    on_refusal: str
    why_never: str
    keeping: Keeping
    reasons: tuple[Reason, ...]

    @property
    def mode(self) -> Mode:
        return self.standard.mode

    def told(self) -> dict[str, Any]:
        """The ruling as the log and JSON have it. Nothing in it is personal: places, never numbers of callers."""
        keeping = self.keeping
        return {
            "at": self.at.isoformat(timespec="seconds"),
            "law": {"version": self.law_version, "sha256": self.law_sha256},
            "rules_sha256": self.rules_sha256,
            "ends": [f"{end.who} {end.place}" for end in self.ends],
            "mode": str(self.standard.mode),
            "silence_is_consent": self.standard.silence_is_consent,
            "prompts_max": self.standard.prompts_max,
            "declined_before": self.declined_before,
            "remembered_decline": self.standard.remembers_decline,
            "on_refusal": self.on_refusal,
            "flags": sorted(self.flags),
            "purposes": [_told(kept) for kept in keeping.purposes],
            "retain_until": keeping.retain_until.isoformat(timespec="seconds") if keeping.retain_until else None,
            "conflicts": [str(conflict) for conflict in keeping.conflicts],
            "log_kept_at_least": str(keeping.log_at_least),
            "never_store": list(keeping.never_store),
            "because": [reason.told() for reason in self.reasons],
        }


def _told(kept: Kept) -> dict[str, Any]:
    return {
        "purpose": kept.purpose,
        "rule": kept.rule.name,
        "keep": str(kept.rule.keep),
        "ended_by": kept.ended_by,
        "usable_until": kept.until.isoformat(timespec="seconds"),
    }


def ends_of(rulebook: Rulebook, line: Line, caller_places: Iterable[str]) -> tuple[End, ...]:
    return (
        *(End("caller", place) for place in caller_places),
        *(End("agent", place) for place in rulebook.agents_in(line)),
        End("recorder", rulebook.business.recorder_jurisdiction),
    )


def rule(
    law: Law, rulebook: Rulebook, line: Line, ends: tuple[End, ...], at: datetime, *, has_declined: bool = False
) -> Ruling:
    """The ruling for a call at `at` (with its zone). `has_declined`: a decline of the caller's number is remembered."""
    day = at.astimezone(UTC).date()
    overrides = rulebook.overrides_on(line, day)
    overlay = Overlay.of(law, rulebook.sectors_of(line), ends, overrides)
    demands = demands_of(law, line, ends, day, overrides, overlay)
    covered = [demand for demand in demands if demand.mode is not Mode.NEVER]
    mode = call_mode(demands)
    callers = caller_chains(law, ends)
    standard = Standard(
        mode=mode,
        silence_is_consent=all(demand.silence_is_consent for demand in demands),
        prompts_max=_prompts_max(line, callers, overrides),
    )
    remembering = standard.after_a_decline() if has_declined else None
    keeping = keeping_of(
        law,
        ends,
        rulebook.sectors_of(line),
        {demand.purpose: _retention(law, rulebook, line, callers, overrides, demand.purpose, at) for demand in covered},
        at,
        overrides,
    )
    return Ruling(
        line=line.number,
        at=at,
        law_version=law.version,
        law_sha256=law.sha256,
        rules_sha256=rulebook.sha256,
        ends=ends,
        declined_before=has_declined,
        standard=remembering or standard,
        purposes=tuple(demand.purpose for demand in covered),
        flags=frozenset[Flag]().union(*(demand.flags for demand in demands)),
        on_refusal=overlay.on_refusal if mode is Mode.MUST_RECORD else "",
        why_never="" if covered else demands[0].why_never,
        keeping=keeping,
        reasons=tuple(
            dict.fromkeys(
                (
                    *(reason for demand in demands for reason in demand.reasons),
                    *overlay.reasons,
                    *_about_agents(rulebook, demands),
                    *([_DECLINED_BEFORE] if remembering else ()),
                    *keeping.reasons,
                )
            )
        ),
    )


_DECLINED_BEFORE = Reason(
    about="the caller's number",
    says="declined before: not asked again, and recorded only if the caller presses 1",
    by="the rulebook ([declines] remember)",
)


def _retention(
    law: Law,
    rulebook: Rulebook,
    line: Line,
    callers: Sequence[tuple[str, ...]],
    overrides: Sequence[Override],
    purpose: str,
    at: datetime,
) -> RetentionRule | None:
    """The shortest of the rules that hold for where the caller may be; None is the product's default."""
    about = [override for override in overrides if override.purpose in ("", purpose)]
    own = dict(line.retention_for).get(purpose, line.retention)
    lengths = {name: days_about(rule.keep) for name, rule in rulebook.retention.items()}
    said = said_at_each(callers, about, lambda override: override.retention, own, lambda name: -lengths[name])
    rules = [rulebook.retention.get(name) for name in dict.fromkeys(name for name, _ in said)]
    return min(rules, key=lambda rule: end_of(at, (rule or default_rule(law)).keep))


def _prompts_max(line: Line, callers: Sequence[tuple[str, ...]], overrides: Sequence[Override]) -> int:
    return min(
        prompts
        for prompts, _ in said_at_each(callers, overrides, lambda override: override.prompts_max, line.prompts_max)
    )


def _about_agents(rulebook: Rulebook, demands: Sequence[Demand]) -> Iterable[Reason]:
    """Where everybody on the line must agree, the agents must too."""
    asked = {
        reading.end.place
        for demand in demands
        for reading in demand.readings
        if reading.end.who == "agent" and reading.regime.strictness >= UNKNOWN_REGIME.strictness
    }
    since = rulebook.business.agents_agreed_on
    if asked:
        says = f"agreed on {since}" if since else "their agreement is not on file: see that it is"
        yield Reason(about=f"the agents in {', '.join(sorted(asked))}", says=says, by="the rulebook (agents_agreed_on)")
