"""For what a recording may be used: the purposes agreed to, each until its own end."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.purposes import Allowed, Granted, NotGranted, use_of

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
GRANTED = (Granted("quality", NOON + timedelta(days=90)), Granted("training", NOON + timedelta(days=30)))


@pytest.mark.parametrize(
    ("purpose", "days", "use"),
    [
        ("quality", 0, Allowed()),
        ("training", 29, Allowed()),
        ("training", 31, NotGranted("its use for training ended on 2026-12-22")),
        ("quality", 31, Allowed()),
        ("quality", 91, NotGranted("its use for quality ended on 2027-02-20")),
        ("proof", 0, NotGranted("its caller did not agree to its use for proof")),
        ("Quality", 0, NotGranted("its caller did not agree to its use for Quality")),
        ("", 0, NotGranted("its caller did not agree to its use for ")),
    ],
)
def test_each_purpose_has_its_own_end(purpose: str, days: int, use: Allowed | NotGranted) -> None:
    assert use_of(GRANTED, purpose, NOON + timedelta(days=days)) == use


def test_at_the_instant_of_its_end_the_use_is_over() -> None:
    (quality, _) = GRANTED
    assert use_of(GRANTED, "quality", quality.until - timedelta(microseconds=1)) == Allowed()
    assert isinstance(use_of(GRANTED, "quality", quality.until), NotGranted)


def test_who_agreed_to_nothing_agreed_to_no_purpose() -> None:
    assert isinstance(use_of((), "quality", NOON), NotGranted)


zones = st.integers(-23, 23).map(lambda hours: timezone(timedelta(hours=hours)))
instants = st.datetimes(min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29), timezones=zones)  # noqa: DTZ001  # zones come with it
grants = st.lists(st.builds(Granted, st.sampled_from(["quality", "training", "proof"]), instants))


@given(grants, st.text(), instants)
def test_whatever_is_asked_is_answered_and_only_a_living_grant_allows(
    granted: list[Granted], purpose: str, at: datetime
) -> None:
    for asked in (purpose, "quality", "training"):
        lives = any(one.purpose == asked and at < one.until for one in granted)
        use = use_of(granted, asked, at)
        assert isinstance(use, Allowed) == lives
        assert isinstance(use, Allowed) or use.reason
