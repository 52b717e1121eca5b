"""A device with passkeys, in software: it answers as a browser hands it on, and lies where it is told to."""

import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

ORIGIN = "https://console.example.org"
HOST = "console.example.org"
USER_PRESENT, USER_VERIFIED, BACKED_UP, ATTESTED = 1, 4, 16, 64


def b64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def raw(text: str) -> bytes:
    return urlsafe_b64decode(f"{text}==")


def _as_it_is(data: bytes) -> bytes:
    return data


@dataclass(frozen=True)
class Lies:
    """What differs from an honest response. `cut` changes the bytes of the attestation object or authenticator data."""

    origin: str = ORIGIN
    host: str = HOST
    flags: int = USER_PRESENT | USER_VERIFIED
    challenge: bytes | None = None
    kind: str | None = None
    client: dict[str, object] = field(default_factory=dict)
    user_handle: bytes | None = None
    cut: Callable[[bytes], bytes] = _as_it_is
    fmt: str = "none"
    statement: dict[str, object] = field(default_factory=dict)
    signs_for_itself: bool = False
    certificate: bytes = b""  # it signs for itself with it
    made: dict[str, object] = field(default_factory=dict)  # what stands in the attestation object instead
    public_key: dict[int, object] | None = None
    raw_id: bytes | None = None


HONEST = Lies()


@dataclass
class Authenticator:
    """One passkey. `count` is how often it says that it was used; with `counts` false it always says 0."""

    key: EllipticCurvePrivateKey = field(default_factory=lambda: generate_private_key(SECP256R1()))
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    count: int = 0
    counts: bool = True
    user_handle: bytes = b""

    def register(self, options: str, lies: Lies = HONEST) -> str:
        asked = json.loads(options)
        self.user_handle = raw(asked["user"]["id"])
        held = b"\0" * 16 + len(self.credential_id).to_bytes(2, "big") + self.credential_id
        key = cbor2.dumps(lies.public_key or self.cose_key())
        data = self._data(lies, lies.flags | ATTESTED) + held + key
        client = self._client(lies.kind or "webauthn.create", asked, lies)
        statement = lies.statement
        if lies.signs_for_itself:
            statement = {"alg": -7, "sig": self.key.sign(data + sha256(client).digest(), ECDSA(SHA256()))}
            statement |= {"x5c": [lies.certificate]} if lies.certificate else {}
        made = lies.cut(cbor2.dumps({"fmt": lies.fmt, "attStmt": statement, "authData": data} | lies.made))
        return self._written(lies, {"clientDataJSON": b64(client), "attestationObject": b64(made)})

    def sign(self, options: str, lies: Lies = HONEST) -> str:
        asked = json.loads(options)
        self.count += self.counts
        data = lies.cut(self._data(lies, lies.flags))
        client = self._client(lies.kind or "webauthn.get", asked, lies)
        signature = self.key.sign(data + sha256(client).digest(), ECDSA(SHA256()))
        user_handle = self.user_handle if lies.user_handle is None else lies.user_handle
        return self._written(
            lies,
            {
                "clientDataJSON": b64(client),
                "authenticatorData": b64(data),
                "signature": b64(signature),
                "userHandle": b64(user_handle),
            },
        )

    def cose_key(self) -> dict[int, object]:
        numbers = self.key.public_key().public_numbers()
        return {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}

    def _data(self, lies: Lies, flags: int) -> bytes:
        return sha256(lies.host.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")

    def _client(self, kind: str, asked: dict[str, Any], lies: Lies) -> bytes:
        challenge = asked["challenge"] if lies.challenge is None else b64(lies.challenge)
        said = {"type": kind, "challenge": challenge, "origin": lies.origin, "crossOrigin": False}
        return json.dumps(said | lies.client).encode()

    def _written(self, lies: Lies, response: dict[str, object]) -> str:
        id_ = b64(self.credential_id if lies.raw_id is None else lies.raw_id)
        return json.dumps({"id": id_, "rawId": id_, "type": "public-key", "response": response})
