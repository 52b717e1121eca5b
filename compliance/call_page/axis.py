"""The time axis of a call: 0 is the first sample of its recording or, where there is none, the call's first event.

The log has our times, and the recording has none. The log bounds its beginning: not before it was permitted, and not
after the first news of it, nor later than leaves room for its length. Within these bounds its place is taken from what
says more.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from compliance.call_page.happenings import Happening, ms_of

_SECOND_MS = 1000
POSITION_MS = 500
"""How exactly the position of a pause is known: it is worked out from the provider's whole seconds."""


class PlacedBy(StrEnum):
    PAUSE = "pause"
    PROVIDER = "provider"
    LOG = "log"
    FIRST_EVENT = "first_event"


PLACED: Mapping[PlacedBy, str] = {
    PlacedBy.PAUSE: "by the pause's own position in the recording",
    PlacedBy.PROVIDER: "by the telephone company's clock, which counts whole seconds, and by the log",
    PlacedBy.LOG: "by the log, between the permit and the first news of the recording",
    PlacedBy.FIRST_EVENT: "from the call's first event, since there is no recording",
}


@dataclass(frozen=True, slots=True)
class RecordingFacts:
    """The recording that a strip is about. `started_at` is by the provider's clock, in whole seconds; `length_ms` is
    None where it is not known yet.
    """

    id: str
    started_at: datetime | None = None
    length_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Zero:
    """Where 0 ms lies, in ms since 1970 by our clock. Places inside the recording need no such anchor."""

    at_ms: int
    give_or_take_ms: int
    placed_by: PlacedBy

    @property
    def anchor_is(self) -> str:
        """How the recording was placed on the axis, in words."""
        return PLACED[self.placed_by]


@dataclass(frozen=True, slots=True)
class _Bounds:
    """From the earliest to the latest moment, in ms since 1970."""

    earliest: int
    latest: int

    def within(self, other: "_Bounds") -> "_Bounds":
        return _Bounds(max(self.earliest, other.earliest), min(self.latest, other.latest))

    @property
    def is_possible(self) -> bool:
        return self.earliest <= self.latest

    def zero(self, placed_by: PlacedBy) -> Zero:
        half = (self.latest - self.earliest + 1) // 2
        return Zero(self.earliest + half, half, placed_by)


def zero_of(happened: Sequence[Happening], recording: RecordingFacts | None) -> Zero:
    """`happened` has one event or more."""
    if recording is None:
        return Zero(min(happening.at_ms for happening in happened), 0, PlacedBy.FIRST_EVENT)
    by_log = _by_log(happened, recording)
    if not by_log.is_possible:  # clocks that disagree, or a length that is wrong: the permit is the surer
        return Zero(by_log.earliest, by_log.earliest - by_log.latest, PlacedBy.LOG)
    for placed_by, bounds in _said(happened, recording):
        if (found := bounds.within(by_log)).is_possible:
            return found.zero(placed_by)
    return by_log.zero(PlacedBy.LOG)


def _by_log(happened: Sequence[Happening], recording: RecordingFacts) -> _Bounds:
    permitted = [one.at_ms for one in happened if one.type == "recording.permitted"]
    earliest = min(permitted or [one.at_ms for one in happened])
    return _Bounds(earliest, min(_latest(happened, recording), default=earliest))


def _latest(happened: Sequence[Happening], recording: RecordingFacts) -> Iterator[int]:
    """The moments by which it had begun: whatever is told of it, and its end less its length, known to a second."""
    for one in happened:
        is_about_it = one.fields.get("recording") == recording.id
        if is_about_it:
            yield one.at_ms
        is_after_it = one.type == "call.completed" or (is_about_it and one.type == "recording.completed")
        if is_after_it and recording.length_ms is not None:
            yield one.at_ms - max(0, recording.length_ms - _SECOND_MS)


def _said(happened: Sequence[Happening], recording: RecordingFacts) -> Iterator[tuple[PlacedBy, _Bounds]]:
    """The bounds by other sources than the log's own times, the best first."""
    for one in happened:
        at_ms = one.number("at_ms")
        if one.type == "recording.paused" and one.fields.get("recording") == recording.id and at_ms is not None:
            begun = one.at_ms - at_ms
            yield PlacedBy.PAUSE, _Bounds(begun - POSITION_MS, begun + POSITION_MS)
    if recording.started_at is not None:
        begun = ms_of(recording.started_at)
        yield PlacedBy.PROVIDER, _Bounds(begun, begun + _SECOND_MS - 1)
