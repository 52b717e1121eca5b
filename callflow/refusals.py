"""Refused requests: a bare 403 for whatever Twilio did not sign, and one log line a minute for each reason."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from threading import Lock

from flask import Response, g, request

from callflow.signature import BODY_BYTES_MAX, Form, Refusal, raw_target, signed_url, verify
from callflow.urls import Urls
from storage.once_a_minute import Repeats

log = logging.getLogger(__name__)

_OPEN_ENDPOINTS = frozenset({"healthz", "readyz"})
SIGNED_METHODS = ("POST", "GET")  # a number may be set to GET: Twilio signs its URL with the parameters in it
_BY_MAC_ALONE = frozenset({"audio"})  # fetched to be played: the request says nothing and changes nothing
_STEP_IN_PATH = {
    "choice": "round_",
    "consent": "prompt",
    "whisper": "state",
    "join": "round_",
    "star": "stay",
    "withdraw": "stay",
}  # the part of the path that the MAC covers beside the call


class Gate:
    """Admits requests that Twilio signed, with a URL made for their call and step. Any other gets a bare 403."""

    def __init__(
        self, urls: Urls, webhook_secrets: Sequence[str], account_sid: str, now: Callable[[], datetime]
    ) -> None:
        self._urls, self._secrets, self._account_sid = urls, webhook_secrets, account_sid
        self._refusals = Refusals(now)

    def admit(self) -> Response | None:
        if request.endpoint in _OPEN_ENDPOINTS:
            return None
        reason = self._refusal() if request.endpoint not in _BY_MAC_ALONE else self._wrong_mac()
        if reason is None:
            return None
        self._refusals.count(reason)
        return Response(status=403)

    def _refusal(self) -> str | None:
        heard = self._heard()
        if isinstance(heard, Refusal):
            return heard.reason
        g.form = heard
        return None if request.routing_exception else self._wrong_mac()

    def _heard(self) -> Form | Refusal:
        signatures = [value.strip() for value in ",".join(request.headers.getlist("X-Twilio-Signature")).split(",")]
        if not any(signatures):
            return Refusal("no_signature")
        if request.method not in SIGNED_METHODS:
            return Refusal("wrong_method")
        if (request.content_length or 0) > BODY_BYTES_MAX:
            return Refusal("body_too_large")
        url = signed_url(self._urls.public_base_url, raw_target(request.environ))
        if isinstance(url, Refusal):
            return url
        g.sent = request.get_data() if request.method == "POST" else request.query_string
        return verify(
            self._secrets,
            url=url,
            body=g.sent if request.method == "POST" else None,
            signatures=signatures,
            account_sid=self._account_sid,
        )

    def _wrong_mac(self) -> str | None:
        path = request.view_args or {}
        if "mac" not in path:
            return None  # the URLs in the number's settings at Twilio name no call
        step = str(path.get(_STEP_IN_PATH.get(str(request.endpoint), ""), ""))
        named = path.get("call_id") or path.get("sha256", "")
        is_ours = self._urls.check(request.endpoint, named, step, path["mac"])  # type: ignore[arg-type]  # a Kind
        return None if is_ours else "wrong_mac"


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
