"""What a measurement prints: tables in Markdown, as docs/capacity.md has them, and verdicts."""

from collections.abc import Iterator, Sequence


def table(title: str, headings: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    yield ""
    yield f"### {title}"
    yield ""
    yield _row(headings)
    yield _row(["---"] * len(headings))
    yield from (_row([_cell(value) for value in row]) for row in rows)


def verdict(what: str, figure: float, wanted: str, *, is_met: bool) -> str:
    return f"{what}: {_cell(figure)}, {wanted} wanted: {'met' if is_met else 'MISSED'}"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(value: object) -> str:
    """Three digits are all that such a figure is worth."""
    if not isinstance(value, float):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
