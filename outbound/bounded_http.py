"""Requests to Twilio, to the services that anchor the log, to the identity provider and to webhooks that tell people of
incidents, bounded in time and size. Our credentials go to Twilio's host alone, and the identity provider's go to its
token endpoint.

A read timeout by itself bounds nothing: a server that sends a byte a second never meets it. So every request also has a
deadline or, for a recording, whose length is unknown, a minimum pace. Neither proxies nor credentials come from
the environment, and nothing is logged, because URLs and bodies hold phone numbers.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from math import inf
from time import monotonic
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from urllib3.exceptions import HTTPError

from outbound.head_deadline import HeadDeadline
from storage.moment import utc_now
from storage.pace import BYTES_MIN, WINDOW_S, Pace
from storage.provider import ClocksApart

CHUNK_BYTES = 64 * 1024
REDIRECTS_MAX = 3
REDIRECTS = (301, 302, 303, 307, 308)
# The statuses that give the body, or say where it is.
OPEN = frozenset({200, 206, *REDIRECTS})

_DATE_RESOLUTION = timedelta(seconds=1)  # of the Date header

Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Limits:
    """`answer_s` bounds the headers of any answer, and the whole of an answer of the API, as `answer_bytes_max` does. A
    recording must send `media_bytes_min` in each `media_window_s`.
    """

    connect_s: float = 5
    read_s: float = 15
    answer_s: float = 30
    media_bytes_min: int = BYTES_MIN
    media_window_s: float = WINDOW_S
    answer_bytes_max: int = 8 * 1024 * 1024


class Answered(Exception):
    """A status other than success. The code is Twilio's; None means that another server answered."""

    def __init__(self, status: int, code: int | None) -> None:
        super().__init__(f"answered {status}" + (f", code {code}" if code else ""))
        self.status = status
        self.code = code


class NoAnswer(Exception):
    """Nothing usable came back: the request may or may not have been carried out."""


class Outbound:
    """Connections to a host and to its redirects. May be used by several threads."""

    clocks_apart: ClocksApart | None = None
    """From the newest answer of the host: its Date header was written between our request and the answer."""

    def __init__(
        self,
        user: str,
        password: str,
        *,
        limits: Limits,
        proxies: Mapping[str, str] | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._now = now
        self._credentials = (user, password)
        self._limits = limits
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.proxies = dict(proxies or {})
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HeadDeadline(limits.answer_s, max_retries=0, pool_maxsize=16))

    def ask(self, method: str, url: str, *, params: Fields, data: Fields) -> tuple[int, str]:
        """Status and JSON text of a success (empty for 204). Otherwise raises Answered or NoAnswer."""
        deadline = monotonic() + self._limits.answer_s
        sent_at = self._now()
        with _reaching(), self._send(method, url, params=params, data=data) as response:
            self._compare_clocks(sent_at, response.headers.get("Date", ""))
            body = self._whole(response, deadline)
        if not 200 <= response.status_code < 300:
            raise Answered(response.status_code, _code(body))
        if response.status_code != 204 and _json_object(body) is None:
            raise NoAnswer("what answered is not Twilio")
        return response.status_code, body.decode()

    def stream(self, url: str, *, params: Fields) -> Iterator[bytes]:
        """A body in pieces, as they come. Raises Answered or NoAnswer, also half-way."""
        deadline = monotonic() + self._limits.answer_s
        with _reaching(), self._redirected(url, params) as response:
            if response.status_code != 200:
                raise Answered(response.status_code, _code(self._whole(response, deadline)))
            pace = Pace(self._limits.media_bytes_min, self._limits.media_window_s)
            for chunk in _chunks(response):
                if pace.is_too_slow(len(chunk)):
                    raise NoAnswer("the recording comes too slowly")
                yield chunk

    def status_for_anybody(self, url: str) -> int:
        """The status for a request without credentials; the body is not read. Raises NoAnswer."""
        with _reaching(), self._send("GET", url, params={}, is_ours=False) as response:
            return response.status_code

    def get(self, url: str) -> tuple[int, bytes]:
        """Status and body of the answer to a request without credentials. Raises NoAnswer."""
        return self._plain("GET", url, {})

    def post(
        self,
        url: str,
        body: bytes,
        content_type: str,
        *,
        authorization: str = "",
    ) -> tuple[int, bytes]:
        """Status and body of the answer to a request without credentials, but for the header that the caller gives.
        Raises NoAnswer.
        """
        credentials = {"Authorization": authorization} if authorization else {}
        return self._plain("POST", url, {"Content-Type": content_type, **credentials}, body)

    def post_for_status(self, url: str, body: bytes, content_type: str, more: Mapping[str, str]) -> int:
        """As `post`, for the status alone: the answer's body is not read, whatever becomes of it."""
        with _reaching(), self._ask_plainly("POST", url, {"Content-Type": content_type, **more}, body) as response:
            return response.status_code

    def _plain(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> tuple[int, bytes]:
        deadline = monotonic() + self._limits.answer_s
        with _reaching(), self._ask_plainly(method, url, headers, body) as response:
            return response.status_code, self._whole(response, deadline)

    def _ask_plainly(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> requests.Response:
        return self._session.request(
            method,
            url,
            data=body,
            headers={"Accept": "*/*", "Accept-Encoding": "identity", **headers},
            timeout=(self._limits.connect_s, self._limits.read_s),
            allow_redirects=False,
            stream=True,
        )

    def _send(
        self, method: str, url: str, *, params: Fields, data: Fields | None = None, is_ours: bool = True
    ) -> requests.Response:
        return self._session.request(
            method,
            url,
            params=dict(params),
            data=dict(data or {}),
            # Unpacked by us, a small compressed body could still fill the memory.
            headers={
                "Accept": "application/json" if method != "DELETE" else "*/*",
                "Accept-Encoding": "identity",
            },
            auth=self._credentials if is_ours else None,
            timeout=(self._limits.connect_s, self._limits.read_s),
            allow_redirects=False,
            stream=True,
        )

    def _compare_clocks(self, sent_at: datetime, date: str) -> None:
        try:
            there = parsedate_to_datetime(date).astimezone(UTC)
        except (ValueError, OverflowError, IndexError, TypeError):
            return
        self.clocks_apart = ClocksApart(sent_at - there - _DATE_RESOLUTION, self._now() - there)

    def _redirected(self, url: str, params: Fields) -> requests.Response:
        """The response at the end of the redirects. Another host is asked without our credentials."""
        origin = _origin(url)
        response = self._send("GET", url, params=params)
        for _ in range(REDIRECTS_MAX):
            if response.status_code not in REDIRECTS:
                break
            response.close()
            url = redirected_to(url, response.headers.get("Location", ""))
            response = self._send("GET", url, params={}, is_ours=_origin(url) == origin)
        return response

    def _whole(self, response: requests.Response, deadline: float) -> bytes:
        body = bytearray()
        for chunk in _chunks(response, deadline):
            body += chunk
            if len(body) > self._limits.answer_bytes_max:
                raise NoAnswer("the answer is too long")
        return bytes(body)


def redirected_to(url: str, location: str) -> str:
    """The target of a redirect. Raises NoAnswer where it would leave https."""
    target = urljoin(url, location)
    if urlsplit(url).scheme == "https" and urlsplit(target).scheme != "https":
        raise NoAnswer("redirected to what is not https")
    return target


@contextmanager
def _reaching() -> Iterator[None]:
    """Turns every error of the libraries below into NoAnswer. Their texts hold URLs and are left out."""
    try:
        yield
    except (OSError, HTTPError, ValueError) as error:  # each error of requests is an OSError
        raise NoAnswer(f"no answer ({type(error).__name__})") from error


def _chunks(response: requests.Response, deadline: float = inf) -> Iterator[bytes]:
    """Each piece as soon as it arrives, so that the deadline is checked however slowly the answer comes."""
    while chunk := response.raw.read1(CHUNK_BYTES, decode_content=False):
        if monotonic() > deadline:
            raise NoAnswer("the answer took too long")
        yield chunk


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def _code(body: bytes) -> int | None:
    payload = _json_object(body)
    code = payload.get("code") if payload else None
    return code if type(code) is int else None


def _json_object(body: bytes) -> dict[str, object] | None:
    try:
        payload = json.loads(body.decode())
    except (ValueError, RecursionError):
        return None
    return payload if isinstance(payload, dict) else None
