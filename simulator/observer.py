"""Asks the service under test about a call, on behalf of the page in the browser."""

import json
from typing import Any
from urllib.parse import quote

import requests

SIZE_MAX = 1024 * 1024
TIMEOUT_S = (1.0, 5.0)


def observe(session: requests.Session, template: str, call_sid: str) -> dict[str, Any]:
    """`status` is the result; with `known` there is a `story`.

    A service that does not know the call (`absent`), that cannot be reached (`unreachable`), or that has no
    configured URL (`unasked`) is no failure: the page has words for each.
    """
    if not template:
        return {"status": "unasked"}
    url = template.replace("{call_sid}", quote(call_sid, safe=""))
    try:
        with session.get(url, timeout=TIMEOUT_S, stream=True, allow_redirects=False) as response:
            return _read(response)
    except requests.RequestException as error:
        return {"status": "unreachable", "detail": type(error).__name__}


def _read(response: requests.Response) -> dict[str, Any]:
    if response.status_code == 404:
        return {"status": "absent"}
    if response.status_code != 200:
        return {"status": "unreachable", "detail": f"HTTP {response.status_code}"}
    body = _body(response)
    try:
        story = json.loads(body) if body is not None else None
    except ValueError:
        story = None
    if not isinstance(story, dict):
        return {"status": "unreachable", "detail": "the answer is not a JSON object"}
    return {"status": "known", "story": story}


def _body(response: requests.Response) -> bytes | None:
    """The answer, or None for one that is too long to be the story of a call."""
    body = bytearray()
    for chunk in response.iter_content(65536):
        body += chunk
        if len(body) > SIZE_MAX:
            return None
    return bytes(body)
