"""The withdrawal of a consent: its effect on a call, and on the recording up to then. It counts whenever it comes."""

from datetime import datetime
from enum import StrEnum

from policies.consent import RECORDING_OUTCOMES, Mode, Outcome
from policies.durations import end_of
from policies.rules import OnWithdrawal, Rulebook

OPEN = "open"


class WithdrawnBy(StrEnum):
    CALLER = "caller"  # by a key, during the call
    AGENT = "agent"  # on the caller's word, during the call
    REQUEST = "request"  # through compliance, at any time


class Effect(StrEnum):
    """The effect of a withdrawal on the call that it is about."""

    ENDS = "ends"  # the consent ends: nothing records any more
    DESTROYS = "destroys"  # the consent had ended, and the recording that was kept is destroyed after all
    STANDS = "stands"  # the consent had ended, and nothing changes
    DECLINES = "declines"  # nothing is decided yet: it is a no, and no later yes in this call counts
    NOTHING = "nothing"  # the call was never agreed to be recorded


REASONS = {
    WithdrawnBy.CALLER: "the caller withdrew the consent during the call",
    WithdrawnBy.AGENT: "the caller withdrew the consent, as an agent said",
    WithdrawnBy.REQUEST: "the consent was withdrawn by request",
}


def effect_of(outcome: str, keeps: bool | None, on_recording: OnWithdrawal) -> Effect:
    """`outcome` is the call's; `keeps` is None, or whether an earlier withdrawal kept the recording up to then.

    The first withdrawal stands, but a recording that it kept may be destroyed by a second. The reverse has no way.
    """
    if outcome in RECORDING_OUTCOMES:
        return Effect.ENDS
    if outcome == Outcome.WITHDRAWN:
        return Effect.DESTROYS if keeps and on_recording is OnWithdrawal.DESTROY else Effect.STANDS
    return Effect.DECLINES if outcome == OPEN else Effect.NOTHING


def is_remembered(effect: Effect, by: WithdrawnBy) -> bool:
    """Whether the number counts as that of a caller who said no: also where there was nothing to withdraw.

    A request is about calls that were, and says nothing about the next.
    """
    return by is not WithdrawnBy.REQUEST and effect is not Effect.DESTROYS


def remembered_until(rulebook: Rulebook, mode: str, said_at: datetime) -> datetime | None:
    """Until when an express no is remembered; None for never. A must-record line asks again."""
    remember = rulebook.remember_declines if mode != Mode.MUST_RECORD else None
    return end_of(said_at, remember) if remember else None
