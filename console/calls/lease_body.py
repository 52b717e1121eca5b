"""The bodies that a page sends about a lease, read and checked."""

import json
from typing import Any

from flask import Request

from policies.listening import RANGES_MAX, Report, is_plausible

_BODY_MAX = 16 * 1024
_LONGEST_MS = 40 * 3600 * 1000  # longer than any recording


class Misread(ValueError):
    """The body is not as it should be; the message says how."""


def read_body(request: Request) -> dict[str, Any]:
    """Raises Misread."""
    if request.content_length is None or request.content_length > _BODY_MAX:
        raise Misread(f"a body has {_BODY_MAX} bytes at most")
    try:
        found = json.loads(request.get_data())
    except (ValueError, RecursionError) as error:
        raise Misread("the body is no JSON") from error
    if not isinstance(found, dict):
        raise Misread("the body is no object")
    return found


def read_purpose(body: dict[str, Any]) -> str:
    purpose = body.get("purpose")
    if not isinstance(purpose, str) or not purpose:
        raise Misread("purpose is one word, such as quality")
    return purpose


def read_report(body: dict[str, Any]) -> Report:
    """Raises Misread for what no page of ours would send."""
    ranges = body.get("ranges", [])
    numbers = (body.get("n"), body.get("position_ms"), body.get("played_ms", 0))
    if not isinstance(ranges, list) or len(ranges) > RANGES_MAX or not all(map(_is_pair, ranges)):
        raise Misread(f"ranges are at most {RANGES_MAX} pairs of milliseconds")
    if not all(map(_is_number, numbers)):
        raise Misread("n, position_ms and played_ms are numbers")
    number, position_ms, played_ms = numbers
    report = Report(
        int(number or 0),
        int(position_ms or 0),
        tuple((begin, end) for begin, end in ranges),
        int(played_ms or 0),
        closes=body.get("closes") is True,
    )
    if not is_plausible(report, _LONGEST_MS):
        raise Misread("the report is of no recording")
    return report


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LONGEST_MS


def _is_pair(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_number, value))
