"""JSON of which every reader makes the same: an object in UTF-8 without a key that comes twice."""

import json
from typing import Any


def json_object(body: bytes) -> dict[str, Any]:
    """Raises ValueError for everything else, also for NaN and Infinity, which are no JSON, and for texts too deep to
    be read.
    """
    try:
        value = json.loads(body.decode(), object_pairs_hook=_once, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a key comes twice")
    return values


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number")
