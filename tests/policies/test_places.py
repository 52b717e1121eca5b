import string

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberType

from policies.places import UNKNOWN_PLACE, UNKNOWN_REGIME, Regime, jurisdictions, place_of, regime_of, strictest

codes = st.sampled_from(sorted(jurisdictions()))
RANK = list(Regime).index


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
    assert place_of(e164) == place


@pytest.mark.parametrize("e164", ["+18672345678", "+19022345678"])
def test_an_area_code_that_provinces_share_says_only_the_country(e164: str) -> None:
    assert place_of(e164) == "CA"


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
    assert place_of("+" + "".join(KEYPAD[letter] for letter in word)) == UNKNOWN_PLACE


@pytest.mark.parametrize(
    "e164",
    [
        None,
        "",
        "anonymous",
        "Anonymous",
        "Restricted",
        "unavailable",
        "client:alice",
        "sip:+14155550100@example.com",
        "sip:alice@example.com",
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
def test_what_is_not_a_plain_valid_number_has_no_place(e164: str | None) -> None:
    assert place_of(e164) == UNKNOWN_PLACE


@pytest.mark.parametrize(
    "e164",
    ["+18005550100", "+19002345678", "+15005550006", "+80012345678", "+448001111111", "+883510012345678"],
)
def test_a_number_not_tied_to_a_place_has_no_place(e164: str) -> None:
    assert place_of(e164) == UNKNOWN_PLACE


@given(st.text() | st.from_regex(r"\A\+[0-9]{1,16}\Z"))
def test_any_text_gets_a_place_or_the_unknown_one(text: str) -> None:
    assert regime_of(place_of(text)) in set(Regime)


def test_every_record_names_a_known_regime_and_how_it_is_known() -> None:
    for place in jurisdictions().values():
        assert place.confidence in {"sourced", "guess"}
        assert place.name
        assert place.statute


def test_every_state_and_territory_has_a_record() -> None:
    subdivisions = {code for code in jurisdictions() if code.startswith("US-")}
    assert len(subdivisions) == 50 + 1 + 5  # states, the District, territories


def an_american_number(npa: int) -> str | None:
    """A valid number of the area code, if there is one that belongs to a place in the United States."""
    for exchange in range(200, 1000, 13):
        number = phonenumbers.parse(f"+1{npa}{exchange}2345")
        if phonenumbers.is_valid_number(number):
            is_placed = phonenumbers.number_type(number) == PhoneNumberType.FIXED_LINE_OR_MOBILE
            is_ours = phonenumbers.region_code_for_number(number) == "US"
            return f"+1{npa}{exchange}2345" if is_placed and is_ours else None
    return None


def test_every_american_area_code_in_use_leads_to_a_state_with_a_record() -> None:
    numbers = [number for npa in range(200, 1000) if (number := an_american_number(npa))]
    assert len(numbers) > 350
    assert {place_of(number) for number in numbers} <= {code for code in jurisdictions() if code.startswith("US-")}


@pytest.mark.parametrize(
    ("code", "regime"),
    [
        ("US-NY", Regime.ONE_PARTY),
        ("US-CA", Regime.ALL_PARTY_NOTICE),
        ("US-WA", Regime.ALL_PARTY_NOTICE),
        ("US-PR", Regime.ALL_PARTY_OPT_IN),
    ],
)
def test_a_researched_place_asks_what_its_record_says(code: str, regime: Regime) -> None:
    assert regime_of(code) is regime


@pytest.mark.parametrize("code", ["ZZ", "DE", "CA", "CA-ON", "US-XX", "", "us-ny"])
def test_a_place_without_a_record_asks_for_an_act_of_consent(code: str) -> None:
    assert regime_of(code) is Regime.ALL_PARTY_OPT_IN


@given(codes)
def test_the_unknown_is_never_laxer_than_any_known_place(code: str) -> None:
    assert RANK(regime_of(UNKNOWN_PLACE)) >= RANK(regime_of(code))


@given(codes)
def test_a_guess_never_lowers_what_the_unknown_would_ask(code: str) -> None:
    if jurisdictions()[code].confidence == "guess":
        assert RANK(regime_of(code)) >= RANK(UNKNOWN_REGIME)


def test_a_country_alone_is_the_strictest_of_its_parts() -> None:
    assert jurisdictions()["US"].regime is Regime.ONE_PARTY
    assert regime_of("US") is Regime.ALL_PARTY_OPT_IN


def test_the_regimes_are_ordered_from_lax_to_strict() -> None:
    ordered = [Regime.ONE_PARTY, Regime.ALL_PARTY_NOTICE, Regime.ALL_PARTY_OPT_IN, Regime.PROHIBITED]
    for count in range(1, 5):
        assert strictest(reversed(ordered[:count])) is ordered[count - 1]


@pytest.mark.parametrize("code", ["US-CT", "US-WA"])
def test_connecticut_and_washington_want_the_notice_in_the_recording(code: str) -> None:
    assert jurisdictions()[code].notice_in_recording
    assert not jurisdictions()["US-NY"].notice_in_recording
