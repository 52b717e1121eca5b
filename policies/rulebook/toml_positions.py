"""On which line of a TOML text each table, key and array item stands, which the standard parser does not say."""

import re
import tomllib
from bisect import bisect_right
from collections.abc import Mapping

# From the root down: a key as text, the place in an array (of values or of tables) counted from 0.
Path = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_KEY = re.compile(r"""[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'""")
_SCALAR = re.compile(
    r'''"""(?:[^\\]|\\.)*?"""(?!")'''
    r"""|'''.*?'''(?!')"""
    r'''|"(?:[^"\\\n]|\\.)*"'''
    r"""|'[^'\n]*'"""
    r"""|[^,\]}#\n]+""",
    re.DOTALL,
)


def positions(text: str) -> Mapping[Path, int]:
    """The line, counted from 1, where each path is first named. `text` must be valid TOML."""
    scan = _Scan(text)
    scan.document()
    return scan.lines


class _Scan:
    """A single scan of the text. It relies on the text being valid, so it looks only for where things begin."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Path, int] = {(): 1}
        self._line_starts = [0, *(found.end() for found in re.finditer("\n", text))]
        self._tables_in: dict[Path, int] = {}

    def document(self) -> None:
        table: Path = ()
        while self._skip(_BLANK):
            if self.text.startswith("[", self.at):
                table = self._header()
            else:
                self._pair(table)

    def _header(self) -> Path:
        start = self.at
        is_array = self.text.startswith("[[", start)
        self.at += 2 if is_array else 1
        names = self._names()
        self.at += 2 if is_array else 1
        table: Path = ()
        for depth, name in enumerate(names, start=1):
            table = (*table, name)
            self._mark(table, start)
            if is_array and depth == len(names):
                self._tables_in[table] = self._tables_in.get(table, 0) + 1
            if table in self._tables_in:
                table = (*table, self._tables_in[table] - 1)
                self._mark(table, start)
        return table

    def _pair(self, table: Path) -> None:
        start, path = self.at, table
        for name in self._names():
            path = (*path, name)
            self._mark(path, start)
        self.at += 1  # the equals sign
        self._value(path)

    def _names(self) -> list[str]:
        """A key, dotted or not; the scan then stands right behind it."""
        names = []
        while True:
            self._skip(_SPACE)
            names.append(_unquoted(self._take(_KEY)))
            self._skip(_SPACE)
            if not self.text.startswith(".", self.at):
                return names
            self.at += 1

    def _value(self, path: Path) -> None:
        self._skip(_SPACE)
        opening = self.text[self.at]
        if opening == "[":
            self._items(path)
        elif opening == "{":
            self._inline_table(path)
        else:
            self._take(_SCALAR)

    def _items(self, path: Path) -> None:
        self.at += 1
        index = 0
        while self._has_next("]"):
            self._mark((*path, index), self.at)
            self._value((*path, index))
            index += 1

    def _inline_table(self, path: Path) -> None:
        self.at += 1
        while self._has_next("}"):
            self._pair(path)

    def _has_next(self, closing: str) -> bool:
        """Move to the next item, over a comma; or over the closing bracket, where there is none."""
        self._skip(_BLANK)
        if self.text.startswith(",", self.at):
            self.at += 1
            self._skip(_BLANK)
        is_over = self.text.startswith(closing, self.at)
        self.at += is_over
        return not is_over

    def _mark(self, path: Path, start: int) -> None:
        self.lines.setdefault(path, bisect_right(self._line_starts, start))

    def _skip(self, blank: re.Pattern[str]) -> bool:
        """Skip blanks; whether any text is left behind them."""
        self._take(blank)
        return self.at < len(self.text)

    def _take(self, what: re.Pattern[str]) -> str:
        found = what.match(self.text, self.at)
        if found is None:
            raise ValueError(f"offset {self.at}: not valid TOML")
        self.at = found.end()
        return found.group()


def _unquoted(key: str) -> str:
    if key[0] not in "\"'":
        return key
    value: str = tomllib.loads(f"key = {key}")["key"]
    return value
