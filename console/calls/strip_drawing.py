"""The drawing of a call's strip: where each part lies on the axis, in per cent of its width, and what it says.

All of it is on one axis, so a part has its true length however long the call is; a stroke around it keeps the shortest
visible. Parts are told apart by place and pattern as well as by colour.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from compliance.call_page.strip import Strip
from compliance.call_page.strip_parts import HOW, NAMES, Mark, Span, What
from console.calls.positions import position
from console.language import gettext
from console.sentences import translated

_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800)
_TICKS_MAX = 6  # of which each has room also on a narrow page
_LETTER = 2.4  # per cent of the width at the narrowest
_SIGNS = {
    What.PERMITTED: "✓",
    What.SUPPRESSED: "✕",
    What.REFUSED: "✕",
    What.WITHDRAWN: "✕",
    What.STARTED: "●",
    What.STOPPED: "■",
}


@dataclass(frozen=True, slots=True)
class Box:
    """`kind` is a class of the style sheet. `label` is empty where it has no room."""

    kind: str
    x: str
    width: str
    says: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """`anchor` keeps its sign inside the drawing."""

    kind: str
    x: str
    says: str
    sign: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Tick:
    """`anchor` keeps its text inside the drawing."""

    x: str
    text: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Drawing:
    boxes: tuple[Box, ...]
    heard: tuple[Box, ...]
    lines: tuple[Line, ...]
    ticks: tuple[Tick, ...]


@dataclass(frozen=True)
class _Axis:
    begins_ms: int
    ends_ms: int

    def share(self, at_ms: int) -> float:
        return (at_ms - self.begins_ms) * 100 / max(1, self.ends_ms - self.begins_ms)

    def x(self, at_ms: int) -> str:
        return _percent(self.share(at_ms))

    def width(self, from_ms: int, to_ms: int) -> str:
        return _percent(self.share(to_ms) - self.share(from_ms))


def draw(strip: Strip, heard: Sequence[tuple[int, int]]) -> Drawing:
    """`heard` are the parts of the recording that anybody has heard, in ms."""
    axis = _Axis(strip.begins_ms, strip.ends_ms)
    return Drawing(
        boxes=tuple(_box(axis, span) for span in sorted(strip.spans, key=_lowest_first)),
        heard=tuple(_heard(axis, begin, min(end, strip.ends_ms)) for begin, end in heard if begin < strip.ends_ms),
        lines=tuple(_line(axis, mark) for mark in strip.marks),
        ticks=tuple(_ticks(axis)),
    )


def says(part: Span | Mark) -> str:
    """A part in a sentence, as the drawing and the list say it."""
    place = position(part.from_ms, tenths=True)
    if isinstance(part, Span):
        place = gettext("%(begin)s to %(end)s") % {"begin": place, "end": position(part.to_ms, tenths=True)}
    return gettext("%(what)s, %(place)s") % {"what": described(part), "place": place}


def described(part: Span | Mark) -> str:
    """Its name, with its number, its key and how it ended, as far as it has them."""
    name, how = translated(NAMES[part.what]), HOW.get(part.how, part.how)
    words = f"{name} {part.number}" if part.number > 1 or part.what is What.ROUND else name
    notes = [gettext("key %(digit)s") % {"digit": part.digit}] if part.digit else []
    notes += [translated(how)] if how else []
    return f"{words}: {', '.join(notes)}" if notes else words


def _lowest_first(span: Span) -> tuple[bool, int]:
    """Rounds lie behind everything, and pauses on the recording."""
    return span.what is not What.ROUND, [What.RECORDING, What.PAUSE].index(span.what) if span.what in _RECORDED else 0


_RECORDED = frozenset({What.RECORDING, What.PAUSE})


def _box(axis: _Axis, span: Span) -> Box:
    name = translated(NAMES[span.what])
    has_room = axis.share(span.to_ms) - axis.share(span.from_ms) >= len(name) * _LETTER
    is_labelled = has_room and span.what is not What.ROUND
    width = axis.width(span.from_ms, span.to_ms)
    return Box(span.what, axis.x(span.from_ms), width, says(span), name if is_labelled else "")


def _heard(axis: _Axis, begin: int, end: int) -> Box:
    part = {"begin": position(begin), "end": position(end)}
    return Box("heard", axis.x(begin), axis.width(begin, end), gettext("Heard before, %(begin)s to %(end)s") % part)


def _line(axis: _Axis, mark: Mark) -> Line:
    share = axis.share(mark.at_ms)
    sign = mark.digit or _SIGNS.get(mark.what, "")
    return Line(mark.what, _percent(share), says(mark), sign, _anchor(share, _LETTER / 2))


def _ticks(axis: _Axis) -> Iterator[Tick]:
    """At round times, counted from 0."""
    length_s = (axis.ends_ms - axis.begins_ms) / 1000
    step_ms = next((step for step in _STEPS_S if length_s / step <= _TICKS_MAX), _STEPS_S[-1]) * 1000
    for at_ms in range(-(-axis.begins_ms // step_ms) * step_ms, axis.ends_ms + 1, step_ms):
        share = axis.share(at_ms)
        yield Tick(_percent(share), position(at_ms), _anchor(share, _LETTER * 2))


def _anchor(share: float, half: float) -> str:
    """Of a text that is twice as wide as `half`."""
    return "start" if share < half else "end" if share > 100 - half else "middle"


def _percent(share: float) -> str:
    return f"{share:.5f}%"
