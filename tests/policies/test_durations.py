from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.durations import Duration, NotADuration, days_about, end_of, may_outlast, parse_duration

durations = st.builds(Duration, st.integers(0, 40), st.integers(0, 400), st.integers(0, 1000), st.integers(1, 3000))
calls = st.datetimes(
    datetime(2020, 1, 1),  # noqa: DTZ001 - hypothesis takes the bounds naive and adds the zone itself
    datetime(2100, 1, 1),  # noqa: DTZ001 - as above
    timezones=st.integers(-14, 14).map(lambda h: timezone(timedelta(hours=h))),
)


def kept(call_at: datetime, keep: str) -> datetime:
    return end_of(call_at, parse_duration(keep))


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("P90D", Duration(days=90)),
        ("P1Y", Duration(years=1)),
        ("P18M", Duration(months=18)),
        ("P2W", Duration(weeks=2)),
        ("P1Y2M3W4D", Duration(1, 2, 3, 4)),
        ("P0Y1D", Duration(days=1)),
    ],
)
def test_a_duration_is_read_as_written(text: str, duration: Duration) -> None:
    assert parse_duration(text) == duration


@given(durations.filter(lambda duration: days_about(duration) <= 36500))
def test_a_duration_is_written_as_it_is_read(duration: Duration) -> None:
    assert parse_duration(str(duration)) == duration


@pytest.mark.parametrize(
    "text",
    ["", "P", "90D", "P90", "PD", "P-1D", "P1.5D", "P1D1Y", "PT24H", "P1DT1H", "p90d", "P90D ", "P90D\n", "P٩D", "P٩W"],
)
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(NotADuration, match="not an ISO 8601 duration"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["P0D", "P0Y0M"])
def test_a_duration_of_no_length_is_refused(text: str) -> None:
    with pytest.raises(NotADuration, match="no time at all"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["P101Y", "P9999999999Y", "P999999999999999999999999D", "P36501D"])
def test_a_duration_beyond_a_century_is_refused(text: str) -> None:
    with pytest.raises(NotADuration, match="longer than 100 years"):
        parse_duration(text)


@given(st.text() | st.from_regex(r"P(\d+Y)?(\d+M)?(\d+W)?(\d+D)?"))
def test_any_text_is_a_duration_or_is_refused(text: str) -> None:
    try:
        duration = parse_duration(text)
    except NotADuration:
        return
    assert end_of(datetime(2026, 1, 31, tzinfo=UTC), duration).year <= 2127


@pytest.mark.parametrize(
    ("call_at", "keep", "until"),
    [
        ("2026-11-22T10:00:00Z", "P90D", "2027-02-20T10:00:00Z"),
        ("2024-02-29T00:00:00Z", "P1Y", "2025-02-28T00:00:00Z"),
        ("2024-02-29T00:00:00Z", "P4Y", "2028-02-29T00:00:00Z"),
        ("2026-01-31T23:59:59Z", "P1M", "2026-02-28T23:59:59Z"),
        ("2024-01-31T00:00:00Z", "P1M", "2024-02-29T00:00:00Z"),
        ("2026-12-31T00:00:00Z", "P1M", "2027-01-31T00:00:00Z"),
        ("2026-08-31T00:00:00Z", "P6M1D", "2027-03-01T00:00:00Z"),
        ("2026-11-22T00:00:00Z", "P25M", "2028-12-22T00:00:00Z"),
        ("2026-11-22T00:00:00Z", "P2W", "2026-12-06T00:00:00Z"),
        ("2026-01-31T23:30:00-05:00", "P1M", "2026-03-01T04:30:00Z"),
    ],
)
def test_years_and_months_move_the_calendar_date(call_at: str, keep: str, until: str) -> None:
    assert kept(datetime.fromisoformat(call_at), keep) == datetime.fromisoformat(until)


@given(calls, durations)
def test_audio_is_kept_at_least_a_day_and_the_end_is_in_utc(call_at: datetime, keep: Duration) -> None:
    until = end_of(call_at, keep)
    assert until >= call_at + timedelta(days=1)
    assert until.utcoffset() == timedelta(0)


@given(calls, calls, durations)
def test_a_later_call_is_never_destroyed_a_day_before_an_earlier_one(a: datetime, b: datetime, keep: Duration) -> None:
    # Not simply in order: calls of the 30th and the 31st meet on the last day of a shorter month.
    assert end_of(min(a, b), keep) < end_of(max(a, b), keep) + timedelta(days=1)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        kept(datetime(2026, 1, 1), "P1D")  # noqa: DTZ001 - the naive time is the point


@pytest.mark.parametrize(
    ("one", "other", "outlasts"),
    [
        ("P30D", "P1M", True),  # in February
        ("P1M", "P30D", True),  # in January
        ("P1M", "P31D", False),
        ("P28D", "P1M", False),
        ("P1M", "P1M", False),
        ("P1Y", "P12M", False),
        ("P12M", "P1Y", False),
        ("P5Y", "P1825D", True),
        ("P1825D", "P5Y", False),
        ("P1827D", "P5Y", True),
        ("P8Y", "P2922D", False),
        ("P2922D", "P8Y", True),  # over 2100, which is no leap year
    ],
)
def test_a_time_may_outlast_another_for_calls_of_some_day(one: str, other: str, outlasts: bool) -> None:
    assert may_outlast(parse_duration(one), parse_duration(other)) is outlasts
