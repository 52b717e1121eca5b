"""Challenges for passkeys: they travel signed in the person's own browser, so that asking for one writes nothing.

A challenge is good for one purpose and five minutes; `storage.staff.used_once` keeps it from letting in a second time.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime, timedelta
from hashlib import sha256

from itsdangerous import BadSignature, Signer

from storage.errors import Refused
from storage.moment import Moment

LIFETIME = timedelta(minutes=5)
TO_SIGN_IN = "to sign in"
_BYTES = 32
_SALT = b"onrecord passkey challenge v1 "
_LENGTH_MAX = 200


def issue(key: bytes, purpose: str, moment: Moment) -> tuple[bytes, str]:
    """A new challenge of 256 random bits, and the same signed, for the browser to keep."""
    challenge = moment.random(_BYTES)
    until_ms = round((moment.at + LIFETIME).timestamp() * 1000)
    said = f"{until_ms}.{urlsafe_b64encode(challenge).decode()}"
    return challenge, _signer(key, purpose).sign(said).decode()


def read(key: bytes, purpose: str, signed: str, now: datetime) -> bytes:
    """The challenge. Raises Refused where it was not issued here, or for another purpose, or too long ago."""
    try:
        said = _signer(key, purpose).unsign(signed[:_LENGTH_MAX]).decode()
        until_ms, _, challenge = said.partition(".")
        is_late = now.timestamp() * 1000 >= int(until_ms)
        found = urlsafe_b64decode(challenge)
    except (BadSignature, UnicodeError, ValueError, binascii.Error):
        raise Refused("passkey: the challenge is none of ours") from None
    if is_late:
        raise Refused("passkey: the challenge is too old")
    return found


def to_add(account_id: str) -> str:
    """The purpose of a challenge by which an account gets another passkey."""
    return f"to add to {account_id}"


def _signer(key: bytes, purpose: str) -> Signer:
    return Signer(key, salt=_SALT + purpose.encode(), key_derivation="hmac", digest_method=sha256)
