"""The erasure of a call at a person's request: the fields that go, and the obstacles to wait for first."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from policies.lifecycle import RecordingState

# Who of the staff listened, held or erased, and why: that they are answerable for it does not end with the caller's
# data. What is written there names no caller (`storage` refuses a number).
OF_STAFF = frozenset({"actor", "approver", "reason", "requester", "ticket"})
# A law and its article, such as gdpr-17 or ccpa-1798.105. It stays in the log for ever, so it can't be whatever
# somebody typed: seven digits are too few to call anybody by.
_BASIS = re.compile(r"[a-z]{2,16}(-[a-z]{2,16}){0,2}(-[0-9]{1,4}(\.[0-9]{1,3})?)?", re.ASCII)
_AT_REST = frozenset({RecordingState.KEPT, RecordingState.ABSENT, RecordingState.DESTROYED})


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a call has come. `is_asked_about`: it is still looked at, and news of it would bring its data back.

    `holds` are the numbers of the legal holds that are not released, `copies` is how many texts and other copies of the
    call must go and are still at Twilio.
    """

    has_ended: bool
    is_asked_about: bool
    recordings: Sequence[RecordingState]
    holds: Sequence[int]
    copies: int = 0


def is_basis(text: str) -> bool:
    return _BASIS.fullmatch(text) is not None


def goes(field: str) -> bool:
    """Whether a private field of an event is erased with its call."""
    return field not in OF_STAFF


def stand_in(row_id: str) -> str:
    """The replacement for Twilio's name of a call or recording: as long, and recognisable by its first letters."""
    return f"ER{row_id}"


def obstacle(standing: Standing, *, again: bool) -> str:
    """Why a call can't be erased now, in plain words; empty where it can.

    `again`: it was erased before, and a restored backup has brought it back. Then there is nothing to wait for: nothing
    was left at Twilio when it was erased. A hold keeps it all the same.
    """
    if standing.holds:
        return f"a legal hold keeps it ({', '.join(str(hold) for hold in standing.holds)})"
    if again:
        return ""
    if not standing.has_ended:
        return "it is not over"
    if standing.is_asked_about:
        return "it is looked at until a day after its end"
    if standing.copies:
        return "a text of it is still at Twilio, which could not be found without the call's names there"
    moving = next((state for state in standing.recordings if state not in _AT_REST), None)
    return f"a recording of it is {moving}: wait until it is kept or destroyed" if moving else ""
