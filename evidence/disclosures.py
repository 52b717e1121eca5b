"""Reads disclosures (RFC 9901): the name and value in each, and the private fields of an event that they open."""

import json
from base64 import urlsafe_b64decode
from collections.abc import Iterable, Mapping
from hmac import compare_digest
from typing import Any

from evidence.events import digest_of


def opened(event: Mapping[str, Any], bodies: Iterable[str]) -> dict[str, Any]:
    """The private fields of an event that these disclosures open. An erased or withheld field is absent, and so is a
    field that the event never committed to.
    """
    by_digest = {digest_of(body): body for body in bodies}
    committed: Mapping[str, str] = event.get("sd", {})
    return {name: read_disclosure(by_digest[digest])[1] for name, digest in committed.items() if digest in by_digest}


def opens(body: str, digest: str) -> bool:
    """Whether this digest commits to this disclosure."""
    return compare_digest(digest_of(body), digest)


def erased_in(events: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The fields erased according to the events of a call, given in order: each digest with the field's name."""
    committed: list[tuple[str, str]] = []
    gone: dict[str, str] = {}
    for event in events:
        if event["type"] == "privacy.erased":
            gone |= {digest: name for name, digest in committed if name in event["fields"]}
        committed += event.get("sd", {}).items()
    return gone


def read_disclosure(body: str) -> tuple[str, Any]:
    """The field's name and its value."""
    _salt, name, value = json.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return name, value
