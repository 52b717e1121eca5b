"""Times of day as a page shows them: in the viewer's zone, with the zone written out.

Templates write `<time datetime="{{ at | instant }}">{{ at | when }}</time>`.
"""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from flask import Flask, g

from console.language import gettext


def when(at: datetime) -> str:
    """Such as "28 Nov 2026, 18:10:03 PST (America/Los_Angeles)"."""
    return written(at, _zone())


def written(at: datetime, zone: ZoneInfo) -> str:
    local = at.astimezone(zone)
    abbreviation = local.tzname() or ""
    named = abbreviation if abbreviation == zone.key else f"{abbreviation} ({zone.key})"
    time = f"{local:%H:%M:%S}"
    return gettext("%(day)s, %(time)s %(zone)s") % {"day": _written_day(local), "time": time, "zone": named}


def day(at: datetime) -> str:
    """Such as "28 Nov 2026", in the viewer's zone."""
    return _written_day(at.astimezone(_zone()))


def instant(at: datetime) -> str:
    """For programs: RFC 3339, in UTC."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def add_times(app: Flask) -> None:
    app.jinja_env.filters.update(when=when, day=day, instant=instant)


def _written_day(local: datetime) -> str:
    month = _months()[local.month - 1]
    return gettext("%(day)s %(month)s %(year)s") % {"day": local.day, "month": month, "year": local.year}


def _zone() -> ZoneInfo:
    viewer = g.get("viewer")
    return ZoneInfo("UTC") if viewer is None else viewer.zone


def _months() -> tuple[str, ...]:
    return (
        gettext("Jan"),
        gettext("Feb"),
        gettext("Mar"),
        gettext("Apr"),
        gettext("May"),
        gettext("Jun"),
        gettext("Jul"),
        gettext("Aug"),
        gettext("Sep"),
        gettext("Oct"),
        gettext("Nov"),
        gettext("Dec"),
    )
