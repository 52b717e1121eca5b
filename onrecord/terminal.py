"""The one place where commands print. Texts of callers, staff and other machines are shown escaped, whoever wrote them.

A terminal gets lines broken between words at its width, or at COLUMNS where that is set. A pipe gets each line whole.
Documents and JSON are UTF-8, whatever the locale.
"""

import errno
import io
import json
import logging
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime
from textwrap import wrap
from typing import TYPE_CHECKING

import click

from evidence.printable import escaped, escaped_json
from storage.errors import Refused

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

UNPRINTED = 2
_CANNOT_BE_WRITTEN = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF}
_PIPE_WIDTH = 200  # a table that is piped into a file is not squeezed into a terminal that is not there
_NARROWEST = 20
_UNBOUNDED = 1_000_000


@dataclass(frozen=True, slots=True)
class Sheet:
    """Rows to be shown under headings, as texts."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    title: str = ""
    is_ruled: bool = False

    def as_json(self, *names: str) -> list[dict[str, str]]:
        """Each row as JSON has it: its cells by these names."""
        return [dict(zip(names, row, strict=True)) for row in self.rows]


@contextmanager
def printing() -> Iterator[None]:
    """All of a command stands within it. A standard stream that is closed is the null device, a letter that the locale
    does not have is written out, and output that can't be written ends the command with a sentence. A pipe that nobody
    reads any more ends it without one.
    """
    _open_standard_streams()
    logging.lastResort = _Said(logging.WARNING)
    try:
        yield
    except OSError as error:
        if error.filename is not None or error.errno not in _CANNOT_BE_WRITTEN:
            raise
        with suppress(OSError):
            say(f"onrecord: the output can't be written: {error.strerror}", error=True)
        _drop_output()
        sys.exit(UNPRINTED)


def say(text: object = "", *, error: bool = False, is_verbatim: bool = False) -> None:
    """Print a line, on standard error with `error`. Its continuation on a terminal is indented a little more, unless
    its blanks count (`is_verbatim`).
    """
    line = escaped(str(text))
    width = _width(error=error)
    if width is None or is_verbatim or len(line) <= width:
        click.echo(line, err=error)
        return
    start = line[: len(line) - len(line.lstrip())]
    for part in wrapped(start, line.lstrip(), width, hang=2):
        click.echo(part, err=error)


def say_document(text: str) -> None:
    """Print a document whose line breaks are its own."""
    click.echo("\n".join(map(escaped, text.split("\n"))).encode(), nl=not text.endswith("\n"))


def say_json(value: object) -> None:
    click.echo(escaped_json(json.dumps(value, indent=2, ensure_ascii=False)).encode())


def say_hashed(line: str) -> None:
    """Print an event as it is hashed, byte for byte; on a terminal as an equal JSON text without hidden characters."""
    click.echo((escaped_json(line) if sys.stdout.isatty() else line).encode())


def say_bytes(pieces: Iterable[bytes]) -> None:
    """Write a file to standard output."""
    for piece in pieces:
        click.echo(piece, nl=False)


def check_takes_bytes(what: str) -> None:
    """Raises Refused where standard output is a terminal, which can't show a file."""
    if sys.stdout.isatty():
        raise Refused(f"{what}: a terminal does not show it; send standard output into a file or a program")


def confirm(question: str) -> None:
    """Ask at a terminal, and end the command on a no. Standard output is for the facts."""
    click.confirm(escaped(question), abort=True, err=True)


def show(table: "Table") -> None:
    """Print a table of rich's, whose texts are our own."""
    _plain(_width() or _PIPE_WIDTH).print(table)


def show_sheet(sheet: Sheet) -> None:
    """Print a table; where not even the longest words of its columns find room, each row as lines of their own."""
    from rich.measure import Measurement

    console = _plain(_width() or _PIPE_WIDTH)
    table = _table(sheet)
    if Measurement.get(console, console.options.update(max_width=_UNBOUNDED), table).minimum <= console.width:
        console.print(table)
        return
    for line in _blocks(sheet, console.width):
        click.echo(line)


def wrapped(start: str, text: str, width: int, *, hang: int = 0) -> list[str]:
    """The text after `start`, broken between words; further lines begin below it, or `hang` to the right of `start`."""
    later = " " * (len(start) + hang)
    parts = wrap(
        escaped(text),
        width=max(width, _NARROWEST),
        initial_indent=start,
        subsequent_indent=later,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return parts or [start.rstrip()]


def as_plain(row: object) -> dict[str, object]:
    """A row for JSON: its fields by name, times in RFC 3339, sets as sorted lists."""
    return {each.name: _as_plain(getattr(row, each.name)) for each in fields(row)}  # type: ignore[arg-type]  # a dataclass


def in_words(value: object) -> str:
    """A value of an event or a JSON document, for people."""
    if value is None or value == "":
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return "; ".join(f"{name} {in_brackets(each)}" for name, each in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(in_brackets, value)) or "none"
    return str(value)


def in_brackets(value: object) -> str:
    """The same as a part of another value: in brackets where it has parts itself."""
    return f"({in_words(value)})" if isinstance(value, Mapping | list | tuple) and value else in_words(value)


@contextmanager
def progress_shown(unit: str) -> Iterator[Callable[[int, int], object]]:
    """A bar on a terminal, and nothing elsewhere. It leaves standard output alone."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn(unit), TimeRemainingColumn())
    console, hidden = Console(stderr=True), not sys.stderr.isatty()
    with Progress(
        *columns, console=console, disable=hidden, transient=True, redirect_stdout=False, redirect_stderr=False
    ) as bar:
        task = bar.add_task("")
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _as_plain(value: object) -> object:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Set):
        return sorted(map(str, value))
    if isinstance(value, list | tuple):
        return [_as_plain(each) for each in value]
    return as_plain(value) if is_dataclass(value) else value


def _width(*, error: bool = False) -> int | None:
    """The width to keep to; None where each line stays whole."""
    stream = sys.stderr if error else sys.stdout
    asked = os.environ.get("COLUMNS", "")
    if re.fullmatch("[0-9]{1,6}", asked) and int(asked):
        return max(int(asked), _NARROWEST)
    return max(os.get_terminal_size(stream.fileno()).columns or 80, _NARROWEST) if stream.isatty() else None


class _Said(logging.Handler):
    """The warnings of a command that keeps no log."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        say(f"onrecord: {record.getMessage()}{f' ({error!r})' if error else ''}", error=True)


def _open_standard_streams() -> None:
    """A descriptor that is closed would be given to the next file that is opened, the database's say."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # which takes the lowest that is free
    sys.stdout, sys.stderr = sys.stdout or open(1, "w"), sys.stderr or open(2, "w")  # noqa: SIM115  # for good
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _drop_output() -> None:
    """Leave nothing to be written as the interpreter ends."""
    null = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            os.dup2(null, stream.fileno())


def _plain(width: int) -> "Console":
    """Without colours and without markup: a text in brackets stands as it is."""
    from rich.console import Console

    return Console(width=width, color_system=None, markup=False, highlight=False)


def _table(sheet: Sheet) -> "Table":
    from rich.table import Table
    from rich.text import Text

    title = Text(escaped(sheet.title)) if sheet.title else None
    table = Table(*sheet.headings, title=title, show_lines=sheet.is_ruled)
    for row in sheet.rows:
        table.add_row(*(Text(escaped(cell)) for cell in row))
    return table


def _blocks(sheet: Sheet, width: int) -> Iterator[str]:
    label = max(map(len, sheet.headings)) + 2
    if sheet.title:
        yield from wrapped("", sheet.title, width)
    for row in sheet.rows:
        yield ""
        for heading, cell in zip(sheet.headings, row, strict=True):
            yield from wrapped(heading.ljust(label), cell, width)
    yield ""
