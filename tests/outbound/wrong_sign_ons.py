"""Every way in which an identity provider, or whoever comes between it and us, is wrong in these tests."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from flask import Response
from joserfc import jwe
from joserfc.jwk import OctKey

from policies.identity import Begun
from storage.errors import Refused, Unavailable
from tests.conftest import NOON
from tests.outbound.identity_provider_stub import (
    ABSENT,
    CLIENT,
    Behaviour,
    TheProvider,
    as_json,
    by_secret,
    encoded,
    endless,
    key_for,
)

NOW = int(NOON.timestamp())
OTHER = "https://other.example"
STRANGER = key_for("RS256", "stranger")

Answer = dict[str, str]


@dataclass(frozen=True)
class Wrong:
    """What is wrong, and why it is refused. `tell` changes what an honest provider does, `brings` the parameters that
    the browser brings back, and `kept` what was kept of the attempt.
    """

    what: str
    why: str
    tell: Callable[[Behaviour, TheProvider], None] = lambda *_: None
    brings: Callable[[Answer], Answer] = dict
    kept: Callable[[Begun], Begun] = replace
    error: type[Exception] = Refused
    honest: Callable[[Behaviour], None] = lambda _: None
    """What is so without the wrong as well."""
    algorithms: tuple[str, ...] = ("RS256", "EdDSA")
    is_endless: bool = False
    """Whether an answer never ends, and is not to be waited for as long as others."""


def claims(**changes: Any) -> Callable[[Behaviour, TheProvider], None]:
    return lambda behaviour, _: behaviour.claims.update(changes)


def header(**changes: Any) -> Callable[[Behaviour, TheProvider], None]:
    return lambda behaviour, _: behaviour.header.update(changes)


def discovery(**changes: Any) -> Callable[[Behaviour, TheProvider], None]:
    return lambda behaviour, _: behaviour.discovery.update(changes)


def tokens(**changes: Any) -> Callable[[Behaviour, TheProvider], None]:
    return lambda behaviour, _: behaviour.tokens.update(changes)


def token(alter: Callable[[str], str]) -> Callable[[Behaviour, TheProvider], None]:
    return lambda behaviour, _: setattr(behaviour, "alter", alter)


def answers(path: str, make: Callable[[], Response]) -> Callable[[Behaviour, TheProvider], None]:
    return lambda behaviour, _: behaviour.instead.update({path: make})


def brings(**changes: Any) -> Callable[[Answer], Answer]:
    return lambda answer: {name: text for name, text in {**answer, **changes}.items() if text is not ABSENT}


def unsigned(behaviour: Behaviour, _: TheProvider) -> None:
    behaviour.header["alg"], behaviour.sign = "none", lambda _: b""


def signed_with_the_public_key(behaviour: Behaviour, _: TheProvider) -> None:
    behaviour.header["alg"], behaviour.sign = "HS256", by_secret(behaviour.key.pem)


def signed_with_a_published_secret(behaviour: Behaviour, _: TheProvider) -> None:
    secret = b"a secret that everybody can read"
    jwk = {"kty": "oct", "kid": "shared", "k": encoded(secret)}
    behaviour.published = [behaviour.key.jwk, jwk]
    behaviour.header.update(alg="HS256", kid="shared")
    behaviour.sign = by_secret(secret)


def signed_by_a_stranger(**changes: Any) -> Callable[[Behaviour, TheProvider], None]:
    def tell(behaviour: Behaviour, _: TheProvider) -> None:
        behaviour.sign = STRANGER.sign
        behaviour.header.update(changes)

    return tell


def signed_with_a_key(**changes: Any) -> Callable[[Behaviour, TheProvider], None]:
    """A key that the provider does publish, and that must not sign."""

    def tell(behaviour: Behaviour, _: TheProvider) -> None:
        jwk = {**behaviour.key.jwk, **changes}
        behaviour.published = [{name: value for name, value in jwk.items() if value is not ABSENT}]

    return tell


def signed_by_another_name(behaviour: Behaviour, _: TheProvider) -> None:
    """A key for RSA, which the key set gives for any algorithm."""
    behaviour.published = [{"kid": behaviour.key.kid, **behaviour.key.public_part}]
    behaviour.header["alg"] = "EdDSA"


def signed_with_a_short_key(behaviour: Behaviour, _: TheProvider) -> None:
    behaviour.key = key_for("RS256", "short", bits=1024)


def signed_by_edwards(behaviour: Behaviour) -> None:
    """By its newer name, for which the library knows no hash."""
    behaviour.key = replace(key_for("EdDSA"), alg="Ed25519")
    behaviour.claims["at_hash"] = ABSENT


def twice(key: str, value: object) -> Callable[[dict[str, Any]], bytes]:
    """The same key once more: most readers take the last, and some the first."""
    return lambda values: as_json(values)[:-1] + f", {json.dumps(key)}: {json.dumps(value)}".encode() + b"}"


def with_two_subjects(behaviour: Behaviour, _: TheProvider) -> None:
    behaviour.write = twice("sub", "mallory-2")


def with_two_algorithms(behaviour: Behaviour, _: TheProvider) -> None:
    behaviour.write_header = twice("alg", behaviour.key.alg)


def written_as(text: bytes) -> Callable[[Behaviour, TheProvider], None]:
    return lambda behaviour, _: setattr(behaviour, "write", lambda _: text)


def tampered(signed: str) -> str:
    first, payload, signature = signed.split(".")
    other = encoded(as_json({"sub": "mallory-2"}))
    return f"{first}.{other}{payload[len(other) :]}.{signature}"


def encrypted(signed: str) -> str:
    key = OctKey.import_key(b"a key of the client, of 32 bytes")
    return jwe.encrypt_compact({"alg": "dir", "enc": "A256GCM", "cty": "JWT"}, signed, key)


def whole(body: bytes, status: int = 200, content_type: str = "application/json") -> Callable[[], Response]:
    return lambda: Response(body, status, content_type=content_type)


def elsewhere(path: str) -> Callable[[Behaviour, TheProvider], None]:
    """The answer stands at another path, to which a redirect leads."""

    def tell(behaviour: Behaviour, provider: TheProvider) -> None:
        place = f"{provider.url}/elsewhere"
        behaviour.instead[path] = lambda: Response(b"{}", 307, {"Location": place}, content_type="application/json")
        behaviour.instead["/elsewhere"] = {
            "/token": provider.token,
            "/keys": whole(as_json({"keys": [behaviour.key.jwk]})),
        }[path]

    return tell


def never_ending(path: str) -> Callable[[Behaviour, TheProvider], None]:
    return lambda behaviour, provider: behaviour.instead.update({path: lambda: endless(provider)})


def five_megabytes(path: str) -> Callable[[Behaviour, TheProvider], None]:
    return answers(path, whole(b'{"x": "' + b"x" * (5 * 1024 * 1024) + b'"}'))


SIGNATURE = "not signed as it must be"
ATTEMPT = "not for this attempt"

WRONG = [
    # Who signed it
    Wrong("a token that is not signed", SIGNATURE, unsigned),
    Wrong("a token without its signature", SIGNATURE, token(lambda signed: signed.rpartition(".")[0] + ".")),
    Wrong("HS256 with the public key for a secret", SIGNATURE, signed_with_the_public_key),
    Wrong("HS256 with a secret out of the key set", SIGNATURE, signed_with_a_published_secret),
    Wrong("a key in the header", "key of its own", signed_by_a_stranger(jwk=STRANGER.jwk)),
    Wrong("a key in the header under no id", "key of its own", signed_by_a_stranger(jwk=STRANGER.jwk, kid=ABSENT)),
    Wrong("the provider's own key in the header", "key of its own", header(jwk=key_for("RS256").jwk)),
    Wrong("the address of a key set in the header", "key of its own", header(jku=f"{OTHER}/keys")),
    Wrong("the address of a certificate in the header", "key of its own", header(x5u=f"{OTHER}/certificate")),
    Wrong("a certificate in the header", "key of its own", header(x5c=["QUJD"])),
    Wrong("a key that nobody knows", "a key that the provider lacks", signed_by_a_stranger(kid="nobody")),
    Wrong("the id of a key that nobody knows", "a key that the provider lacks", header(kid="nobody")),
    Wrong("the signature of another key", SIGNATURE, signed_by_a_stranger()),
    Wrong("a key for encryption", "publishes no key that signs", signed_with_a_key(use="enc")),
    Wrong("a key that may not verify", SIGNATURE, signed_with_a_key(use=ABSENT, key_ops=["sign"])),
    Wrong("a key for another algorithm", "a key that the provider lacks", signed_with_a_key(alg="RS512")),
    Wrong(
        "a key whose private part is published",
        "publishes no key that signs",
        signed_with_a_key(d=encoded(key_for("EdDSA").private.private_bytes_raw())),
        honest=lambda b: setattr(b, "key", key_for("EdDSA")),
    ),
    Wrong("a key of 1024 bits", "publishes no key that signs", signed_with_a_short_key),
    Wrong("an algorithm that is not allowed", SIGNATURE, lambda b, _: setattr(b, "key", key_for("ES256"))),
    Wrong("the algorithm of another kind of key", SIGNATURE, signed_by_another_name),
    # What was signed
    Wrong("a payload that was changed", SIGNATURE, token(tampered)),
    Wrong("an encrypted token", SIGNATURE, token(encrypted)),
    Wrong("an extension that must be understood", "demands an extension", header(crit=["b64"], b64=True)),
    Wrong("an access token in its place", "another kind of token", header(typ="at+jwt")),
    Wrong("a type that is no text", "another kind of token", header(typ=["JWT"])),
    Wrong("two algorithms", "no header that can be read", with_two_algorithms),
    Wrong("two subjects", SIGNATURE, with_two_subjects),
    Wrong("claims that are no object", SIGNATURE, written_as(b'["sub"]')),
    Wrong("claims nested without end", SIGNATURE, written_as(b'{"sub": ' + b"[" * 10_000 + b"]" * 10_000 + b"}")),
    Wrong("no token", "no ID token", tokens(id_token=ABSENT)),
    Wrong("a token that is a number", "no ID token", tokens(id_token=7)),
    Wrong("a token that is none", "no header that can be read", token(lambda _: "please sign in")),
    # For whom, by whom, and when
    Wrong("another audience", ATTEMPT, claims(aud="another")),
    Wrong("no audience", ATTEMPT, claims(aud=ABSENT)),
    Wrong("an empty list of audiences", ATTEMPT, claims(aud=[])),
    Wrong(
        "several audiences and another authorised party",
        ATTEMPT,
        claims(aud=[CLIENT, "other"], azp="other"),
        honest=lambda b: b.claims.update(aud=[CLIENT, "other"], azp=CLIENT),
    ),
    Wrong(
        "several audiences and no authorised party",
        ATTEMPT,
        claims(azp=ABSENT),
        honest=lambda b: b.claims.update(aud=[CLIENT, "other"], azp=CLIENT),
    ),
    Wrong("an empty authorised party", ATTEMPT, claims(azp="")),
    Wrong("a list of authorised parties", ATTEMPT, claims(azp=[CLIENT])),
    Wrong("another issuer in the token", ATTEMPT, claims(iss=OTHER)),
    Wrong("no issuer in the token", ATTEMPT, claims(iss=ABSENT)),
    Wrong("a list of issuers", ATTEMPT, lambda b, provider: b.claims.update(iss=[provider.url])),
    Wrong("another nonce", ATTEMPT, claims(nonce="another")),
    Wrong("no nonce", ATTEMPT, claims(nonce=ABSENT)),
    Wrong("a nonce that is a list", ATTEMPT, claims(nonce=["another"])),
    Wrong("a nonce that is no text of this world", ATTEMPT, claims(nonce="\ud800")),
    Wrong("a token that has expired", ATTEMPT, claims(exp=NOW - 60)),
    Wrong("a token that never expires", ATTEMPT, claims(exp=ABSENT)),
    Wrong("a token that expires at no number", ATTEMPT, claims(exp="never")),
    Wrong("a token that expires at infinity", SIGNATURE, claims(exp=float("inf"))),
    Wrong("a token issued in the future", ATTEMPT, claims(iat=NOW + 61)),
    Wrong("a token issued at no time", ATTEMPT, claims(iat=ABSENT)),
    Wrong("a token issued too long ago", "too old", claims(iat=NOW - 661)),
    Wrong("a token for later", ATTEMPT, claims(nbf=NOW + 61)),
    Wrong("no subject", ATTEMPT, claims(sub=ABSENT)),
    Wrong("an empty subject", ATTEMPT, claims(sub="")),
    Wrong("a subject of 256 characters", "names nobody", claims(sub="a" * 256)),
    Wrong("a subject that is a number", ATTEMPT, claims(sub=7)),
    Wrong("a subject with a line break", "names nobody", claims(sub="alice\n1")),
    Wrong("another access token", ATTEMPT, tokens(access_token="another")),
    Wrong("a hash of no access token", ATTEMPT, tokens(access_token=ABSENT)),
    Wrong("an empty hash of the access token", ATTEMPT, claims(at_hash="")),
    Wrong("a hash of the access token that is a list", ATTEMPT, claims(at_hash=["x"])),
    Wrong(
        "a hash of the access token by an unknown algorithm",
        ATTEMPT,
        claims(at_hash="x" * 43),
        honest=signed_by_edwards,
        algorithms=("Ed25519",),
    ),
    # The answer that the browser brings back
    Wrong("the state of another attempt", "state", brings=brings(state="another")),
    Wrong("no state", "state", brings=brings(state=ABSENT)),
    Wrong(
        "an attempt that was never begun", "state", brings=brings(state=""), kept=lambda begun: replace(begun, state="")
    ),
    Wrong("the issuer of another provider", "that of another issuer", lambda b, _: b.answer.update(iss=OTHER)),
    Wrong("no issuer though one is announced", "that of another issuer", lambda b, _: b.answer.update(iss=ABSENT)),
    Wrong(
        "another issuer though none is announced",
        "that of another issuer",
        lambda b, _: b.answer.update(iss=OTHER),
        honest=lambda b: b.discovery.update(authorization_response_iss_parameter_supported=ABSENT),
    ),
    Wrong(
        "a person who was refused",
        "refused: access_denied",
        lambda b, _: b.answer.update(code=ABSENT, error="access_denied"),
    ),
    Wrong("an error beside a code", "refused: access_denied", lambda b, _: b.answer.update(error="access_denied")),
    Wrong(
        "an error with a message",
        "an error without a name",
        lambda b, _: b.answer.update(error="Call +1 415 555 0123!"),
    ),
    Wrong("no code", "holds no code", brings=brings(code=ABSENT)),
    Wrong("a code without end", "holds no code", brings=brings(code="c" * 8193)),
    Wrong("a code that somebody else got", "answered 400: invalid_grant", brings=brings(code="another")),
    Wrong(
        "another code verifier",
        "answered 400: invalid_grant",
        kept=lambda begun: replace(begun, code_verifier="v" * 64),
    ),
    # Answers of the token endpoint
    Wrong(
        "5 MB of tokens",
        "token endpoint gave no answer: the answer is too long",
        five_megabytes("/token"),
        error=Unavailable,
    ),
    Wrong(
        "tokens that never end",
        "token endpoint gave no answer: the answer took too long",
        never_ending("/token"),
        error=Unavailable,
        is_endless=True,
    ),
    Wrong("tokens elsewhere", "answered 307", elsewhere("/token")),
    Wrong(
        "a page in place of tokens",
        "not with one JSON object",
        answers("/token", whole(b"<html>", content_type="text/html")),
    ),
    Wrong("a list in place of tokens", "not with one JSON object", answers("/token", whole(b"[]"))),
    Wrong(
        "two lists of tokens",
        "not with one JSON object",
        answers("/token", whole(b'{"id_token": "a", "id_token": "b"}')),
    ),
    Wrong("a token endpoint that broke", "answered 500", answers("/token", whole(b"{}", 500)), error=Unavailable),
    Wrong(
        "a token endpoint with too much to do", "answered 429", answers("/token", whole(b"{}", 429)), error=Unavailable
    ),
    # What the provider publishes
    Wrong("the discovery document of another issuer", "that of another issuer", discovery(issuer=OTHER)),
    Wrong(
        "an issuer with a slash more",
        "that of another issuer",
        lambda b, provider: b.discovery.update(issuer=provider.url + "/"),
    ),
    Wrong("a token endpoint in the clear", "no token_endpoint", discovery(token_endpoint="http://idp.example/token")),
    Wrong("a token endpoint that is no URL", "no token_endpoint", discovery(token_endpoint=["https://idp.example"])),
    Wrong(
        "a login page in the clear",
        "no authorization_endpoint",
        discovery(authorization_endpoint="http://idp.example/"),
    ),
    Wrong(
        "a login page that is a script",
        "no authorization_endpoint",
        discovery(authorization_endpoint="javascript:alert(1)"),
    ),
    Wrong("no key set", "no jwks_uri", discovery(jwks_uri=ABSENT)),
    Wrong("a key set without keys", "publishes no key that signs", lambda b, _: setattr(b, "published", [])),
    Wrong(
        "a key set of nonsense",
        "publishes no key that signs",
        lambda b, _: setattr(b, "published", [7, {}, {"kty": "RSA", "n": 1}]),
    ),
    Wrong("keys elsewhere", "key set answered 307", elsewhere("/keys")),
    Wrong("5 MB of keys", "key set gave no answer: the answer is too long", five_megabytes("/keys"), error=Unavailable),
    Wrong(
        "keys that never end",
        "key set gave no answer: the answer took too long",
        never_ending("/keys"),
        error=Unavailable,
        is_endless=True,
    ),
]
