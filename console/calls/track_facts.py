"""Facts read from the head of a track, kept for a while: the next piece of it then costs fewer reads of the store."""

from collections import OrderedDict
from threading import Lock

from storage.audio.pieces import Facts, Track

_KEPT_MAX = 256


class TrackFacts:
    """Facts hold no sound and no key. A recording's bytes never change, so they are right as long as it is there."""

    def __init__(self) -> None:
        self._facts: OrderedDict[tuple[str, Track], Facts] = OrderedDict()
        self._lock = Lock()

    def of(self, recording_id: str, track: Track) -> Facts | None:
        with self._lock:
            return self._facts.get((recording_id, track))

    def keep(self, recording_id: str, track: Track, facts: Facts) -> None:
        with self._lock:
            self._facts[recording_id, track] = facts
            self._facts.move_to_end((recording_id, track))
            while len(self._facts) > _KEPT_MAX:
                self._facts.popitem(last=False)
