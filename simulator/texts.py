"""Texts: the sentences of a call or a recording, written down, with the times of their words."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid4

from simulator.legs import new_sid
from simulator.recordings import Recording, Segment
from simulator.tape import CALLER, HEARD, Tape, Utterance

SPOKEN = ("say", "speech")
# The kinds that a recording or a call has, each with the form of its ids. Of the ids of later kinds Twilio says only
# that they are "Twilio Type IDs": their prefixes are assumed.
_IDS = {
    "transcription": "TR",
    "add_on_result": "XR",
    "transcript": "GT",
    "batch_transcript": "voice_transcription_",
    "conversation": "conv_conversation_",
}
# The kinds that are made of a conversation: two by memory, the last by an operator of intelligence.
_DERIVED_IDS = {
    "conversation_summary": "mem_summary_",
    "observation": "mem_observation_",
    "operator_result": "intelligence_operatorresult_",
}
KINDS = tuple(_IDS)
OF_MEMORY = ("conversation_summary", "observation")
_BASE32 = "0123456789abcdefghjkmnpqrstvwxyz"


@dataclass(frozen=True)
class Word:
    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Sentence:
    """The words of a speaker, with times from the beginning of the recording or the call."""

    who: str
    track: str
    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)

    @property
    def channel(self) -> int:
        """1 is the caller's, 2 is the channel of everything that the caller hears."""
        return 1 if self.track == CALLER else 2


@dataclass(frozen=True)
class Source:
    """The recording or the call that a text is made of. `recording` keeps its sound when the original is deleted."""

    call_sid: str
    from_number: str
    to_number: str
    began: datetime
    sentences: tuple[Sentence, ...]
    recording: Recording | None = None

    @property
    def recording_sid(self) -> str:
        return self.recording.sid if self.recording else ""

    @property
    def duration_s(self) -> int:
        """Whole seconds, to the end of the recording, or to the last word of a call."""
        if self.recording and self.recording.duration_s is not None:
            return self.recording.duration_s
        return round(self.sentences[-1].words[-1].end_s) if self.sentences else 0

    @property
    def sid(self) -> str:
        """The sid that a search by source finds."""
        return self.recording_sid or self.call_sid


@dataclass
class Text:
    """A text, also of a recording that is deleted. `conversation_id` is set where it was made of a conversation."""

    kind: str
    sid: str
    source: Source
    made_at: datetime
    conversation_id: str = ""
    deleted: datetime | None = None
    communications: tuple[str, ...] = field(default=(), repr=False)  # the ids of its sentences

    @property
    def words(self) -> str:
        return " ".join(sentence.text for sentence in self.source.sentences)

    def to_json(self) -> dict[str, object]:
        """The text as the control API shows it: a deleted one has no words."""
        return {
            "kind": self.kind,
            "sid": self.sid,
            "recording_sid": self.source.recording_sid or None,
            "call_sid": self.source.call_sid,
            "conversation_id": self.conversation_id or None,
            "made_at": self.made_at.isoformat(),
            "deleted": self.deleted is not None,
            "words": "" if self.deleted else self.words,
        }


def new_id(kind: str) -> str:
    prefix = (_IDS | _DERIVED_IDS)[kind]
    return type_id(prefix) if prefix.endswith("_") else new_sid(prefix)


def type_id(prefix: str) -> str:
    """A Twilio Type ID: its prefix, and 26 letters and digits."""
    number = uuid4().int
    return prefix + "".join(_BASE32[number >> shift & 31] for shift in range(125, -5, -5))


def of_tape(tape: Tape) -> tuple[Sentence, ...]:
    """Everything said in a call, with times from its beginning."""
    return tuple(_sentences(tape, [Segment(0.0)], 0.0))


def of_recording(recording: Recording) -> tuple[Sentence, ...]:
    """Everything said while the recording ran, on the tracks that it has. A pause holds nothing."""
    tracks = {"inbound": (CALLER,), "outbound": (HEARD,)}.get(recording.terms.track, (CALLER, HEARD))
    found = _sentences(recording.tape, recording.segments, recording.started_at_s)
    return tuple(sentence for sentence in found if sentence.track in tracks)


def _sentences(tape: Tape, segments: list[Segment], origin_s: float) -> Iterator[Sentence]:
    for utterance in tape.utterances():
        if utterance.kind in SPOKEN and utterance.text:
            spoken = _words(utterance, origin_s)
            if words := tuple(word for word in spoken if _is_heard(word, utterance, segments, origin_s)):
                yield Sentence(utterance.who, utterance.track, words)


def _words(utterance: Utterance, origin_s: float) -> Iterator[Word]:
    """The words, as if each took the same time."""
    parts = utterance.text.split()
    each_s, start_s = utterance.duration_s / max(1, len(parts)), utterance.at_s - origin_s
    for number, part in enumerate(parts):
        yield Word(part, round(start_s + number * each_s, 3), round(start_s + (number + 1) * each_s, 3))


def _is_heard(word: Word, utterance: Utterance, segments: list[Segment], origin_s: float) -> bool:
    """Whether the middle of the word was played, and fell within a segment that is not silent."""
    middle_s = (word.start_s + word.end_s) / 2 + origin_s
    if middle_s > utterance.at_s + utterance.played_s:
        return False
    return any(
        not part.is_silent and part.start_s <= middle_s and (part.stop_s is None or middle_s <= part.stop_s)
        for part in segments
    )
