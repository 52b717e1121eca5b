"""The keys of the console, from one table: `static/keys.json`.

The handler in the browser, the help, the hints on the controls and the tests all take the keys from here, as a person
has mapped them. A key is a character, `Shift+` and a letter, a name such as Space, or two of these one after the other.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from console.personal_settings import PersonalSettings

_TABLE = Path(__file__).parent / "static/keys.json"
# What a key does in a browser or for a screen reader wherever the focus is stays as it is.
_KEY = r"(?:Space|Escape|Home|End|PageUp|PageDown|F[2-9]|(?:Shift\+)?[A-Z]|[^\sA-Za-z])"
_KEYS = re.compile(rf"{_KEY}(?: {_KEY})?")
KEY_MAX = 24


@dataclass(frozen=True, slots=True)
class Action:
    """`words` are a msgid. `where` is `player`, `call` or `everywhere`: the pages that the action is on."""

    name: str
    keys: tuple[str, ...]
    where: str
    words: str


@dataclass(frozen=True, slots=True)
class Keyboard:
    """The keys of one person. `is_on`: their single keys do something."""

    actions: tuple[Action, ...]
    is_on: bool

    @classmethod
    def of(cls, settings: PersonalSettings) -> "Keyboard":
        """A key that a person has given to an action is taken from every other."""
        own = _own(settings.keys)
        return cls(tuple(_mapped(each, own) for each in ACTIONS), settings.single_keys)

    def shortcuts(self, name: str) -> str:
        """For `aria-keyshortcuts`, which has no way to say that one key follows another; empty for none."""
        return " ".join(key for key in self[name].keys if " " not in key)

    def as_json(self) -> str:
        """Each key with its action."""
        return json.dumps({key: each.name for each in self.actions for key in each.keys})

    def __getitem__(self, name: str) -> Action:
        return next(each for each in self.actions if each.name == name)


def read_key(text: str) -> str | None:
    """A key as somebody writes it, spelled as the table spells it; None for what is none."""
    parts = text.split()
    spelled = " ".join(_spelled(part) for part in parts)
    return spelled if len(spelled) <= KEY_MAX and _KEYS.fullmatch(spelled) else None


def _spelled(part: str) -> str:
    shift, plus, key = part.rpartition("+")
    if plus and shift.casefold() == "shift" and key:
        return f"Shift+{key.upper()}"
    return part.upper() if len(part) == 1 else _NAMES.get(part.casefold(), part)


_NAMES = {name.casefold(): name for name in ("Space", "Escape", "Home", "End", "PageUp", "PageDown")} | {
    f"f{n}": f"F{n}" for n in range(2, 10)
}


def _own(wishes: Mapping[str, str]) -> dict[str, str]:
    """By action, in the order of the table; of two that clash the first has its key."""
    own: dict[str, str] = {}
    for each in ACTIONS:
        key = read_key(wishes.get(each.name, ""))
        if key and each.name not in FIXED and not any(_clash(key, other) for other in (*own.values(), *_FIXED_KEYS)):
            own[each.name] = key
    return own


def _mapped(action: Action, own: Mapping[str, str]) -> Action:
    if action.name in own:
        return replace(action, keys=(own[action.name],))
    return replace(action, keys=tuple(key for key in action.keys if not any(_clash(key, o) for o in own.values())))


def _clash(key: str, other: str) -> bool:
    """Whether one is the other, or its beginning: then nobody could tell which was meant."""
    return f"{key} ".startswith(f"{other} ") or f"{other} ".startswith(f"{key} ")


def _read() -> tuple[Action, ...]:
    rows = json.loads(_TABLE.read_text(encoding="utf-8"))
    return tuple(Action(row["action"], tuple(row["keys"]), row["where"], row["words"]) for row in rows)


ACTIONS = _read()
FIXED = frozenset({"return"})
"""Escape leads back whatever is mapped, so that nobody is locked into a field."""
_FIXED_KEYS = tuple(key for each in ACTIONS if each.name in FIXED for key in each.keys)
