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
    return f"{local.day} {_months()[local.month - 1]} {local.year}, {local:%H:%M:%S} {named}"


def day(at: datetime) -> str:
    """Such as "28 Nov 2026", in the viewer's zone."""
    local = at.astimezone(_zone())
    return f"{local.day} {_months()[local.month - 1]} {local.year}"


def instant(at: datetime) -> str:
    """For programs: RFC 3339, in UTC."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def add_times(app: Flask) -> None:
    app.jinja_env.filters.update(when=when, day=day, instant=instant)


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
