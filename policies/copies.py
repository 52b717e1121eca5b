"""The copies of a call's voice that the provider makes beside its recordings: texts, and results of add-ons.

Deleting a recording deletes none of them. Each kind has its own list and its own deletion, and some have none.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from policies.coverage import GIVEN_UP
from policies.lifecycle import RecordingState


class CopyKind(StrEnum):
    """In the order in which they are looked for and deleted: texts before the results of add-ons."""

    CONVERSATION = "conversation"  # of Conversation Orchestrator: communications with words and times
    TRANSCRIPT = "transcript"  # of Conversation Intelligence (v2), with its media, a second copy of the sound
    BATCH_TRANSCRIPT = "batch_transcript"  # of batch transcription (v3)
    TRANSCRIPTION = "transcription"  # of `<Record transcribe>` (v2010)
    ADD_ON_RESULT = "add_on_result"  # of an installed recording add-on


@dataclass(frozen=True, slots=True)
class Place:
    """Where a person finds copies of a kind: the page in the provider's console on which they can be deleted."""

    name: str
    page: str


PLACES: Mapping[CopyKind, Place] = {
    CopyKind.CONVERSATION: Place("conversation", "Console > Conversation Orchestrator > Conversations"),
    CopyKind.TRANSCRIPT: Place("transcript", "Console > Conversational Intelligence > Transcripts"),
    CopyKind.BATCH_TRANSCRIPT: Place("batch transcript", "Console > Voice > Transcriptions"),
    CopyKind.TRANSCRIPTION: Place("transcription", "Console > Monitor > Logs > Call transcriptions"),
    CopyKind.ADD_ON_RESULT: Place("add-on result", "Console > Monitor > Logs > Call recordings > Add-on results"),
}
TRANSCRIPTION_PURPOSE = "transcription"
"""The purpose that a permit must have for a text of its recording to exist."""

CANNOT_BE_LOOKED_FOR: Mapping[str, str] = {
    "live_transcriptions": "live transcriptions: Twilio has no list of them",
    "streams": "media streams: Twilio has no list of them, and their receivers keep what they got",
    "siprec_forks": "SIPREC forks: Twilio has no list of them, and their recorders keep what they got",
    "external_storage": "recordings in a bucket of the account's own: Twilio does not have them",
    "add_on_vendors": "copies that the vendors of add-ons keep themselves",
}
"""Copies of a call for which no API of the provider can be asked."""
METADATA_KEPT = timedelta(days=40)
"""How long the provider keeps sid, times and status of a deleted recording; no sound."""
BACKUPS_UNKNOWN = "unknown to the service"

ACCOUNT_WIDE = tuple(kind for kind in CopyKind if kind is not CopyKind.ADD_ON_RESULT)
"""The kinds of which the provider has a list for the whole account."""
NO_PERMIT = "no permit"
WITHOUT_PURPOSE = f"its permit lacks the purpose {TRANSCRIPTION_PURPOSE}"
GIVEN_UP_WITH = "its recording had to go"


def why_it_goes(purposes: Collection[str] | None, states: Collection[RecordingState]) -> str:
    """Why a copy must go, one of the three reasons above; empty where it may stay.

    `purposes` are those of the call's consent that hold now, None without consent. `states` are of the recording that
    the copy was made of, or of all recordings of its call.
    """
    if purposes is None:
        return NO_PERMIT
    if states and GIVEN_UP.issuperset(states):
        return GIVEN_UP_WITH
    return "" if TRANSCRIPTION_PURPOSE in purposes else WITHOUT_PURPOSE
