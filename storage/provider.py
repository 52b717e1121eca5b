"""The interface to the telephone provider, and its vocabulary. The adapter to Twilio is `outbound.twilio_provider`.

Every method may raise Unavailable (try again later), Refused (the provider will not, and says so for good) or
Broken (the answer makes no sense). A call or a recording that is gone is a value, never an exception.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

from policies.copies import CopyKind
from policies.lifecycle import RecordingEvent

T = TypeVar("T")

CALL_SID = re.compile(r"CA[0-9a-f]{32}")
CONFERENCE_SID = re.compile(r"CF[0-9a-f]{32}")
RECORDING_SID = re.compile(r"RE[0-9a-f]{32}")
SOURCE = re.compile(r"[A-Za-z]{0,64}")  # of a recording: <Start><Recording> sends one that no documented list has
FINAL_STATUSES = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
# Final statuses of a recording of which no audio was made: there is nothing to fetch or delete.
WITHOUT_AUDIO = frozenset({"absent", "failed"})
DELETED, ABSENT = "deleted", "absent"
"""The ends of the provider's copy of a recording: it was there and is gone, or no audio was ever made."""
_AT_REST = WITHOUT_AUDIO | {"completed", "stopped"}


def recording_event(status: str) -> RecordingEvent:
    """The meaning of a recording's status, in a callback as in a list. An unknown status means that it is under way."""
    if status == "completed":
        return RecordingEvent.COMPLETED
    return RecordingEvent.ABSENT if status in WITHOUT_AUDIO else RecordingEvent.IN_PROGRESS


@dataclass(frozen=True, slots=True)
class Listed(Generic[T]):
    """A list from the provider. `unread` counts the rows that make no sense; the others are read all the same."""

    rows: tuple[T, ...] = ()
    unread: int = 0

    def __iter__(self) -> Iterator[T]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, slots=True)
class ClocksApart:
    """By how much our clock is ahead of the provider's, at least and at most; negative where it is behind."""

    least: timedelta
    most: timedelta

    @property
    def about(self) -> timedelta:
        return (self.least + self.most) / 2


@dataclass(frozen=True, slots=True)
class ProviderCall:
    call_sid: str
    status: str
    """The provider's own word, from an open set."""
    duration_s: int | None
    ended: bool
    line: str = ""
    """The number that was called."""
    caller: str = field(default="", repr=False)
    came_in_at: datetime | None = None
    """In UTC, by the provider's clock; None where it is missing, as of a call that rings."""
    parent_sid: str = ""
    """Of the leg from which this leg was dialled; empty for a leg that was not."""
    is_called_out: bool = False
    """Whether a program had the provider call somebody; neither a call that came in nor a leg dialled from one."""


@dataclass(frozen=True, slots=True)
class ProviderRecording:
    recording_sid: str
    call_sid: str
    """Of the leg that the provider has it under, the caller's or another; empty where the row names none."""
    status: str
    """in-progress, paused, stopped, processing, completed or absent. Media exists once it is completed."""
    duration_s: int | None
    """None until it is known."""
    channels: int | None
    source: str
    """What started it, from an open set; it may be another program. Empty where it is missing."""
    started_at: datetime | None
    """In UTC, by the provider's clock."""
    track: str | None = None
    """both, inbound or outbound; missing in some lists."""
    conference_sid: str = ""
    """Of the conference that was recorded; empty where it is no conference's."""

    @property
    def has_stopped(self) -> bool:
        """Whether it certainly runs no more. A running recording may be shown as processing too, without a length."""
        return self.status in _AT_REST or (self.status == "processing" and self.duration_s is not None)


@dataclass(frozen=True, slots=True)
class ProviderCopy:
    """A copy that the provider made of a call beside its recordings. It names a recording, a call, or both."""

    kind: CopyKind
    name: str
    """The provider's name for it. A part of a conversation has a path for a name, with slashes."""
    recording_sid: str = ""
    call_sid: str = ""


class Sight(StrEnum):
    """How far a look for copies got."""

    SEEN = "seen"  # the list was read to its end
    NO_SERVICE = "no_service"  # the account does not have what makes such copies
    FORBIDDEN = "forbidden"  # the key may not look


@dataclass(frozen=True, slots=True)
class CopiesSeen:
    """A look for the copies of one kind. It shows that there are none only where it is SEEN or NO_SERVICE."""

    kind: CopyKind
    sight: Sight
    copies: tuple[ProviderCopy, ...] = ()
    answer: str = ""
    """The provider's answer, in words for a person, such as "403: the key lacks a permission"."""


@dataclass(frozen=True, slots=True)
class CopyDeletion:
    """The outcome of a deletion. `is_gone`: the copy was asked for afterwards, and is not there."""

    is_gone: bool
    answer: str = ""
    """Why it remains, in words for a person; empty where it is gone."""


@dataclass(frozen=True, slots=True)
class ProviderRequest:
    """A request that the provider sent about a call, and the answer that it got."""

    url: str
    parameters: Mapping[str, str] = field(repr=False)
    """By their names in small letters, without separators: `callsid`."""
    asked_at: datetime | None
    """In UTC, to the second, by the provider's clock; None where it can't be read."""
    status: int
    """Where nothing came back it is 0 or an error of the provider's own."""
    body: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CallAccount:
    """The provider's account of a call that is over. Empty before the provider has it, and once it is gone there."""

    body: bytes = field(repr=False)
    """JSON: the provider's own list, in one way of writing it."""
    requests: tuple[ProviderRequest, ...]
    """In no order that can be relied on."""
    unread: int = 0
    """How many rows of the list make no sense."""


class Provider(Protocol):
    """Every method may be called again after any outcome, and from several threads."""

    def call(self, call_sid: str) -> ProviderCall | None:
        """None where the provider knows no such call."""
        ...

    def clocks_apart(self) -> ClocksApart | None:
        """By the provider's newest answer; None where no answer had a time."""
        ...

    def calls_since(self, moment: datetime) -> Listed[ProviderCall]:
        """The calls that came in at or after that moment of the provider's clock, to any number of the account."""
        ...

    def calls_between(self, begin: datetime, end: datetime) -> Listed[ProviderCall]:
        """The calls that came in at or after `begin` and before `end`, to any number of the account."""
        ...

    def calls_in_progress(self) -> Listed[ProviderCall]:
        """The legs of the account that are under way, to and from any number. A leg that rings is not among them."""
        ...

    def participants(self, conference_sid: str) -> tuple[str, ...]:
        """The sids of the legs that are in a conference now; empty once it is over, and where there is none."""
        ...

    def conferences(self) -> tuple[str, ...]:
        """The sids of the account's conferences that are going on."""
        ...

    def call_account(self, call_sid: str) -> CallAccount | None:
        """The provider's requests about a call, with the answers. None where the provider knows no such call."""
        ...

    def recordings_of(self, call_sid: str) -> Listed[ProviderRecording]:
        """Every recording of the call that is not deleted, also those that are still being made."""
        ...

    def recordings_since(self, moment: datetime | None) -> Listed[ProviderRecording]:
        """Every recording of the account, not deleted, that was made at or after that moment of the provider's clock;
        None: of all time.
        """
        ...

    def recording(self, recording_sid: str) -> ProviderRecording | None:
        """None where it is gone: only None proves a deletion."""
        ...

    def media(self, recording_sid: str) -> Iterator[bytes]:
        """The WAV, with two channels where it has two. Every error is raised while reading it."""
        ...

    def stop(self, under_sid: str, recording_sid: str) -> ProviderRecording | None:
        """End a recording of a leg (CA…) or of a conference (CF…). The audio so far remains.

        The recording as the answer shows it: a later look may show one that was stopped as processing. None where there
        is nothing to stop: it, or its call, has ended, or never was. A conference's recording may only be paused.
        """
        ...

    def pause(self, under_sid: str, recording_sid: str) -> ProviderRecording | None:
        """Put silence in the place of the sound from now on. The recording as the answer shows it; None where it, or
        its call, has ended."""
        ...

    def resume(self, under_sid: str, recording_sid: str) -> ProviderRecording | None:
        """Let a paused recording go on. As for `pause`; fine where it is not paused."""
        ...

    def redirect(self, call_sid: str, url: str) -> bool:
        """Send a leg that is in progress to the document at `url`. False where the leg is over, or is not known."""
        ...

    def end_call(self, call_sid: str) -> None:
        """End a leg. Fine where it is over."""
        ...

    def delete(self, recording_sid: str) -> None:
        """Delete a recording. Fine where it is gone already; Unavailable while it is not completed, and for good where
        no audio was made of it."""
        ...

    def copies_of(self, recording_sid: str, call_sid: str) -> tuple[CopiesSeen, ...]:
        """A look for the copies of a recording and of its call, one for each kind, in the order of the kinds.

        Either sid may be empty: then there is nothing to look for by it. A refusal to look is a value. The parts of a
        conversation come before it.
        """
        ...

    def copies_since(self, kind: CopyKind, moment: datetime) -> CopiesSeen:
        """A look at the account's list of copies of a kind, of `policies.copies.ACCOUNT_WIDE`, made at or after that
        moment. Each names a recording, a call, or neither.
        """
        ...

    def delete_copy(self, copy: ProviderCopy) -> CopyDeletion:
        """Delete a copy, and ask for it afterwards. A copy that is gone already is gone; a refusal is a value.

        Raises Unavailable while the provider is still deleting it.
        """
        ...
