"""What is left of an event's private fields: those whose disclosures are still there."""

import json
from base64 import urlsafe_b64decode
from collections.abc import Iterable, Mapping
from typing import Any

from evidence.events import digest_of


def opened(event: Mapping[str, Any], bodies: Iterable[str]) -> dict[str, Any]:
    """The private fields of an event that any of these disclosures opens. One that is erased, or withheld, is absent,
    and so is one that the event never committed to.
    """
    by_digest = {digest_of(body): body for body in bodies}
    committed: Mapping[str, str] = event.get("sd", {})
    return {name: _value(by_digest[digest]) for name, digest in committed.items() if digest in by_digest}


def _value(body: str) -> Any:
    _salt, _name, value = json.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return value
