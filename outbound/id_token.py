"""An ID token, verified: the provider's signature, and claims that answer this attempt to sign on (OpenID Connect Core
1.0, 3.1.3.7).

joserfc checks the signature by a key of the right kind, Authlib the claims. Checked here is what they leave open: keys
that the token brings along, `crit`, `typ`, keys of JSON that come twice, the age, an `at_hash` that can't be compared,
and the nonce, which Authlib compares in a time that tells how much of it was right.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hmac import compare_digest
from typing import Any

from authlib.oidc.core import CodeIDToken
from joserfc import jws
from joserfc.errors import InvalidKeyIdError, JoseError, UnsupportedAlgorithmError
from joserfc.jwk import KeySet
from joserfc.util import urlsafe_b64decode

from outbound.strict_json import json_object
from storage.errors import Refused

CLOCK_SKEW = timedelta(seconds=60)
AGE_MAX = timedelta(minutes=10)
# Only the provider can sign with these, and Authlib knows which hash goes with each.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_KEYS_OF_ITS_OWN = ("jwk", "jku", "x5u", "x5c")


class UnknownKey(Refused):
    """The token names a key that is not in the key set, which may be older than the key."""


@dataclass(frozen=True, slots=True)
class Expected:
    """The attempt that an ID token must be the answer to, and the access token that came with it, if any."""

    issuer: str
    client_id: str
    nonce: str = field(repr=False)
    access_token: object = field(repr=False)
    now: datetime
    algorithms: Collection[str] = ALGORITHMS


def verified_claims(id_token: str, keys: KeySet, expected: Expected) -> dict[str, Any]:
    """Raises UnknownKey, and Refused for whatever else is wrong; its text holds nothing of the token."""
    header = _header(id_token)
    claims = _signed(id_token, keys, expected.algorithms)
    _check_claims(claims, header, expected)
    _check_the_rest(claims, expected)
    return claims


def is_same(given: object, kept: str) -> bool:
    """Whether a secret that an outsider gives is the one that is kept, in a time that tells nothing. An empty one is
    none, and the same as no other.
    """
    text = given if isinstance(given, str) else ""
    return bool(kept) and compare_digest(text.encode("utf-8", "surrogatepass"), kept.encode())


def _header(id_token: str) -> dict[str, Any]:
    try:
        header = json_object(urlsafe_b64decode(id_token.partition(".")[0].encode()))
    except ValueError as error:
        raise Refused("single sign-on: the ID token has no header that can be read") from error
    if any(name in header for name in _KEYS_OF_ITS_OWN):
        raise Refused("single sign-on: the ID token brings a key of its own")
    if "crit" in header:
        raise Refused("single sign-on: the ID token demands an extension")
    if str(header.get("typ", "JWT")).upper() != "JWT":
        raise Refused("single sign-on: another kind of token stands for the ID token")
    return header


def _signed(id_token: str, keys: KeySet, algorithms: Collection[str]) -> dict[str, Any]:
    registry = _Allowed(algorithms=algorithms, strict_check_header=False)
    try:
        return json_object(jws.deserialize_compact(id_token, keys, registry=registry).payload or b"")
    except InvalidKeyIdError as error:
        raise UnknownKey("single sign-on: the ID token is signed with a key that the provider lacks") from error
    except (JoseError, ValueError) as error:
        named = type(error).__name__
        raise Refused(f"single sign-on: the ID token is not signed as it must be ({named})") from error


class _Allowed(jws.JWSRegistry):
    """The library's own registry takes an empty list for its list of recommended algorithms, and gives a warning at
    each use of EdDSA under that name, the one that providers use.
    """

    def get_alg(self, name: str) -> Any:
        if name not in (self.allowed or ()):
            raise UnsupportedAlgorithmError
        return self.algorithms[name]


def _check_claims(claims: dict[str, Any], header: dict[str, Any], expected: Expected) -> None:
    token = CodeIDToken(
        claims,
        header,
        # Without these Authlib compares neither issuer nor audience, and takes an empty subject or `azp` for none.
        options={
            "iss": {"essential": True, "value": expected.issuer},
            "aud": {"essential": True, "value": expected.client_id},
            "sub": {"essential": True},
            "azp": {"value": expected.client_id},
        },
        params={"client_id": expected.client_id, "access_token": expected.access_token},
    )
    try:
        token.validate(now=int(expected.now.timestamp()), leeway=int(CLOCK_SKEW.total_seconds()))
    except (JoseError, ValueError, TypeError) as error:
        # Its text is left out: it may quote the claim.
        named = getattr(error, "claim", type(error).__name__)
        raise Refused(f"single sign-on: the ID token is not for this attempt ({named})") from error


def _check_the_rest(claims: dict[str, Any], expected: Expected) -> None:
    if not is_same(claims.get("nonce"), expected.nonce):
        raise Refused("single sign-on: the ID token is not for this attempt (nonce)")
    if claims["iat"] < (expected.now - AGE_MAX - CLOCK_SKEW).timestamp():
        raise Refused("single sign-on: the ID token is too old")
    if "at_hash" in claims and not _was_compared(claims["at_hash"], expected.access_token):
        raise Refused("single sign-on: the ID token is not for this attempt (at_hash)")


def _was_compared(at_hash: object, access_token: object) -> bool:
    """Authlib passes an empty hash, and any hash where no access token came."""
    return isinstance(at_hash, str) and isinstance(access_token, str) and bool(at_hash and access_token)
