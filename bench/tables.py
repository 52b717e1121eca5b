"""What a measurement prints: tables in Markdown, verdicts, and the page that has these tables."""

import re
from collections.abc import Iterable, Iterator, Sequence
from math import isnan
from pathlib import Path

MACHINE = "Machine: "


def table(title: str, headings: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    yield ""
    yield f"## {title}"
    yield ""
    yield _row(headings)
    yield _row(["---"] * len(headings))
    yield from (_row([_cell(value) for value in row]) for row in rows)


def verdict(what: str, figure: float, wanted: str, *, is_met: bool) -> str:
    return f"{what}: {_cell(figure)}, {wanted} wanted: {'met' if is_met else 'MISSED'}"


def write_into(page: Path, machine: Iterable[str], printed: Sequence[str]) -> None:
    """Put the tables among the printed lines in the place of those that the page has under the same titles."""
    text = re.sub(
        rf"^{MACHINE}.*$", lambda _: MACHINE + "; ".join(machine), page.read_text("utf-8"), flags=re.MULTILINE
    )
    for title, rows in tables_of(printed).items():
        text = with_table(text, title, rows)
    page.write_text(text, "utf-8")


def tables_of(printed: Sequence[str]) -> dict[str, list[str]]:
    """By their titles."""
    found, title = dict[str, list[str]](), ""
    for line in printed:
        title = line.removeprefix("## ") if line.startswith("## ") else title
        if line.startswith("|"):
            found.setdefault(title, []).append(line)
    return found


def with_table(page: str, title: str, rows: Sequence[str]) -> str:
    """The page with these rows for the last table of the section. Raises KeyError where it has no such section."""
    begin, heading, rest = page.partition(f"## {title}\n")
    if not heading:
        raise KeyError(title)
    section, next_heading, others = rest.partition("\n## ")
    kept = re.sub(r"(?:^\|.*\n?)+\Z", "", section.rstrip("\n") + "\n", flags=re.MULTILINE).rstrip("\n")
    return "".join([begin, heading, kept, "\n\n", "\n".join(rows), "\n", next_heading, others])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(value: object) -> str:
    """Three digits are all that such a figure is worth."""
    if not isinstance(value, float):
        return str(value)
    if isnan(value):
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
