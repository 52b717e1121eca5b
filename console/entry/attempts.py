"""An attempt at single sign-on, as the browser that began it keeps it: signed, for five minutes, and never in a URL.

The provider's answer is held against the state, the nonce and the code verifier of the browser that brings it: an
answer to somebody else's attempt is none to this one.
"""

from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TypeVar

from itsdangerous import BadData, URLSafeSerializer

LIFETIME = timedelta(minutes=5)
ATTEMPT_COOKIE = "__Host-onrecord-sign-on"
_SALT = b"onrecord single sign-on v1 "
_LENGTH_MAX = 4000


@dataclass(frozen=True, slots=True)
class Attempt:
    """On the way to the provider. `account` is the one to be connected; empty: to sign in. `back` is the way back."""

    state: str = field(repr=False)
    nonce: str = field(repr=False)
    code_verifier: str = field(repr=False)
    account: str
    back: str


@dataclass(frozen=True, slots=True)
class Found:
    """An identity that the provider vouches for, on the way to being connected with `account`. `shown` is what the
    person is called there.
    """

    issuer: str
    subject: str
    shown: str
    account: str
    state: str = field(repr=False)


Kept = TypeVar("Kept", bound=Attempt | Found)


def sealed(key: bytes, kept: Attempt | Found, now: datetime) -> str:
    until_ms = round((now + LIFETIME).timestamp() * 1000)
    text = _serializer(key, type(kept)).dumps({**asdict(kept), "until_ms": until_ms})
    return text if isinstance(text, str) else text.decode()


def opened(key: bytes, kind: type[Kept], text: str, now: datetime) -> Kept | None:
    """None where it was not signed here as this kind, or too long ago."""
    try:
        said = _serializer(key, kind).loads(text[:_LENGTH_MAX])
    except BadData:
        return None
    until_ms = said.pop("until_ms")
    return kind(**said) if now.timestamp() * 1000 < until_ms else None


def _serializer(key: bytes, kind: type) -> URLSafeSerializer:
    signing = {"key_derivation": "hmac", "digest_method": sha256}
    return URLSafeSerializer(key, salt=_SALT + kind.__name__.encode(), signer_kwargs=signing)
