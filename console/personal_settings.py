"""A person's own settings of the console. They live on the server, so they are the same in every browser."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cache
from types import MappingProxyType
from typing import Any, Self
from zoneinfo import available_timezones

SPEED_MIN, SPEED_MAX = 0.5, 3.0
LANGUAGES = ("en", "es")
_PURPOSE = re.compile(r"(?:[a-z][a-z_-]{0,47})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class PersonalSettings:
    """`language` is empty where the browser's counts, `time_zone` is an IANA name. `speed` of playing is 0.5 to 3,
    `volumes` are per speaker, 0 to 1: caller, agent. `keys` maps actions of the keyboard to other keys than the usual;
    `single_keys` is whether keys without a modifier do anything. `purpose` is the one that was last listened for.
    """

    language: str = ""
    time_zone: str = "UTC"
    speed: float = 1.0
    volumes: tuple[float, ...] = (1.0, 1.0)
    skips_silence: bool = False
    single_keys: bool = True
    keys: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    purpose: str = ""

    @classmethod
    def read(cls, text: str) -> Self:
        """A setting that cannot be read has its default: those of another version never lock anybody out."""
        try:
            found = json.loads(text)
        except ValueError:
            found = {}
        return cls().changed(found if isinstance(found, dict) else {})

    def changed(self, wishes: Mapping[str, Any]) -> Self:
        """With each wish that makes sense; the others are left out."""
        known: dict[str, Any] = {name: _CHECKS[name](value) for name, value in wishes.items() if name in _CHECKS}
        return replace(self, **{name: value for name, value in known.items() if value is not None})

    def write(self) -> str:
        return json.dumps({**asdict(replace(self, keys={})), "keys": dict(self.keys)})


def _language(value: object) -> str | None:
    return value if isinstance(value, str) and value in ("", *LANGUAGES) else None


@cache
def _known_zones() -> frozenset[str]:
    """Read from many files, and so only once: settings are read with each request."""
    return frozenset(available_timezones())


def _time_zone(value: object) -> str | None:
    return value if isinstance(value, str) and value in _known_zones() else None


def _speed(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return round(float(min(SPEED_MAX, max(SPEED_MIN, value))), 2)


def _volumes(value: object) -> tuple[float, ...] | None:
    if not isinstance(value, list | tuple) or len(value) != 2:
        return None
    if not all(isinstance(one, int | float) and not isinstance(one, bool) and 0 <= one <= 1 for one in value):
        return None
    return tuple(float(one) for one in value)


def _claim(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _keys(value: object) -> Mapping[str, str] | None:
    if not isinstance(value, dict) or len(value) > 64:
        return None
    if not all(
        isinstance(one, str) and 0 < len(one) <= 32 and one.isprintable() for pair in value.items() for one in pair
    ):
        return None  # what no page can show would keep its person out of every page
    return MappingProxyType(dict(value))


def _purpose(value: object) -> str | None:
    return value if isinstance(value, str) and _PURPOSE.fullmatch(value) else None


_CHECKS: Mapping[str, Callable[[object], Any]] = {
    "language": _language,
    "time_zone": _time_zone,
    "speed": _speed,
    "volumes": _volumes,
    "skips_silence": _claim,
    "single_keys": _claim,
    "keys": _keys,
    "purpose": _purpose,
}
assert set(_CHECKS) == {field_.name for field_ in fields(PersonalSettings)}
