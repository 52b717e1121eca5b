"""How documents in formats of others are read by those others: by their schemas and rules, with none of our code."""

import base64
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import load_der_x509_certificate
from jsonschema import Draft7Validator, FormatChecker

# As the IETF's vCon working group publishes it.
_SCHEMA = json.loads(Path(__file__).with_name("vcon_json_schema.json").read_text())
_FORMATS = FormatChecker(["uuid"])


@_FORMATS.checks("date-time", raises=ValueError)
def _is_rfc3339(value: object) -> bool:
    return "T" in str(value) and datetime.fromisoformat(str(value)).tzinfo is not None


_VALIDATOR = Draft7Validator(_SCHEMA, format_checker=_FORMATS)


def vcon_faults(vcon: Mapping[str, Any]) -> list[str]:
    """By the schema, and by rules of the draft that a schema can't hold."""
    if broken := [error.message for error in _VALIDATOR.iter_errors(vcon)]:
        return broken
    return [fault for dialog in vcon["dialog"] for fault in _dialog_faults(dialog)] + list(_dangling(vcon))


def _dialog_faults(dialog: Mapping[str, Any]) -> Iterator[str]:
    if dialog["type"] == "incomplete":
        if "disposition" not in dialog:
            yield "incomplete: it says no disposition"
        if {"body", "encoding", "url", "content_hash"} & dialog.keys():
            yield "incomplete: it has content"
    if ("body" in dialog) != ("encoding" in dialog):
        yield "a body and its encoding come together"
    for event in dialog.get("party_history", ()):
        if event["event"] == "keydown" and not event.get("button"):
            yield "keydown: it says no button"


def _dangling(vcon: Mapping[str, Any]) -> Iterator[str]:
    for one in vcon["attachments"]:
        if not (one["party"] < len(vcon["parties"]) and one["dialog"] < len(vcon["dialog"])):
            yield f"attachment {one['purpose']}: it points nowhere"
    if UUID(vcon["uuid"]).version != 8:
        yield "its UUID is not of version 8"


def verified(document: Mapping[str, Any]) -> dict[str, Any]:
    """The vCon in a signed form (RFC 7515 §5.2), with the certificate that came with it. Raises for any other."""
    (signature,) = document["signatures"]
    protected = json.loads(_decoded(signature["protected"]))
    assert protected == {"alg": "RS256"}
    assert not protected.keys() & signature["header"].keys()
    key = load_der_x509_certificate(base64.b64decode(signature["header"]["x5c"][0])).public_key()
    assert isinstance(key, RSAPublicKey)
    content = f"{signature['protected']}.{document['payload']}".encode()
    key.verify(_decoded(signature["signature"]), content, PKCS1v15(), SHA256())
    vcon: dict[str, Any] = json.loads(_decoded(document["payload"]))
    assert signature["header"]["uuid"] == vcon["uuid"]
    return vcon


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
