"""An attempt at single sign-on is kept by one browser, signed, and for five minutes."""

from datetime import timedelta

import pytest

from console.entry.attempts import LIFETIME, Attempt, Found, opened, sealed
from tests.conftest import NOON

KEY = b"k" * 32
ATTEMPT = Attempt("state", "nonce", "verifier", "", "/log")
FOUND = Found("https://id.example", "subject", "alice@example.com", "0" * 32, "state")


@pytest.mark.parametrize("kept", [ATTEMPT, FOUND], ids=["attempt", "found"])
def test_what_a_browser_keeps_is_read_as_it_was_written(kept: Attempt | Found) -> None:
    text = sealed(KEY, kept, NOON)
    assert opened(KEY, type(kept), text, NOON + LIFETIME - timedelta(milliseconds=1)) == kept
    assert opened(KEY, type(kept), text, NOON + LIFETIME) is None


def test_one_kind_is_not_taken_for_the_other() -> None:
    """Whoever is on the way to the provider has not come back yet."""
    assert opened(KEY, Found, sealed(KEY, ATTEMPT, NOON), NOON) is None
    assert opened(KEY, Attempt, sealed(KEY, FOUND, NOON), NOON) is None


@pytest.mark.parametrize("text", ["", "x", "x.y", "é", "." * 5000, "\x00"])
def test_what_was_not_signed_here_is_nothing(text: str) -> None:
    assert opened(KEY, Attempt, text, NOON) is None
    assert opened(b"another key" * 3, Attempt, sealed(KEY, ATTEMPT, NOON), NOON) is None


def test_a_changed_attempt_is_nothing() -> None:
    text = sealed(KEY, ATTEMPT, NOON)
    for at in range(0, len(text), 7):
        changed = text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]
        assert opened(KEY, Attempt, changed, NOON) is None


def test_its_secrets_are_not_shown_by_accident() -> None:
    assert "verifier" not in repr(ATTEMPT)
    assert "state=" not in repr(FOUND)
