"""Where a number belongs, as near as the number says. A number is not where its owner stands, so a place may only ever
make the rules stricter.
"""

import re
from enum import StrEnum

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberType

from policies.jurisdiction.pack import UNKNOWN_PLACE, Law

# ITU-T E.164: at most fifteen digits, the country's code among them. It sets no least length, and numbers of six digits
# are in use in Austria.
_E164 = re.compile(r"\+[1-9][0-9]{1,14}")

# Carriers that must put digits where a caller withheld the number spell the word on a keypad: ANONYMOUS,
# RESTRICTED, BLOCKED, UNKNOWN, UNAVAILABLE, PRIVATE. Read as numbers they would be foreign countries.
DISGUISES = frozenset({"+266696687", "+7378742833", "+2562533", "+8656696", "+86282452253", "+7748283"})

# A toll-free, personal or internet number says nothing of where its owner is.
_GEOGRAPHIC = frozenset({PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE})


class Known(StrEnum):
    """The source of a caller's places. Nothing finer: digits of a number never stand in the log."""

    AREA_CODE = "area code"
    COUNTRY_CODE = "country code"
    NO_NUMBER = "no number that a caller can have"
    NOT_OF_A_PLACE = "a number that belongs to no place"


def places_of(from_: str, law: Law) -> tuple[tuple[str, ...], Known]:
    """The ISO 3166 codes of where a number may belong, and how they are known: `US-CA`, `DE`, or `ZZ`.

    Several where an area code is shared. `ZZ` for any number that is withheld, disguised, invalid, not tied to a place
    or not plain E.164: the user part of a SIP address is any text that its sender typed.
    """
    number = valid_number(from_)
    if number is None:
        return (UNKNOWN_PLACE,), Known.NO_NUMBER
    if phonenumbers.number_type(number) not in _GEOGRAPHIC:
        return (UNKNOWN_PLACE,), Known.NOT_OF_A_PLACE
    if from_.startswith("+1") and from_[2:5] in law.area_codes:
        return law.area_codes[from_[2:5]], Known.AREA_CODE
    region = phonenumbers.region_code_for_number(number) or UNKNOWN_PLACE
    # A region such as "001" is a code shared by the whole world.
    place = law.aliases.get(region, region) if region.isalpha() else UNKNOWN_PLACE
    return (place,), Known.COUNTRY_CODE


def is_e164(text: str) -> bool:
    """Whether the text is a number in E.164 form. Somebody can have the number only if it is a `valid_number` too."""
    return _E164.fullmatch(text) is not None


def valid_number(e164: str) -> PhoneNumber | None:
    """The number that `e164` spells, exactly; None where nobody can have such a number."""
    if e164 in DISGUISES or not is_e164(e164):
        return None
    try:
        number = phonenumbers.parse(e164)
    except NumberParseException:
        return None
    return number if phonenumbers.is_valid_number(number) else None


def all_places(law: Law) -> tuple[tuple[str, ...], ...]:
    """All places that a number can belong to, as `places_of` gives them, and all places of the law pack."""
    regions = (law.aliases.get(region, region) for region in phonenumbers.SUPPORTED_REGIONS)
    known = (code for code in law.jurisdictions if code not in law.unions)
    single = ((code,) for code in (*known, *sorted(regions), UNKNOWN_PLACE))
    return tuple(dict.fromkeys((*single, *law.area_codes.values())))


def example_number(place: str, law: Law) -> str | None:
    """A number that belongs to a place and to no other; None where no number shows that."""
    regions = [place, *(region for region, alias in law.aliases.items() if alias == place)]
    examples = (phonenumbers.example_number(region) for region in regions)
    candidates = [
        *(f"+1{npa}5550123" for npa, places in law.area_codes.items() if places == (place,)),
        *(phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164) for example in examples if example),
    ]
    return next((number for number in candidates if places_of(number, law)[0] == (place,)), None)
