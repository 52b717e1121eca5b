"""Makes the law pack's table of area codes again from what `phonenumbers` knows, and prints what changed.

    python -m tests.policies.area_codes

Its geocoder takes 111 MB, so only this and its test import it; the service reads the table. Rows that name another
source are kept as they are.
"""

import csv
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberType, geocoder

from policies.jurisdiction.pack import Law, packaged_law

FILE = Path("policies/law/area_codes.csv")
OURS = "phonenumbers"
COUNTRIES = ("US", "CA")
# Of an area code's 800 exchanges every so many are asked about: a prime, to meet all kinds of them.
EVERY = 19
_OF_A_PLACE = {PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}
_SPELLED_OTHERWISE = {"Washington State": "US-WA", "Washington D.C.": "US-DC", "British Colombia": "CA-BC"}

# The area code's places as the file has them, "CA-NS CA-PE", and where they are from.
Row = tuple[str, str]


def main() -> int:
    law, before = packaged_law(), read_rows(FILE)
    after = {npa: (places, OURS) for npa in area_codes() if (places := places_by_geocoder(npa, law))}
    after |= {npa: row for npa, row in before.items() if row[1] != OURS}
    for line in changes(before, after):
        print(line)
    with FILE.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("npa", "places", "source"))
        rows.writerows((npa, *after[npa]) for npa in sorted(after))
    return 0


def read_rows(file: Path) -> dict[str, Row]:
    with file.open(encoding="utf-8", newline="") as lines:
        return {row["npa"]: (row["places"], row["source"]) for row in csv.DictReader(lines)}


def area_codes() -> Iterator[str]:
    return (str(npa) for npa in range(200, 1000))


def places_by_geocoder(npa: str, law: Law, every: int = EVERY) -> str:
    """What most of the sampled numbers of an area code say, or nothing where none of all its exchanges says anything:
    American Samoa uses a handful.
    """
    for step in (every, 1):
        said = Counter(places for number in valid_numbers(npa, step) if (places := _places(number, law)))
        if said:
            return said.most_common(1)[0][0]
    return ""


def valid_numbers(npa: str, every: int = EVERY) -> Iterator[PhoneNumber]:
    """Numbers of the area code that are tied to a place, in the same order each time."""
    for exchange in range(200, 1000, every):
        number = phonenumbers.parse(f"+1{npa}{exchange}2345")
        if phonenumbers.number_type(number) in _OF_A_PLACE:  # which an invalid one never is
            yield number


def changes(before: Mapping[str, Row], after: Mapping[str, Row]) -> Iterator[str]:
    for npa in sorted({*before, *after}):
        was, becomes = before.get(npa), after.get(npa)
        if was != becomes:
            yield f"{npa}: {was[0] if was else 'not there'} -> {becomes[0] if becomes else 'gone'}"
    yield f"{len(after)} area codes, {sum(source != OURS for _, source in after.values())} of them not of {OURS}"


def _places(number: PhoneNumber, law: Law) -> str:
    region = phonenumbers.region_code_for_number(number) or ""
    if territory := law.aliases.get(region):
        return territory if territory.startswith("US-") else ""
    if region not in COUNTRIES:
        return ""
    described = geocoder.description_for_number(number, "en")
    codes = [_code(name, region, law) for name in described.split("/")]
    return " ".join(sorted(codes)) if all(codes) else ""


def _code(name: str, region: str, law: Law) -> str:
    """`San Francisco, CA` and `California` are US-CA."""
    named = {law.jurisdictions[code].name: code for code in law.parts(region)} | _SPELLED_OTHERWISE
    suffixed = f"{region}-{name.rpartition(', ')[2]}"
    return named.get(name) or (suffixed if suffixed in law.parts(region) else "")


if __name__ == "__main__":
    sys.exit(main())
