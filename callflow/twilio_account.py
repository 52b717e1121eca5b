"""Twilio's account of a call, its `Events`, read once into values that need no second look."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from storage.provider import CallAccount, ProviderRequest


def read_account(events: Sequence[Any]) -> CallAccount:
    """From the SDK's values. Raises AttributeError, KeyError, TypeError or ValueError for what makes no sense."""
    told = [{"request": event.request, "response": event.response} for event in events]
    body = json.dumps(told, sort_keys=True, separators=(",", ":")).encode()
    return CallAccount(body, tuple(_request(one["request"], one["response"]) for one in told))


def _request(request: Mapping[str, Any], response: Mapping[str, Any]) -> ProviderRequest:
    """Twilio documents the names as snake case, and gives the words of its webhooks as examples: either is read."""
    given = request["parameters"] or {}
    parameters = {str(name).replace("_", "").lower(): str(value) for name, value in given.items()}
    return ProviderRequest(
        url=str(request["url"]),
        parameters=parameters,
        asked_at=_moment(response["date_created"]),
        status=int(response["response_code"] or 0),
        body=str(response["response_body"] or ""),
    )


def _moment(text: str) -> datetime:
    moment = parsedate_to_datetime(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
