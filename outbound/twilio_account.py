"""Twilio's account of a call, its `Events`, parsed once into values that need no second check."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from outbound.twilio_lists import Row, Unreadable, listed, moment
from storage.provider import CallAccount, ProviderRequest


def read_account(events: Iterable[object]) -> CallAccount:
    """Each event read by itself; an event without a URL is only counted. The body holds all events, as they came."""
    kept = [
        {name: event.get(name) for name in ("request", "response")} if isinstance(event, dict) else event
        for event in events
    ]
    body = json.dumps(kept, sort_keys=True, separators=(",", ":")).encode()
    read = listed(iter(kept), _request)
    return CallAccount(body, read.rows, read.unread)


def _request(event: Row) -> ProviderRequest | Unreadable:
    """Twilio documents parameter names in snake case, and shows examples in its webhooks' spelling: both are read."""
    request, response = _fields(event["request"]), _fields(event["response"])
    if not isinstance(request.get("url"), str):
        return Unreadable()
    parameters = {
        str(name).replace("_", "").lower(): str(value) for name, value in _fields(request.get("parameters")).items()
    }
    return ProviderRequest(
        url=request["url"],
        parameters=parameters,
        asked_at=moment(response.get("date_created")),
        status=_status(response.get("response_code")),
        body=str(response.get("response_body") or ""),
    )


def _fields(said: object) -> Mapping[str, Any]:
    return said if isinstance(said, dict) else {}


def _status(said: object) -> int:
    """0 where no response came, or its code can't be read."""
    text = str(said)
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 9 else 0
