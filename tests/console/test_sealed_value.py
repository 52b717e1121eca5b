"""A value in a URL opens for the session that made it, and for no other."""

from console.sealed_value import Sealed


def test_a_sealed_value_opens_for_its_own_session_alone() -> None:
    sealed = Sealed("a token")
    closed = sealed.closed("secret")
    assert "secret" not in closed
    assert sealed.opened(closed) == "secret"
    assert closed != sealed.closed("secret")
    for wrong in ("", "x", closed[:-1], closed[:-2] + "AA", "é", "A" * 401):
        assert sealed.opened(wrong) is None
    assert Sealed("another").opened(closed) is None
