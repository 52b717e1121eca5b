"""How long a recording may be used for each of its purposes, and until when it is kept.

Rules that bind the call's places, sectors and purposes set floors and ceilings. A purpose ends with the operator's own
rule or with the lowest ceiling, whichever is first; the recording is kept until its last purpose has ended and every
floor is reached. A floor above a ceiling is a conflict of two laws: it is reported, and never decided silently. Until
somebody decides it, the recording is kept to the floor and not used for a purpose that has ended.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from operator import attrgetter

from policies.durations import Duration, RetentionRule, days_about, end_of
from policies.jurisdiction.overrides import Override, most_particular
from policies.jurisdiction.pack import Law, RetentionLaw
from policies.jurisdiction.readings import End, by_rulebook
from policies.purposes import Granted
from policies.reasons import Reason

CONSENT_LOG = "consent_log"
DEFAULT_RULE = "default-recording"


@dataclass(frozen=True, slots=True)
class Conflict:
    """For compliance to decide: `floor` says keep and `ceiling` says destroy; both are ids of rules."""

    purpose: str
    floor: str
    ceiling: str

    def __str__(self) -> str:
        return f"{self.purpose}: {self.floor} keeps it longer than {self.ceiling} allows"


@dataclass(frozen=True, slots=True)
class Kept:
    """A purpose: the rulebook's rule for it and, where a law is shorter, the rule that ends it."""

    purpose: str
    rule: RetentionRule
    until: datetime
    ended_by: str = ""


@dataclass(frozen=True, slots=True)
class Keeping:
    """The retention of a call's recording. `log_at_least` is the shortest time that the evidence of the call is kept;
    `never_store` lists the content that may not be in the recording.
    """

    purposes: tuple[Kept, ...]
    retain_until: datetime | None
    conflicts: tuple[Conflict, ...]
    log_at_least: Duration
    never_store: tuple[str, ...]
    reasons: tuple[Reason, ...]

    @property
    def retention(self) -> str:
        """The name of the rule that is reached last."""
        return max(self.purposes, key=lambda kept: kept.until).rule.name if self.purposes else ""

    @property
    def granted(self) -> tuple[Granted, ...]:
        return tuple(Granted(kept.purpose, kept.until) for kept in self.purposes)


@dataclass(frozen=True, slots=True)
class _Limit:
    """A floor or a ceiling, and its source."""

    length: Duration
    reason: Reason
    rule: str


def keeping_of(
    law: Law,
    ends: Sequence[End],
    sectors: frozenset[str],
    rules: Mapping[str, RetentionRule | None],
    at: datetime,
    overrides: Sequence[Override] = (),
) -> Keeping:
    """`rules` gives the rulebook's rule for each purpose that the call is for; None takes the product's default.

    `overrides` hold on that day and are about the line.
    """
    places = frozenset(code for end in ends for code in law.within(end.place))
    bound = _bound(law, places, sectors)
    timed = [rule for rule in bound if rule.limits_recordings and rule.id != DEFAULT_RULE]
    kept, owed, conflicts, reasons = [], [], [], []
    for purpose, own in rules.items():
        of_purpose = [rule for rule in timed if not rule.purposes or purpose in rule.purposes]
        about = [override for override in overrides if override.purpose in ("", purpose)]
        ceilings = _limits(law, of_purpose, ends, about, purpose, "keep_at_most")
        lowest = min(ceilings, key=lambda limit: end_of(at, limit.length), default=None)
        floors = _limits(law, of_purpose, ends, about, purpose, "keep_at_least")
        floor = max(floors, key=lambda limit: end_of(at, limit.length), default=None)
        granted = _kept(purpose, own or default_rule(law), at, lowest)
        kept.append(granted)
        reasons.append(_reason(granted, own))
        reasons += [limit.reason for limit in (lowest, floor) if limit]
        if floor:
            owed.append(end_of(at, floor.length))
        if floor and lowest and end_of(at, floor.length) > end_of(at, lowest.length):
            conflicts.append(Conflict(purpose, floor.rule, lowest.rule))
    log_floor, log_reason = _log_floor(bound, at)
    return Keeping(
        purposes=tuple(kept),
        retain_until=max([granted.until for granted in kept] + owed) if kept else None,
        conflicts=tuple(conflicts),
        log_at_least=log_floor,
        never_store=tuple(rule.id for rule in bound if rule.rule == "never_store"),
        reasons=(*dict.fromkeys(reasons), log_reason),
    )


@lru_cache(maxsize=4096)  # by the places around a call's ends, of which a day's calls need a few hundred
def _bound(law: Law, places: frozenset[str], sectors: frozenset[str]) -> tuple[RetentionLaw, ...]:
    return tuple(rule for rule in law.retention if rule.binds(places, sectors))


def wants_a_maximum(law: Law, places: Iterable[str]) -> RetentionLaw | None:
    """The rule by which a line in any of these places must name a longest time of keeping, if there is one."""
    within = frozenset(code for place in places for code in law.within(place))
    wanting = (rule for rule in law.retention if rule.rule == "max_necessary" and not rule.purposes)
    return next((rule for rule in wanting if rule.binds(within, frozenset())), None)


def default_rule(law: Law) -> RetentionRule:
    """The retention for purposes without a rule in the rulebook."""
    rule = next(rule for rule in law.retention if rule.id == DEFAULT_RULE)
    assert rule.ceiling is not None
    return RetentionRule(rule.id, rule.ceiling)


def _kept(purpose: str, rule: RetentionRule, at: datetime, lowest: _Limit | None) -> Kept:
    own = end_of(at, rule.keep)
    if lowest and end_of(at, lowest.length) < own:
        return Kept(purpose, rule, end_of(at, lowest.length), ended_by=lowest.rule)
    return Kept(purpose, rule, own)


def _limits(
    law: Law, rules: Sequence[RetentionLaw], ends: Iterable[End], overrides: Sequence[Override], purpose: str, name: str
) -> Iterable[_Limit]:
    """The floors or the ceilings at each end: what the most particular override says there, or else the law's."""
    for end in ends:
        within = law.within(end.place)
        if said := most_particular(overrides, within, attrgetter(name), _STRICT[name]):
            yield _by_rulebook(*said, purpose, name)
            continue
        for rule in rules:
            length = rule.ceiling if name == "keep_at_most" else rule.floor
            if length and (not rule.jurisdictions or not rule.jurisdictions.isdisjoint(within)):
                yield _by_law(rule, purpose, name, length)


_STRICT: Mapping[str, Callable[[Duration], int]] = {
    "keep_at_most": lambda length: -days_about(length),
    "keep_at_least": days_about,
}
_SAYS = {"keep_at_most": "kept at most", "keep_at_least": "kept at least"}


def _by_rulebook(length: Duration, by: Override, purpose: str, name: str) -> _Limit:
    reason = by_rulebook(by, f"keeping for {purpose}", f"{_SAYS[name]} {length}")
    return _Limit(length, reason, "rulebook")


def _by_law(rule: RetentionLaw, purpose: str, name: str, length: Duration) -> _Limit:
    guess = "a guess" if rule.is_guess else ""
    reason = Reason(f"keeping for {purpose}", f"{_SAYS[name]} {length}", by=rule.name, record=rule.id, note=guess)
    return _Limit(length, reason, rule.id)


def _reason(kept: Kept, own: RetentionRule | None) -> Reason:
    by = "the rulebook" if own else "the product's default: the rulebook names no rule"
    return Reason(f"keeping for {kept.purpose}", f"kept {kept.rule.keep}", by=by, record=kept.rule.name)


def _log_floor(bound: Iterable[RetentionLaw], at: datetime) -> tuple[Duration, Reason]:
    """The longest time for which evidence is owed: a limitation that runs from discovery takes a year more."""
    owed = [
        (rule.floor or Duration(years=rule.limitation_years + rule.discovery_rule), rule)
        for rule in bound
        if CONSENT_LOG in rule.subjects and (rule.floor or rule.limitation_years)
    ]
    length, rule = max(owed, key=lambda one: end_of(at, one[0]))
    return length, Reason("keeping the consent log", f"kept at least {length}", by=rule.name, record=rule.id)
