"""The table of `onrecord check`: the consent that each line asks of a caller from each place."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from onrecord.terminal import Sheet
from policies.jurisdiction.pack import UNKNOWN_PLACE, Law
from policies.jurisdiction.places import example_number, places_of
from policies.jurisdiction.readings import records_for
from policies.rules import Line, Rulebook
from policies.ruling import Ruling, ends_of, rule
from policies.wording_of_call import language_of

NO_NUMBER = "-"


@dataclass(frozen=True, slots=True)
class Caller:
    """A place, and a number of it; `NO_NUMBER` where no number shows the place."""

    place: str
    number: str


def representatives(law: Law, rulebook: Rulebook) -> tuple[Caller, ...]:
    """A caller for each place in the law or the rulebook, except unions: no number belongs to a union."""
    named = (override.jurisdiction for override in rulebook.overrides if override.jurisdiction)
    known = (code for code in (*law.jurisdictions, *named) if code not in law.unions and code != UNKNOWN_PLACE)
    return tuple(
        Caller(place, example_number(place, law) or NO_NUMBER) for place in (*dict.fromkeys(known), UNKNOWN_PLACE)
    )


def ruled(law: Law, rulebook: Rulebook, line: Line, caller: Caller, at: datetime) -> tuple[Ruling, str]:
    """The ruling for the caller, and the language."""
    places = (caller.place,) if caller.number == NO_NUMBER else places_of(caller.number, law)[0]
    return rule(law, rulebook, line, ends_of(rulebook, line, places), at), language_of(line, places)


def lines_table(rulebook: Rulebook) -> Sheet:
    headings = ("line", "connects to", "languages", "consent", "purposes", "retention")
    return Sheet(headings, [_line(line) for line in rulebook.lines], title=rulebook.business.name)


def _line(line: Line) -> tuple[str, ...]:
    each = ", ".join(f"{purpose}: {name}" for purpose, name in line.retention_for)
    return (
        line.number,
        ", ".join(destination.address for destination in line.connect_to),
        ", ".join(line.languages),
        str(line.consent),
        ", ".join(line.purposes),
        line.retention or each or "the product's default",
    )


def consent_table(law: Law, rulebook: Rulebook, at: datetime, *, each: bool) -> Sheet:
    """With `each` a row for every place; else a row for all places that a line treats alike."""
    caller = "caller's number" if each else "callers from"
    title = f"What each line asks of a caller, on {at:%Y-%m-%d} (? a guess, * contested)"
    rows = [
        (line.number, who, *cells)
        for line in rulebook.lines
        for who, cells in _rows(law, rulebook, line, at, each=each)
    ]
    headings = ("line", caller, "mode", "language", "consent covers", "flags")
    return Sheet(headings, rows, title=title, is_ruled=not each)


def _rows(
    law: Law, rulebook: Rulebook, line: Line, at: datetime, *, each: bool
) -> Iterator[tuple[str, tuple[str, ...]]]:
    alike: dict[tuple[str, ...], list[str]] = {}
    for caller in representatives(law, rulebook):
        cells = _cells(*ruled(law, rulebook, line, caller, at))
        if each:
            yield f"{marked(law, caller.place)} {caller.number}", cells
        alike.setdefault(cells, []).append(marked(law, caller.place))
    if not each:
        yield from ((" ".join(places), cells) for cells, places in alike.items())


def marked(law: Law, place: str) -> str:
    """The place, with "?" where it is read from a guess and "*" where its law is contested."""
    records = records_for(law, place)
    is_guess, is_contested = any(record.is_guess for record in records), any(record.positions for record in records)
    return f"{place}{'?' * is_guess}{'*' * is_contested}"


def _cells(ruling: Ruling, language: str) -> tuple[str, ...]:
    mode = f"{ruling.mode}, {ruling.on_refusal}" if ruling.on_refusal else str(ruling.mode)
    if ruling.standard.silence_is_consent:
        mode += ", silence is consent"
    covers = ", ".join(f"{kept.purpose} until {kept.until:%Y-%m-%d}" for kept in ruling.keeping.purposes)
    conflicts = "; ".join(f"CONFLICT {conflict}" for conflict in ruling.keeping.conflicts)
    return (
        mode,
        language,
        "; ".join(part for part in (covers or "nothing", conflicts) if part),
        " ".join(sorted(ruling.flags)),
    )
