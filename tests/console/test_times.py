"""Times on the pages are in the viewer's zone, and say which that is."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from flask import Flask, g

from console.personal_settings import PersonalSettings
from console.times import instant, when, written
from console.viewer import find
from policies.sessions import Limits
from storage.database.engine import Database
from storage.staff import accounts
from tests.conftest import NOON
from tests.console.conftest import Staff

AT = datetime(2026, 11, 29, 2, 10, 3, 7000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("America/Los_Angeles", "28 Nov 2026, 18:10:03 PST (America/Los_Angeles)"),
        ("America/Sao_Paulo", "28 Nov 2026, 23:10:03 -03 (America/Sao_Paulo)"),
        ("UTC", "29 Nov 2026, 02:10:03 UTC"),
    ],
)
def test_a_time_is_written_with_its_zone(zone: str, text: str) -> None:
    assert written(AT, ZoneInfo(zone)) == text


def test_the_hour_that_comes_twice_in_autumn_is_told_apart() -> None:
    first, zone = datetime(2026, 11, 1, 8, 30, tzinfo=UTC), ZoneInfo("America/Los_Angeles")
    assert written(first, zone) == "1 Nov 2026, 01:30:00 PDT (America/Los_Angeles)"
    assert written(first + timedelta(hours=1), zone) == "1 Nov 2026, 01:30:00 PST (America/Los_Angeles)"


def test_a_program_gets_the_time_in_utc() -> None:
    assert instant(AT.astimezone(ZoneInfo("Asia/Tokyo"))) == "2026-11-29T02:10:03.007Z"


def test_a_page_has_the_zone_of_its_viewer(staff: Staff, app: Flask, database: Database) -> None:
    person = staff.somebody()
    with app.test_request_context():
        assert when(AT) == "29 Nov 2026, 02:10:03 UTC"
        saved = PersonalSettings(time_zone="Asia/Tokyo").write()
        database.write(lambda connection: accounts.save_settings(connection, person.account.id, saved))
        with database.read() as connection:
            g.viewer = find(connection, person.token, NOON, Limits())
        assert when(AT) == "29 Nov 2026, 11:10:03 JST (Asia/Tokyo)"
