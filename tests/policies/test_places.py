import string

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberType

from evidence.events import names_somebody
from policies.jurisdiction.pack import UNKNOWN_PLACE, packaged_law
from policies.jurisdiction.places import Known, is_e164, places_of, valid_number

LAW = packaged_law()


@pytest.mark.parametrize(
    ("e164", "place"),
    [
        ("+14155550100", "US-CA"),
        ("+12125550100", "US-NY"),
        ("+12065550100", "US-WA"),
        ("+18602345678", "US-CT"),
        ("+17872345678", "US-PR"),
        ("+16716472345", "US-GU"),
        ("+14165550100", "CA-ON"),
        ("+4930123456", "DE"),
        ("+442079460000", "GB"),
        ("+447911123456", "GB"),
        ("+3906698123456", "IT"),
        ("+358181234567", "FI"),
    ],
)
def test_a_number_is_placed_as_near_as_it_says(e164: str, place: str) -> None:
    known = Known.AREA_CODE if e164.startswith("+1") else Known.COUNTRY_CODE
    assert places_of(e164, LAW) == ((place,), known)


@pytest.mark.parametrize(
    ("e164", "places"),
    [
        ("+18672345678", ("CA-NT", "CA-NU", "CA-YT")),
        ("+19022345678", ("CA-NS", "CA-PE")),
        ("+17822345678", ("CA-NS", "CA-PE")),
    ],
)
def test_an_area_code_that_provinces_share_is_in_each_of_them(e164: str, places: tuple[str, ...]) -> None:
    assert places_of(e164, LAW) == (places, Known.AREA_CODE)


@pytest.mark.parametrize(("e164", "place"), [("+18762345678", "JM"), ("+12423456789", "BS")])
def test_a_country_that_shares_the_american_code_is_not_american(e164: str, place: str) -> None:
    assert places_of(e164, LAW) == ((place,), Known.COUNTRY_CODE)


@pytest.mark.parametrize("region", sorted(LAW.aliases))
def test_a_region_with_an_alias_counts_as_the_place_whose_law_it_has(region: str) -> None:
    example = phonenumbers.example_number(region)
    assert example is not None
    e164 = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
    assert places_of(e164, LAW)[0] == (LAW.aliases[region],)


KEYPAD = dict(zip(string.ascii_uppercase, "22233344455566677778889999", strict=True))
WITHHELD = ["ANONYMOUS", "RESTRICTED", "BLOCKED", "UNKNOWN", "UNAVAILABLE", "PRIVATE"]


@pytest.mark.parametrize("word", WITHHELD)
@pytest.mark.parametrize("could_exist", [False, True])
def test_a_withheld_number_spelled_on_a_keypad_is_no_foreign_country(
    word: str, could_exist: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Today no numbering plan has these numbers; they stay disguises if one day it does.
    monkeypatch.setattr(phonenumbers, "is_valid_number", lambda number: could_exist)
    monkeypatch.setattr(phonenumbers, "number_type", lambda number: PhoneNumberType.MOBILE)
    disguise = "+" + "".join(KEYPAD[letter] for letter in word)
    assert places_of(disguise, LAW) == ((UNKNOWN_PLACE,), Known.NO_NUMBER)


@pytest.mark.parametrize(
    "e164",
    [
        "",
        "anonymous",
        "Anonymous",
        "Restricted",
        "unavailable",
        "client:alice",
        "sip:+14155550100@example.com",
        "sip:alice@example.com",
        "sips:+14155550100@example.com",
        "sip:+14155550100@onrecord.sip.twilio.com;user=phone",
        "+14155550100@example.com",
        "whatsapp:+14155550100",
        "tel:+14155550100",
        "+1415555010",
        "+141555501000",
        "4155550100",
        "+1 415 555 0100",
        "+14155550100\n",
        "+１４１５５５５０１００",
        "+14155550100;ext=1",
        "+99912345678",
        "+0",
    ],
)
def test_what_is_not_a_plain_valid_number_has_no_place(e164: str) -> None:
    assert places_of(e164, LAW) == ((UNKNOWN_PLACE,), Known.NO_NUMBER)
    assert valid_number(e164) is None


@pytest.mark.parametrize(
    "e164",
    ["+18005550100", "+19002345678", "+15005550006", "+80012345678", "+448001111111", "+883510012345678"],
)
def test_a_number_not_tied_to_a_place_has_no_place(e164: str) -> None:
    assert places_of(e164, LAW) == ((UNKNOWN_PLACE,), Known.NOT_OF_A_PLACE)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("+123456789012345", True),
        ("+1234567890123456", False),
        ("+431110", True),
        ("+12", True),
        ("+1", False),
        ("+", False),
        ("+0123456789", False),
        ("123456789", False),
        ("00123456789", False),
        ("+12 345", False),
        ("+12345\n", False),
        ("+１２３４５６７８", False),
    ],
)
def test_a_number_is_a_plus_and_at_most_fifteen_digits_not_beginning_with_zero(text: str, is_one: bool) -> None:
    assert is_e164(text) is is_one


def test_the_shortest_numbers_in_use_have_a_place() -> None:
    assert places_of("+431110", LAW) == (("AT",), Known.COUNTRY_CODE)


@given(st.from_regex(r"\A\+43[0-9]{1,5}\Z") | st.from_regex(r"\A\+49[0-9]{1,5}\Z") | st.from_regex(r"\A\+[0-9]{1,8}\Z"))
def test_no_number_is_too_short_for_the_log_to_see_it(number: str) -> None:
    assert names_somebody(f"call {number} back") or valid_number(number) is None


@given(st.text() | st.from_regex(r"\A\+[0-9]{1,16}\Z") | st.from_regex(r"\A\+1[2-9][0-9]{9}\Z"))
def test_any_text_gets_a_place_or_the_unknown_one(text: str) -> None:
    places, known = places_of(text, LAW)
    assert places
    assert (places == (UNKNOWN_PLACE,)) or known in (Known.AREA_CODE, Known.COUNTRY_CODE)
    assert all(len(place.partition("-")[0]) == 2 for place in places)
