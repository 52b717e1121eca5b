"""Callers are remembered by a keyed hash of their number, and those who withhold it are not remembered at all."""

import hmac

import pytest

from storage.number_hash import number_hash

KEY = b"n" * 32
NUMBERS = ("+15125550111", "+12125550100", "+493012345678", "+447911123456")


@pytest.mark.parametrize("number", ["+12125550100", "+15125550111", "+431110"])
def test_it_is_the_hmac_of_the_number(number: str) -> None:
    assert number_hash(KEY, number) == hmac.new(KEY, number.encode(), "sha256").hexdigest()


def test_each_number_has_its_own_and_each_key_others() -> None:
    made = {number_hash(key, number) for key in (KEY, b"m" * 32) for number in NUMBERS}
    assert len(made) == 2 * len(NUMBERS)
    assert all(one and len(one) == 64 for one in made)


@pytest.mark.parametrize(
    "from_",
    [
        "",
        "anonymous",
        "Anonymous",
        "Restricted",
        "+266696687",  # ANONYMOUS on a keypad
        "+86282452253",  # UNAVAILABLE
        "+7378742833",  # RESTRICTED
        "sip:+12125550100@pbx.example",
        "client:+12125550100",
        "12125550100",
        "+1 212 555 0100",
        "+12125550100 ",
        "+12125550100\n",
        "+121255501001",
        "+1212555010",
        "+１２１２５５５０１００",
        "+9991234567",
        "+" + "1" * 5000,
    ],
)
def test_who_withholds_or_disguises_a_number_has_none(from_: str) -> None:
    assert number_hash(KEY, from_) is None
