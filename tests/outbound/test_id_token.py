"""Whatever a token or a key set holds, it is taken or refused, and nothing else happens."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from joserfc.jwk import KeySet

from outbound.id_token import Expected, is_same, verified_claims
from outbound.signing_keys import signing_keys
from storage.errors import Refused
from tests.conftest import NOON
from tests.outbound.identity_provider_stub import encoded, key_for

ISSUER, CLIENT = "https://idp.example", "onrecord"
KEY = key_for("EdDSA")
EXPECTED = Expected(ISSUER, CLIENT, "n", "access", NOON)
NOW = int(NOON.timestamp())
RIGHT = {"iss": ISSUER, "aud": CLIENT, "sub": "alice-1", "nonce": "n", "iat": NOW, "exp": NOW + 1}

numbers = some.integers() | some.floats(allow_nan=False, allow_infinity=False)
values = some.recursive(
    some.none() | some.booleans() | numbers | some.text() | some.just("\ud800"),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(), inner, max_size=3),
    max_leaves=5,
)
NAMES = [*RIGHT, "azp", "at_hash", "nbf", "amr", "auth_time", "acr", "jti"]


def signed(header: bytes, payload: bytes) -> str:
    text = f"{encoded(header)}.{encoded(payload)}"
    return f"{text}.{encoded(KEY.sign(text.encode()))}"


def claims_of(token: str, keys: KeySet | None = None) -> dict[str, Any] | None:
    """None: refused."""
    try:
        return verified_claims(token, keys or signing_keys({"keys": [KEY.jwk]}), EXPECTED)
    except Refused:
        return None


def test_these_claims_are_right() -> None:
    header = {"alg": "EdDSA", "kid": KEY.kid}
    assert claims_of(signed(json.dumps(header).encode(), json.dumps(RIGHT).encode())) == RIGHT


@given(some.dictionaries(some.sampled_from(NAMES), values))
def test_a_signed_token_with_whatever_claims_is_taken_only_with_the_right_ones(changes: dict[str, Any]) -> None:
    token = signed(b'{"alg": "EdDSA"}', json.dumps({**RIGHT, **changes}).encode())
    taken = claims_of(token)
    if taken is not None:
        assert taken["aud"] == CLIENT or CLIENT in taken["aud"]
        assert (taken["iss"], taken["nonce"], type(taken["sub"])) == (ISSUER, "n", str)
        assert taken["sub"] != ""


@given(some.dictionaries(some.sampled_from(["alg", "kid", "typ", "b64", "cty", "x5t", "zip", "enc"]), values))
def test_whatever_header_is_signed_only_that_of_a_signature_is_taken(header: dict[str, Any]) -> None:
    taken = claims_of(signed(json.dumps(header).encode(), json.dumps(RIGHT).encode()))
    assert taken is None or header["alg"] == "EdDSA"


@given(some.binary() | some.text().map(str.encode), some.binary())
def test_whatever_bytes_are_signed_they_are_refused(header: bytes, payload: bytes) -> None:
    assert claims_of(signed(header, payload)) is None


@given(some.text())
def test_whatever_text_stands_for_a_token_is_refused(text: str) -> None:
    assert claims_of(text) is None


KEY_NAMES = ["kty", "crv", "n", "e", "x", "y", "d", "k", "p", "kid", "use", "alg", "key_ops", "x5c"]
key_values = values | some.sampled_from(["AQAB", "A", "P-256", "secp256k1", "Ed448", "X25519", "sig", "enc"])
published = some.builds(
    lambda alg, changes, absent: {
        name: value for name, value in {**key_for(alg).jwk, **changes}.items() if name not in absent
    },
    some.sampled_from(["ES256", "ES512", "RS256"]),
    some.dictionaries(some.sampled_from(KEY_NAMES), key_values, max_size=3),
    some.sets(some.sampled_from(KEY_NAMES), max_size=2),
)


@given(some.lists(published | values, max_size=4) | values)
def test_whatever_is_published_it_holds_keys_or_is_refused(listed: Any) -> None:
    try:
        keys = signing_keys({"keys": listed})
    except Refused:
        return
    header = json.dumps({"alg": "EdDSA"}).encode()
    assert claims_of(signed(header, json.dumps(RIGHT).encode()), keys) is None


@pytest.mark.parametrize(
    ("given_one", "kept", "same"),
    [("a", "a", True), ("a", "b", False), ("", "", False), (None, "", False), (None, "a", False), (["a"], "a", False),
     ("\ud800", "a", False), ("é", "é", True), (b"a", "a", False)],
)  # fmt: skip
def test_a_secret_is_the_same_only_where_there_is_one(given_one: object, kept: str, same: bool) -> None:
    assert is_same(given_one, kept) is same
