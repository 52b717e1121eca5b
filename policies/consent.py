"""The decision that follows from a caller's answer. Silence, a wrong key or a hang-up never turns into a yes by
accident.

Every function is total over its arguments, and no answer of `DECLINED` has a path to `Record`.
"""

from dataclasses import dataclass
from enum import StrEnum

# Playings of the question beyond `prompts_max` that a caller may ask for by the repeat key. A repeat uses up
# a playing like any other; without a cap of its own, whoever leans on the key would never reach an agent.
REPEATS_MAX = 2

REMEMBERED_DECLINE = "remembered decline"

_ANSWER_BY_KEY = {"1": "accepted", "2": "declined", "9": "repeat"}


class Mode(StrEnum):
    """The kinds of consent that a line can ask for. All but `MUST_RECORD` run from lax to strict, in this order."""

    NOTICE = "notice"  # staying on after the disclosure is consent
    OPT_OUT = "opt_out"  # a key declines; silence is consent only where law and rulebook both say so
    OPT_IN = "opt_in"  # only the accept key is consent
    NEVER = "never"
    MUST_RECORD = "must_record"  # only the accept key is consent, and without it the call ends politely


class Answer(StrEnum):
    ACCEPTED = "accepted"
    DECLINED = "declined"
    SILENT = "silent"
    UNRECOGNIZED = "unrecognized"
    REPEAT = "repeat"


class Outcome(StrEnum):
    """How the question of consent ended for a call: a closed set, never null."""

    CONSENTED = "consented"
    CONSENTED_BY_STAYING = "consented_by_staying"
    DECLINED = "declined"
    SILENT = "silent"
    UNCLEAR = "unclear"
    HUNG_UP_IN_DISCLOSURE = "hung_up_in_disclosure"
    HUNG_UP_IN_CHOICE = "hung_up_in_choice"
    DISCLOSURE_CUT_SHORT = "disclosure_cut_short"
    DISCLOSURE_FAILED = "disclosure_failed"
    NOT_ASKED = "not_asked"
    WITHDRAWN = "withdrawn"


# Why an earlier consent of a call ends, by what being asked again came to.
_UNAGREED = {
    Outcome.DECLINED: "the caller declined after having agreed",
    Outcome.SILENT: "asked again, the caller said nothing, which is no consent",
    Outcome.UNCLEAR: "asked again, the caller pressed no key that is an answer",
}
RECORDING_OUTCOMES = frozenset({Outcome.CONSENTED, Outcome.CONSENTED_BY_STAYING})
WITHDRAWAL_DIGIT = "1"  # in the menu that the star key leads to; any other key leads back
WITHDRAWN_BY_KEY = "the caller withdrew the consent by key, during the conversation"
REFUSALS = frozenset({Outcome.DECLINED, Outcome.WITHDRAWN})


@dataclass(frozen=True, slots=True)
class Standard:
    """The standard that a call's answers are measured against. `prompts_max`: playings of the question, 1 or more.

    `remembers_decline`: the number declined before, so nobody is asked: the accept key is offered, and nothing else
    changes anything.
    """

    mode: Mode
    silence_is_consent: bool
    prompts_max: int
    remembers_decline: bool = False

    def __post_init__(self) -> None:
        if self.prompts_max < 1:
            raise ValueError("prompts_max: a question that is never played has no answer")
        if self.remembers_decline and self.mode is not Mode.OPT_IN:
            raise ValueError(f"{self.mode}: where a decline is remembered only the accept key is consent")

    def after_a_decline(self) -> "Standard | None":
        """The standard for a number that declined before; None where that changes nothing.

        A must-record line has no call without a recording, so it asks even a caller who declined on another line.
        """
        if self.mode in (Mode.NEVER, Mode.MUST_RECORD):
            return None
        return Standard(Mode.OPT_IN, silence_is_consent=False, prompts_max=1, remembers_decline=True)


@dataclass(frozen=True, slots=True)
class Record:
    outcome: Outcome

    def __post_init__(self) -> None:
        if self.outcome not in RECORDING_OUTCOMES:
            raise ValueError(f"{self.outcome}: not an outcome that permits recording")


@dataclass(frozen=True, slots=True)
class Suppress:
    """Connect the caller, unrecorded."""

    outcome: Outcome
    reason: str = ""


@dataclass(frozen=True, slots=True)
class EndCall:
    """End politely: on this line there is no call without a recording."""

    outcome: Outcome
    reason: str


@dataclass(frozen=True, slots=True)
class Ask:
    """Play the question as playing number `prompt`, counted from 1."""

    prompt: int


@dataclass(frozen=True, slots=True)
class Withdraw:
    """End the recording that an earlier consent of this call allowed, and destroy it unless it is kept."""

    reason: str
    is_declined: bool
    """Whether the caller said no, rather than only nothing, on a line where a no is remembered."""
    ends_call: bool = False
    """Whether the call ends with it, on a line that has no unrecorded calls."""
    keeps: bool = False
    """Whether the recording up to now is kept."""


Decision = Record | Suppress | EndCall | Ask | Withdraw


def answer_of(digits: str | None) -> Answer:
    """Exactly one ASCII key is an answer; anything longer, padded or look-alike is unrecognized."""
    return Answer(_ANSWER_BY_KEY.get(digits, "unrecognized")) if digits else Answer.SILENT


def before_disclosure(standard: Standard) -> Suppress | None:
    """The decision that needs no disclosure, if there is one."""
    return _not_asked() if standard.mode is Mode.NEVER else None


def after_disclosure(standard: Standard) -> Record | Suppress | Ask:
    """The decision once the disclosure has played to its end (Suppress only if a never line got this far)."""
    if standard.mode is Mode.NEVER:
        return _not_asked()
    return Record(Outcome.CONSENTED_BY_STAYING) if standard.mode is Mode.NOTICE else Ask(1)


def decide(answer: Answer, standard: Standard, *, prompt: int) -> Decision:
    """The decision on the answer to playing number `prompt` of the question."""
    if standard.mode is Mode.NEVER:
        return _not_asked()
    if answer is Answer.ACCEPTED:
        return Record(Outcome.CONSENTED)
    if answer is Answer.DECLINED:
        return _without_consent(Outcome.DECLINED, standard)
    if answer is Answer.SILENT and standard.mode is Mode.NOTICE:
        return Record(Outcome.CONSENTED_BY_STAYING)
    if prompt < _playings_max(answer, standard):
        return Ask(prompt + 1)
    return _out_of_prompts(answer, standard)


def withdrawn_by_key(standard: Standard, *, keeps: bool) -> Withdraw:
    """The decision on the withdrawal key, which a recorded caller presses during the conversation."""
    ends_call = standard.mode is Mode.MUST_RECORD
    return Withdraw(WITHDRAWN_BY_KEY, is_declined=not ends_call, ends_call=ends_call, keeps=keeps)


def decide_again(decision: Decision) -> Decision:
    """A decision on a call whose recording was consented to before: nothing but a renewed consent lets it go on.

    A caller who is asked again and does not agree has no recording of this call at all, despite any earlier consent.
    """
    if not isinstance(decision, Suppress | EndCall):
        return decision
    return Withdraw(
        _UNAGREED.get(decision.outcome, f"asked again, the caller did not agree: {decision.reason}"),
        is_declined=isinstance(decision, Suppress) and decision.outcome is Outcome.DECLINED,
        ends_call=isinstance(decision, EndCall),
    )


def heeding_memory(decision: Decision, *, has_declined: bool) -> Decision:
    """Staying on is no consent for a number that declined, perhaps on another call while this one was under way."""
    by_staying = isinstance(decision, Record) and decision.outcome is Outcome.CONSENTED_BY_STAYING
    return Suppress(Outcome.NOT_ASKED, REMEMBERED_DECLINE) if by_staying and has_declined else decision


def replaces(new: Outcome, old: Outcome | None) -> bool:
    """Whether an outcome takes the place of the one before (None: undecided). Only a no ever does."""
    if new is Outcome.DECLINED:
        return old is None or old not in RECORDING_OUTCOMES | REFUSALS
    return old is None or (new is Outcome.WITHDRAWN and old is not Outcome.WITHDRAWN)


def _playings_max(answer: Answer, standard: Standard) -> int:
    return standard.prompts_max + (REPEATS_MAX if answer is Answer.REPEAT else 0)


def _out_of_prompts(answer: Answer, standard: Standard) -> Decision:
    if standard.remembers_decline:
        return Suppress(Outcome.NOT_ASKED, REMEMBERED_DECLINE)
    if answer is not Answer.SILENT:
        return _without_consent(Outcome.UNCLEAR, standard)
    if standard.mode is Mode.OPT_OUT and standard.silence_is_consent:
        return Record(Outcome.CONSENTED_BY_STAYING)
    return _without_consent(Outcome.SILENT, standard)


def _without_consent(outcome: Outcome, standard: Standard) -> Suppress | EndCall:
    # A must-record line may not connect an unrecorded call, whether the caller refused or only never agreed.
    if standard.mode is Mode.MUST_RECORD:
        return EndCall(outcome, "this line has no unrecorded calls")
    return Suppress(outcome)


def _not_asked() -> Suppress:
    return Suppress(Outcome.NOT_ASKED, "never-record line")
