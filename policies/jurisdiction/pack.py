"""The law pack: places and their law, retention law and area codes, as one versioned text that can be kept for years.

A decision names the pack by its hash; from the pack's text the same decision can be taken again.
"""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from hashlib import sha256
from importlib.resources import files

from policies.jurisdiction.records import Flag, Jurisdiction, Regime, RetentionLaw

__all__ = ["UNKNOWN_PLACE", "UNKNOWN_REGIME", "Flag", "Jurisdiction", "Law", "Regime", "RetentionLaw"]

UNKNOWN_PLACE = "ZZ"
UNKNOWN_REGIME = Regime.ALL_PARTY_OPT_IN
DISCLAIMER = "Not legal advice: the rules are research, and a lawyer confirms them for your lines."

_FILES = ("jurisdictions.json", "retention.json", "area_codes.csv")


@dataclass(frozen=True)
class Law:
    """`text` holds the whole pack, and `sha256` (hex) is its hash. `area_codes` are those of the +1 numbering plan."""

    version: str
    sha256: str
    text: str = field(repr=False)
    jurisdictions: Mapping[str, Jurisdiction] = field(repr=False)
    aliases: Mapping[str, str] = field(repr=False)
    unions: Mapping[str, frozenset[str]] = field(repr=False)
    retention: tuple[RetentionLaw, ...] = field(repr=False)
    area_codes: Mapping[str, tuple[str, ...]] = field(repr=False)

    def __hash__(self) -> int:
        """The hash of `sha256`, so that a pack can be part of a cache's key; equal packs are equal in every field."""
        return hash(self.sha256)

    def within(self, code: str) -> tuple[str, ...]:
        """The places that a place lies in, itself first: subdivision, country, unions."""
        return self._within.get(code) or self._chain(code)

    def parts(self, code: str) -> tuple[str, ...]:
        """The subdivisions of a country that have records of their own."""
        return self._parts.get(code, ())

    def sources_of(self, record: str) -> tuple[str, ...]:
        """The sources of a record in words: of a place, or of a rule on retention."""
        rules = (rule for rule in self.retention if rule.id == record)
        found = self.jurisdictions.get(record) or next(rules, None)
        return tuple(map(str, found.sources)) if found else ()

    @cached_property
    def sectors(self) -> tuple[str, ...]:
        return tuple(sorted({sector for rule in self.retention for sector in rule.sectors}))

    def _chain(self, code: str) -> tuple[str, ...]:
        country = code.partition("-")[0]
        named = (code, country) if country != code else (code,)
        return named + self._unions_of.get(country, ())

    @cached_property
    def _within(self) -> Mapping[str, tuple[str, ...]]:
        """`within` for each place with a record, computed once because every call needs it often."""
        return {code: self._chain(code) for code in self.jurisdictions}

    @cached_property
    def _parts(self) -> Mapping[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for code in self.jurisdictions:
            country, _, part = code.partition("-")
            if part:
                found[country] = (*found.get(country, ()), code)
        return found

    @cached_property
    def _unions_of(self) -> Mapping[str, tuple[str, ...]]:
        countries = {country for members in self.unions.values() for country in members}
        return {
            country: tuple(union for union, members in self.unions.items() if country in members)
            for country in countries
        }


def read_law(text: str) -> Law:
    """The pack that `text` holds, as `Law.text` once gave it."""
    parts = json.loads(text)
    places, kept = json.loads(parts["jurisdictions.json"]), json.loads(parts["retention.json"])
    rows = csv.DictReader(parts["area_codes.csv"].splitlines())
    return Law(
        version=places["version"],
        sha256=sha256(text.encode()).hexdigest(),
        text=text,
        jurisdictions={record["code"]: Jurisdiction.of(record) for record in places["jurisdictions"]},
        aliases=places["aliases"],
        unions={union: frozenset(members) for union, members in places["unions"].items()},
        retention=tuple(map(RetentionLaw.of, kept["rules"])),
        area_codes={row["npa"]: tuple(row["places"].split()) for row in rows},
    )


@cache
def packaged_law() -> Law:
    """The pack that this program comes with."""
    return read_law(
        json.dumps({name: files("policies").joinpath("law", name).read_text(encoding="utf-8") for name in _FILES})
    )
