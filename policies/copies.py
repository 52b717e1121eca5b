"""The copies of a call's voice that the provider makes beside its recordings: texts, and results of add-ons.

Deleting a recording deletes none of them. Each kind has its own list and its own deletion, and some have none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


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
