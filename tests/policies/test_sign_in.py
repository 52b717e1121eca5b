"""Who may sign in by which way, and for how long an account waits after failed attempts."""

from datetime import timedelta

import pytest

from policies.permissions import Role
from policies.sessions import SignedInBy
from policies.sign_in import counts_back, is_fresh, may_sign_in, wait_until
from tests.conftest import NOON


@pytest.mark.parametrize("by", SignedInBy)
@pytest.mark.parametrize("role", Role)
def test_a_role_that_demands_no_passkey_signs_in_by_every_way(role: Role, by: SignedInBy) -> None:
    assert may_sign_in(role, by, frozenset(Role) - {role})


@pytest.mark.parametrize(
    ("by", "acr", "may"),
    [
        (SignedInBy.PASSKEY, "", True),
        (SignedInBy.PASSWORD, "", False),
        (SignedInBy.PASSWORD, "phr", False),
        (SignedInBy.SINGLE_SIGN_ON, "", False),
        (SignedInBy.SINGLE_SIGN_ON, "mfa", False),
        (SignedInBy.SINGLE_SIGN_ON, "phr", True),
        (SignedInBy.SINGLE_SIGN_ON, "phrh", True),
    ],
)
def test_a_role_that_demands_passkeys_comes_by_single_sign_on_only_if_its_provider_saw_as_much(
    by: SignedInBy, acr: str, may: bool
) -> None:
    assert may_sign_in(Role.ADMIN, by, {Role.ADMIN}, acr=acr) is may


@pytest.mark.parametrize(
    ("failures", "seconds"), [(5, 32), (6, 64), (7, 128), (8, 256), (9, 512), (10, 900), (11, 900), (10**9, 900)]
)
def test_an_account_waits_twice_as_long_after_each_failure_from_the_fifth_on(failures: int, seconds: int) -> None:
    assert wait_until(failures, NOON) == NOON + timedelta(seconds=seconds)


@pytest.mark.parametrize("failures", range(5))
def test_nobody_waits_before_the_fifth_failure(failures: int) -> None:
    assert wait_until(failures, NOON) is None
    assert wait_until(9, None) is None


def test_a_session_is_fresh_for_a_quarter_of_an_hour() -> None:
    assert is_fresh(NOON, NOON + timedelta(minutes=15))
    assert not is_fresh(NOON, NOON + timedelta(minutes=15, milliseconds=1))


@pytest.mark.parametrize(
    ("kept", "counted", "is_back"),
    [(0, 0, False), (0, 7, False), (7, 8, False), (7, 7, True), (7, 6, True), (7, 0, True)],
)
def test_a_passkey_that_counts_may_only_count_up(kept: int, counted: int, is_back: bool) -> None:
    assert counts_back(kept, counted) is is_back
