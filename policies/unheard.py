"""Requests of a call that the provider saw and our log does not have: they contradict an outcome that rests on a full
log.

A caller for whom further steps were sent has not hung up before them, even if we did not answer. A refusal among them
was pressed, and counts whenever it is found. Nothing here ever leads towards consent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import inf

from policies.consent import RECORDING_OUTCOMES, Outcome
from policies.corroboration import Key, Logged, Request
from policies.hanging_up import HUNG_UP

REFUSED = Key.of("2")
_FURTHER = frozenset({"language", "choice", "consent", "fallback"})


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal: at which playing of the question (0: during the conversation, by the withdrawal key), and when by the
    provider's clock, where that is known.
    """

    prompt: int
    at: datetime | None


def refusal(seen: Sequence[Request], logged: Logged) -> Refusal | None:
    """The first refusal that the log does not have."""
    said = [request for request in seen if _is_unheard_refusal(request, logged)]
    first = min(said, key=lambda request: request.at.timestamp() if request.at else inf, default=None)
    return None if first is None else Refusal(first.prompt, first.at)


def _is_unheard_refusal(request: Request, logged: Logged) -> bool:
    if request.withdraws:
        return logged.outcome in RECORDING_OUTCOMES
    return request.key == REFUSED and (request.prompt, REFUSED) not in logged.choices


def went_on(seen: Sequence[Request], logged: Logged) -> bool:
    """Whether the caller was there at a step that the log does not have, or had been put through."""
    unheard = [request for request in seen if not _is_heard(request, logged)]
    return any(request.name == "ended" or (request.name in _FURTHER and not request.is_over) for request in unheard)


def contradicts(seen: Sequence[Request], logged: Logged) -> bool:
    """Whether the provider's account rules out the outcome in the log."""
    if logged.outcome in HUNG_UP and went_on(seen, logged):
        return True
    knows = {Outcome.DECLINED, Outcome.WITHDRAWN}
    return logged.outcome not in {"", *knows} and refusal(seen, logged) is not None


def _is_heard(request: Request, logged: Logged) -> bool:
    """Whether our log has the step as answered and, where an answer arrived, exactly that answer."""
    kept = logged.replies.get(request.step)
    return kept is not None and (request.document is None or request.document.body in kept)
