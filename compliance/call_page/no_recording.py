"""Why a call has no recording to hear, in a sentence: a closed table over every outcome, reason and fate."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from policies.connected import OUR_FAILURE
from policies.consent import RECORDING_OUTCOMES, REMEMBERED_DECLINE, Mode, Outcome
from policies.derived import OPEN
from policies.hanging_up import UNHEARD
from policies.lifecycle import RecordingState


class WhyNone(StrEnum):
    UNDECIDED = "undecided"
    DECLINED = "declined"
    DECLINED_AND_ENDED = "declined_and_ended"
    SILENT = "silent"
    SILENT_AND_ENDED = "silent_and_ended"
    UNCLEAR = "unclear"
    UNCLEAR_AND_ENDED = "unclear_and_ended"
    LEFT_IN_DISCLOSURE = "left_in_disclosure"
    LEFT_AT_QUESTION = "left_at_question"
    CUT_SHORT = "cut_short"
    DISCLOSURE_FAILED = "disclosure_failed"
    NEVER_LINE = "never_line"
    FORBIDDEN = "forbidden"
    REMEMBERED = "remembered"
    OUR_FAILURE = "our_failure"
    END_UNKNOWN = "end_unknown"
    PROVIDER_ENDED = "provider_ended"
    PROVIDER_FAILED = "provider_failed"
    NO_LINE = "no_line"
    NOT_ASKED = "not_asked"
    SELF_TEST = "self_test"
    RUNNING = "running"
    NOT_FETCHED = "not_fetched"
    NOT_SETTLED = "not_settled"
    NONE_MADE = "none_made"
    NONE_REPORTED = "none_reported"
    IN_DOUBT = "in_doubt"
    GOING = "going"
    EXPIRED = "expired"
    DESTROYED = "destroyed"
    WITHDRAWN = "withdrawn"
    WITHDRAWN_GOING = "withdrawn_going"
    WITHDRAWN_NONE = "withdrawn_none"
    ERASED = "erased"


# No sentence says that nothing was recorded: somebody else may have done it, and the certificate tells of that.
SENTENCES: Mapping[WhyNone, str] = {
    WhyNone.UNDECIDED: "It is not decided yet whether the call may be recorded.",
    WhyNone.DECLINED: "The caller declined to be recorded.",
    WhyNone.DECLINED_AND_ENDED: "The caller declined, and the call ended: this line has no unrecorded calls.",
    WhyNone.SILENT: "The caller pressed nothing, which is no consent here.",
    WhyNone.SILENT_AND_ENDED: "The caller pressed nothing, and the call ended: this line has no unrecorded calls.",
    WhyNone.UNCLEAR: "The caller pressed no key that means yes.",
    WhyNone.UNCLEAR_AND_ENDED: "The caller pressed no key that means yes, and the call ended: this line has no "
    "unrecorded calls.",
    WhyNone.LEFT_IN_DISCLOSURE: "The caller hung up during the disclosure.",
    WhyNone.LEFT_AT_QUESTION: "The caller hung up at the question.",
    WhyNone.CUT_SHORT: "The disclosure cannot have played to its end, so nobody was asked.",
    WhyNone.DISCLOSURE_FAILED: "The telephone company could not play the disclosure.",
    WhyNone.NEVER_LINE: "This line never records.",
    WhyNone.FORBIDDEN: "The law does not allow this call to be recorded for the purposes of the line.",
    WhyNone.REMEMBERED: "This number declined before, and is not asked again for a while.",
    WhyNone.OUR_FAILURE: "A step of ours failed, and the caller was connected with nothing permitted.",
    WhyNone.END_UNKNOWN: "The call ended undecided, and nobody tells how long it was.",
    WhyNone.PROVIDER_ENDED: "The telephone company ended the call before it was decided.",
    WhyNone.PROVIDER_FAILED: "The telephone company could not carry out a step, and the caller was connected with "
    "nothing permitted.",
    WhyNone.NO_LINE: "What was dialled is none of the lines, so nobody was asked.",
    WhyNone.NOT_ASKED: "The caller was not asked.",
    WhyNone.SELF_TEST: "The service called itself as a test, and there was nobody to record.",
    WhyNone.RUNNING: "The call is being recorded.",
    WhyNone.NOT_FETCHED: "The recording is at the telephone company, and not here yet.",
    WhyNone.NOT_SETTLED: "The recording is stored here, and can be heard once the telephone company's copy is seen to "
    "be gone.",
    WhyNone.NONE_MADE: "Recording was permitted, and the telephone company made none.",
    WhyNone.NONE_REPORTED: "Recording was permitted, and the telephone company has reported none.",
    WhyNone.IN_DOUBT: "It is unclear which recording is the one that was agreed to. Until that is clear nobody may "
    "hear it.",
    WhyNone.GOING: "The recording is being destroyed.",
    WhyNone.EXPIRED: "The time for which the recording was kept was over, and it was destroyed.",
    WhyNone.DESTROYED: "The recording was destroyed.",
    WhyNone.WITHDRAWN: "The consent was withdrawn, and the recording was destroyed.",
    WhyNone.WITHDRAWN_GOING: "The consent was withdrawn, and the recording is being destroyed.",
    WhyNone.WITHDRAWN_NONE: "The consent was withdrawn, and no recording of the call is known.",
    WhyNone.ERASED: "What was personal about the call was erased, and its recording with it.",
}

GONE: Collection[WhyNone] = {
    WhyNone.NONE_MADE,
    WhyNone.GOING,
    WhyNone.EXPIRED,
    WhyNone.DESTROYED,
    WhyNone.WITHDRAWN,
    WhyNone.WITHDRAWN_GOING,
    WhyNone.WITHDRAWN_NONE,
    WhyNone.ERASED,
}
"""Of a recording that was permitted, and that nobody will hear."""

ERASED, RETENTION = "erased", "retention"
"""Rules of a destruction, as its event names them."""


@dataclass(frozen=True, slots=True)
class Fate:
    """A call and its recordings, by its events. `outcome` is a `policies.consent.Outcome`, or "open".

    `covered` is the state of the recording that the permit covers, None where there is none; `rule` is that of its
    destruction, empty while it is not to be destroyed. `others` are the states of the call's other recordings.
    """

    outcome: str
    reason: str = ""
    mode: str = ""
    is_over: bool = True
    is_synthetic: bool = False
    covered: RecordingState | None = None
    rule: str = ""
    others: Collection[RecordingState] = ()


def why_none(fate: Fate) -> WhyNone | None:
    """None where a recording is kept, and may be heard by whoever is allowed to."""
    is_in_doubt = RecordingState.QUARANTINED in fate.others
    match fate.covered:
        case RecordingState.ABSENT | RecordingState.DESTROYED | RecordingState.CONDEMNED if is_in_doubt:
            return WhyNone.IN_DOUBT
        case RecordingState.DESTROYED | RecordingState.CONDEMNED:
            return _gone(fate, is_done=fate.covered is RecordingState.DESTROYED)
        case RecordingState.STARTED if not fate.is_over:
            return WhyNone.RUNNING
        case None:
            return _none_covered(fate)
        case state:
            return _BY_STATE[state]


def _gone(fate: Fate, *, is_done: bool) -> WhyNone:
    if fate.rule == ERASED:
        return WhyNone.ERASED
    if fate.outcome == Outcome.WITHDRAWN:
        return WhyNone.WITHDRAWN if is_done else WhyNone.WITHDRAWN_GOING
    if not is_done:
        return WhyNone.GOING
    return WhyNone.EXPIRED if fate.rule == RETENTION else WhyNone.DESTROYED


_BY_STATE: Mapping[RecordingState, WhyNone | None] = {
    RecordingState.STARTED: WhyNone.NOT_FETCHED,
    RecordingState.COMPLETED: WhyNone.NOT_FETCHED,
    RecordingState.STORED: WhyNone.NOT_SETTLED,
    RecordingState.KEPT: None,
    RecordingState.ABSENT: WhyNone.NONE_MADE,
    RecordingState.QUARANTINED: WhyNone.IN_DOUBT,
}


def _none_covered(fate: Fate) -> WhyNone:
    """No recording is known to be the one that was permitted, if one was."""
    if fate.outcome == OPEN:
        return WhyNone.UNDECIDED
    outcome = Outcome(fate.outcome)
    if outcome not in RECORDING_OUTCOMES | {Outcome.WITHDRAWN}:
        return _unrecorded(fate, outcome)
    if RecordingState.QUARANTINED in fate.others:
        return WhyNone.IN_DOUBT
    if outcome is Outcome.WITHDRAWN:  # which may have overtaken the first news of its recording
        return next((why for state, why in _LATE_NEWS.items() if state in fate.others), WhyNone.WITHDRAWN_NONE)
    return WhyNone.SELF_TEST if fate.is_synthetic else WhyNone.NONE_REPORTED


def _unrecorded(fate: Fate, outcome: Outcome) -> WhyNone:
    if outcome is Outcome.NOT_ASKED:
        return next((why for pattern, why in _NOT_ASKED if pattern.fullmatch(fate.reason)), WhyNone.NOT_ASKED)
    ended = _AND_ENDED.get(outcome) if fate.mode == Mode.MUST_RECORD else None
    return ended or _BY_OUTCOME[outcome]


_LATE_NEWS: Mapping[RecordingState, WhyNone] = {
    RecordingState.CONDEMNED: WhyNone.WITHDRAWN_GOING,
    RecordingState.DESTROYED: WhyNone.WITHDRAWN,
}
_BY_OUTCOME: Mapping[Outcome, WhyNone] = {
    Outcome.DECLINED: WhyNone.DECLINED,
    Outcome.SILENT: WhyNone.SILENT,
    Outcome.UNCLEAR: WhyNone.UNCLEAR,
    Outcome.HUNG_UP_IN_DISCLOSURE: WhyNone.LEFT_IN_DISCLOSURE,
    Outcome.HUNG_UP_IN_CHOICE: WhyNone.LEFT_AT_QUESTION,
    Outcome.DISCLOSURE_CUT_SHORT: WhyNone.CUT_SHORT,
    Outcome.DISCLOSURE_FAILED: WhyNone.DISCLOSURE_FAILED,
}
_AND_ENDED: Mapping[Outcome, WhyNone] = {
    Outcome.DECLINED: WhyNone.DECLINED_AND_ENDED,
    Outcome.SILENT: WhyNone.SILENT_AND_ENDED,
    Outcome.UNCLEAR: WhyNone.UNCLEAR_AND_ENDED,
}
_NOT_ASKED = [
    (re.compile(pattern, re.DOTALL), why)
    for pattern, why in (
        ("never-record line", WhyNone.NEVER_LINE),
        ("the law of .* forbids it|.* allows other purposes only", WhyNone.FORBIDDEN),
        (re.escape(REMEMBERED_DECLINE), WhyNone.REMEMBERED),
        (f"{re.escape(OUR_FAILURE)}|{re.escape(UNHEARD)}|the service did not answer", WhyNone.OUR_FAILURE),
        ("nobody tells how long the call was.*", WhyNone.END_UNKNOWN),
        ("the telephone company ended the call: .*", WhyNone.PROVIDER_ENDED),
        ("Twilio reported error .*", WhyNone.PROVIDER_FAILED),
        ("call: what was dialled is no line .*", WhyNone.NO_LINE),
    )
]
"""The reasons for which callers are not asked. Any other is a request that made no sense, and names itself."""
