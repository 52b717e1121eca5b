"""Where a number belongs, and what the law of a place asks before a call there may be recorded.

Not legal advice: the table's records are research, and whoever operates a line has a lawyer confirm them.
"""

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberType

UNKNOWN_PLACE = "ZZ"


class Regime(StrEnum):
    """What recording a call takes in a place, from lax to strict."""

    ONE_PARTY = "one_party"  # the business may consent alone
    ALL_PARTY_NOTICE = "all_party_notice"  # everybody is told, staying on is consent
    ALL_PARTY_OPT_IN = "all_party_opt_in"  # everybody consents by an act
    PROHIBITED = "prohibited"


UNKNOWN_REGIME = Regime.ALL_PARTY_OPT_IN
_STRICTNESS = {regime: rank for rank, regime in enumerate(Regime)}


@dataclass(frozen=True, slots=True)
class Jurisdiction:
    """`notice_in_recording`: the law wants the notice to be heard in the recording itself.

    `confidence` is `sourced`, or `guess` for a record that nobody has researched.
    """

    code: str
    name: str
    regime: Regime
    notice_in_recording: bool
    statute: str
    confidence: str


_E164 = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)

# Carriers that must put digits where a caller withheld the number spell the word on a keypad: ANONYMOUS,
# RESTRICTED, BLOCKED, UNKNOWN, UNAVAILABLE, PRIVATE. Read as numbers they would be foreign countries.
_DISGUISES = frozenset({"+266696687", "+7378742833", "+2562533", "+8656696", "+86282452253", "+7748283"})

# A toll-free, personal or internet number says nothing of where its owner is.
_GEOGRAPHIC = frozenset({PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE})

# Regions that share a numbering plan or the law of another place: an ordinary British mobile number may be
# reported as Guernsey, one in Rome as the Vatican.
_ALIASES = {
    **dict.fromkeys(("GG", "JE", "IM"), "GB"),
    **dict.fromkeys(("GP", "MQ", "GF", "RE", "YT", "BL", "MF", "PM"), "FR"),
    **dict.fromkeys(("CX", "CC", "NF"), "AU"),
    **{code: f"US-{code}" for code in ("PR", "GU", "VI", "AS", "MP")},
    "AX": "FI",
    "SJ": "NO",
    "VA": "IT",
    "001": UNKNOWN_PLACE,
}


def place_of(e164: str | None) -> str:
    """The ISO 3166 code of where a number belongs, as near as it says: `US-CA`, `US`, `DE`, or `ZZ`.

    `ZZ` for anything withheld, disguised, invalid or not tied to a place, and for all that is not plain E.164:
    the user part of a SIP address is whatever its sender typed. A number is not where its owner stands, so a
    place may only ever make the rules stricter.
    """
    number = valid_number(e164) if e164 else None
    if e164 is None or number is None or phonenumbers.number_type(number) not in _GEOGRAPHIC:
        return UNKNOWN_PLACE
    if e164.startswith("+1") and e164[2:5] in _subdivisions():
        return _subdivisions()[e164[2:5]]
    region = phonenumbers.region_code_for_number(number) or UNKNOWN_PLACE
    return _ALIASES.get(region, region)


def valid_number(e164: str) -> PhoneNumber | None:
    """The number that `e164` spells, exactly; None where nobody can have such a number."""
    if e164 in _DISGUISES or not _E164.fullmatch(e164):
        return None
    try:
        number = phonenumbers.parse(e164)
    except NumberParseException:
        return None
    return number if phonenumbers.is_valid_number(number) else None


def regime_of(code: str) -> Regime:
    """What the law of a place asks, as far as it is known.

    No record is the strict default. A guess may raise that, and never lower it. A country that is known by its
    subdivisions, named alone, is the strictest of them.
    """
    within = [place for place in jurisdictions().values() if place.code.startswith(f"{code}-")]
    if within:
        return strictest(_trusted(place) for place in within)
    place = jurisdictions().get(code)
    return _trusted(place) if place else UNKNOWN_REGIME


def strictest(regimes: Iterable[Regime]) -> Regime:
    """Of one or more."""
    return max(regimes, key=_STRICTNESS.__getitem__)


@cache
def jurisdictions() -> Mapping[str, Jurisdiction]:
    """Every record there is, by ISO 3166 code."""
    return {
        row["code"]: Jurisdiction(
            code=row["code"],
            name=row["name"],
            regime=Regime(row["regime"]),
            notice_in_recording=row["in_recording"] == "yes",
            statute=row["statute"],
            confidence=row["confidence"],
        )
        for row in _rows("jurisdictions.csv")
    }


def _trusted(place: Jurisdiction) -> Regime:
    return strictest((place.regime, UNKNOWN_REGIME)) if place.confidence == "guess" else place.regime


@cache
def _subdivisions() -> Mapping[str, str]:
    """The state, province or territory by area code; without the few area codes that several share."""
    return {
        row["npa"]: row["iso_3166_2"]
        for row in _rows("npa_subdivision.csv")
        if row["iso_3166_2"] and "|" not in row["iso_3166_2"]
    }


def _rows(name: str) -> list[dict[str, str]]:
    text = files("policies").joinpath(name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
