"""The states of a call and of a recording: two tables, read as state, event, next state.

Deliveries repeat and overtake each other, so an event that comes late or twice has its own entry and changes
nothing. A pair that no order of honest deliveries can produce has no entry and raises `ImpossibleTransition`.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import overload


class CallState(StrEnum):
    DISCLOSING = "disclosing"
    CHOOSING = "choosing"
    RECORDING = "recording"  # a permit was given
    SUPPRESSED = "suppressed"
    ENDING = "ending"  # the caller is being told that the call ends, on a line without unrecorded calls
    ENDED = "ended"


class CallEvent(StrEnum):
    SENT_BACK = "sent_back"  # to the line's beginning, in the middle of the call: told and asked again
    DISCLOSURE_COMPLETED = "disclosure_completed"
    ASKED_AGAIN = "asked_again"
    PERMITTED = "permitted"
    SUPPRESSED = "suppressed"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    ENDED = "ended"


class RecordingState(StrEnum):
    STARTED = "started"
    COMPLETED = "completed"
    STORED = "stored"  # our copy is verified, Twilio's may remain
    KEPT = "kept"  # Twilio's copy is verified gone
    ABSENT = "absent"
    QUARANTINED = "quarantined"  # whose it is is in doubt: it stays at Twilio, is not heard and not destroyed
    CONDEMNED = "condemned"  # no permit, or no longer: to be stopped and destroyed
    DESTROYED = "destroyed"


class RecordingEvent(StrEnum):
    """The events of a recording. Twilio sends the first three in any order and number, so they are never impossible."""

    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    ABSENT = "absent"
    STORED = "stored"
    PROVIDER_COPY_GONE = "provider_copy_gone"
    QUARANTINED = "quarantined"
    IDENTIFIED = "identified"  # the recording is the one that the permit covers
    CONDEMNED = "condemned"
    DESTROYED = "destroyed"  # every copy, verified


class ImpossibleTransition(ValueError):
    def __init__(self, state: CallState | RecordingState | None, event: CallEvent | RecordingEvent) -> None:
        super().__init__(f"{type(event).__name__}: {event} cannot follow {state or 'nothing'}")
        self.state = state
        self.event = event


# The only way into RECORDING is PERMITTED, from CHOOSING: told first, then asked, then recorded (a notice
# line passes CHOOSING too, with staying on as its act of consent). Nothing leads back from SUPPRESSED. A recorded call
# that is sent back stays RECORDING while it is asked again: its earlier consent stands until the caller answers.
CALL: Mapping[CallState, Mapping[CallEvent, CallState]] = {
    CallState.DISCLOSING: {
        CallEvent.SENT_BACK: CallState.DISCLOSING,
        CallEvent.DISCLOSURE_COMPLETED: CallState.CHOOSING,
        CallEvent.SUPPRESSED: CallState.SUPPRESSED,
        CallEvent.REFUSED: CallState.ENDING,
        CallEvent.WITHDRAWN: CallState.SUPPRESSED,
        CallEvent.ENDED: CallState.ENDED,
    },
    CallState.CHOOSING: {
        CallEvent.SENT_BACK: CallState.DISCLOSING,
        CallEvent.DISCLOSURE_COMPLETED: CallState.CHOOSING,
        CallEvent.ASKED_AGAIN: CallState.CHOOSING,
        CallEvent.PERMITTED: CallState.RECORDING,
        CallEvent.SUPPRESSED: CallState.SUPPRESSED,
        CallEvent.REFUSED: CallState.ENDING,
        CallEvent.WITHDRAWN: CallState.SUPPRESSED,
        CallEvent.ENDED: CallState.ENDED,
    },
    CallState.RECORDING: {
        CallEvent.SENT_BACK: CallState.RECORDING,
        CallEvent.DISCLOSURE_COMPLETED: CallState.RECORDING,
        CallEvent.ASKED_AGAIN: CallState.RECORDING,
        CallEvent.PERMITTED: CallState.RECORDING,
        CallEvent.REFUSED: CallState.ENDING,
        CallEvent.WITHDRAWN: CallState.SUPPRESSED,
        CallEvent.ENDED: CallState.ENDED,
    },
    CallState.SUPPRESSED: {
        CallEvent.SENT_BACK: CallState.SUPPRESSED,
        CallEvent.DISCLOSURE_COMPLETED: CallState.SUPPRESSED,
        CallEvent.ASKED_AGAIN: CallState.SUPPRESSED,
        CallEvent.SUPPRESSED: CallState.SUPPRESSED,
        CallEvent.REFUSED: CallState.ENDING,
        CallEvent.WITHDRAWN: CallState.SUPPRESSED,
        CallEvent.ENDED: CallState.ENDED,
    },
    CallState.ENDING: {
        CallEvent.SENT_BACK: CallState.ENDING,
        CallEvent.DISCLOSURE_COMPLETED: CallState.ENDING,
        CallEvent.ASKED_AGAIN: CallState.ENDING,
        CallEvent.REFUSED: CallState.ENDING,
        CallEvent.WITHDRAWN: CallState.ENDING,
        CallEvent.ENDED: CallState.ENDED,
    },
    # The call's end can overtake any webhook of the call. What arrives then decides nothing any more.
    CallState.ENDED: dict.fromkeys(CallEvent, CallState.ENDED),
}

RECORDING: Mapping[RecordingState, Mapping[RecordingEvent, RecordingState]] = {
    RecordingState.STARTED: {
        RecordingEvent.IN_PROGRESS: RecordingState.STARTED,
        RecordingEvent.COMPLETED: RecordingState.COMPLETED,
        RecordingEvent.ABSENT: RecordingState.ABSENT,
        RecordingEvent.QUARANTINED: RecordingState.QUARANTINED,
        RecordingEvent.IDENTIFIED: RecordingState.STARTED,
        RecordingEvent.CONDEMNED: RecordingState.CONDEMNED,
    },
    RecordingState.COMPLETED: {
        RecordingEvent.IN_PROGRESS: RecordingState.COMPLETED,
        RecordingEvent.COMPLETED: RecordingState.COMPLETED,
        RecordingEvent.ABSENT: RecordingState.COMPLETED,
        RecordingEvent.STORED: RecordingState.STORED,
        RecordingEvent.QUARANTINED: RecordingState.QUARANTINED,
        RecordingEvent.IDENTIFIED: RecordingState.COMPLETED,
        RecordingEvent.CONDEMNED: RecordingState.CONDEMNED,
    },
    RecordingState.STORED: {
        RecordingEvent.IN_PROGRESS: RecordingState.STORED,
        RecordingEvent.COMPLETED: RecordingState.STORED,
        RecordingEvent.ABSENT: RecordingState.STORED,
        RecordingEvent.STORED: RecordingState.STORED,
        RecordingEvent.PROVIDER_COPY_GONE: RecordingState.KEPT,
        RecordingEvent.QUARANTINED: RecordingState.STORED,
        RecordingEvent.IDENTIFIED: RecordingState.STORED,
        RecordingEvent.CONDEMNED: RecordingState.CONDEMNED,
        RecordingEvent.DESTROYED: RecordingState.DESTROYED,
    },
    RecordingState.KEPT: {
        RecordingEvent.IN_PROGRESS: RecordingState.KEPT,
        RecordingEvent.COMPLETED: RecordingState.KEPT,
        RecordingEvent.ABSENT: RecordingState.KEPT,
        RecordingEvent.STORED: RecordingState.KEPT,
        RecordingEvent.PROVIDER_COPY_GONE: RecordingState.KEPT,
        RecordingEvent.QUARANTINED: RecordingState.KEPT,
        RecordingEvent.IDENTIFIED: RecordingState.KEPT,
        RecordingEvent.CONDEMNED: RecordingState.CONDEMNED,
        RecordingEvent.DESTROYED: RecordingState.DESTROYED,
    },
    # "Completed" after "absent" means that there is audio after all, and audio must not be lost.
    RecordingState.ABSENT: {
        RecordingEvent.IN_PROGRESS: RecordingState.ABSENT,
        RecordingEvent.COMPLETED: RecordingState.COMPLETED,
        RecordingEvent.ABSENT: RecordingState.ABSENT,
        RecordingEvent.QUARANTINED: RecordingState.ABSENT,
        RecordingEvent.IDENTIFIED: RecordingState.ABSENT,
        RecordingEvent.CONDEMNED: RecordingState.CONDEMNED,
    },
    # What Twilio has of it is told again to whoever identifies it. Audio that is stored, or was never made, is not
    # quarantined: a doubt about it is an incident alone.
    RecordingState.QUARANTINED: {
        RecordingEvent.IN_PROGRESS: RecordingState.QUARANTINED,
        RecordingEvent.COMPLETED: RecordingState.QUARANTINED,
        RecordingEvent.ABSENT: RecordingState.QUARANTINED,
        RecordingEvent.QUARANTINED: RecordingState.QUARANTINED,
        RecordingEvent.IDENTIFIED: RecordingState.STARTED,
        RecordingEvent.CONDEMNED: RecordingState.CONDEMNED,
    },
    # An intake under way may still report STORED; the copy it made is one more to destroy.
    RecordingState.CONDEMNED: {
        RecordingEvent.IN_PROGRESS: RecordingState.CONDEMNED,
        RecordingEvent.COMPLETED: RecordingState.CONDEMNED,
        RecordingEvent.ABSENT: RecordingState.CONDEMNED,
        RecordingEvent.STORED: RecordingState.CONDEMNED,
        RecordingEvent.PROVIDER_COPY_GONE: RecordingState.CONDEMNED,
        RecordingEvent.QUARANTINED: RecordingState.CONDEMNED,
        RecordingEvent.IDENTIFIED: RecordingState.CONDEMNED,
        RecordingEvent.CONDEMNED: RecordingState.CONDEMNED,
        RecordingEvent.DESTROYED: RecordingState.DESTROYED,
    },
    RecordingState.DESTROYED: {
        RecordingEvent.IN_PROGRESS: RecordingState.DESTROYED,
        RecordingEvent.COMPLETED: RecordingState.DESTROYED,
        RecordingEvent.ABSENT: RecordingState.DESTROYED,
        RecordingEvent.PROVIDER_COPY_GONE: RecordingState.DESTROYED,
        RecordingEvent.QUARANTINED: RecordingState.DESTROYED,
        RecordingEvent.IDENTIFIED: RecordingState.DESTROYED,
        RecordingEvent.CONDEMNED: RecordingState.DESTROYED,
        RecordingEvent.DESTROYED: RecordingState.DESTROYED,
    },
}

# What the first news of a recording makes of it: any of Twilio's may come first, and so may our verdict.
FIRST_NEWS: Mapping[RecordingEvent, RecordingState] = {
    RecordingEvent.IN_PROGRESS: RecordingState.STARTED,
    RecordingEvent.COMPLETED: RecordingState.COMPLETED,
    RecordingEvent.ABSENT: RecordingState.ABSENT,
    RecordingEvent.QUARANTINED: RecordingState.QUARANTINED,
    RecordingEvent.CONDEMNED: RecordingState.CONDEMNED,
}


@overload
def after(state: CallState, event: CallEvent) -> CallState: ...
@overload
def after(state: RecordingState, event: RecordingEvent) -> RecordingState: ...
def after(state: CallState | RecordingState, event: CallEvent | RecordingEvent) -> CallState | RecordingState:
    """The next state, which is the same one for a late or repeated event. Raises ImpossibleTransition."""
    if isinstance(state, CallState) and isinstance(event, CallEvent) and event in CALL[state]:
        return CALL[state][event]
    if isinstance(state, RecordingState) and isinstance(event, RecordingEvent) and event in RECORDING[state]:
        return RECORDING[state][event]
    raise ImpossibleTransition(state, event)


def first(event: RecordingEvent) -> RecordingState:
    """The state of a recording whose first event is `event`. Raises ImpossibleTransition."""
    if event not in FIRST_NEWS:
        raise ImpossibleTransition(None, event)
    return FIRST_NEWS[event]
