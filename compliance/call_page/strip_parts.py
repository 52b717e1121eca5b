"""The parts of a strip: what each is called, where it lies, and how it ended. All words are from closed tables."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from policies.consent import Answer, Outcome
from policies.pausing import PauseEnd
from policies.withdrawal import WithdrawnBy


class What(StrEnum):
    ROUND = "round"
    LANGUAGE_MENU = "language_menu"
    DISCLOSURE = "disclosure"
    PROMPT = "prompt"
    RECORDING = "recording"
    PAUSE = "pause"
    RECEIVED = "received"
    KEY = "key"
    PERMITTED = "permitted"
    SUPPRESSED = "suppressed"
    REFUSED = "refused"
    STARTED = "started"
    STOPPED = "stopped"
    PAUSE_ASKED = "pause_asked"
    SENT_BACK = "sent_back"
    WITHDRAWN = "withdrawn"
    FALLBACK = "fallback"
    UNREAD = "unread"
    HUNG_UP = "hung_up"
    CONVERSATION_ENDED = "conversation_ended"
    OVER = "over"


NAMES: Mapping[What, str] = {
    What.ROUND: "Round of disclosure and question",
    What.LANGUAGE_MENU: "Languages offered",
    What.DISCLOSURE: "Disclosure",
    What.PROMPT: "Question",
    What.RECORDING: "Recording",
    What.PAUSE: "Recording paused",
    What.RECEIVED: "Call came in",
    What.KEY: "Key pressed out of turn",
    What.PERMITTED: "Recording permitted",
    What.SUPPRESSED: "Not to be recorded",
    What.REFUSED: "Call to end politely",
    What.STARTED: "Recording reported",
    What.STOPPED: "Recording seen to have stopped",
    What.PAUSE_ASKED: "Pause asked for",
    What.SENT_BACK: "Call sent back to the line",
    What.WITHDRAWN: "Consent withdrawn",
    What.FALLBACK: "Telephone company turned to the fallback",
    What.UNREAD: "Request that could not be read",
    What.HUNG_UP: "Caller hung up",
    What.CONVERSATION_ENDED: "Conversation over",
    What.OVER: "Call over",
}


class Ended(StrEnum):
    """How a span ended, where no answer and no pause's end says it."""

    PLAYED = "played"
    CUT_SHORT = "cut_short"
    FAILED = "failed"
    LEFT = "left"
    AGAIN = "again"
    DECIDED = "decided"
    CHOSEN = "chosen"
    NOT_CHOSEN = "not_chosen"
    STOPPED = "stopped"
    CALL_OVER = "call_over"
    OPEN = "open"


class Talked(StrEnum):
    WITH_AGENT = "with_agent"
    WITH_NOBODY = "with_nobody"


HOW: Mapping[str, str] = {
    "": "",
    Ended.PLAYED: "played to its end",
    Ended.CUT_SHORT: "cut short",
    Ended.FAILED: "failed at the telephone company",
    Ended.LEFT: "the caller hung up",
    Ended.AGAIN: "the call was sent back",
    Ended.DECIDED: "decided before it ended",
    Ended.CHOSEN: "the caller chose",
    Ended.NOT_CHOSEN: "the caller chose none",
    Ended.STOPPED: "stopped",
    Ended.CALL_OVER: "ended with the call",
    Ended.OPEN: "not over yet",
    Talked.WITH_AGENT: "with an agent",
    Talked.WITH_NOBODY: "nobody was free",
    Answer.ACCEPTED: "accepted",
    Answer.DECLINED: "declined",
    Answer.SILENT: "no key",
    Answer.UNRECOGNIZED: "no key that is an answer",
    Answer.REPEAT: "asked to hear it again",
    Outcome.CONSENTED: "by key",
    Outcome.CONSENTED_BY_STAYING: "by staying on",
    Outcome.UNCLEAR: "no key that is an answer",
    Outcome.HUNG_UP_IN_DISCLOSURE: "the caller hung up in the disclosure",
    Outcome.HUNG_UP_IN_CHOICE: "the caller hung up at the question",
    Outcome.DISCLOSURE_CUT_SHORT: "the disclosure was cut short",
    Outcome.DISCLOSURE_FAILED: "the disclosure failed",
    Outcome.NOT_ASKED: "the caller was not asked",
    Outcome.WITHDRAWN: "the consent was withdrawn",
    WithdrawnBy.CALLER: "by the caller",
    WithdrawnBy.AGENT: "by an agent, on the caller's word",
    WithdrawnBy.REQUEST: "by request",
    PauseEnd.RESUMED: "resumed",
    PauseEnd.LIMIT: "ended at its limit",
    PauseEnd.CALL_ENDED: "ended with the call",
    PauseEnd.NEVER_BEGUN: "never begun",
}
"""Every `how` of a span or a mark, in words. Some values are shared: `declined` is an answer and an outcome."""


@dataclass(frozen=True, slots=True)
class Mark:
    """`event` is an index of the log. `number` is that of the round or the pause, `digit` the key, empty for several.

    `is_late`: it was logged later than it happened.
    """

    what: What
    at_ms: int
    event: int
    how: str = ""
    number: int = 0
    digit: str = ""
    is_late: bool = False

    @property
    def from_ms(self) -> int:
        return self.at_ms


@dataclass(frozen=True, slots=True)
class Span:
    """From one event to another; `to_event` is None where none ended it. `number` is that of the playing, the round or
    the pause; `digit` the key that was pressed, empty for none or several; `led_to` the action that followed.

    `give_or_take_ms` is how exactly its ends are known to lie in the recording's time, 0 for places of the recording's.
    """

    what: What
    from_ms: int
    to_ms: int
    event: int
    to_event: int | None = None
    how: str = ""
    number: int = 0
    digit: str = ""
    led_to: str = ""
    give_or_take_ms: int = 0
    is_late: bool = False
