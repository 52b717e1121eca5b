"""Of who called, most of the staff see the country and two digits, whatever came in the place of a number."""

import re

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.events import names_somebody
from policies.jurisdiction.places import DISGUISES
from policies.masking import CLIENT, SIP, UNREADABLE, WITHHELD, WORDS, masked

_MASK = re.compile(r"\+[1-9][0-9]{0,2} ••• ••• ••(?:[0-9]{2}|••)")


@pytest.mark.parametrize(
    ("number", "mask"),
    [
        ("+15125550111", "+1 ••• ••• ••11"),
        ("+493012345678", "+49 ••• ••• ••78"),
        ("+4930123456", "+49 ••• ••• ••56"),
        ("+3581234567", "+358 ••• ••• ••67"),
        ("+390612345678", "+39 ••• ••• ••78"),
    ],
)
def test_of_a_number_the_country_and_the_last_two_digits_are_shown(number: str, mask: str) -> None:
    assert masked(number) == mask


def test_of_a_number_with_few_digits_only_the_country_is_shown() -> None:
    assert masked("+290812345") == "+290 ••• ••• ••45"
    assert masked("+29081234") == "+290 ••• ••• ••••"


@pytest.mark.parametrize("address", ["", " ", "anonymous", "Anonymous", "RESTRICTED", "unknown", *sorted(DISGUISES)])
def test_a_number_that_was_withheld_is_called_that(address: str) -> None:
    assert masked(address) == WITHHELD


@pytest.mark.parametrize(
    ("address", "word"),
    [
        ("sip:anna@example.com", SIP),
        ("sips:+15125550111@example.com", SIP),
        ("SIP:anna@example.com;user=phone", SIP),
        ("client:anna", CLIENT),
        ("whatsapp:+15125550111", UNREADABLE),
        ("anna@example.com", UNREADABLE),
        ("15125550111", UNREADABLE),
        ("+1 512 555 0111", UNREADABLE),
        ("+9995550111", UNREADABLE),
        ("+1", UNREADABLE),
        ("+" + "1" * 16, UNREADABLE),
        ("+1512٥٥٥0111", UNREADABLE),
        ("１５１２５５５０１１１", UNREADABLE),
        ("Ünbekannt", UNREADABLE),
        ("<script>alert(1)</script>", UNREADABLE),
    ],
)
def test_nothing_of_an_address_that_is_no_number_is_shown(address: str, word: str) -> None:
    assert masked(address) == word


@given(st.text(max_size=40) | st.from_regex(r"\+[1-9][0-9]{1,14}", fullmatch=True))
def test_whatever_comes_in_the_place_of_a_number_its_mask_has_one_of_few_forms(address: str) -> None:
    mask = masked(address)
    assert mask in WORDS or _MASK.fullmatch(mask)
    assert not names_somebody(mask)


@given(st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS)))
def test_two_numbers_of_a_country_that_end_alike_have_one_mask(region: str) -> None:
    example = phonenumbers.example_number(region)
    assert example is not None
    number = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
    code = f"+{example.country_code}"
    other = code + number.removeprefix(code)[:-2][::-1] + number[-2:]
    assert masked(number).startswith(f"{code} ")
    assert masked(other) in (masked(number), UNREADABLE)
