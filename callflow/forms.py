"""Twilio's forms, read once at the door into values that need no second look.

What a decision hangs on (whose call, which recording, what became of it) is matched in full or refused. What
is only told besides (durations, times, an unusual caller) never costs a call or a callback: where it cannot
be read it is absent.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal, Self, cast

from storage.errors import Refused

CALL_SID = re.compile(r"CA[0-9a-f]{32}")
RECORDING_SID = re.compile(r"RE[0-9a-f]{32}")
E164 = re.compile(r"\+[1-9][0-9]{1,14}")

SELF_TEST_FIELD = "OnrecordSelfTest"
DIGITS_LENGTH_MAX = 32
FROM_LENGTH_MAX = 256

RecordingStatus = Literal["in-progress", "completed", "absent", "failed"]

FINAL_STATUSES = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})

_STATUS = re.compile(r"[a-z][a-z-]{0,31}")  # an open set: Twilio adds words, and we act on those we know
_RECORDING_STATUS = re.compile(r"in-progress|completed|absent|failed")
_SOURCE = re.compile(r"[A-Za-z]{0,64}")  # <Start><Recording> sends one that no documented list has
_MARK = re.compile(r"[A-Za-z0-9_-]{1,64}")
_COUNT = re.compile(r"[0-9]{1,9}")  # Twilio writes -1 for a duration it does not know yet
_BRIDGED_STATUSES = ("completed", "answered")


@dataclass(frozen=True, slots=True)
class IncomingCall:
    """A call to one of our lines. Hints about the caller's place are not read: they are often wrong."""

    call_sid: str
    from_: str = field(repr=False)
    """As sent: a number, a word such as "anonymous", a SIP address; empty if absent or unprintable."""
    to: str
    call_status: str
    self_test: str = field(default="", repr=False)
    """What a call of the self-test proves itself by; not yet checked, and empty where it can't be one."""

    @classmethod
    def parse(cls, form: Mapping[str, str]) -> Self:
        from_, mark = form.get("From", ""), form.get(SELF_TEST_FIELD, "")
        return cls(
            call_sid=_call_sid(form),
            from_=from_ if len(from_) <= FROM_LENGTH_MAX and from_.isprintable() else "",
            to=_matched(form, "To", E164, "an E.164 number"),
            call_status=_matched(form, "CallStatus", _STATUS, "a status"),
            self_test=mark if _MARK.fullmatch(mark) else "",
        )


@dataclass(frozen=True, slots=True)
class Heard:
    """That what the call was told has played."""

    call_sid: str
    has_hung_up: bool
    """Whether the call is over, so that nobody can have stayed on for it."""

    @classmethod
    def parse(cls, form: Mapping[str, str]) -> Self:
        return cls(call_sid=_call_sid(form), has_hung_up=form.get("CallStatus") in FINAL_STATUSES)


@dataclass(frozen=True, slots=True)
class Answered:
    """What was pressed at a prompt, as it came. Empty is silence, unless the caller has hung up."""

    call_sid: str
    digits: str
    has_hung_up: bool = False

    @classmethod
    def parse(cls, form: Mapping[str, str]) -> Self:
        digits = form.get("Digits", "")
        if len(digits) > DIGITS_LENGTH_MAX or not digits.isprintable():
            raise Refused(f"form: Digits: expected at most {DIGITS_LENGTH_MAX} printable characters")
        return cls(_call_sid(form), digits, has_hung_up=form.get("CallStatus") in FINAL_STATUSES)


@dataclass(frozen=True, slots=True)
class CallEnded:
    """How the <Dial> to the agents ended. A redirect during it sends this too: it proves no end."""

    call_sid: str
    dial_call_status: str
    bridged: bool
    """Whether caller and agent were connected. Where Twilio does not say, the status is what it goes by."""
    has_hung_up: bool = False

    @property
    def was_cut(self) -> bool:
        """An agent answered and was never connected to the caller, who is still there: their whisper failed."""
        return not self.bridged and not self.has_hung_up and self.dial_call_status in _BRIDGED_STATUSES

    @classmethod
    def parse(cls, form: Mapping[str, str]) -> Self:
        status = _matched(form, "DialCallStatus", _STATUS, "a status")
        told = form.get("DialBridged", "")
        bridged = told == "true" if told in ("true", "false") else status in _BRIDGED_STATUSES
        has_hung_up = form.get("CallStatus") in FINAL_STATUSES
        return cls(_call_sid(form), status, bridged, has_hung_up)


@dataclass(frozen=True, slots=True)
class FallbackAsked:
    """Twilio could not fetch or carry out what we answered, and asks for something else to go on with."""

    arrived: IncomingCall
    error_code: int | None
    was_parting: bool
    """Whether the conversation was over already: what failed was the last request of the call."""

    @classmethod
    def parse(cls, form: Mapping[str, str]) -> Self:
        return cls(
            arrived=IncomingCall.parse(form),
            error_code=_count(form, "ErrorCode"),
            was_parting=was_parting(form),
        )


def was_parting(form: Mapping[str, str]) -> bool:
    """Whether the conversation was over when Twilio turned to the fallback, as far as the form says."""
    return "/voice/ended/" in form.get("ErrorUrl", "")


@dataclass(frozen=True, slots=True)
class CallProgress:
    """A status callback. They come in any order; the sequence number, where sent, tells which is later."""

    arrived: IncomingCall
    """The call itself, told again with every callback: for one that we never answered."""
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
        return cls(
            arrived=IncomingCall.parse(form),
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
    """None where it went well (Twilio then sends 0, or nothing)."""
    source: str

    @classmethod
    def parse(cls, form: Mapping[str, str]) -> Self:
        status = _matched(form, "RecordingStatus", _RECORDING_STATUS, "in-progress, completed, absent or failed")
        source = form.get("RecordingSource", "")
        return cls(
            call_sid=_call_sid(form),
            recording_sid=_matched(form, "RecordingSid", RECORDING_SID, "RE and 32 hex digits"),
            status=cast(RecordingStatus, status),
            duration_s=_count(form, "RecordingDuration"),
            channels=_count(form, "RecordingChannels") or None,
            start_time=_moment(form.get("RecordingStartTime", "")),
            error_code=_count(form, "ErrorCode") or None,
            source=source if _SOURCE.fullmatch(source) else "",
        )


def _call_sid(form: Mapping[str, str]) -> str:
    return _matched(form, "CallSid", CALL_SID, "CA and 32 hex digits")


def _matched(form: Mapping[str, str], name: str, pattern: re.Pattern[str], expected: str) -> str:
    """The value in full; the refusal names the field and never shows the value."""
    value = form.get(name)
    if value is None or not pattern.fullmatch(value):
        raise Refused(f"form: {name}: expected {expected}")
    return value


def _count(form: Mapping[str, str], name: str) -> int | None:
    value = form.get(name, "")
    return int(value) if _COUNT.fullmatch(value) else None


def _moment(text: str) -> datetime | None:
    """An RFC 2822 time, in UTC."""
    try:
        moment = parsedate_to_datetime(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError, IndexError, TypeError):
        return None
