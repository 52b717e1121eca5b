"""Checks a rulebook against the law pack before it comes in force, and says where it is laxer, and why.

Four things are refused: an override that is laxer than the pack and gives no reason, two overrides that contradict one
another, a line that offers to decline where it must record, and a line without a longest time where the law wants one
named.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from itertools import chain

from policies.consent import Mode
from policies.durations import may_outlast
from policies.jurisdiction.overrides import AUTO, Override, Setting
from policies.jurisdiction.pack import UNKNOWN_PLACE, Flag, Law, Regime, RetentionLaw
from policies.jurisdiction.readings import End, reading_of
from policies.retention import wants_a_maximum
from policies.rulebook.contradictions import contradictions
from policies.rulebook.mistakes import Findings
from policies.rulebook.toml_positions import Path
from policies.rules import Line, Rulebook

_LONG_AGO = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Laxer:
    """Where an override asks less than the pack. `index` counts the rulebook's overrides from 0."""

    index: int
    override: Override
    than: str

    def __str__(self) -> str:
        because = self.override.because or "no reason given"
        return f"override[{self.index + 1}] ({self.override.scope}): laxer than {self.than}; because: {because}"


def hold_against(law: Law, rulebook: Rulebook, findings: Findings) -> None:
    for laxness in laxer(law, rulebook):
        if not laxness.override.because:
            findings.report(
                ("override", laxness.index), f"laxer than {laxness.than}", 'because = "who decided so, and when"'
            )
    for found in contradictions(rulebook.overrides):
        findings.report(
            ("override", found.second, found.setting),
            f"{found.says}, and override[{found.first + 1}] says {found.other} of the same calls",
            "one of the two; or days that both do not hold (from, until)",
        )
    for index, line in enumerate(rulebook.lines):
        for duty in _duties(law, rulebook, line):
            for path, setting in _settings(rulebook, index):
                findings.report(
                    path,
                    f"{setting} lets a caller go on unrecorded, and this line must record ({duty.name})",
                    "must_record or auto; or an override with must_record = false and because",
                )
        if missing := _without_maximum(law, rulebook, line):
            findings.report(
                ("line", index, "retention"),
                f"no longest time for keeping, and {missing.name} wants one named",
                "retention = the name of a table [retention.NAME] with keep = …",
            )


def laxer(law: Law, rulebook: Rulebook) -> Iterator[Laxer]:
    """Every override that is laxer than the pack somewhere in its scope, at some time that it holds."""
    for index, override in enumerate(rulebook.overrides):
        found = chain(
            _laxer_places(law, override), _laxer_duty(law, rulebook, override), _laxer_keeping(law, rulebook, override)
        )
        if thans := list(dict.fromkeys(found)):
            more = f", and {len(thans) - 1} more" if len(thans) > 1 else ""
            yield Laxer(index, override, thans[0] + more)


def _laxer_places(law: Law, override: Override) -> Iterator[str]:
    cleared = [flag for flag in Flag if getattr(override, flag) is False]
    if override.regime is None and not cleared and not override.purpose_allowed:
        return
    for place in _places_in(law, override.jurisdiction):
        for day in _days(law, place, override):
            reading = reading_of(law, End("caller", place), day)
            if override.regime is not None and override.regime.strictness < reading.regime.strictness:
                yield f"{reading.regime} in {place}"
            for flag in cleared:
                if flag in reading.flags:
                    yield f"{flag} in {place}"
            allowed = reading.purposes_allowed
            if override.purpose_allowed and allowed is not None and override.purpose not in allowed:
                yield f"the purposes allowed in {place} ({', '.join(sorted(allowed))})"


def _places_in(law: Law, jurisdiction: str) -> Iterable[str]:
    """The places that an override reaches: its own, and those that lie within it."""
    if not jurisdiction:
        return (*law.jurisdictions, UNKNOWN_PLACE)
    members = law.unions.get(jurisdiction)
    return sorted(members) if members else (jurisdiction, *law.parts(jurisdiction))


def _days(law: Law, place: str, override: Override) -> Iterable[date]:
    """The days on which the pack may begin to say something else, while the override holds."""
    first = override.since or _LONG_AGO
    changes = (
        change.since
        for code in law.within(place)
        if code in law.jurisdictions
        for change in law.jurisdictions[code].changes
    )
    return [first, *(day for day in changes if day > first and override.holds_on(day))]


def _laxer_duty(law: Law, rulebook: Rulebook, override: Override) -> Iterator[str]:
    if override.must_record is not False and override.regime is not Regime.PROHIBITED:
        return
    for line in rulebook.lines:
        if override.line in ("", line.number):
            duties = _duties(law, replace(rulebook, overrides=()), line)
            # What is prohibited at one end is not recorded, wherever the duty binds.
            forbids = override.regime is Regime.PROHIBITED
            yield from (duty.name for duty in duties if forbids or _reaches(law, override, duty))


def _laxer_keeping(law: Law, rulebook: Rulebook, override: Override) -> Iterator[str]:
    """Each rule that the override breaks: by keeping longer than a ceiling or shorter than a floor that the override
    reaches, or for a least time, where the law allows no more than a purpose needs and obliges nobody to keep anything.
    """
    rules = _limits_reached(law, rulebook, override)
    for rule in rules:
        if override.keep_at_least and rule.ceiling and may_outlast(override.keep_at_least, rule.ceiling):
            yield f"{rule.name} (at most {rule.ceiling})"
        if override.keep_at_most and rule.ceiling and may_outlast(override.keep_at_most, rule.ceiling):
            yield f"{rule.name} (at most {rule.ceiling})"
        if override.keep_at_least and rule.floor and may_outlast(rule.floor, override.keep_at_least):
            yield f"{rule.name} (at least {rule.floor})"
    if override.keep_at_least and not any(rule.floor for rule in rules):
        yield from (f"{rule.name} (no longer than needed)" for rule in rules if rule.rule == "max_necessary")


def _limits_reached(law: Law, rulebook: Rulebook, override: Override) -> list[RetentionLaw]:
    sectors = frozenset[str]().union(*(rulebook.sectors_of(line) for line in rulebook.lines))
    return [
        rule
        for rule in law.retention
        if rule.jurisdictions
        and rule.limits_recordings
        and rule.binds(rule.jurisdictions, sectors)
        and _reaches(law, override, rule)
        and not (override.purpose and rule.purposes and override.purpose not in rule.purposes)
    ]


def _duties(law: Law, rulebook: Rulebook, line: Line) -> list[RetentionLaw]:
    """The duties to record that bind some call to a line: callers come from anywhere, and sectors decide. An override
    for a time frees the line only then.
    """
    sectors = rulebook.sectors_of(line)
    always = [override for override in rulebook.overrides if override.since is None and override.until is None]
    freeing = [override for override in always if override.must_record is False and override.line in ("", line.number)]
    freed = {place for override in freeing for place in _places_in(law, override.jurisdiction)}
    return [
        rule
        for rule in law.retention
        if rule.must_record
        and not rule.sectors.isdisjoint(sectors)
        and not freed.issuperset(place for code in rule.jurisdictions for place in _places_in(law, code))
    ]


def _reaches(law: Law, override: Override, rule: RetentionLaw) -> bool:
    """Whether the override holds in a place that the rule holds in."""
    places = _places_in(law, override.jurisdiction)
    return any(not rule.jurisdictions.isdisjoint(law.within(place)) for place in places)


def _settings(rulebook: Rulebook, index: int) -> Iterator[tuple[Path, Setting]]:
    """The settings that let callers of a line go on unrecorded, and their paths in the rulebook: the line's own, or an
    override's. Of an override for every line only `never` counts, since the duty is stricter than the other modes.
    """
    line = rulebook.lines[index]
    if line.consent not in (AUTO, Mode.MUST_RECORD):
        yield ("line", index, "consent"), line.consent
    for place, override in enumerate(rulebook.overrides):
        if override.consent is Mode.NEVER and override.line in ("", line.number):
            yield ("override", place, "consent"), Mode.NEVER
        elif override.consent and override.consent not in (AUTO, Mode.MUST_RECORD) and override.line == line.number:
            yield ("override", place, "consent"), override.consent


def _without_maximum(law: Law, rulebook: Rulebook, line: Line) -> RetentionLaw | None:
    if line.retention or {purpose for purpose, _ in line.retention_for} >= set(line.purposes):
        return None
    return wants_a_maximum(law, (*rulebook.agents_in(line), rulebook.business.recorder_jurisdiction))
