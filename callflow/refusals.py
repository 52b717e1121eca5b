"""Refused requests: a bare 403 for whatever Twilio did not sign, and one log line a minute for each reason."""

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from threading import Lock
from typing import Any, cast

from callflow.routes import Route
from callflow.signature import BODY_BYTES_MAX, Form, Refusal, raw_target, signed_url, verify
from callflow.urls import Kind, Urls
from storage.once_a_minute import Repeats

log = logging.getLogger(__name__)

SIGNED_METHODS = ("POST", "GET")  # a number may be set to GET: Twilio signs its URL with the parameters in it
_LENGTH = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Signed:
    """A request that Twilio signed, with its parameters as sent. `token` is Twilio's own name for the request, the same
    each time it is repeated; empty without one.
    """

    route: Route
    form: Form
    sent: bytes
    token: str

    @property
    def call_id(self) -> str:
        """Empty for a request to an endpoint that is of no call."""
        return self.route.arguments.get("call_id", "")

    @property
    def sha256(self) -> str:
        return sha256(self.sent).hexdigest()


class Gate:
    """Admits requests that Twilio signed, with a URL made for their call and step. Any other is counted."""

    def __init__(
        self, urls: Urls, webhook_secrets: Sequence[str], account_sid: str, now: Callable[[], datetime]
    ) -> None:
        self._urls, self._secrets, self._account_sid = urls, webhook_secrets, account_sid
        self._refusals = Refusals(now)

    def admit(self, environ: Mapping[str, Any], route: Route) -> Signed | None:
        admitted = self._admitted(environ, route)
        if isinstance(admitted, Refusal):
            self._refusals.count(admitted.reason)
            return None
        return admitted

    def admits_audio(self, sha256: str, mac: str) -> bool:
        """Audio is fetched to be played: the request says nothing and changes nothing, so its MAC is enough."""
        is_ours = self._urls.check("audio", sha256, "", mac)
        if not is_ours:
            self._refusals.count("wrong_mac")
        return is_ours

    def _admitted(self, environ: Mapping[str, Any], route: Route) -> Signed | Refusal:
        heard = self._heard(environ, route)
        return Refusal("wrong_mac") if isinstance(heard, Signed) and not self._is_ours(route) else heard

    def _heard(self, environ: Mapping[str, Any], route: Route) -> Signed | Refusal:
        signatures = [value.strip() for value in environ.get("HTTP_X_TWILIO_SIGNATURE", "").split(",")]
        if not any(signatures):
            return Refusal("no_signature")
        method, length = environ["REQUEST_METHOD"], _length(environ)
        if method not in SIGNED_METHODS:
            return Refusal("wrong_method")
        if length is not None and length > BODY_BYTES_MAX:
            return Refusal("body_too_large")
        url = signed_url(self._urls.public_base_url, raw_target(environ))
        if isinstance(url, Refusal):
            return url
        body = _body(environ, length) if method == "POST" else None
        form = verify(self._secrets, url=url, body=body, signatures=signatures, account_sid=self._account_sid)
        if isinstance(form, Refusal):
            return form
        sent = environ.get("QUERY_STRING", "").encode("latin-1") if body is None else body
        return Signed(route, form, sent, environ.get("HTTP_I_TWILIO_IDEMPOTENCY_TOKEN", ""))

    def _is_ours(self, route: Route) -> bool:
        """The URLs in the number's settings at Twilio name no call, and have no MAC."""
        if route.mac is None:
            return True
        return self._urls.check(cast(Kind, route.endpoint), route.arguments["call_id"], route.step, route.mac)


class Refusals:
    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = Lock()
        self._repeats = Repeats[str]()

    def count(self, reason: str) -> None:
        """The reason is one of our own few words, and nothing from the request."""
        now_s = self._now().timestamp()
        with self._lock:
            times = self._repeats.come(reason, now_s)
        if times:
            log.warning("requests refused: %d, %s", times, reason)


def _length(environ: Mapping[str, Any]) -> int | None:
    """The length of the body; None where the request does not say it."""
    said = environ.get("CONTENT_LENGTH", "")
    if not _LENGTH.fullmatch(said):
        return BODY_BYTES_MAX + 1 if said.isdecimal() else None
    return int(said)


def _body(environ: Mapping[str, Any], length: int | None) -> bytes:
    """Empty where nothing says where it ends (PEP 3333)."""
    if environ.get("wsgi.input_terminated"):
        return cast(bytes, environ["wsgi.input"].read())
    if length is None or "HTTP_TRANSFER_ENCODING" in environ:
        return b""
    return cast(bytes, environ["wsgi.input"].read(length))
