"""Compares the telephone provider's account of a call with our log of it, field by field.

Two accounts by two parties: neither can be bent alone without a difference. A lost delivery is no difference: our log
has the decision, and the provider never got it. Nor is an answer without words, as a step of ours gives when it fails:
the caller is connected, unrecorded, and the log may be ahead of what was said. But every answer that arrived must be
kept here, with or without words: otherwise rows are missing.
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
    """The result of one playing of the question. `digit` is empty for silence, and for more than one key."""

    is_silent: bool
    digit: str

    @classmethod
    def of(cls, digits: str) -> "Key":
        return cls(not digits, digits if len(digits) == 1 else "")


@dataclass(frozen=True, slots=True)
class Document:
    """A TwiML document of ours, as it arrived. Words are the text that a voice says, or the hash of a recorded prompt.

    `body` is all of it, in a canonical spelling. `disclosed` are the words outside the question.
    """

    body: str
    disclosed: frozenset[str] = frozenset()
    asked: frozenset[str] = frozenset()
    starts_recording: bool = False
    has_words: bool = True


@dataclass(frozen=True, slots=True)
class Request:
    """A request for a step of the call, by the provider's account.

    `step` is named as our kept replies are: `answer`, `consent:2`, `fallback`. `prompt` numbers the playing of the
    question that it answers, 0 for any other step and for a caller who hung up; `document` is None where no answer of
    ours arrived, and `at`, which is by the provider's clock, where the provider gives no time. `has_failed`: the
    provider says that no answer came; False may only mean that it does not say. `is_over`: the request itself says that
    the call is. `withdraws`: it brings the key that withdraws the consent during the conversation.
    """

    step: str
    at: datetime | None
    prompt: int = 0
    key: Key | None = None
    document: Document | None = None
    is_over: bool = False
    has_failed: bool = False
    withdraws: bool = False

    @property
    def name(self) -> str:
        """The step without its number."""
        return self.step.partition(":")[0]

    @property
    def said(self) -> Document | None:
        """The document, if a decision of ours gave it."""
        return self.document if self.document and self.document.has_words else None


@dataclass(frozen=True, slots=True)
class Logged:
    """The same call by our log, and by the rows beside it.

    `prompt_sha256` names all the words of the call; `disclosure` and `question` are its words, None where none were
    served. `choices` pair the number of a prompt with its result; `replies` are by step.
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
    return frozenset[str]().union(*(request.said.disclosed for request in seen if request.said))


def asked(seen: Sequence[Request]) -> frozenset[str]:
    return frozenset[str]().union(*(request.said.asked for request in seen if request.said))


def answered(seen: Sequence[Request]) -> dict[int, Key]:
    """The answer to each playing of the question; of several deliveries the first counts."""
    first: dict[int, Key] = {}
    for request in sorted(seen, key=lambda request: (request.at is None, request.at)):
        if request.key is not None:
            first.setdefault(request.prompt, request.key)
    return dict(sorted(first.items()))


def starts_recording(seen: Sequence[Request]) -> bool:
    return any(request.said.starts_recording for request in seen if request.said)


def never_ordered(seen: Sequence[Request], ordering_steps: Collection[str]) -> bool:
    """Whether certainly no answer to these steps arrived. Each of them would have ordered a recording."""
    asked = [request for request in seen if request.step in ordering_steps]
    return bool(asked) and all(request.has_failed for request in asked) and not starts_recording(seen)


def recording_asked_at(seen: Sequence[Request]) -> datetime | None:
    """When the provider, by its own clock, first asked for the document that orders the recording."""
    return min(
        (request.at for request in seen if request.at and request.said and request.said.starts_recording), default=None
    )


def _disclosure(seen: Sequence[Request], logged: Logged) -> bool:
    if heard := disclosed(seen):
        return heard != {logged.disclosure}
    return logged.disclosure is not None and not _went_astray(seen, "answer", "language")


def _question(seen: Sequence[Request], logged: Logged) -> bool:
    return not asked(seen) <= {logged.question}


def _answered(seen: Sequence[Request], logged: Logged) -> bool:
    """Each choice was sent as it is logged, and no answered choice is missing. Lost ones may be in the log or not.

    The provider's times are in whole seconds, so any of several deliveries may be the one that counted.
    """
    sent = {(request.prompt, request.key) for request in seen if request.key is not None}
    heard = {(request.prompt, request.key) for request in seen if request.key is not None and request.said}
    return not logged.choices <= sent or not heard <= logged.choices


def _recording(seen: Sequence[Request], logged: Logged) -> bool:
    if starts_recording(seen):
        return not logged.permits
    return logged.permits and not _went_astray(seen, "choice", "consent")


def _replies(seen: Sequence[Request], logged: Logged) -> bool:
    """The replies that arrived are those that are kept, and no reply is kept for a step that was never asked for."""
    arrived = {(request.step, request.said.body) for request in seen if request.said}
    kept = {(step, body) for step, bodies in logged.replies.items() for body in bodies}
    return not arrived <= kept or not logged.replies.keys() <= {request.step for request in seen}


def _steps(seen: Sequence[Request], logged: Logged) -> bool:
    """A step that was answered without words is in our rows all the same, once it has been settled."""
    return any(request.document and not request.said and request.step not in logged.replies for request in seen)


def _went_astray(seen: Sequence[Request], *steps: str) -> bool:
    """Whether any of these steps was asked for and got no answer, or an answer without words."""
    return any(request.name in steps and not request.said for request in seen)
