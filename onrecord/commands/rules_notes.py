"""The notes of `onrecord check` on rules that are in order and that a person should still look at."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from onrecord.publish import spoken_under
from policies.durations import Duration, days_about, may_outlast
from policies.jurisdiction.pack import Flag, Law
from policies.reachable import Places, rulings_of
from policies.rulebook.against_the_law import laxer
from policies.rules import Rulebook
from policies.ruling import Ruling
from policies.sign_in import ConsoleRules
from policies.wording import Wording, native_review_of

Ruled = Mapping[str, Sequence[tuple[Ruling, tuple[Places, ...]]]]

_OBLIGES = {
    Flag.NO_RECORDING_ON_HOLD: (
        "nothing may be recorded while such a caller is on hold. This service does not see holds: agents must not put "
        "the call on hold while it is recorded"
    ),
    Flag.NO_SYSTEMATIC_RECORDING: (
        "not every call may be recorded. This service records each one that consents: send a part of such calls to a "
        "line that never records"
    ),
}


def notes(law: Law, rulebook: Rulebook, now: datetime) -> Iterator[str]:
    """The notes, a sentence each."""
    rulings = {line.number: tuple(rulings_of(law, rulebook, line, now)) for line in rulebook.lines}
    yield from map(str, laxer(law, rulebook))
    yield from _conflicts(rulings)
    yield from _wordings(tuple(spoken_under(law, rulebook, now)), rulebook)
    yield from _obligations(rulings)
    yield from _agents(rulebook, rulings)
    yield from _long_times(law, rulebook)


def console_notes(rules: ConsoleRules) -> Iterator[str]:
    """On how the staff sign in."""
    if not rules.passkey_roles:
        yield "console: every role may sign in with a password; passkey_roles in [console] names those that may not"


def _conflicts(rulings: Ruled) -> Iterator[str]:
    for line, ruled in rulings.items():
        for conflict in dict.fromkeys(
            str(law_conflict) for ruling, _ in ruled for law_conflict in ruling.keeping.conflicts
        ):
            yield f"line {line}: policy_conflict, for compliance to decide: {conflict}"


def _wordings(spoken: Sequence[Wording], rulebook: Rulebook) -> Iterator[str]:
    unapproved = [wording for wording in spoken if not wording.approved_on]
    if unapproved:
        yield f"callers may hear {len(unapproved)} wordings that nobody approved; `onrecord wordings` prints them"
    for language in sorted({wording.language.partition("-")[0] for wording in unapproved}):
        if (review := native_review_of(language)) != "no":
            yield f"wordings in {language}: a look by a native speaker is {review}"
    known = {wording.sha256 for wording in spoken}
    for index, approval in enumerate(rulebook.approvals):
        if approval.sha256 not in known:
            yield f"approved[{index + 1}]: no caller hears a wording with this hash; was the text changed since?"


def _obligations(rulings: Ruled) -> Iterator[str]:
    for line, ruled in rulings.items():
        for flag, what in _OBLIGES.items():
            places = {place for ruling, alike in ruled if flag in ruling.flags for places in alike for place in places}
            if places:
                yield f"line {line}: {flag} ({_some(places)}): {what}"


def _agents(rulebook: Rulebook, rulings: Ruled) -> Iterator[str]:
    if rulebook.business.agents_agreed_on:
        return
    reasons = {reason for ruled in rulings.values() for ruling, _ in ruled for reason in ruling.reasons}
    for about in sorted({reason.about for reason in reasons if reason.by == "the rulebook (agents_agreed_on)"}):
        yield f"{about} must have agreed to being recorded: say since when, with agents_agreed_on in [business]"


def _long_times(law: Law, rulebook: Rulebook) -> Iterator[str]:
    """Times that are longer than any that a law of the pack asks for: years are easily written where days are meant."""
    floors = [rule for rule in law.retention if rule.floor]
    longest = max(floors, key=lambda rule: days_about(rule.floor or Duration()))
    for where, time in _times(rulebook):
        if time and longest.floor and may_outlast(time, longest.floor):
            asked = f"the longest that a law here asks for is {longest.floor} ({longest.name})"
            meant = f"; if days are meant, it is P{time.years}D" if time == Duration(years=time.years) else ""
            yield f"{where} is {time}, and {asked}{meant}"


def _times(rulebook: Rulebook) -> Iterator[tuple[str, Duration | None]]:
    for name, rule in rulebook.retention.items():
        yield f"retention.{name}: keep", rule.keep
    yield "declines: remember", rulebook.remember_declines
    yield "backups: keep", rulebook.backups
    for override in rulebook.overrides:
        yield f"override[{override.number}]: keep_at_least", override.keep_at_least
        yield f"override[{override.number}]: keep_at_most", override.keep_at_most


def _some(places: set[str]) -> str:
    listed = sorted(places)
    return ", ".join(listed) if len(listed) <= 6 else f"{', '.join(listed[:6])} and {len(listed) - 6} more"
