"""Every ruling that is possible for a line: for callers from each place, from now on and on days to come.

Places that nothing tells apart (no record, no override, no rule about keeping) are ruled once.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, time

from policies.jurisdiction.pack import Law
from policies.jurisdiction.places import all_places
from policies.jurisdiction.readings import End, reading_of
from policies.rules import Line, Rulebook
from policies.ruling import Ruling, ends_of, rule

Places = tuple[str, ...]


def rulings_of(law: Law, rulebook: Rulebook, line: Line, now: datetime) -> Iterator[tuple[Ruling, tuple[Places, ...]]]:
    """Each ruling with the places of callers that it is for, if their number has not declined before."""
    for at in days_of_change(law, rulebook, line, now):
        for alike in _groups(law, rulebook, line, at):
            yield rule(law, rulebook, line, ends_of(rulebook, line, alike[0]), at), alike


def days_of_change(law: Law, rulebook: Rulebook, line: Line, now: datetime) -> tuple[datetime, ...]:
    """Now, and each later day on which the law or the rulebook begins to say something else about a line."""
    days = {change.since for place in law.jurisdictions.values() for change in place.changes}
    about = [override for override in rulebook.overrides if override.line in ("", line.number)]
    days |= {day for override in about for day in (override.since, override.until) if day}
    starts = (datetime.combine(day, time.min, UTC) for day in days)
    return (now, *sorted(start for start in starts if start > now))


def _groups(law: Law, rulebook: Rulebook, line: Line, at: datetime) -> list[tuple[Places, ...]]:
    """The places, grouped where rulings differ in nothing but the place's name."""
    named = {code for rule in law.retention for code in rule.jurisdictions}
    named |= {override.jurisdiction for override in rulebook.overrides_on(line, at.date())}
    groups: dict[object, list[Places]] = {}
    for places in all_places(law):
        readings = [reading_of(law, End("caller", place), at.date()) for place in places]
        looks = [(reading.regime, reading.flags, reading.purposes_allowed) for reading in readings]
        within = [frozenset(law.within(place)) & named for place in places]
        # Whatever is said of a part of a country may count for the country named alone.
        within += [frozenset(law.parts(place)) & named for place in places]
        groups.setdefault((*looks, *within), []).append(places)
    return [tuple(group) for group in groups.values()]
