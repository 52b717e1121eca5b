"""A rulebook and a call to rule on, as the tests of rules vary them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

from policies.durations import RetentionRule, parse_duration
from policies.jurisdiction.overrides import AUTO, Override
from policies.jurisdiction.pack import packaged_law
from policies.jurisdiction.readings import End
from policies.rules import Business, Destination, Line, Rulebook
from policies.ruling import Ruling, rule

LAW = packaged_law()
TODAY = date(2026, 11, 24)
AT = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
LINE = Line("+14155550100", (Destination("client", "alice"),), ("en-US",), ("quality",), AUTO, "long")
RETENTION = {name: RetentionRule(name, parse_duration(keep)) for name, keep in [("short", "P7D"), ("long", "P10Y")]}


def rulebook(*overrides: Override, line: Line = LINE, sectors: Sequence[str] = ()) -> Rulebook:
    """One line of a business in New York, whose own rules keep recordings longer than any law allows."""
    business = Business("b", ("US-NY",), "US-NY", tuple(sectors))
    return Rulebook(business, (line,), RETENTION, "0" * 64, overrides)


def ends(*places: str) -> tuple[End, ...]:
    return tuple(End("caller", place) for place in places)


def ruled(
    places: str | Sequence[str],
    *overrides: Override,
    line: Line = LINE,
    sectors: Sequence[str] = (),
    at: datetime = AT,
    has_declined: bool = False,
    **said: object,
) -> Ruling:
    """The ruling on a call with an end in each of the places; `said` changes the line."""
    changed = replace(line, **said)  # type: ignore[arg-type]  # whatever a test changes
    of = rulebook(*overrides, line=changed, sectors=sectors)
    found = ends(*places.split()) if isinstance(places, str) else ends(*places)
    return rule(LAW, of, changed, found, at, has_declined=has_declined)
