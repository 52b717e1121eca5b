"""The consent strip: everything that happened on a call on one time axis in ms, drawn from the log.

Spans have two ends, marks have one place. None lies outside the axis, and each names its event. Later events, such as a
withdrawal by request after the call, stand beside the axis with their own times.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from compliance.call_log import Entry
from compliance.call_page.axis import RecordingFacts, Zero, zero_of
from compliance.call_page.happenings import Happening, happenings
from compliance.call_page.strip_parts import Mark, Span, Talked, What
from compliance.call_page.strip_spans import spans_of

_MARKS: Mapping[str, What] = {
    "call.received": What.RECEIVED,
    "consent.choice": What.KEY,
    "recording.permitted": What.PERMITTED,
    "recording.suppressed": What.SUPPRESSED,
    "call.refused": What.REFUSED,
    "recording.started": What.STARTED,
    "recording.stopped": What.STOPPED,
    "pause.asked": What.PAUSE_ASKED,
    "call.sent_back": What.SENT_BACK,
    "consent.withdrawn": What.WITHDRAWN,
    "call.fallback": What.FALLBACK,
    "call.unread": What.UNREAD,
    "call.hung_up": What.HUNG_UP,
    "conversation.ended": What.CONVERSATION_ENDED,
    "call.completed": What.OVER,
}
_ENDS_OF_SPANS = frozenset(
    {"language.asked", "language.chosen", "disclosure.served", "disclosure.completed"}
    | {"recording.paused", "recording.resumed", "pause.ended"}
)
_DURING = _ENDS_OF_SPANS | _MARKS.keys()
_HOW_IN = {
    What.KEY: "answer",
    What.PERMITTED: "outcome",
    What.SUPPRESSED: "outcome",
    What.REFUSED: "outcome",
    What.WITHDRAWN: "by",
    What.OVER: "outcome",
}
_NUMBERED = {What.KEY: "attempt", What.SENT_BACK: "round", What.PAUSE_ASKED: "pause"}
# A report of the last seconds may overtake the report of the end.
_AFTER_THE_END_MS = 30_000


@dataclass(frozen=True, slots=True)
class Later:
    """A mark of something that happened after the call, and when: in ms since 1970."""

    mark: Mark
    at_ms: int


@dataclass(frozen=True, slots=True)
class Strip:
    """The axis runs from `begins_ms`, 0 or less, to `ends_ms`. `recorded_ms` is the length of the recording, None where
    it is unknown or there is none. `is_over`: the log has the end of the call.
    """

    begins_ms: int
    ends_ms: int
    zero: Zero
    recording_id: str
    recorded_ms: int | None
    is_over: bool
    spans: tuple[Span, ...]
    marks: tuple[Mark, ...]
    later: tuple[Later, ...]

    @property
    def in_order(self) -> list[Span | Mark]:
        """Spans and marks by their beginning, for a table that says the same as the drawing."""
        return sorted((*self.spans, *self.marks), key=_place)


def strip_of(entries: Sequence[Entry], recording: RecordingFacts | None) -> Strip | None:
    """`recording` is the one that is kept or that the permit covers. None where there are no events."""
    happened = happenings(entries)
    if not happened:
        return None
    zero = zero_of(happened, recording)
    placed = [replace(one, at_ms=one.at_ms - zero.at_ms) for one in happened]
    over = next((one.at_ms for one in placed if one.type == "call.completed"), None)
    during = [one for one in placed if one.type in _DURING and (over is None or one.at_ms <= over + _AFTER_THE_END_MS)]
    recorded_ms = recording.length_ms if recording else None
    begins_ms = min([0, *(one.at_ms for one in during)])
    ends_ms = max([0, recorded_ms or 0, *(one.at_ms for one in during)])
    spans = list(spans_of(during, recording, zero, ends_ms)) if during else []
    return Strip(
        begins_ms=begins_ms,
        ends_ms=ends_ms,
        zero=zero,
        recording_id=recording.id if recording else "",
        recorded_ms=recorded_ms,
        is_over=over is not None,
        spans=tuple(sorted((_cut(span, begins_ms, ends_ms) for span in spans), key=_place)),
        marks=tuple(sorted(_marks(during, recording, spans), key=_place)),
        later=tuple(
            Later(mark, mark.at_ms + zero.at_ms)
            for mark in _marks([one for one in placed if one not in during], recording, ())
        ),
    )


def _cut(span: Span, begins_ms: int, ends_ms: int) -> Span:
    """The position of a pause, which is worked out, may lie behind the recording's end; and clocks may run back."""
    from_ms, to_ms = (max(begins_ms, min(at_ms, ends_ms)) for at_ms in (span.from_ms, span.to_ms))
    return replace(span, from_ms=from_ms, to_ms=max(from_ms, to_ms))


def _place(part: Span | Mark) -> tuple[int, int]:
    return part.from_ms, part.event


def _marks(happened: Sequence[Happening], recording: RecordingFacts | None, spans: Iterable[Span]) -> Iterator[Mark]:
    """A key is a mark only where it ended no playing of the question."""
    answers = {span.to_event for span in spans if span.what is What.PROMPT}
    for one in happened:
        what = _MARKS.get(one.type)
        is_of_another = "recording" in one.fields and one.fields["recording"] != (recording.id if recording else "")
        if what is None or is_of_another or (what is What.KEY and one.index in answers):
            continue
        number = one.number(_NUMBERED.get(what, "")) or 0
        yield Mark(what, one.at_ms, one.index, _how(what, one), number, one.text("digit"), one.is_late)


def _how(what: What, one: Happening) -> str:
    if what is What.CONVERSATION_ENDED:
        return Talked.WITH_AGENT if one.fields.get("bridged") is True else Talked.WITH_NOBODY
    return one.text(_HOW_IN.get(what, ""))
