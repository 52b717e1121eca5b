"""Mistakes in a rules file: found all in one go, each with its line and the expected value."""

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TypeVar

from policies.rulebook.toml_positions import Path

T = TypeVar("T")
S = TypeVar("S")

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
# As many digits as a phone number has, however they are set.
_A_NUMBER = re.compile(r"\d(?:[ ().-]*\d){6,}")


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """`where` is the path as people write it, array places counted from 1: `line[1].consent`."""

    line: int
    where: str
    problem: str
    expected: str

    def __str__(self) -> str:
        return f"{self.line}: {self.where}: {self.problem}; expected {self.expected}"


class RulebookRejected(ValueError):
    """The rules file cannot be used. `mistakes` are in the order of their lines; `str()` has one on each."""

    def __init__(self, mistakes: Iterable[Mistake], file_name: str) -> None:
        self.mistakes = tuple(sorted(mistakes))
        super().__init__("\n".join(f"{file_name}:{mistake}" for mistake in self.mistakes))


class Wrong(ValueError):
    """A value that is not as it should be; the code that reads it knows where it stands."""

    def __init__(self, problem: str, expected: str) -> None:
        super().__init__(f"{problem}; expected {expected}")
        self.problem = problem
        self.expected = expected


class Findings:
    """Reads values out of parsed TOML, and notes each mistake where it stands instead of stopping at it.

    A value that cannot be read is replaced by the calling code's stand-in, which is never used: the mistake rejects the
    file.
    """

    def __init__(self, lines: Mapping[Path, int]) -> None:
        self.mistakes: list[Mistake] = []
        self._lines = lines

    def report(self, path: Path, problem: str, expected: str) -> None:
        self.mistakes.append(Mistake(self.line_of(path), _written(path), problem, expected))

    def line_of(self, path: Path) -> int:
        """The line of the path, or of the nearest thing around it that stands in the file."""
        while path not in self._lines:
            path = path[:-1]
        return self._lines[path]

    def table(
        self, value: object, path: Path, *, required: Collection[str], optional: Collection[str] = ()
    ) -> Mapping[str, object]:
        """The table at `path`, without the keys that mean nothing there. None is a table that is not there."""
        if value is None:
            self.report(path, "missing", f"a table [{_written(path)}]")
            return {}
        if not isinstance(value, dict):
            self.report(path, f"{described(value)} is not a table", "a table")
            return {}
        known = [*required, *optional]
        for key in value.keys() - set(known):
            self.report((*path, key), "unknown key", one_of(known, key))
        for key in set(required) - value.keys():
            self.report((*path, key), "missing", f"{key} = …")
        return {key: value[key] for key in known if key in value}

    def tables(self, value: object, path: Path) -> Mapping[str, object]:
        """The table at `path` whose keys are names of the operator's choice."""
        return self.table(value, path, required=(), optional=value if isinstance(value, dict) else ())

    def read(
        self, table: Mapping[str, object], path: Path, key: str, reading: Callable[[object], T], stand_in: S
    ) -> T | S:
        """The value of a key; the stand-in where there is none, or none that can be read."""
        if key not in table:
            return stand_in
        return self._at((*path, key), table[key], reading, stand_in)

    def read_each(
        self, table: Mapping[str, object], path: Path, key: str, reading: Callable[[object], T]
    ) -> tuple[T, ...]:
        """The different items of an array with at least one."""
        if key not in table:
            return ()
        items, at = table[key], (*path, key)
        if not isinstance(items, list) or not items:
            self.report(at, f"{described(items)} is not a list of one or more", 'a list such as ["…"]')
            return ()
        values = [self._at((*at, i), item, reading, None) for i, item in enumerate(items)]
        for i, value in enumerate(values):
            if value is not None and value in values[:i]:
                self.report((*at, i), f"the same as item {values.index(value) + 1}", "each of them once")
        return tuple(value for value in values if value is not None)

    def _at(self, path: Path, value: object, reading: Callable[[object], T], stand_in: S) -> T | S:
        try:
            return reading(value)
        except Wrong as wrong:
            self.report(path, wrong.problem, wrong.expected)
            return stand_in


def one_of(known: Iterable[str], given: str) -> str:
    """The name that a wrong one is nearest to; all names where none is near."""
    names = list(known)
    near = get_close_matches(given, names, n=1)
    return f"{near[0]} (did you mean that?)" if near else f"one of {', '.join(names)}"


def described(value: object) -> str:
    """A value as a message may quote it: short, on one line, and with no phone number in it."""
    if isinstance(value, str):
        return _quoted(value)
    if value == []:
        return "an empty list"
    kinds = {bool: "true or false", int: "a whole number", float: "a number", list: "a list", dict: "a table"}
    return kinds.get(type(value), "a date or time")


def _quoted(text: str) -> str:
    masked = _A_NUMBER.sub("…", text)
    shown = masked if len(masked) <= 40 else f"{masked[:39]}…"
    return json.dumps(shown, ensure_ascii=not shown.isprintable())


def _written(path: Path) -> str:
    """The path as a person writes it; a key that is not a plain word stands in quotes."""
    written = ""
    for step in path:
        if isinstance(step, int):
            written += f"[{step + 1}]"
            continue
        is_plain = _BARE_KEY.fullmatch(step) and not _A_NUMBER.search(step)
        written += ("." if written else "") + (step if is_plain else _quoted(step))
    return written
