"""A person's settings survive what another version wrote, and take nothing that makes no sense."""

import pytest

from console.personal_settings import PersonalSettings

WISHES = {
    "language": "es",
    "time_zone": "Asia/Tokyo",
    "speed": 1.5,
    "volumes": [0.5, 1],
    "skips_silence": True,
    "single_keys": False,
    "keys": {"play": "P"},
    "purpose": "quality",
}


def test_what_was_wished_is_read_again() -> None:
    changed = PersonalSettings().changed(WISHES)
    assert PersonalSettings.read(changed.write()) == changed
    assert (changed.speed, changed.volumes, changed.purpose) == (1.5, (0.5, 1.0), "quality")
    assert all(getattr(changed, name) != getattr(PersonalSettings(), name) for name in WISHES)


def test_the_zones_of_the_system_are_not_read_for_each_request(monkeypatch: pytest.MonkeyPatch) -> None:
    PersonalSettings.read('{"time_zone": "Asia/Tokyo"}')
    monkeypatch.setattr("console.personal_settings.available_timezones", lambda: pytest.fail("they were read again"))
    assert PersonalSettings.read('{"time_zone": "Asia/Tokyo"}').time_zone == "Asia/Tokyo"


@pytest.mark.parametrize("text", ["", "[]", "null", '{"speed": "fast"}', '{"later": 1}', "{"])
def test_what_cannot_be_read_has_its_default(text: str) -> None:
    assert PersonalSettings.read(text) == PersonalSettings()


@pytest.mark.parametrize(
    "wish",
    [
        {"language": "xx"},
        {"time_zone": "../../etc/passwd"},
        {"speed": "fast"},
        {"speed": True},
        {"volumes": [2, 0]},
        {"volumes": [1]},
        {"skips_silence": "yes"},
        {"keys": {"play": 1}},
        {"keys": {"play": "P" * 33}},
        {"keys": {"play": "\ud800"}},
        {"keys": {"play": "\0"}},
        {"keys": {"\ud800": "P"}},
        {"purpose": "Quality"},
        {"purpose": "+14155550111"},
        {"purpose": 1},
        {"nothing": 1},
    ],
)
def test_a_wish_that_makes_no_sense_is_left_out(wish: dict[str, object]) -> None:
    assert PersonalSettings().changed({**wish, "single_keys": False}) == PersonalSettings(single_keys=False)


@pytest.mark.parametrize(("wished", "speed"), [(0.1, 0.5), (9, 3.0), (1.2345, 1.23), (1, 1.0), (10**400, 3.0)])
def test_a_speed_is_within_its_limits(wished: float, speed: float) -> None:
    assert PersonalSettings().changed({"speed": wished}).speed == speed
