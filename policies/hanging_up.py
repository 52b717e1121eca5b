"""The outcome of a call that ended undecided: the caller hung up, of which there is evidence, or our service failed.

A caller who leaves and a step that never reaches the service leave the same rows. So missing rows prove nothing.
Evidence of a hang-up is a request that says so, or a call whose duration, by the provider, is no longer than the words
that were served.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from policies.consent import Outcome, Suppress
from policies.lifecycle import CallState

UNHEARD = "the call went on, and its next step did not reach the service"
_UNKNOWN = "nobody tells how long the call was, and so not whether its caller left"
# Of these statuses the call was never answered: whoever called gave up while it rang.
_NEVER_ANSWERED = frozenset({"canceled", "no-answer"})
# Against a usual pace of speech: a voice may be slow, and a disclosure is only estimated.
_SLOWEST = 1.5
_MENU_LINE_S, _ANSWER_WAITS_S = 5.0, 5.0
# For each document: it is fetched, perhaps twice, and the provider counts in whole seconds.
_FETCH_S = 3.0

IN_STATE: Mapping[CallState, Outcome] = {
    CallState.DISCLOSING: Outcome.HUNG_UP_IN_DISCLOSURE,
    CallState.CHOOSING: Outcome.HUNG_UP_IN_CHOICE,
}
HUNG_UP = frozenset(IN_STATE.values())


@dataclass(frozen=True, slots=True)
class Served:
    """The parts of a call that were served, and how long each takes at a usual pace.

    `languages` is how many the menu offers, 0 where there was none. `has_left`: a request of the call said that it is
    over.
    """

    disclosure_s: float
    question_s: float
    languages: int = 0
    disclosures: int = 1
    questions: int = 0
    has_left: bool = False

    @property
    def longest_s(self) -> float:
        """The longest time, in seconds, that the served parts can take: a caller who stayed longer got further."""
        told_s, asked_s = self.disclosures * self.disclosure_s, self.questions * self.question_s
        spoken_s = self.languages * _MENU_LINE_S + told_s + asked_s
        waits = self.questions + (self.languages > 0)
        return spoken_s * _SLOWEST + waits * _ANSWER_WAITS_S + (self.disclosures + waits) * _FETCH_S


def undecided(state: CallState, served: Served, *, status: str, duration_s: int | None) -> Suppress:
    """The outcome of a call that ended while undecided, by the provider's word on its end.

    Raises ValueError for a state that has a decision.
    """
    if state not in IN_STATE:
        raise ValueError(f"{state}: a call in this state was already decided")
    left = Suppress(IN_STATE[state])
    if served.has_left or (status in _NEVER_ANSWERED and state is CallState.DISCLOSING):
        return left
    if duration_s is None:
        return Suppress(Outcome.NOT_ASKED, _UNKNOWN)
    if status != "completed":
        return Suppress(Outcome.NOT_ASKED, f"the telephone company ended the call: {status}")
    return left if duration_s <= served.longest_s else Suppress(Outcome.NOT_ASKED, UNHEARD)
