"""Webhooks as Twilio sends them: signed, with its headers, deadlines, retries and way with redirects."""

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from urllib.parse import urldefrag, urlencode, urljoin

import requests
from requests import exceptions

from simulator.clock import Clock
from simulator.errors import FetchFailed
from simulator.overrides import CEILING_S, Overrides
from simulator.signing import signature, signed_url

REDIRECTS_MAX = 10
BODY_MAX = 16 * 1024 * 1024  # enough for any prompt; a document's own limit is checked where it is parsed
Params = Mapping[str, str | list[str]]
FORM = "application/x-www-form-urlencoded; charset=utf-8"


class Session(requests.Session):
    """Takes no look at where an answer redirects to: an address that is none would be an exception of its own."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


@dataclass(frozen=True)
class Webhook:
    """A request to be made. `kind` is voice, media, call, dial or recording. A list of values repeats its name."""

    kind: str
    url: str
    params: Params = field(default_factory=dict)
    method: str = "POST"
    token: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass
class Mischief:
    """Faults of the network for the next requests; each count is used up.

    `chunked` sends bodies piece by piece without a Content-Length, as tunnels do.
    """

    connect_failures: int = 0
    lost_answers: int = 0
    wrong_signature: bool = False
    chunked: bool = False


@dataclass
class Attempt:
    """A request that was made. `failure` is ct, rt, 4xx or 5xx as in an override, and empty on success."""

    kind: str
    method: str
    url: str
    params: dict[str, str | list[str]]
    headers: dict[str, str]
    at: str
    status: int | None = None
    content_type: str = ""
    body: bytes = b""
    latency_ms: float = 0.0
    failure: str = ""
    code: int = 0
    error: str = ""

    def to_json(self) -> dict[str, object]:
        text = "" if self.content_type.startswith("audio/") else self.body[:65536].decode("utf-8", "replace")
        return {**asdict(self), "body": text}

    def fail(self, failure: str, code: int, error: str) -> None:
        self.failure, self.code, self.error = failure, code, error


@dataclass
class Sender:
    """Sends webhooks for one account over one session, whose cookies it keeps. Every attempt is logged."""

    auth_token: str
    clock: Clock
    session: requests.Session
    log: Callable[[Attempt], None]
    mischief: Mischief = field(default_factory=Mischief)

    def send(self, webhook: Webhook) -> Attempt:
        """The answer, after the retries that the URL's overrides allow. Raises FetchFailed with Twilio's code."""
        limits = Overrides.of(webhook.url)
        deadline = time.monotonic() + min(limits.total_s, CEILING_S)
        for attempts_left in range(limits.retries, -1, -1):
            attempt = self._follow(webhook, limits, deadline)
            self.log(attempt)
            if not attempt.failure:
                return attempt
            if attempt.failure not in limits.retry_on or not attempts_left or time.monotonic() >= deadline:
                break
        raise FetchFailed(attempt.code, attempt.error, attempt.url)

    def _follow(self, webhook: Webhook, limits: Overrides, deadline: float) -> Attempt:
        """An attempt, through its redirects: a 301, 302 or 303 loses the form, as at Twilio."""
        for _ in range(REDIRECTS_MAX + 1):
            attempt, target = self._request(webhook, limits, deadline)
            if not target:
                return attempt
            try:
                target = urljoin(attempt.url, target)
            except ValueError as error:  # brackets without an address in them
                attempt.fail("url", 11100, f"a redirect to {target!r}: {error}")
                return attempt
            keeps_form = attempt.status in (307, 308)
            webhook = replace(
                webhook,
                url=target,
                method=webhook.method if keeps_form else "GET",
                params=webhook.params if keeps_form else {},
            )
        attempt.fail("redirects", 11215, "more than ten redirects")
        return attempt

    def _request(self, webhook: Webhook, limits: Overrides, deadline: float) -> tuple[Attempt, str]:
        """Make an HTTP request; returns the attempt, and the target of a redirect or empty."""
        begun = time.monotonic()
        attempt = Attempt(webhook.kind, webhook.method, webhook.url, dict(webhook.params), {}, self._stamp())
        target = ""
        try:
            prepared = self._prepare(webhook)
            attempt.url, attempt.headers = prepared.url or "", dict(prepared.headers)
            self._maybe_refuse()
            timeout = (limits.connect_s, min(limits.read_s, max(0.05, deadline - begun)))
            with self.session.send(prepared, stream=True, timeout=timeout, allow_redirects=False) as response:
                target = _take(response, attempt, deadline)
            self._maybe_lose()
        except requests.RequestException as error:
            attempt.fail(*_classify(error), error=str(error))
        attempt.latency_ms = round((time.monotonic() - begun) * 1000, 2)
        return attempt, target

    def _prepare(self, webhook: Webhook) -> requests.PreparedRequest:
        """The request as it goes out. It is signed last, over the URL that is really asked."""
        is_post = webhook.method == "POST"
        form = dict(webhook.params) if is_post else {}
        url = urldefrag(webhook.url).url
        if not is_post and webhook.params:
            url += ("&" if "?" in url else "?") + urlencode(webhook.params, doseq=True)
        headers = {
            "User-Agent": "TwilioProxy/1.1",
            "Accept": "*/*",
            "Accept-Encoding": "gzip",
            "I-Twilio-Idempotency-Token": webhook.token,
            "X-Home-Region": "us1",
            **({"Content-Type": FORM} if is_post else {}),
        }
        body = self._body(form) if is_post else None
        prepared = self.session.prepare_request(requests.Request(webhook.method, url, headers=headers, data=body))
        token = self.auth_token + ("x" if self.mischief.wrong_signature else "")
        prepared.headers["X-Twilio-Signature"] = signature(token, signed_url(prepared.url or ""), form)
        return prepared

    def _body(self, form: Params) -> str | Iterator[bytes]:
        body = urlencode(form, doseq=True)
        half = len(body) // 2
        return iter([body[:half].encode(), body[half:].encode()]) if self.mischief.chunked and half else body

    def _maybe_refuse(self) -> None:
        if self.mischief.connect_failures > 0:
            self.mischief.connect_failures -= 1
            raise exceptions.ConnectionError("the connection was refused, as was asked for")

    def _maybe_lose(self) -> None:
        if self.mischief.lost_answers > 0:
            self.mischief.lost_answers -= 1
            raise exceptions.ReadTimeout("the answer was lost, as was asked for")

    def _stamp(self) -> str:
        return self.clock.now().isoformat(timespec="milliseconds")


def _take(response: requests.Response, attempt: Attempt, deadline: float) -> str:
    """Read the answer into the attempt; where it is a redirect, its target."""
    body = bytearray()
    for chunk in response.iter_content(16384):
        body += chunk
        if time.monotonic() > deadline:
            raise exceptions.ReadTimeout("the answer took longer than is allowed")
        if len(body) > BODY_MAX:
            raise exceptions.ContentDecodingError("the answer has no end")
    attempt.status, attempt.body = response.status_code, bytes(body)
    attempt.content_type = response.headers.get("Content-Type", "")
    if response.status_code >= 400:
        attempt.fail(f"{response.status_code // 100}xx", 11200, f"HTTP {response.status_code}")
    return response.headers.get("Location", "") if 300 <= response.status_code < 400 else ""


# In order: the first that fits decides, and some are kinds of those below them.
_FAILURES: tuple[tuple[type[Exception], str, str, int], ...] = (
    (exceptions.SSLError, "", "ct", 11220),
    (exceptions.ConnectTimeout, "", "ct", 11201),
    (exceptions.ReadTimeout, "", "rt", 11203),
    (exceptions.MissingSchema, "", "url", 11100),
    (exceptions.InvalidSchema, "", "url", 11100),
    (exceptions.InvalidURL, "", "url", 11100),
    (exceptions.ConnectionError, "Read timed out", "rt", 11203),
    (exceptions.ConnectionError, "resolve", "ct", 11210),
    (exceptions.ConnectionError, "refused", "ct", 11202),
    (exceptions.ConnectionError, "", "ct", 11205),
)


def _classify(error: requests.RequestException) -> tuple[str, int]:
    for kind, words, failure, code in _FAILURES:
        if isinstance(error, kind) and words in str(error):
            return failure, code
    return "rt", 11205
