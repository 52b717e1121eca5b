"""Twilio's forms, parsed once into values that need no second check.

Fields that a decision depends on (call, recording, status) match in full or are refused, as is a field with several
values. The other fields (durations, times, an unusual caller) never cost a call or a callback: an unreadable value
counts as absent.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal, Self, cast

from policies.agent_address import agent_address
from policies.consent import Answer, answer_of
from storage.errors import Refused
from storage.provider import CALL_SID, FINAL_STATUSES, RECORDING_SID, SOURCE

SELF_TEST_FIELD = "OnrecordSelfTest"
DIGITS_LENGTH_MAX = 32
ADDRESS_LENGTH_MAX = 256

RecordingStatus = Literal["in-progress", "completed", "absent", "failed"]

RINGING = "ringing"

_STATUS = re.compile(r"[a-z][a-z-]{0,31}")  # an open set: Twilio adds words, and we act on those we know
_RECORDING_STATUS = re.compile(r"in-progress|completed|absent|failed")
_TRACK = re.compile(r"both|inbound|outbound")
_MARK = re.compile(r"[A-Za-z0-9_-]{1,64}")
_COUNT = re.compile(r"[0-9]{1,9}")  # Twilio writes -1 for a duration it does not know yet
_PARTING = ("ended", "alone")
_BRIDGED_STATUSES = ("completed", "answered")


@dataclass(frozen=True, slots=True)
class IncomingCall:
    """A call that Twilio sent here. Hints about the caller's place are not read: they are often wrong."""

    call_sid: str
    from_: str = field(repr=False)
    """As sent: a number, a word such as "anonymous", a SIP address; empty if absent or unprintable."""
    to: str = field(repr=False)
    """The dialled address as sent: one of our lines, another number, a SIP address; empty if absent or unprintable."""
    call_status: str
    self_test: str = field(default="", repr=False)
    """The mark that a call of the self-test carries, not yet checked; empty where it cannot be such a mark."""

    @classmethod
    def parse(cls, form: Mapping[str, str]) -> Self:
        return cls(
            call_sid=_call_sid(form),
            from_=_address(form.get("From", "")),
            to=_dialled(form),
            call_status=_call_status(form),
            self_test=_mark(form),
        )

    @classmethod
    def read_leniently(cls, form: Mapping[str, str]) -> Self:
        """The readable fields of a form that is otherwise refused; the others are empty, the sid too."""
        call_sid, call_status = _optional(form, "CallSid"), _optional(form, "CallStatus")
        return cls(
            call_sid=call_sid if CALL_SID.fullmatch(call_sid) else "",
            from_=_address(_optional(form, "From")),
            to=_address(_optional(form, "To")),
            call_status=call_status if _STATUS.fullmatch(call_status) else "",
            self_test=_mark(form),
        )


@dataclass(frozen=True, slots=True)
class Heard:
    """The request for the next step: the previous document has played to its end."""

    call_sid: str
    has_hung_up: bool
    """Whether the call is over, so that the caller cannot have stayed on."""

    @classmethod
    def parse(cls, form: Mapping[str, str]) -> Self:
        return cls(call_sid=_call_sid(form), has_hung_up=form.get("CallStatus") in FINAL_STATUSES)


@dataclass(frozen=True, slots=True)
class Answered:
    """The keys pressed at a prompt, as sent. Empty means silence, unless the caller has hung up."""

    call_sid: str
    digits: str
    has_hung_up: bool = False

    @classmethod
    def parse(cls, form: Mapping[str, str]) -> Self:
        digits = form.get("Digits", "")
        if len(digits) > DIGITS_LENGTH_MAX or not digits.isprintable():
            raise Refused(f"form: Digits: expected at most {DIGITS_LENGTH_MAX} printable characters")
        # A no counts even where another field has several values; any other such form decides nothing.
        status = _optional(form, "CallStatus") if is_refusal(form) else form.get("CallStatus")
        return cls(_call_sid(form), digits, has_hung_up=status in FINAL_STATUSES)


@dataclass(frozen=True, slots=True)
class LegHeard:
    """A request about the leg of an agent. `address` is of the agent's phone; empty where it cannot be read."""

    leg_sid: str
    address: str = field(default="", repr=False)

    @classmethod
    def parse(cls, form: Mapping[str, str]) -> Self:
        return cls(leg_sid=_call_sid(form), address=agent_address(_optional(form, "To")))


@dataclass(frozen=True, slots=True)
class CallEnded:
    """How the <Dial> to the agents ended. A redirect during it sends this too: it proves no end."""

    call_sid: str
    dial_call_status: str
    """Empty where it cannot be read."""
    bridged: bool
    """Whether caller and agent were connected; taken from the status where Twilio does not say."""
    has_hung_up: bool = False
    may_be_redirected: bool = False
    """Whether the agent's leg may have been redirected, for all the form says: Twilio then tells no duration of it."""

    @property
    def was_cut(self) -> bool:
        """The caller is still there and, as far as the form says, spoke to nobody: the agent's whisper failed, or the
        form lacks the result of the dialling.
        """
        return not self.bridged and not self.has_hung_up and self.dial_call_status in ("", *_BRIDGED_STATUSES)

    @classmethod
    def parse(cls, form: Mapping[str, str]) -> Self:
        status, is_bridged = _optional(form, "DialCallStatus"), _optional(form, "DialBridged")
        status = status if _STATUS.fullmatch(status) else ""
        bridged = is_bridged == "true" if is_bridged in ("true", "false") else status in _BRIDGED_STATUSES
        return cls(
            _call_sid(form),
            status,
            bridged,
            has_hung_up=_optional(form, "CallStatus") in FINAL_STATUSES,
            may_be_redirected=status in _BRIDGED_STATUSES and not _optional(form, "DialCallDuration"),
        )


@dataclass(frozen=True, slots=True)
class FallbackAsked:
    """Twilio could not fetch or carry out our answer, and asks for another document."""

    arrived: IncomingCall
    error_code: int | None
    was_parting: bool
    """Whether the conversation was over already: the request that failed was the last of the call."""

    @classmethod
    def parse(cls, form: Mapping[str, str]) -> Self:
        return cls(
            arrived=IncomingCall.parse(form),
            error_code=_count(form, "ErrorCode"),
            was_parting=was_parting(form),
        )


def is_refusal(form: Mapping[str, str]) -> bool:
    """Whether the key that was pressed declines."""
    return answer_of(_optional(form, "Digits")) is Answer.DECLINED


def pressed(form: Mapping[str, str]) -> str:
    """The keys that were pressed, as far as they can be read."""
    return _optional(form, "Digits")


def was_parting(form: Mapping[str, str]) -> bool:
    """Whether the conversation was over when Twilio turned to the fallback, as far as the form says."""
    return any(f"/voice/{step}/" in _optional(form, "ErrorUrl") for step in _PARTING)


@dataclass(frozen=True, slots=True)
class CallProgress:
    """A status callback. Callbacks come in any order; the sequence number, where sent, tells the later one."""

    arrived: IncomingCall
    """The call, as far as the callback describes it: needed for a call that the service never answered."""
    sequence_number: int | None
    duration_s: int | None

    @property
    def call_sid(self) -> str:
        return self.arrived.call_sid

    @property
    def is_final(self) -> bool:
        return self.arrived.call_status in FINAL_STATUSES

    @classmethod
    def parse(cls, form: Mapping[str, str]) -> Self:
        arrived = IncomingCall.read_leniently(form)
        return cls(
            arrived=replace(arrived, call_sid=_call_sid(form), call_status=_call_status(form)),
            sequence_number=_count(form, "SequenceNumber"),
            duration_s=_count(form, "CallDuration"),  # Duration is in billed minutes
        )


@dataclass(frozen=True, slots=True)
class RecordingProgress:
    """A recording callback. RecordingUrl is not read: the media's URL is made from the SID."""

    call_sid: str
    """Of the parent leg, which is the caller's."""
    recording_sid: str
    status: RecordingStatus
    duration_s: int | None
    channels: int | None
    start_time: datetime | None
    error_code: int | None
    """None for success (Twilio then sends 0, or nothing)."""
    source: str
    track: str | None = None

    @classmethod
    def parse(cls, form: Mapping[str, str]) -> Self:
        status = _matched(form, "RecordingStatus", _RECORDING_STATUS, "in-progress, completed, absent or failed")
        source = _optional(form, "RecordingSource")
        return cls(
            call_sid=_call_sid(form),
            recording_sid=_matched(form, "RecordingSid", RECORDING_SID, "RE and 32 hex digits"),
            status=cast(RecordingStatus, status),
            duration_s=_count(form, "RecordingDuration"),
            channels=_count(form, "RecordingChannels") or None,
            start_time=_moment(_optional(form, "RecordingStartTime")),
            error_code=_count(form, "ErrorCode") or None,
            source=source if SOURCE.fullmatch(source) else "",
            track=track if _TRACK.fullmatch(track := _optional(form, "RecordingTrack")) else None,
        )


def _call_sid(form: Mapping[str, str]) -> str:
    """Raises Refused also where the form names two accounts."""
    form.get("AccountSid")
    return _matched(form, "CallSid", CALL_SID, "CA and 32 hex digits")


def _call_status(form: Mapping[str, str]) -> str:
    return _matched(form, "CallStatus", _STATUS, "a status")


def _mark(form: Mapping[str, str]) -> str:
    mark = _optional(form, SELF_TEST_FIELD)
    return mark if _MARK.fullmatch(mark) else ""


def _dialled(form: Mapping[str, str]) -> str:
    to = _address(form.get("To", ""))
    if not to:
        raise Refused("form: To: expected what was dialled")
    return to


def _address(text: str) -> str:
    return text if len(text) <= ADDRESS_LENGTH_MAX and text.isprintable() else ""


def _optional(form: Mapping[str, str], name: str) -> str:
    """Empty where the field is absent, or came with several values."""
    try:
        return form.get(name, "")
    except Refused:
        return ""


def _matched(form: Mapping[str, str], name: str, pattern: re.Pattern[str], expected: str) -> str:
    """The value in full; the refusal names the field and never shows the value."""
    value = form.get(name)
    if value is None or not pattern.fullmatch(value):
        raise Refused(f"form: {name}: expected {expected}")
    return value


def _count(form: Mapping[str, str], name: str) -> int | None:
    value = _optional(form, name)
    return int(value) if _COUNT.fullmatch(value) else None


def _moment(text: str) -> datetime | None:
    """An RFC 2822 time, in UTC."""
    try:
        moment = parsedate_to_datetime(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError, IndexError, TypeError):
        return None
