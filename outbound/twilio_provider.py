"""Twilio, as storage's jobs ask it and as `lines sync` configures it.

Twilio's library makes the changes only. It cannot stream media, and an odd row makes it fail on a whole list, so both
are fetched without it. A recording's URL is made from our account and its SID, never taken from an answer or a
callback.
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, TypeVar

from outbound.bounded_http import Answered, Limits, NoAnswer, Outbound
from outbound.twilio_account import read_account
from outbound.twilio_client import Account, asking, client
from outbound.twilio_copies import TwilioCopies
from outbound.twilio_lists import (
    Resources,
    Row,
    Unreadable,
    a_call,
    a_conference,
    a_participant,
    a_recording,
    incoming_call,
    is_sid,
    listed,
    word,
)
from policies.copies import CopyKind
from storage.errors import Refused
from storage.moment import utc_now
from storage.provider import (
    CALL_SID,
    CONFERENCE_SID,
    RECORDING_SID,
    CallAccount,
    ClocksApart,
    CopiesSeen,
    CopyDeletion,
    Listed,
    ProviderCall,
    ProviderCopy,
    ProviderRecording,
)

T = TypeVar("T")

NUMBER_SID = re.compile(r"PN[0-9a-f]{32}")
RESOLUTION = timedelta(seconds=1)  # of the times in a query
NOT_FOUND = 20404
CALL_NOT_IN_PROGRESS = 21220


@dataclass(frozen=True, slots=True)
class ProviderNumber:
    """A number of the account, and the URLs to which Twilio sends its calls."""

    e164: str
    voice_url: str
    fallback_url: str
    status_callback: str
    overridden_by: str
    """The SID of an application or trunk for which Twilio ignores the voice URL; empty if there is none."""


class TwilioProvider:
    """Satisfies storage.provider.Provider. Each process makes its own; several threads may share it."""

    def __init__(
        self,
        account: Account,
        *,
        limits: Limits | None = None,
        proxies: Mapping[str, str] | None = None,
        now: Callable[[], datetime] = utc_now,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self._account = account
        self._pause = pause
        self._outbound = Outbound(account.user, account.password, limits=limits or Limits(), proxies=proxies, now=now)

    def clocks_apart(self) -> ClocksApart | None:
        return self._outbound.clocks_apart

    def call(self, call_sid: str) -> ProviderCall | None:
        _require(CALL_SID, call_sid)
        found: ProviderCall | None = None
        with asking(f"call {call_sid}", fine=(NOT_FOUND,)):
            found = _same(a_call(self._resources.one(f"Calls/{call_sid}.json")))
            if found.call_sid != call_sid:
                raise ValueError("this is another call")
        return found

    def calls_since(self, moment: datetime) -> Listed[ProviderCall]:
        return self._calls(**{"StartTime>": _utc(moment)})

    def calls_between(self, begin: datetime, end: datetime) -> Listed[ProviderCall]:
        found = self._calls(**{"StartTime>": _utc(begin), "StartTime<": _utc(end + RESOLUTION)})
        within = tuple(call for call in found if call.came_in_at and begin <= call.came_in_at < end)
        return Listed(within, found.unread)

    def calls_in_progress(self) -> Listed[ProviderCall]:
        with asking("list of calls under way"):
            return listed(self._resources.rows("Calls.json", "calls", Status="in-progress"), a_call)

    def participants(self, conference_sid: str) -> tuple[str, ...]:
        _require(CONFERENCE_SID, conference_sid)
        found: Listed[str] = Listed()
        with asking(f"participants of conference {conference_sid}", fine=(NOT_FOUND,)):
            path = f"Conferences/{conference_sid}/Participants.json"
            found = listed(self._resources.rows(path, "participants"), a_participant)
        return found.rows

    def conferences(self) -> tuple[str, ...]:
        with asking("list of conferences"):
            rows = self._resources.rows("Conferences.json", "conferences", Status="in-progress")
            return listed(rows, a_conference).rows

    def call_account(self, call_sid: str) -> CallAccount | None:
        _require(CALL_SID, call_sid)
        found: tuple[CallAccount, ...] = ()
        with asking(f"events of call {call_sid}", fine=(NOT_FOUND,)):
            found = (read_account(self._resources.rows(f"Calls/{call_sid}/Events.json", "events")),)
        return found[0] if found else None

    def recordings_of(self, call_sid: str) -> Listed[ProviderRecording]:
        """Asked of the account, not of the call: recordings outlive the call's own record."""
        _require(CALL_SID, call_sid)
        with asking(f"recordings of call {call_sid}"):
            found = listed(self._resources.rows("Recordings.json", "recordings", CallSid=call_sid), a_recording)
        mine = tuple(replace(recording, call_sid=call_sid) for recording in found if self._is_of(recording, call_sid))
        return Listed(mine, found.unread + len(found) - len(mine))

    def recordings_since(self, moment: datetime | None) -> Listed[ProviderRecording]:
        with asking("list of recordings"):
            since = {"DateCreated>": _utc(moment)} if moment else {}
            return listed(self._resources.rows("Recordings.json", "recordings", **since), a_recording)

    def recording(self, recording_sid: str) -> ProviderRecording | None:
        _require(RECORDING_SID, recording_sid)
        found: ProviderRecording | None = None
        with asking(f"recording {recording_sid}", fine=(NOT_FOUND,)):
            listed_recording = a_recording(self._resources.one(f"Recordings/{recording_sid}.json"))
            found = _same(listed_recording) if listed_recording else None
            if found and found.recording_sid != recording_sid:
                raise ValueError("this is another recording")
        return found

    def media(self, recording_sid: str) -> Iterator[bytes]:
        _require(RECORDING_SID, recording_sid)
        url = self._account.url(f"Recordings/{recording_sid}.wav")
        with asking(f"media of recording {recording_sid}"):
            yield from self._media(url)

    def stop(self, under_sid: str, recording_sid: str) -> ProviderRecording | None:
        if not CONFERENCE_SID.fullmatch(under_sid):
            return self._changed(under_sid, recording_sid, status="stopped")
        _require(RECORDING_SID, recording_sid)
        return self._stop_conference(under_sid, recording_sid)

    def pause(self, under_sid: str, recording_sid: str) -> ProviderRecording | None:
        return self._changed(under_sid, recording_sid, status="paused", pause_behavior="silence")

    def resume(self, under_sid: str, recording_sid: str) -> ProviderRecording | None:
        return self._changed(under_sid, recording_sid, status="in-progress")

    def delete(self, recording_sid: str) -> None:
        _require(RECORDING_SID, recording_sid)
        with asking(f"deletion of recording {recording_sid}", fine=(NOT_FOUND,)):
            self._sdk.recordings(recording_sid).delete()

    def copies_of(self, recording_sid: str, call_sid: str) -> tuple[CopiesSeen, ...]:
        for pattern, sid in ((RECORDING_SID, recording_sid), (CALL_SID, call_sid)):
            if sid:
                _require(pattern, sid)
        return self._copies.of(recording_sid, call_sid)

    def copies_since(self, kind: CopyKind, moment: datetime) -> CopiesSeen:
        return self._copies.since(kind, moment)

    def delete_copy(self, copy: ProviderCopy) -> CopyDeletion:
        return self._copies.delete(copy)

    def redirect(self, call_sid: str, url: str) -> bool:
        _require(CALL_SID, call_sid)
        redirected: list[str] = []
        with asking(f"redirect of call {call_sid}", fine=(NOT_FOUND, CALL_NOT_IN_PROGRESS)):
            self._sdk.calls(call_sid).update(url=url, method="POST")
            redirected.append(call_sid)
        return bool(redirected)

    def end_call(self, call_sid: str) -> None:
        _require(CALL_SID, call_sid)
        with asking(f"end of call {call_sid}", fine=(NOT_FOUND, CALL_NOT_IN_PROGRESS)):
            self._sdk.calls(call_sid).update(status="completed")

    def numbers(self) -> tuple[ProviderNumber, ...]:
        return tuple(number for _, number in self._numbers())

    def configure_number(
        self, e164: str, voice_url: str, fallback_url: str, status_callback: str, fallback_method: str = "POST"
    ) -> None:
        """Send a number's calls to these. Raises Refused if the account lacks the number or something overrides it."""
        # Searched here: a query would put the number into a URL.
        found = {number.e164: (sid, number) for sid, number in self._numbers()}
        if e164 not in found:
            raise Refused("twilio: configuration of a number: the account does not have it")
        sid, number = found[e164]
        if number.overridden_by:
            raise Refused("twilio: configuration of a number: a trunk or application answers it; detach that")
        with asking("configuration of a number"):
            self._sdk.incoming_phone_numbers(sid).update(
                voice_url=voice_url,
                voice_method="POST",
                voice_fallback_url=fallback_url,
                voice_fallback_method=fallback_method,
                status_callback=status_callback,
                status_callback_method="POST",
            )

    def _changed(self, under_sid: str, recording_sid: str, **change: str) -> ProviderRecording | None:
        """The recording as the answer shows it: a later fetch shows one that runs or is paused as `processing`."""
        _require(CALL_SID, under_sid)
        _require(RECORDING_SID, recording_sid)
        found: tuple[ProviderRecording, ...] = ()
        with asking(f"{change['status']} of recording {recording_sid}", fine=(NOT_FOUND, CALL_NOT_IN_PROGRESS)):
            shown = self._sdk.calls(under_sid).recordings(recording_sid).update(**change)
            found = (_shown(shown, under_sid, recording_sid),)
        return found[0] if found else None

    @cached_property
    def _sdk(self) -> Any:
        return client(self._account, self._outbound)

    @property
    def _copies(self) -> TwilioCopies:
        return TwilioCopies(self._account, self._outbound, self._pause)

    @property
    def _resources(self) -> Resources:
        return Resources(self._account, self._outbound)

    def _calls(self, **started: str) -> Listed[ProviderCall]:
        with asking("list of calls"):
            return listed(self._resources.rows("Calls.json", "calls", **started), incoming_call)

    def _stop_conference(self, conference_sid: str, recording_sid: str) -> ProviderRecording | None:
        """Twilio lets a conference's recording be paused, and may refuse to stop it before the conference is over."""
        recording = self._sdk.conferences(conference_sid).recordings(recording_sid)
        found: ProviderRecording | None = None
        for status in ("stopped", "paused"):
            try:
                with asking(f"stop of recording {recording_sid}", fine=(NOT_FOUND,)):
                    found = _shown(recording.update(status=status), conference_sid, recording_sid)
            except Refused as error:
                refusal = error.__cause__
                if not (isinstance(refusal, Answered) and refusal.status == 400):
                    raise
            else:
                break
        return found

    def _is_of(self, found: ProviderRecording, call_sid: str) -> bool:
        """A recording without a call in its row is asked for under this call: it may be stopped or destroyed for it."""
        if found.call_sid:
            return found.call_sid == call_sid
        sid: object = None
        with asking(f"recording {found.recording_sid} of call {call_sid}", fine=(NOT_FOUND,)):
            sid = self._resources.one(f"Calls/{call_sid}/Recordings/{found.recording_sid}.json").get("sid")
        return sid == found.recording_sid

    def _numbers(self) -> list[tuple[str, ProviderNumber]]:
        """Each number with its SID."""
        with asking("list of numbers"):
            rows = self._resources.rows("IncomingPhoneNumbers.json", "incoming_phone_numbers")
            return list(listed(rows, _number))

    def _media(self, url: str) -> Iterator[bytes]:
        """Two channels, or one where there are no two."""
        for channels in (2, 1):
            try:
                yield from self._outbound.stream(url, params={"RequestedChannels": channels})
            except Answered as answer:
                if answer.status == 404:
                    raise NoAnswer("it is not ready yet") from answer
                if answer.status != 400 or channels == 1:
                    raise
            else:
                return


def _number(said: Row) -> tuple[str, ProviderNumber] | Unreadable:
    sid, e164 = said.get("sid"), word(said.get("phone_number"))
    if not (is_sid(NUMBER_SID, sid) and e164):
        return Unreadable()
    return str(sid), ProviderNumber(
        e164=e164,
        voice_url=word(said.get("voice_url")),
        fallback_url=word(said.get("voice_fallback_url")),
        status_callback=word(said.get("status_callback")),
        overridden_by=word(said.get("trunk_sid")) or word(said.get("voice_application_sid")),
    )


def _shown(shown: Any, under_sid: str, recording_sid: str) -> ProviderRecording:
    """A recording in Twilio's answer to a change of it."""
    if shown.sid != recording_sid:
        raise ValueError("this is another recording")
    began = shown.start_time if isinstance(shown.start_time, datetime) else None
    status, source = word(shown.status), word(shown.source)
    return ProviderRecording(recording_sid, under_sid, status, None, None, source, began and began.astimezone(UTC))


def _same(found: T | Unreadable) -> T:
    if isinstance(found, Unreadable):
        raise ValueError("not a SID")
    return found


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _require(pattern: re.Pattern[str], sid: str) -> None:
    """A SID becomes part of a URL, so nothing else may stand in its place."""
    if not pattern.fullmatch(sid):
        raise Refused(f"twilio: expected {pattern.pattern[:2]} and 32 hex digits")
