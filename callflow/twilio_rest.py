"""Twilio as the provider that storage's jobs ask, and as what `lines sync` configures.

The media is fetched without Twilio's library, which cannot stream. Its URL is made from our account and the
recording's SID, never taken from an answer or a callback.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from callflow.forms import CALL_SID, RECORDING_SID
from callflow.outbound import Answered, Limits, NoAnswer, Outbound
from callflow.twilio_account import read_account
from callflow.twilio_client import Account, asking, client
from storage.errors import Refused
from storage.provider import CallAccount, ProviderCall, ProviderRecording

PAGE_SIZE = 1000
ENDED = ("completed", "busy", "failed", "no-answer", "canceled")
RESOLUTION = timedelta(seconds=1)  # of the times that can be asked about
NOT_FOUND = 20404
CALL_NOT_IN_PROGRESS = 21220


@dataclass(frozen=True, slots=True)
class ProviderNumber:
    """One of the account's numbers, and where Twilio sends its calls."""

    e164: str
    voice_url: str
    fallback_url: str
    status_callback: str
    overridden_by: str
    """The SID of an application or trunk for which Twilio ignores the voice URL; empty if there is none."""


class TwilioProvider:
    """Satisfies storage.provider.Provider. One for each process; several threads may use it."""

    def __init__(
        self, account: Account, *, limits: Limits | None = None, proxies: Mapping[str, str] | None = None
    ) -> None:
        self._account = account
        self._outbound = Outbound(account.user, account.password, limits=limits or Limits(), proxies=proxies)

    def call(self, call_sid: str) -> ProviderCall | None:
        _require(CALL_SID, call_sid)
        found: tuple[ProviderCall, ...] = ()
        with asking(f"call {call_sid}", fine=(NOT_FOUND,)):
            found = (_call(self._sdk.calls(call_sid).fetch()),)
            if any(call.call_sid != call_sid for call in found):
                raise ValueError("this is another call")
        return found[0] if found else None

    def calls_since(self, moment: datetime) -> tuple[ProviderCall, ...]:
        return self._calls(start_time_after=moment.astimezone(UTC))

    def calls_between(self, begin: datetime, end: datetime) -> tuple[ProviderCall, ...]:
        after, before = begin.astimezone(UTC), end.astimezone(UTC) + RESOLUTION
        listed = self._calls(start_time_after=after, start_time_before=before)
        return tuple(call for call in listed if call.came_in_at and begin <= call.came_in_at < end)

    def call_account(self, call_sid: str) -> CallAccount | None:
        _require(CALL_SID, call_sid)
        found: tuple[CallAccount, ...] = ()
        with asking(f"events of call {call_sid}", fine=(NOT_FOUND,)):
            found = (read_account(self._sdk.calls(call_sid).events.list(page_size=PAGE_SIZE)),)
        return found[0] if found else None

    def recordings_of(self, call_sid: str) -> tuple[ProviderRecording, ...]:
        """Asked of the account, not of the call: recordings outlive the call's own record."""
        _require(CALL_SID, call_sid)
        with asking(f"recordings of call {call_sid}"):
            found = _recordings(self._sdk.recordings.list(call_sid=call_sid, page_size=PAGE_SIZE))
            if any(recording.call_sid != call_sid for recording in found):
                raise ValueError("these are another call's")  # and would be stopped or destroyed for this one
            return found

    def recordings_since(self, moment: datetime) -> tuple[ProviderRecording, ...]:
        with asking("list of recordings"):
            since = moment.astimezone(UTC)
            return _recordings(self._sdk.recordings.list(date_created_after=since, page_size=PAGE_SIZE))

    def recording(self, recording_sid: str) -> ProviderRecording | None:
        _require(RECORDING_SID, recording_sid)
        found: tuple[ProviderRecording, ...] = ()
        with asking(f"recording {recording_sid}", fine=(NOT_FOUND,)):
            found = _recordings([self._sdk.recordings(recording_sid).fetch()])
            if any(recording.recording_sid != recording_sid for recording in found):
                raise ValueError("this is another recording")
        return found[0] if found else None

    def media(self, recording_sid: str) -> Iterator[bytes]:
        _require(RECORDING_SID, recording_sid)
        url = self._account.url(f"Recordings/{recording_sid}.wav")
        with asking(f"media of recording {recording_sid}"):
            yield from self._media(url)

    def stop(self, call_sid: str, recording_sid: str) -> None:
        _require(CALL_SID, call_sid)
        _require(RECORDING_SID, recording_sid)
        with asking(f"stop of recording {recording_sid}", fine=(NOT_FOUND, CALL_NOT_IN_PROGRESS)):
            self._sdk.calls(call_sid).recordings(recording_sid).update(status="stopped")

    def delete(self, recording_sid: str) -> None:
        _require(RECORDING_SID, recording_sid)
        with asking(f"deletion of recording {recording_sid}", fine=(NOT_FOUND,)):
            self._sdk.recordings(recording_sid).delete()

    def numbers(self) -> tuple[ProviderNumber, ...]:
        with asking("list of numbers"):
            return tuple(_number(number) for number in self._sdk.incoming_phone_numbers.list())

    def configure_number(
        self, e164: str, voice_url: str, fallback_url: str, status_callback: str, fallback_method: str = "POST"
    ) -> None:
        """Send a number's calls to these. Refused where the account lacks it or something overrides it."""
        with asking("configuration of a number"):
            for number in self._sdk.incoming_phone_numbers.list():  # filtered here: no number in a URL
                if number.phone_number == e164:
                    break
            else:
                raise Refused("twilio: configuration of a number: the account does not have it")
            if _number(number).overridden_by:
                raise Refused("twilio: configuration of a number: a trunk or application answers it; detach that")
            number.update(
                voice_url=voice_url,
                voice_method="POST",
                voice_fallback_url=fallback_url,
                voice_fallback_method=fallback_method,
                status_callback=status_callback,
                status_callback_method="POST",
            )

    @cached_property
    def _sdk(self) -> Any:
        return client(self._account, self._outbound)

    def _calls(self, **started: datetime) -> tuple[ProviderCall, ...]:
        with asking("list of calls"):
            # The SDK writes the clock's hand as it stands and a Z behind it.
            calls = self._sdk.calls.list(**started, page_size=PAGE_SIZE)
            return tuple(_call(call) for call in calls if call.direction == "inbound")

    def _media(self, url: str) -> Iterator[bytes]:
        """Both channels, or the one there is."""
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


def _call(said: Any) -> ProviderCall:
    return ProviderCall(
        call_sid=_matched(CALL_SID, said.sid),
        status=_word(said.status),
        duration_s=_number_of(said.duration),
        ended=said.status in ENDED,
        line=said.to or "",
        caller=said._from or "",
        came_in_at=said.start_time,
    )


def _recordings(said: list[Any]) -> tuple[ProviderRecording, ...]:
    """A deleted recording leaves its metadata at Twilio for 40 days. It is gone nevertheless."""
    return tuple(_recording(recording) for recording in said if recording.status != "deleted")


def _recording(said: Any) -> ProviderRecording:
    return ProviderRecording(
        recording_sid=_matched(RECORDING_SID, said.sid),
        call_sid=_matched(CALL_SID, said.call_sid),
        status=_word(said.status),
        duration_s=_number_of(said.duration),
        channels=_number_of(said.channels),
        source=_word(said.source),
        started_at=said.start_time,
    )


def _number(said: Any) -> ProviderNumber:
    return ProviderNumber(
        e164=_word(said.phone_number),
        voice_url=said.voice_url or "",
        fallback_url=said.voice_fallback_url or "",
        status_callback=said.status_callback or "",
        overridden_by=said.trunk_sid or said.voice_application_sid or "",
    )


def _number_of(said: object) -> int | None:
    """Twilio writes most numbers as text, and -1 or nothing while it does not know."""
    return int(str(said)) if re.fullmatch(r"[0-9]{1,9}", str(said)) else None


def _word(said: object) -> str:
    if not isinstance(said, str):
        raise ValueError("not a word")
    return said


def _matched(pattern: re.Pattern[str], sid: object) -> str:
    if not (isinstance(sid, str) and pattern.fullmatch(sid)):
        raise ValueError("not a SID")
    return sid


def _require(pattern: re.Pattern[str], sid: str) -> None:
    """A SID becomes part of a URL, so nothing else may stand in its place."""
    if not pattern.fullmatch(sid):
        raise Refused(f"twilio: expected {pattern.pattern[:2]} and 32 hex digits")
