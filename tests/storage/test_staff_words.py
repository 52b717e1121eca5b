"""The words of staff are read once, and can be printed and kept from then on."""

from collections.abc import Callable

import pytest

from storage.errors import Refused
from storage.rows.staff_words import NAME_MAX, WORDS_MAX, name, reason, reference


@pytest.mark.parametrize("read", [name, reason, reference])
def test_plain_words_are_taken_without_the_blanks_around_them(read: Callable[[str, str], str]) -> None:
    assert read("reason", "  the disk was full ") == "the disk was full"


@pytest.mark.parametrize("read", [name, reason])
@pytest.mark.parametrize("text", ["", "  ", "\n"])
def test_empty_words_are_refused(read: Callable[[str, str], str], text: str) -> None:
    with pytest.raises(Refused, match="^--why: it is empty"):
        read("--why", text)


def test_a_reference_may_be_left_out() -> None:
    assert reference("--ticket", " ") == ""


@pytest.mark.parametrize("read", [name, reason, reference])
@pytest.mark.parametrize("letter", ["\x1b", "\n", "\r", "\x9b", "\x7f", "\u202e", "\u2066", "\u2028", "\u200b"])
def test_what_does_not_print_is_refused_and_shown_escaped(read: Callable[[str, str], str], letter: str) -> None:
    with pytest.raises(Refused) as refused:
        read("reason", f"a{letter}b")
    assert str(refused.value).isprintable()


@pytest.mark.parametrize(("read", "most"), [(name, NAME_MAX), (reason, WORDS_MAX), (reference, WORDS_MAX)])
def test_too_many_words_are_refused(read: Callable[[str, str], str], most: int) -> None:
    assert len(read("reason", "a" * most)) == most
    with pytest.raises(Refused, match=f"expected {most} at most"):
        read("reason", "a" * (most + 1))


@pytest.mark.parametrize("read", [reason, reference])
def test_words_that_stay_name_nobody(read: Callable[[str, str], str]) -> None:
    with pytest.raises(Refused, match="must hold no number, address or sid"):
        read("reason", "+14155550100 was right")
