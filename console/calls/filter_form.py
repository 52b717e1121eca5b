"""The filters of the calls' list as the URL has them. No number of anybody is in it: lines go by a short hash of
theirs, agents by their account, and a caller by a value that only the viewer's own session can open.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

from console.sealed_value import Sealed
from policies.consent import Mode, Outcome
from policies.listing import ListedAudio
from storage.rows.call_pages import Cursor, Filters

DUE_DAYS = (7, 30, 90)
_LINE_DIGITS = 8
_TEXT_MAX, _CALL_ID_MAX = 64, 32
_FIRST, _LAST = date(2000, 1, 1), date(2199, 12, 31)  # no call is from another time
# A filter of these names is kept when the list is filtered further, and may be saved; `after` and `caller` may not.
SAVED = ("line", "outcome", "place", "audio", "reviewed", "mode", "language", "agent", "from", "until", "due", "tests")
_TESTS: Mapping[str, bool | None] = {"": False, "too": None, "only": True}
"""Calls of the service to itself, which are nobody's, are left out unless they are asked for."""


@dataclass(frozen=True, slots=True)
class Choices:
    """The values that a viewer may filter by. `agents` are the phones of the people who take calls, by a name for the
    URL: the person's name, and the phone's address.
    """

    lines: tuple[str, ...]
    languages: tuple[str, ...]
    places: Mapping[str, str]
    agents: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FilterForm:
    """`values` are the parameters that made sense, `odd` the names of those that did not."""

    values: Mapping[str, str]
    filters: Filters
    odd: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not self.values


def write_cursor(cursor: Cursor) -> str:
    return f"{cursor.at.isoformat()}~{cursor.call_id}"


def read_cursor(text: str) -> Cursor | None:
    """None for what is no cursor: the list then begins at its beginning."""
    at, _, call_id = text.partition("~")
    try:
        found = datetime.fromisoformat(at)
    except ValueError:
        return None
    is_time = found.tzinfo is not None and _FIRST <= found.date() <= _LAST
    is_id = call_id.isascii() and call_id.isalnum() and len(call_id) <= _CALL_ID_MAX
    return Cursor(found, call_id) if is_time and is_id else None


def line_name(line: str) -> str:
    """How a line is named in a URL."""
    return sha256(line.encode()).hexdigest()[:_LINE_DIGITS]


def read(given: Mapping[str, str], choices: Choices, zone: ZoneInfo, sealed: Sealed | None) -> FilterForm:
    """A parameter that makes no sense is left out, and named: an old link still shows something."""
    wishes = {name: text[:_TEXT_MAX] for name, text in given.items() if name in SAVED and text}
    read = {name: _read(name, text, choices, zone) for name, text in wishes.items()}
    odd = [name for name, value in read.items() if value is None]
    known = {name: value for name, value in read.items() if value is not None}
    caller_hash = sealed.opened(given["caller"]) if sealed and given.get("caller") else None
    if given.get("caller") and caller_hash is None:
        odd.append("caller")
    values = {name: wishes[name] for name in known} | ({"caller": given["caller"]} if caller_hash else {})
    return FilterForm(values, _filters(known, caller_hash), tuple(sorted(odd)))


def _filters(known: Mapping[str, object], caller_hash: str | None) -> Filters:
    names = {"from": "received_from", "until": "received_until", "due": "due_within_days"}
    found = {names.get(name, name): value for name, value in known.items() if name != "tests"}
    return Filters(**found, synthetic=_TESTS[str(known.get("tests", ""))], caller_hash=caller_hash)  # type: ignore[arg-type]  # by `_READERS`


def _read(name: str, text: str, choices: Choices, zone: ZoneInfo) -> object | None:
    """None for a value that makes no sense."""
    if name in _DAYS:
        begin = _begin(text, zone)
        return begin + timedelta(days=_DAYS[name]) if begin else None
    return _READERS[name](text, choices)


def _among(text: str, values: Iterable[str]) -> str | None:
    return next((str(value) for value in values if value == text), None)


def _begin(text: str, zone: ZoneInfo) -> datetime | None:
    """The beginning of a day in the viewer's zone, however long that day is."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return datetime.combine(day, time(), zone) if _FIRST <= day <= _LAST else None


# The first moment that is too late is the beginning of the day after.
_DAYS = {"from": 0, "until": 1}
_READERS: Mapping[str, Callable[[str, Choices], object | None]] = {
    "line": lambda text, choices: next((line for line in choices.lines if line_name(line) == text), None),
    "outcome": lambda text, _: _among(text, [*Outcome, "open"]),
    "audio": lambda text, _: _among(text, ListedAudio),
    "mode": lambda text, _: _among(text, Mode),
    "place": lambda text, choices: _among(text, choices.places),
    "language": lambda text, choices: _among(text, choices.languages),
    "reviewed": lambda text, _: {"yes": True, "no": False}.get(text),
    "tests": lambda text, _: _among(text, _TESTS),
    "agent": lambda text, choices: choices.agents[text][1] if text in choices.agents else None,
    "due": lambda text, _: int(text) if text in map(str, DUE_DAYS) else None,
}
