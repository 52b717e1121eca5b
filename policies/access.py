"""Whether the audio of a recording may be opened for a purpose: kept, covered by a permit, agreed to, and in time."""

from dataclasses import dataclass
from datetime import datetime

from policies.consent import RECORDING_OUTCOMES, Outcome
from policies.lifecycle import RecordingState
from policies.purposes import Allowed, Granted, NotGranted, use_of


@dataclass(frozen=True, slots=True)
class Audio:
    """A recording that somebody asks for. `outcome` is its call's; `granted` is what the call's permit grants, None
    where there is no permit; `is_in_doubt`: whose recording it is waits for a person to decide. `outlives_consent`: the
    withdrawal of the consent kept the recording up to then, by its event.
    """

    outcome: str
    state: RecordingState
    is_permitted: bool
    granted: tuple[Granted, ...] | None
    retain_until: datetime | None
    is_in_doubt: bool
    outlives_consent: bool = False


def may_open(audio: Audio, purpose: str, at: datetime) -> Allowed | NotGranted:
    is_withdrawn = audio.outcome == Outcome.WITHDRAWN
    if is_withdrawn and not audio.outlives_consent:
        return NotGranted("its caller has withdrawn the consent")
    if audio.state is not RecordingState.KEPT:
        return NotGranted(f"it is {audio.state}, not kept")
    if not audio.is_permitted or audio.granted is None or not (is_withdrawn or audio.outcome in RECORDING_OUTCOMES):
        return NotGranted("no permit covers it")
    if audio.retain_until is None or audio.retain_until <= at:
        return NotGranted("the time for which it is kept is over")
    use = use_of(audio.granted, purpose, at)
    if isinstance(use, Allowed) and audio.is_in_doubt:
        return NotGranted("it is unclear which recording of the call is the one that was agreed to")
    return use
