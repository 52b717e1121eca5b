"""A phone company in memory: all that the jobs ask of a provider, and troubles on demand. It shouts on misuse.

It and the simulator pass one contract (test_provider_contract.py).
"""

import re
import secrets
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar

from policies.copies import ACCOUNT_WIDE, CopyKind
from storage.errors import Unavailable
from storage.provider import (
    CallAccount,
    ClocksApart,
    CopiesSeen,
    CopyDeletion,
    Listed,
    ProviderCall,
    ProviderCopy,
    ProviderRecording,
    ProviderRequest,
    Sight,
)

T = TypeVar("T")
OURS, BY_REST = "StartCallRecordingTwiML", "StartCallRecordingAPI"


@dataclass
class Tape:
    """A recording as the company keeps it. `refusals`: how often it says that it is not ready yet."""

    shown: ProviderRecording
    wav: bytes
    refusals: int = 0
    is_deleted: bool = False
    turns: list[tuple[str, datetime]] = field(default_factory=list)
    """When it was paused and resumed, by the clock of the premises."""


@dataclass
class KeptCopy:
    """A text or another copy of a call as the company keeps it."""

    copy: ProviderCopy
    made_at: datetime
    is_deleted: bool = False


@dataclass
class PhoneCompany:
    """Satisfies storage.provider.Provider. `trouble` holds, by method, what goes wrong the next times it is asked.

    `clock` is the clock of the premises, and the company's own is `is_ahead` by that much.
    """

    clock: Callable[[], datetime]
    is_ahead: timedelta = timedelta(0)
    tells_time: bool = True
    before_deletion: Callable[[str], None] = lambda sid: None
    calls: dict[str, ProviderCall] = field(default_factory=dict)
    tapes: dict[str, Tape] = field(default_factory=dict)
    conferences_held: dict[str, list[str]] = field(default_factory=dict)
    """The legs that are in each."""
    trouble: dict[str, list[Exception]] = field(default_factory=lambda: defaultdict(list))
    lies_about_deletion: bool = False
    half_way: list[Callable[[], None]] = field(default_factory=list)
    """What happens when the next media are half-way."""
    unread: int = 0
    """How many rows of each list make no sense."""
    asked: list[tuple[str, str]] = field(default_factory=list)
    copies: list[KeptCopy] = field(default_factory=list)
    looks: dict[CopyKind, Sight] = field(default_factory=dict)
    """How far a look for copies of a kind gets, where that is not to the end of the list."""
    keeps: dict[CopyKind, str] = field(default_factory=dict)
    """The answers to deletions of copies that are refused, by kind."""
    redirected: list[tuple[str, str]] = field(default_factory=list)
    """Each leg that was sent elsewhere, and where."""
    when_redirected: Callable[[str], None] = lambda sid: None
    accounts: dict[str, CallAccount] = field(default_factory=dict)
    """What is told of a call once it is over; by itself, that somebody else was asked what to do with it."""

    def now(self) -> datetime:
        """In whole seconds, as it tells all its times."""
        return (self.clock() + self.is_ahead).replace(microsecond=0)

    def clocks_apart(self) -> ClocksApart | None:
        apart = self.clock() - self.now()
        return ClocksApart(apart - timedelta(seconds=1), apart) if self.tells_time else None

    def ring(self, line: str, caller: str = "+15125550111") -> str:
        sid = "CA" + secrets.token_hex(16)
        self.calls[sid] = ProviderCall(sid, "in-progress", None, False, line, caller, self.now())
        return sid

    def hang_up(self, call_sid: str) -> None:
        self.calls[call_sid] = replace(self.calls[call_sid], status="completed", duration_s=30, ended=True)

    def start(self, call_sid: str, wav: bytes, source: str = OURS) -> str:
        sid = "RE" + secrets.token_hex(16)
        shown = ProviderRecording(sid, call_sid, "in-progress", None, 2, source, self.now())
        self.tapes[sid] = Tape(shown, wav)
        return sid

    def complete(self, recording_sid: str, *, duration_s: int | None = None) -> None:
        tape = self.tapes[recording_sid]
        length_s = round(len(tape.wav) / 32_000) if duration_s is None else duration_s
        tape.shown = replace(tape.shown, status="completed", duration_s=length_s)

    def holds(self, recording_sid: str) -> bool:
        return not self.tapes[recording_sid].is_deleted

    def call(self, call_sid: str) -> ProviderCall | None:
        self._hear("call", "CA", call_sid)
        return self.calls.get(call_sid)

    def calls_since(self, moment: datetime) -> Listed[ProviderCall]:
        """A call that rings may have no time yet, and is listed nevertheless."""
        self._trouble("calls_since")
        return self._listed(one for one in self.calls.values() if not one.came_in_at or one.came_in_at >= moment)

    def calls_between(self, begin: datetime, end: datetime) -> Listed[ProviderCall]:
        self._trouble("calls_between")
        return self._listed(one for one in self.calls.values() if one.came_in_at and begin <= one.came_in_at < end)

    def calls_in_progress(self) -> Listed[ProviderCall]:
        self._trouble("calls_in_progress")
        return self._listed(call for call in self.calls.values() if call.status == "in-progress")

    def participants(self, conference_sid: str) -> tuple[str, ...]:
        self._hear("participants", "CF", conference_sid)
        return tuple(self.conferences_held.get(conference_sid, ()))

    def conferences(self) -> tuple[str, ...]:
        self._trouble("conferences")
        return tuple(sid for sid, inside in self.conferences_held.items() if inside)

    def call_account(self, call_sid: str) -> CallAccount | None:
        self._hear("call_account", "CA", call_sid)
        known = self.calls.get(call_sid)
        if known is None or not known.ended:
            return None if known is None else CallAccount(b"[]", ())
        asked = ProviderRequest("https://elsewhere.example/answer", {"callsid": call_sid}, self.now(), 200, "")
        return self.accounts.get(call_sid, CallAccount(b'["one request"]', (asked,)))

    def recordings_of(self, call_sid: str) -> Listed[ProviderRecording]:
        self._hear("recordings_of", "CA", call_sid)
        return self._listed(one for one in self._shown() if one.call_sid == call_sid)

    def recordings_since(self, moment: datetime | None) -> Listed[ProviderRecording]:
        self.asked.append(("recordings_since", f"{moment or ''}"))
        self._trouble("recordings_since")
        shown = self._shown()
        return self._listed(one for one in shown if moment is None or (one.started_at and one.started_at >= moment))

    def recording(self, recording_sid: str) -> ProviderRecording | None:
        self._hear("recording", "RE", recording_sid)
        return next((one for one in self._shown() if one.recording_sid == recording_sid), None)

    def media(self, recording_sid: str) -> Iterator[bytes]:
        self._hear("media", "RE", recording_sid)
        tape = self.tapes.get(recording_sid)
        if tape and tape.shown.status == "stopped":  # it is complete a moment later
            self.complete(recording_sid)
        if tape is None or tape.is_deleted or tape.shown.status != "completed" or self._is_not_ready(tape):
            raise Unavailable("media: it is not ready yet")
        half = len(tape.wav) // 2
        yield tape.wav[:half]
        self._trouble("media half-way")
        if self.half_way:
            self.half_way.pop()()
        yield tape.wav[half:]

    def stop(self, under_sid: str, recording_sid: str) -> ProviderRecording | None:
        self._hear("stop", "RE", recording_sid)
        tape = self.tapes.get(recording_sid)
        if tape is None or tape.is_deleted or tape.shown.status not in {"in-progress", "paused"}:
            return None
        assert under_sid == (tape.shown.conference_sid or tape.shown.call_sid), "the recording is another call's"
        tape.shown = replace(tape.shown, status="stopped")
        return tape.shown

    def pause(self, under_sid: str, recording_sid: str) -> ProviderRecording | None:
        self._hear("pause", "RE", recording_sid)
        return self._changed(under_sid, recording_sid, "paused")

    def resume(self, under_sid: str, recording_sid: str) -> ProviderRecording | None:
        self._hear("resume", "RE", recording_sid)
        return self._changed(under_sid, recording_sid, "in-progress")

    def redirect(self, call_sid: str, url: str) -> bool:
        self._hear("redirect", "CA", call_sid)
        found = self.calls.get(call_sid)
        if found is None or found.ended:
            return False
        self.redirected.append((call_sid, url))
        self.when_redirected(call_sid)
        return True

    def end_call(self, call_sid: str) -> None:
        self._hear("end_call", "CA", call_sid)
        if call_sid in self.calls:
            self.hang_up(call_sid)

    def delete(self, recording_sid: str) -> None:
        self._hear("delete", "RE", recording_sid)
        tape = self.tapes.get(recording_sid)
        if tape is None or tape.is_deleted:
            return
        if tape.shown.status == "stopped" and not self._is_not_ready(tape):
            self.complete(recording_sid)
        if tape.shown.status != "completed":
            raise Unavailable("deletion: the recording is not completed")
        self.before_deletion(recording_sid)
        tape.is_deleted = not self.lies_about_deletion

    def make_copy(self, kind: CopyKind, *, recording_sid: str = "", call_sid: str = "") -> ProviderCopy:
        made = ProviderCopy(kind, f"{kind}-{secrets.token_hex(8)}", recording_sid, call_sid)
        self.copies.append(KeptCopy(made, self.now()))
        return made

    def has_copy(self, copy: ProviderCopy) -> bool:
        return any(kept.copy == copy and not kept.is_deleted for kept in self.copies)

    def remove_copy(self, copy: ProviderCopy) -> None:
        """Deleted by a person, on the company's own pages."""
        for kept in self.copies:
            kept.is_deleted = kept.is_deleted or kept.copy == copy

    def copies_of(self, recording_sid: str, call_sid: str) -> tuple[CopiesSeen, ...]:
        for prefix, sid in (("RE", recording_sid), ("CA", call_sid)):
            if sid:
                self._hear("copies_of", prefix, sid)
        sids = {recording_sid, call_sid} - {""}
        return self._seen(tuple(CopyKind), lambda kept: bool(sids & {kept.copy.recording_sid, kept.copy.call_sid}))

    def copies_since(self, kind: CopyKind, moment: datetime) -> CopiesSeen:
        self._trouble("copies_since")
        assert kind in ACCOUNT_WIDE, f"of {kind} there is no list for the whole account"
        (seen,) = self._seen((kind,), lambda kept: kept.made_at >= moment)
        return seen

    def delete_copy(self, copy: ProviderCopy) -> CopyDeletion:
        self.asked.append(("delete_copy", copy.name))
        self._trouble("delete_copy")
        for kept in self.copies:
            if (kept.copy.kind, kept.copy.name) == (copy.kind, copy.name) and not kept.is_deleted:
                if answer := self.keeps.get(copy.kind, ""):
                    return CopyDeletion(False, answer)
                kept.is_deleted = True
        return CopyDeletion(True)

    def _seen(self, kinds: tuple[CopyKind, ...], is_wanted: Callable[[KeptCopy], bool]) -> tuple[CopiesSeen, ...]:
        found = []
        for kind in kinds:
            sight = self.looks.get(kind, Sight.SEEN)
            kept = [
                each.copy for each in self.copies if each.copy.kind is kind and not each.is_deleted and is_wanted(each)
            ]
            is_seen = sight is Sight.SEEN
            found.append(CopiesSeen(kind, sight, tuple(kept) if is_seen else (), "" if is_seen else "answered 403"))
        return tuple(found)

    def _changed(self, under_sid: str, recording_sid: str, status: str) -> ProviderRecording | None:
        tape = self.tapes.get(recording_sid)
        if tape is None or tape.is_deleted or tape.shown.status not in {"in-progress", "paused"}:
            return None
        assert tape.shown.call_sid == under_sid, "the recording is another call's"
        tape.shown = replace(tape.shown, status=status)
        tape.turns.append((status, self.clock()))
        return tape.shown

    def _listed(self, rows: Iterable[T]) -> Listed[T]:
        return Listed(tuple(rows), self.unread)

    def _is_not_ready(self, tape: Tape) -> bool:
        tape.refusals -= 1
        return tape.refusals >= 0

    def _shown(self) -> list[ProviderRecording]:
        return [tape.shown for tape in self.tapes.values() if not tape.is_deleted]

    def _hear(self, method: str, prefix: str, sid: str) -> None:
        assert re.fullmatch(prefix + "[0-9a-f]{32}", sid), f"{method}: {sid!r} is no {prefix} sid"
        self.asked.append((method, sid))
        self._trouble(method)

    def _trouble(self, method: str) -> None:
        if self.trouble[method]:
            raise self.trouble[method].pop(0)
