"""The seconds of a recording that were heard, as the log has them: `recording.heard`, some times during a listening
and once at its end.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from evidence.events import Event, Value


@dataclass(frozen=True, slots=True)
class Heard:
    """A part of one listening: what was heard since its event before.

    `lease` names the listening, by a random id. `ranges` are in ms of the recording, from and to, in order and apart.
    `played_ms` is how much sound was played, so that a second heard twice counts twice. `handed_out` are the ranges of
    which sound left for the browser, so what was heard lies in those of the listening. `final`: the listening is over,
    and `why`, in words that name nobody; empty where the listener closed it.
    """

    recording_id: str
    lease: str
    purpose: str
    ranges: Sequence[tuple[int, int]]
    played_ms: int
    handed_out: Sequence[tuple[int, int]] = ()
    final: bool = False
    why: str = ""

    @property
    def heard_ms(self) -> int:
        return sum(end - begin for begin, end in self.ranges)


def heard_event(heard: Heard, *, actor: str) -> Event:
    """`actor` is the name of the member of staff."""
    public: dict[str, Value] = {
        "recording": heard.recording_id,
        "lease": heard.lease,
        "purpose": heard.purpose,
        "ranges": [[begin, end] for begin, end in heard.ranges],
        "heard_ms": heard.heard_ms,
        "played_ms": heard.played_ms,
        "handed_out": [[begin, end] for begin, end in heard.handed_out],
        "final": heard.final,
        "why": heard.why,
    }
    return Event("recording.heard", public, {"actor": actor})
