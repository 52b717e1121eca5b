"""The keys with which an identity provider signs, out of the key set that it publishes (RFC 7517)."""

from collections.abc import Mapping
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key, KeySet
from joserfc.util import urlsafe_b64decode

from storage.errors import Refused

RSA_BITS_MIN = 2048
_PUBLIC_KEYS = ("RSA", "EC", "OKP")


def signing_keys(document: Mapping[str, Any]) -> KeySet:
    """The public keys that may sign. Others in the set are left out, so that a provider may publish keys for other
    purposes, and of kinds still to come. Raises Refused where none is left.
    """
    listed = document.get("keys")
    keys = [key for jwk in listed if (key := _key(jwk))] if isinstance(listed, list) else []
    if not keys:
        raise Refused("single sign-on: the provider publishes no key that signs")
    return KeySet(keys)


def _key(jwk: object) -> Key | None:
    if not isinstance(jwk, dict) or not _may_sign(jwk):
        return None
    try:
        return JWKRegistry.import_key(jwk)
    except (JoseError, ValueError, LookupError):
        return None


def _may_sign(jwk: dict[str, Any]) -> bool:
    """The library takes shared secrets for keys, only warns of short keys, and overlooks the use of a single key. A key
    whose private part is published is anybody's.
    """
    if jwk.get("kty") not in _PUBLIC_KEYS or jwk.get("use", "sig") != "sig" or "d" in jwk:
        return False
    return jwk["kty"] != "RSA" or _bits(jwk.get("n")) >= RSA_BITS_MIN


def _bits(modulus: object) -> int:
    try:
        return int.from_bytes(urlsafe_b64decode(str(modulus).encode())).bit_length()
    except ValueError:
        return 0
