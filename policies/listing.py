"""A call as the list of calls shows it: its audio, until when that is kept, and where the caller is."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from policies.consent import RECORDING_OUTCOMES
from policies.jurisdiction.pack import UNKNOWN_PLACE
from policies.lifecycle import RecordingState


class ListedAudio(StrEnum):
    NONE = "none"
    EXPECTED = "expected"  # permitted, and not stored yet
    KEPT = "kept"
    IN_DOUBT = "in_doubt"  # which recording is the permitted one is unclear, so none is heard
    CONDEMNED = "condemned"  # to be destroyed, which is not certified yet
    DESTROYED = "destroyed"


_OF_ITS_OWN = {
    RecordingState.STARTED: ListedAudio.EXPECTED,
    RecordingState.COMPLETED: ListedAudio.EXPECTED,
    RecordingState.STORED: ListedAudio.KEPT,
    RecordingState.KEPT: ListedAudio.KEPT,
    RecordingState.ABSENT: ListedAudio.NONE,
    RecordingState.QUARANTINED: ListedAudio.IN_DOUBT,
    RecordingState.CONDEMNED: ListedAudio.CONDEMNED,
    RecordingState.DESTROYED: ListedAudio.DESTROYED,
}
_STILL_THERE = (ListedAudio.EXPECTED, ListedAudio.KEPT, ListedAudio.IN_DOUBT)


@dataclass(frozen=True, slots=True)
class ListedRecording:
    """`is_permitted`: the call's permit covers it, which is true of one recording of a call at most."""

    state: RecordingState
    is_permitted: bool
    duration_s: int | None
    retain_until: datetime | None


def listed_audio(
    outcome: str, recordings: Iterable[ListedRecording], *, is_in_doubt: bool, is_synthetic: bool = False
) -> ListedAudio:
    """The permitted recording decides where there is one. `is_in_doubt`: an incident of doubt is open. Of a synthetic
    call none is expected: there is nobody to record.
    """
    made = list(recordings)
    found = next((_OF_ITS_OWN[one.state] for one in made if one.is_permitted), None)
    states = {one.state for one in made}
    if RecordingState.QUARANTINED in states or (is_in_doubt and found in (ListedAudio.EXPECTED, ListedAudio.KEPT)):
        return ListedAudio.IN_DOUBT
    if found is not None:
        return found
    if outcome in RECORDING_OUTCOMES and not is_synthetic:
        return ListedAudio.EXPECTED
    others = (RecordingState.CONDEMNED, RecordingState.DESTROYED)
    return next((_OF_ITS_OWN[state] for state in others if state in states), ListedAudio.NONE)


def recorded_s(recordings: Iterable[ListedRecording]) -> int | None:
    """The length of the permitted recording, also once it is destroyed; None where none was made."""
    lengths = (one.duration_s for one in recordings if one.is_permitted and one.state is not RecordingState.ABSENT)
    return next(lengths, None)


def kept_until(
    audio: ListedAudio, recordings: Iterable[ListedRecording], permitted_until: datetime | None
) -> datetime | None:
    """The end by the recording where it is stored, or else by the permit; None where nothing is there to be kept."""
    if audio not in _STILL_THERE:
        return None
    stored = (one.retain_until for one in recordings if one.is_permitted and one.retain_until)
    return next(stored, permitted_until)


def place_of(ends: Iterable[str]) -> str:
    """The caller's places in a ruling's ends, such as `US-TX`, or `CA-NS CA-PE` where the number may belong to both;
    empty where they are unknown.
    """
    places = (end.removeprefix("caller ") for end in ends if end.startswith("caller "))
    return " ".join(sorted({place for place in places if place != UNKNOWN_PLACE}))
