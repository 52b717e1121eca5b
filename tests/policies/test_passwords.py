"""A password is long and not among the first that are guessed; nothing else is asked of it."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.passwords import PasswordFault, fault_of_password, normalised

NAMES = ("alice", "Alice Fernández")


@pytest.mark.parametrize(
    "password",
    [
        "password1234",
        "Password2026!!",
        "P@ssw0rd1234",
        "ＰＡＳＳＷＯＲＤ１２３４",
        "Password!@#$%^",
        "LetMeIn!LetMeIn!",
        "iloveyou4ever!!",
        "summer2026summer",
        "winter-1987-2024",
        "OnRecord-2026!",
        "0nr3c0rd0nr3c0rd",
        "twilio.console",
        "qwertyuiop12",
        "1qaz2wsx3edc",
        "zxcvbnm,./123",
        "123456789012",
        "098765432109",
        "aaaaaaaaaaaa",
        "abcabcabcabc",
        "alice.2026.12",
        "fernandez1234",
        "Fernández-Alice-01",
    ],
)
def test_a_password_that_is_guessed_first_is_refused(password: str) -> None:
    assert fault_of_password(password, *NAMES, "fernandez") is PasswordFault.GUESSABLE


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery",
        "ein ganz langer satz",
        "kX9#mQ2pL7vT",
        "928374650192",
        "пароль-корова-луна",
        "alice likes pie 7",
        "🐎🔋📎✅🐎🔋📎✅🦊🌍🍎🚲",
        "!)&%$/(=?`*+",
        "   a b c d e f",
    ],
)
def test_a_long_password_of_any_characters_is_good(password: str) -> None:
    assert fault_of_password(password, *NAMES) is None


def test_the_name_of_another_person_is_no_reason() -> None:
    assert fault_of_password("fernandez1234", "bob", "Bob Smith") is None


@pytest.mark.parametrize(
    ("password", "fault"),
    [
        ("kX9#mQ2pL7v", PasswordFault.TOO_SHORT),
        ("kX9#mQ2pL7vT", None),
        ("kX9#mQ2pL7vT" * 10 + "12345678", None),
        ("kX9#mQ2pL7vT" * 10 + "123456789", PasswordFault.TOO_LONG),
        ("", PasswordFault.TOO_SHORT),
        ("e\N{COMBINING ACUTE ACCENT}" * 6, PasswordFault.TOO_SHORT),  # six letters, however a keyboard writes them
        ("\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}" * 12, PasswordFault.TOO_LONG),  # 18 letters each
    ],
)
def test_a_password_has_12_to_128_characters(password: str, fault: PasswordFault | None) -> None:
    assert fault_of_password(password, *NAMES) is fault


def test_both_ways_to_write_a_letter_are_one_password() -> None:
    assert normalised("cafe\N{COMBINING ACUTE ACCENT}") == normalised("café")


@given(st.text(max_size=300), st.text(max_size=80))
def test_whatever_is_typed_has_an_answer(password: str, name: str) -> None:
    fault_of_password(password, name)


@given(st.text(alphabet=string.ascii_lowercase, min_size=16, max_size=16))
def test_a_password_is_judged_the_same_in_capitals(password: str) -> None:
    assert fault_of_password(password) == fault_of_password(password.upper())
