"""What the provider saw of a call that our log does not know: it contradicts an outcome that rests on having heard all.

A caller of whom further steps were sent has not hung up before them, whether we answered those or not. A refusal among
them was said, and counts whenever it is found. Nothing here ever leads towards consent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import inf

from policies.consent import Outcome
from policies.corroboration import Key, Logged, Request
from policies.hanging_up import HUNG_UP

REFUSED = Key.of("2")
_FURTHER = frozenset({"language", "choice", "consent", "fallback"})


@dataclass(frozen=True, slots=True)
class Refusal:
    """At which playing of the question it was said, and when by the provider's clock, where that is known."""

    prompt: int
    at: datetime | None


def refusal(seen: Sequence[Request], logged: Logged) -> Refusal | None:
    """The first that the log does not know."""
    said = [one for one in seen if one.key == REFUSED and (one.prompt, REFUSED) not in logged.choices]
    first = min(said, key=lambda one: one.at.timestamp() if one.at else inf, default=None)
    return None if first is None else Refusal(first.prompt, first.at)


def went_on(seen: Sequence[Request], logged: Logged) -> bool:
    """Whether the caller was there at a step that the log does not know, or had been put through."""
    unheard = [one for one in seen if not _is_heard(one, logged)]
    return any(one.name == "ended" or (one.name in _FURTHER and not one.is_over) for one in unheard)


def contradicts(seen: Sequence[Request], logged: Logged) -> bool:
    """Whether the outcome in the log is another than the provider's account allows."""
    if logged.outcome in HUNG_UP and went_on(seen, logged):
        return True
    knows = {Outcome.DECLINED, Outcome.WITHDRAWN}
    return logged.outcome not in {"", *knows} and refusal(seen, logged) is not None


def _is_heard(one: Request, logged: Logged) -> bool:
    """By our log the step was answered, and so was the caller, where an answer arrived."""
    kept = logged.replies.get(one.step)
    return kept is not None and (one.document is None or one.document.body in kept)
