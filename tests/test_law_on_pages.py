"""What the pages say of the law pack is counted from its data: a record more, and the page that is wrong is named."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from policies.jurisdiction.pack import packaged_law
from policies.jurisdiction.records import Jurisdiction
from policies.jurisdiction.sources import Source
from tests.source import ROOT

LAW = packaged_law()
RECORDS = [*LAW.jurisdictions.values()]
RULES = LAW.retention


def having(records: Iterable[Any], of: Callable[[Source], bool]) -> int:
    """The number of records of which at least one source is such."""
    return sum(any(map(of, record.sources)) for record in records)


def resting_on(words: str) -> int:
    """The number of records with these words for their only source."""
    return sum([source.what for source in record.sources] == [words] for record in RECORDS)


def is_a_note(source: Source) -> bool:
    return source.what.startswith("an unpublished research note")


def is_read(source: Source) -> bool:
    return source.read is not None and source.is_opened


def is_unresearched(record: Jurisdiction) -> bool:
    return "not researched" in record.statute


PLACES, GUESSES = len(RECORDS), sum(record.is_guess for record in RECORDS)
ADDRESSED = having(RECORDS, lambda source: source.has_address)
DATED = having(RECORDS, lambda source: source.read is not None)
UNKNOWN, UNION, POLICY = map(resting_on, ("none: unknown default", "EU default record", "policy"))

CLAIMS = [
    (
        "README.md",
        (
            f"The law of {PLACES} places comes as data: {ADDRESSED} records name a page where a source can be read, "
            f"{PLACES - ADDRESSED} name none, and {GUESSES} are guesses"
        ),
    ),
    ("docs/rules.md", f"{GUESSES} of the {PLACES} records are guesses"),
    (
        "docs/rules.md",
        (
            f"Of the {PLACES} records of places, {ADDRESSED} name a page where a source can be read, and "
            f"{PLACES - ADDRESSED} name none: {UNKNOWN} say `none: unknown default`, {UNION} take over the "
            f"`EU default record`, and {POLICY}, that of the unknown, is `policy`."
        ),
    ),
    (
        "docs/rules.md",
        (
            f"In {having(RECORDS, is_a_note)}, a source is a research note that is not published; "
            f"in {sum(map(is_unresearched, RECORDS))} the statute, or the national one, is `not researched`."
        ),
    ),
    (
        "docs/rules.md",
        (
            f"{DATED} records have a source with the day on which it was read; "
            f"in {having(RECORDS, is_read)} of them that was the text of a law itself."
        ),
    ),
    (
        "docs/rules.md",
        (
            f"Of the {len(RULES)} rules on keeping, {having(RULES, lambda source: source.has_address)} name a page, "
            f"and {sum(rule.is_guess for rule in RULES)} are guesses."
        ),
    ),
]


@pytest.mark.parametrize(("page", "claim"), CLAIMS, ids=[f"{page}: {claim[:30]}" for page, claim in CLAIMS])
def test_a_page_says_of_the_law_pack_what_is_so(page: str, claim: str) -> None:
    assert claim in " ".join((ROOT / page).read_text(encoding="utf-8").split()), f"{page} must say: {claim}"


def test_every_record_without_a_page_is_counted_under_what_it_says_instead() -> None:
    assert UNKNOWN + UNION + POLICY == PLACES - ADDRESSED
