"""How long a recording is kept: calendar durations, counted from the time of the call."""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

YEARS_MAX = 100

# ISO 8601 durations in whole calendar units. Parts of a day make no retention rule, so there is no T.
_DURATION = re.compile(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?", re.ASCII)
_TIME = re.compile(r"PT(?:(\d{1,4})H)?(?:(\d{1,4})M)?(?:(\d{1,4})S)?", re.ASCII)
_DIGITS_MAX = 6


class NotADuration(ValueError):
    """The text is no ISO 8601 duration, or one that is too short or too long."""


@dataclass(frozen=True, slots=True)
class Duration:
    years: int = 0
    months: int = 0
    weeks: int = 0
    days: int = 0

    def __str__(self) -> str:
        """As in ISO 8601: `P1Y6M`."""
        counts = ((self.years, "Y"), (self.months, "M"), (self.weeks, "W"), (self.days, "D"))
        return "P" + "".join(f"{count}{unit}" for count, unit in counts if count)


@dataclass(frozen=True, slots=True)
class RetentionRule:
    name: str
    keep: Duration


def parse_duration(text: str) -> Duration:
    """`P90D`, `P1Y6M`, `P2W`. Raises NotADuration, also for one of no length."""
    found = _DURATION.fullmatch(text)
    if found is None or found.lastindex is None:
        raise NotADuration("not an ISO 8601 duration of years, months, weeks and days")
    counts = found.groups(default="0")
    if any(len(count) > _DIGITS_MAX for count in counts):
        raise NotADuration(f"longer than {YEARS_MAX} years")
    duration = Duration(*map(int, counts))
    if duration == Duration():
        raise NotADuration("no time at all")
    if days_about(duration) > YEARS_MAX * 365:
        raise NotADuration(f"longer than {YEARS_MAX} years")
    return duration


def parse_time(text: str) -> timedelta:
    """`PT5M`, `PT1H30M`, `PT90S`. Raises NotADuration, also for one of no length."""
    found = _TIME.fullmatch(text)
    if found is None:
        raise NotADuration("not an ISO 8601 duration of hours, minutes and seconds")
    hours, minutes, seconds = map(int, found.groups(default="0"))
    length = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    if not length:
        raise NotADuration("no time at all")
    return length


def end_of(call_at: datetime, keep: Duration) -> datetime:
    """The moment, in UTC, at which a time that began with a call at `call_at` is over.

    Years and months move the calendar date first, to the month's last day where it is shorter; then come
    weeks and days. Counted in UTC, so that no change of clocks moves it. Raises ValueError for a naive time.
    """
    if call_at.utcoffset() is None:
        raise ValueError("call_at: a time without a zone is no moment")
    start = call_at.astimezone(UTC)
    years, month0 = divmod(start.month - 1 + keep.months, 12)
    year, month = start.year + keep.years + years, month0 + 1
    day = min(start.day, monthrange(year, month)[1])
    return start.replace(year=year, month=month, day=day) + timedelta(weeks=keep.weeks, days=keep.days)


def days_about(duration: Duration) -> int:
    return duration.years * 365 + duration.months * 30 + duration.weeks * 7 + duration.days


def may_outlast(one: Duration, other: Duration) -> bool:
    """Whether `one` ends later than `other` for a call of some day: 30 days outlast a month in February."""
    return any(end_of(day, one) > end_of(day, other) for day in _NINE_YEARS)


# Every day from one leap year over a year that is none, though its number divides by four, to the next leap year.
_NINE_YEARS = [datetime(2096, 1, 1, tzinfo=UTC) + timedelta(days=days) for days in range(9 * 365 + 2)]
