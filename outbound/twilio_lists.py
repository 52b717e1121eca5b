"""Reads Twilio's REST API field by field: single resources, and lists row by row.

A row without a SID cannot be identified, so it is counted and left out. Any other odd field counts as absent, and no
row keeps another from being read.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import urljoin

from outbound.bounded_http import Fields, NoAnswer, Outbound
from outbound.twilio_client import Account
from storage.provider import CALL_SID, CONFERENCE_SID, RECORDING_SID, SOURCE, Listed, ProviderCall, ProviderRecording

T = TypeVar("T")
Row = Mapping[str, Any]

PAGE_SIZE = 1000
ENDED = ("completed", "busy", "failed", "no-answer", "canceled")
_PAGES_MAX = 1000  # a list that leads back to itself has no end
_CAME_IN = ("", "inbound")
_WORD_LENGTH_MAX = 256
_TRACKS = ("both", "inbound", "outbound")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row without a valid SID."""


@dataclass(frozen=True, slots=True)
class Host:
    """A host of Twilio's. Its resources are named by their paths, its lists come in pages of three forms."""

    base_url: str
    outbound: Outbound

    def one(self, path: str) -> Row:
        return self._asked(f"{self.base_url}/{path}", {})

    def rows(self, path: str, key: str, **asked: object) -> Iterator[object]:
        """The rows of all pages. Raises ValueError where a page is no such list."""
        size = {} if "pageSize" in asked else {"PageSize": PAGE_SIZE}
        url, params = f"{self.base_url}/{path}", {**asked, **size}
        for _ in range(_PAGES_MAX):
            page = self._asked(url, params)
            rows = page.get(key)
            if not isinstance(rows, list):
                raise ValueError("not a list")
            yield from rows
            if token := _token(page):
                params = {**params, "pageToken": token}
            elif following := _following(page):
                url, params = urljoin(f"{self.base_url}/", following), {}
            else:
                return
        raise ValueError("a list without an end")

    def _asked(self, url: str, params: Fields) -> Row:
        if not url.startswith(f"{self.base_url}/"):  # the next page of a list is a URL that Twilio sends
            raise NoAnswer("pointed to another host")
        _, text = self.outbound.ask("GET", url, params=params, data={})
        said: Row = json.loads(text) if text else {}
        return said


@dataclass(frozen=True, slots=True)
class Resources:
    """An account's resources, by their path below it."""

    account: Account
    outbound: Outbound

    def one(self, path: str) -> Row:
        return self._host.one(self._below(path))

    def rows(self, path: str, key: str, **asked: str) -> Iterator[object]:
        """The rows of all pages. Raises ValueError where a page is no such list."""
        return self._host.rows(self._below(path), key, **asked)

    @property
    def _host(self) -> Host:
        return Host(self.account.base_url, self.outbound)

    def _below(self, path: str) -> str:
        return self.account.url(path).removeprefix(f"{self.account.base_url}/")


def listed(rows: Iterator[object], read: Callable[[Row], T | Unreadable | None]) -> Listed[T]:
    """Each row read by itself. `read` returns None for a row that is left out on purpose."""
    found = [read(row) if isinstance(row, dict) else Unreadable() for row in rows]
    rows_read = tuple(row for row in found if row is not None and not isinstance(row, Unreadable))
    return Listed(rows_read, sum(isinstance(row, Unreadable) for row in found))


def incoming_call(said: Row) -> ProviderCall | Unreadable | None:
    """None for a call that is not inbound."""
    return a_call(said) if word(said.get("direction")) in _CAME_IN else None


def a_call(said: Row) -> ProviderCall | Unreadable:
    if not is_sid(CALL_SID, said.get("sid")):
        return Unreadable()
    status = word(said.get("status"))
    return ProviderCall(
        call_sid=said["sid"],
        status=status,
        duration_s=number(said.get("duration")),
        ended=status in ENDED,
        line=word(said.get("to")),
        caller=word(said.get("from")),
        came_in_at=moment(said.get("start_time")),
        parent_sid=_sid(CALL_SID, said.get("parent_call_sid")),
        is_called_out=word(said.get("direction")) == "outbound-api",
    )


def a_recording(said: Row) -> ProviderRecording | Unreadable | None:
    """None for a deleted recording, whose metadata remain at Twilio for 40 days.

    `call_sid` is empty where the row names no call.
    """
    if not is_sid(RECORDING_SID, said.get("sid")):
        return Unreadable()
    if word(said.get("status")) == "deleted":
        return None
    source, track = word(said.get("source")), word(said.get("track"))
    return ProviderRecording(
        recording_sid=said["sid"],
        call_sid=_sid(CALL_SID, said.get("call_sid")),
        status=word(said.get("status")),
        duration_s=number(said.get("duration")),
        channels=number(said.get("channels")) or None,
        source=source if SOURCE.fullmatch(source) else "",
        started_at=moment(said.get("start_time")),
        track=track if track in _TRACKS else None,
        conference_sid=_sid(CONFERENCE_SID, said.get("conference_sid")),
    )


def a_conference(said: Row) -> str | Unreadable:
    return _sid(CONFERENCE_SID, said.get("sid")) or Unreadable()


def a_participant(said: Row) -> str | Unreadable:
    """The sid of the leg that is in the conference."""
    return _sid(CALL_SID, said.get("call_sid")) or Unreadable()


def is_sid(pattern: re.Pattern[str], said: object) -> bool:
    return isinstance(said, str) and pattern.fullmatch(said) is not None


def _sid(pattern: re.Pattern[str], said: object) -> str:
    return str(said) if is_sid(pattern, said) else ""


def word(said: object) -> str:
    """Empty for a value that is no text, or too long."""
    return said if isinstance(said, str) and len(said) <= _WORD_LENGTH_MAX else ""


def number(said: object) -> int | None:
    """Twilio writes most numbers as text, and -1 or nothing while it does not know."""
    return int(str(said)) if re.fullmatch(r"[0-9]{1,9}", str(said)) else None


def moment(said: object) -> datetime | None:
    """An RFC 2822 time, in UTC."""
    try:
        at = parsedate_to_datetime(said) if isinstance(said, str) else None
        return at and (at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC))
    except (ValueError, OverflowError, IndexError, TypeError):
        return None


def _token(page: Row) -> str:
    """Of the next page, on the newer hosts."""
    meta = page.get("meta")
    token = meta.get("nextToken") if isinstance(meta, dict) else None
    return token if isinstance(token, str) else ""


def _following(page: Row) -> str:
    meta = page.get("meta")
    following = (meta.get("next_page_url") if isinstance(meta, dict) else None) or page.get("next_page_uri")
    return following if isinstance(following, str) else ""
