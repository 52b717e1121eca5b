"""Whether what the telephone provider tells of a call agrees with what our log tells of it, field by field.

Two accounts by two parties: neither can be bent alone without a difference. A delivery that was lost is none: our log
says what was decided, and the provider that it never heard of it. So is an answer without words, which is what a step
of ours gives when it fails: the caller is connected, unrecorded, and the log may be ahead of what was said. But an
answer that arrived is known here, with or without words: where nothing is kept of it, rows are missing.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

# Twilio tells what it asked about a call 15 minutes after the call's end.
CORROBORATED_AFTER = timedelta(minutes=16)


class Differs(StrEnum):
    DISCLOSURE = "disclosure"  # what was said before anybody was asked
    QUESTION = "question"
    ANSWERED = "answered"  # which keys, at which playing of the question
    RECORDING = "recording"  # whether a recording was ordered
    REPLIES = "replies"  # the documents, as kept here and as they arrived there
    STEPS = "steps"  # that were answered, and of which nothing is kept
    OUTCOME = "outcome"  # which rests on what the caller did (`policies.unheard`)


@dataclass(frozen=True, slots=True)
class Key:
    """What came of one playing of the question. `digit` is empty for silence, and for more than one key."""

    is_silent: bool
    digit: str

    @classmethod
    def of(cls, digits: str) -> "Key":
        return cls(not digits, digits if len(digits) == 1 else "")


@dataclass(frozen=True, slots=True)
class Document:
    """An answer of ours, as it arrived. Words are the text that a voice says, or the hash of a recorded prompt.

    `body` is the whole of it, in one way of writing it. `disclosed` are the words outside the question.
    """

    body: str
    disclosed: frozenset[str] = frozenset()
    asked: frozenset[str] = frozenset()
    starts_recording: bool = False
    has_words: bool = True


@dataclass(frozen=True, slots=True)
class Request:
    """One request for a step of the call, as the provider tells it.

    `step` is named as our kept replies are: `answer`, `consent:2`, `fallback`. `prompt` numbers the playing of the
    question that it answers, 0 for any other step and for a caller who hung up; `document` is None where no answer of
    ours arrived, and `at`, which is by the provider's clock, where it tells no time. `has_failed`: the provider says
    that none came; where it has not, it may only not say which. `is_over`: the request itself says that the call is.
    """

    step: str
    at: datetime | None
    prompt: int = 0
    key: Key | None = None
    document: Document | None = None
    is_over: bool = False
    has_failed: bool = False

    @property
    def name(self) -> str:
        """The step without its number."""
        return self.step.partition(":")[0]

    @property
    def said(self) -> Document | None:
        """The answer, if it is one that a decision of ours gave."""
        return self.document if self.document and self.document.has_words else None


@dataclass(frozen=True, slots=True)
class Logged:
    """What our log, and what is kept beside it, tells of the same call.

    `prompt_sha256` names all the words of the call, and `disclosure` and `question` are those of them; None where none
    were served. `choices` pair the number of a prompt with what came of it; `replies` are by step.
    """

    prompt_sha256: str | None = None
    disclosure: str | None = None
    question: str | None = None
    choices: frozenset[tuple[int, Key]] = frozenset()
    permits: bool = False
    replies: Mapping[str, frozenset[str]] = field(default_factory=dict)
    outcome: str = ""


def differences(seen: Sequence[Request], logged: Logged) -> list[Differs]:
    found = {
        Differs.DISCLOSURE: _disclosure(seen, logged),
        Differs.QUESTION: _question(seen, logged),
        Differs.ANSWERED: _answered(seen, logged),
        Differs.RECORDING: _recording(seen, logged),
        Differs.REPLIES: _replies(seen, logged),
        Differs.STEPS: _steps(seen, logged),
    }
    return [name for name, differs in found.items() if differs]


def disclosed(seen: Sequence[Request]) -> frozenset[str]:
    return frozenset[str]().union(*(one.said.disclosed for one in seen if one.said))


def asked(seen: Sequence[Request]) -> frozenset[str]:
    return frozenset[str]().union(*(one.said.asked for one in seen if one.said))


def answered(seen: Sequence[Request]) -> dict[int, Key]:
    """What each playing of the question was answered with; of several deliveries the first counts."""
    first: dict[int, Key] = {}
    for one in sorted(seen, key=lambda one: (one.at is None, one.at)):
        if one.key is not None:
            first.setdefault(one.prompt, one.key)
    return dict(sorted(first.items()))


def starts_recording(seen: Sequence[Request]) -> bool:
    return any(one.said.starts_recording for one in seen if one.said)


def never_ordered(seen: Sequence[Request], ordering_steps: Collection[str]) -> bool:
    """Whether each answer to these steps, with which a recording was ordered, is known not to have arrived."""
    asked = [one for one in seen if one.step in ordering_steps]
    return bool(asked) and all(one.has_failed for one in asked) and not starts_recording(seen)


def recording_asked_at(seen: Sequence[Request]) -> datetime | None:
    """When the provider, by its own clock, first asked for the document that orders the recording."""
    return min((one.at for one in seen if one.at and one.said and one.said.starts_recording), default=None)


def _disclosure(seen: Sequence[Request], logged: Logged) -> bool:
    if heard := disclosed(seen):
        return heard != {logged.disclosure}
    return logged.disclosure is not None and not _went_astray(seen, "answer", "language")


def _question(seen: Sequence[Request], logged: Logged) -> bool:
    return not asked(seen) <= {logged.question}


def _answered(seen: Sequence[Request], logged: Logged) -> bool:
    """Each choice was sent as it is logged, and none that was answered is missing. Lost ones may be in the log or not.

    A second is the finest that the provider tells of time, so any of several deliveries may be the one that counted.
    """
    sent = {(one.prompt, one.key) for one in seen if one.key is not None}
    heard = {(one.prompt, one.key) for one in seen if one.key is not None and one.said}
    return not logged.choices <= sent or not heard <= logged.choices


def _recording(seen: Sequence[Request], logged: Logged) -> bool:
    if starts_recording(seen):
        return not logged.permits
    return logged.permits and not _went_astray(seen, "choice", "consent")


def _replies(seen: Sequence[Request], logged: Logged) -> bool:
    """What arrived is what is kept, and nothing is kept as an answer to what was never asked."""
    arrived = {(one.step, one.said.body) for one in seen if one.said}
    kept = {(step, body) for step, bodies in logged.replies.items() for body in bodies}
    return not arrived <= kept or not logged.replies.keys() <= {one.step for one in seen}


def _steps(seen: Sequence[Request], logged: Logged) -> bool:
    """What was answered without words is known here all the same, once it has been settled."""
    return any(one.document and not one.said and one.step not in logged.replies for one in seen)


def _went_astray(seen: Sequence[Request], *steps: str) -> bool:
    """Whether one of these steps was asked for and got no answer, or one without words."""
    return any(one.name in steps and not one.said for one in seen)
