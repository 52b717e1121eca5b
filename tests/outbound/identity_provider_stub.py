"""An identity provider on loopback, written from OpenID Connect Core 1.0, RFC 6749, 7515 and 7636 and from nothing of
ours, nor with the libraries that we check tokens with, so that it can't share our mistakes. It tells every lie that a
test asks for.
"""

import hmac
import json
import threading
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from hashlib import sha256, sha384, sha512
from secrets import token_urlsafe
from typing import Any
from urllib.parse import unquote_plus, urlencode

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask, Response, redirect, request
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.conftest import NOON

CLIENT, SECRET = "onrecord", "s3cret/with+more:than%letters"
CALLBACK = "https://console.example/enter/oidc/back"
ABSENT = object()
"""In place of a value: the name is left out."""

_HASHES = {"256": sha256, "384": sha384, "512": sha512}
_SIGNED_OVER = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
_CURVES = {"ES256": ("P-256", ec.SECP256R1()), "ES384": ("P-384", ec.SECP384R1()), "ES512": ("P-521", ec.SECP521R1())}


def encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def as_json(value: object) -> bytes:
    return json.dumps(value).encode()


@dataclass(frozen=True)
class SigningKey:
    """A key pair for one algorithm."""

    alg: str
    kid: str
    private: Any

    @property
    def jwk(self) -> dict[str, Any]:
        return {"kid": self.kid, "alg": self.alg, "use": "sig", **self.public_part}

    @property
    def public_part(self) -> dict[str, str]:
        return _public_part(self.alg, self.private)

    @property
    def pem(self) -> bytes:
        return bytes(self.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))

    def sign(self, text: bytes) -> bytes:
        match self.alg[:2]:
            case "RS":
                return bytes(self.private.sign(text, padding.PKCS1v15(), _SIGNED_OVER[self.alg[2:]]))
            case "PS":
                over = _SIGNED_OVER[self.alg[2:]]
                return bytes(self.private.sign(text, padding.PSS(padding.MGF1(over), over.digest_size), over))
            case "ES":
                length = (self.private.key_size + 7) // 8
                numbers = decode_dss_signature(self.private.sign(text, ec.ECDSA(_SIGNED_OVER[self.alg[2:]])))
                return b"".join(number.to_bytes(length) for number in numbers)
        return bytes(self.private.sign(text))


def _public_part(alg: str, private: Any) -> dict[str, str]:
    public = private.public_key()
    if alg in _CURVES:
        length = (private.key_size + 7) // 8
        x, y = (encoded(number.to_bytes(length)) for number in (public.public_numbers().x, public.public_numbers().y))
        return {"kty": "EC", "crv": _CURVES[alg][0], "x": x, "y": y}
    if alg[:2] in ("RS", "PS"):
        numbers = public.public_numbers()
        return {"kty": "RSA", "n": encoded(numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8)), "e": "AQAB"}
    return {"kty": "OKP", "crv": "Ed25519", "x": encoded(public.public_bytes_raw())}


@cache
def key_for(alg: str, kid: str = "", bits: int = 2048) -> SigningKey:
    """The same one for the same names, since making a key takes long."""
    private: Any
    if alg in _CURVES:
        private = ec.generate_private_key(_CURVES[alg][1])
    elif alg[:2] in ("RS", "PS"):
        private = rsa.generate_private_key(65537, bits)
    else:
        private = Ed25519PrivateKey.generate()
    return SigningKey(alg, kid or f"key-{alg}", private)


@dataclass
class Behaviour:
    """Honest, but for what a test changes."""

    key: SigningKey = field(default_factory=lambda: key_for("RS256"))
    published: list[Any] | None = None
    """The key set; the key that signs, where it is None."""
    discovery: dict[str, Any] = field(default_factory=dict)
    answer: dict[str, Any] = field(default_factory=dict)
    """Parameters with which it sends the browser back."""
    header: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    write: Callable[[dict[str, Any]], bytes] = as_json
    """How claims become bytes, and a header likewise below."""
    write_header: Callable[[dict[str, Any]], bytes] = as_json
    sign: Callable[[bytes], bytes] | None = None
    alter: Callable[[str], str] = str
    """What becomes of the ID token once it is signed."""
    tokens: dict[str, Any] = field(default_factory=dict)
    """The answer of the token endpoint."""
    instead: dict[str, Callable[[], Response]] = field(default_factory=dict)
    """By path: answered in place of what belongs there."""


@dataclass(frozen=True)
class _Asked:
    """A browser that was sent here."""

    nonce: str
    challenge: str
    redirect_uri: str


@dataclass
class TheProvider:
    url: str = ""
    now: datetime = NOON
    is_public: bool = False
    """Whether its client has no secret."""
    behaviour: Behaviour = field(default_factory=Behaviour)
    asked: list[str] = field(default_factory=list)
    """The paths of all requests."""
    forms: list[dict[str, str]] = field(default_factory=list)
    """Sent to the token endpoint."""
    given: list[str] = field(default_factory=list)
    """Codes and tokens that it gave: no message may hold one."""
    codes: dict[str, _Asked] = field(default_factory=dict)
    let_go: threading.Event = field(default_factory=threading.Event)

    def discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize?tenant=a",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "authorization_response_iss_parameter_supported": True,
        }

    def authorize(self) -> Response:
        query = request.args
        assert query["tenant"] == "a"
        assert (query["response_type"], query["client_id"]) == ("code", CLIENT)
        assert (query["code_challenge_method"], "openid" in query["scope"].split()) == ("S256", True)
        code = self._gives(token_urlsafe(16))
        self.codes[code] = _Asked(query["nonce"], query["code_challenge"], query["redirect_uri"])
        answer = {"code": code, "state": query["state"], "iss": self.url}
        return _redirected(f"{query['redirect_uri']}?{urlencode(_changed(answer, self.behaviour.answer))}")

    def token(self) -> Response:
        form = request.form.to_dict()
        self.forms.append(form)
        asked = self.codes.pop(form["code"], None)
        if not self._is_client(form):
            return _json({"error": "invalid_client", "error_description": SECRET}, 401)
        challenge = encoded(sha256(form["code_verifier"].encode()).digest())
        if asked is None or challenge != asked.challenge or form["redirect_uri"] != asked.redirect_uri:
            return _json({"error": "invalid_grant", "error_description": form["code"]}, 400)
        access_token = self._gives(token_urlsafe(16))
        id_token = self._gives(self._id_token(asked.nonce, access_token))
        tokens = {"access_token": access_token, "token_type": "Bearer", "expires_in": 300, "id_token": id_token}
        return _json(_changed(tokens, self.behaviour.tokens))

    def _is_client(self, form: dict[str, str]) -> bool:
        if self.is_public:
            return form.get("client_id") == CLIENT and "Authorization" not in request.headers
        scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
        user, _, password = b64decode(credentials).decode().partition(":")
        return (scheme, unquote_plus(user), unquote_plus(password)) == ("Basic", CLIENT, SECRET)

    def _id_token(self, nonce: str, access_token: str) -> str:
        behaviour, issued = self.behaviour, int(self.now.timestamp())
        header = {"alg": behaviour.key.alg, "kid": behaviour.key.kid, "typ": "JWT"}
        claims = {
            "iss": self.url,
            "sub": "alice-1",
            "aud": CLIENT,
            "exp": issued + 300,
            "iat": issued,
            "nonce": nonce,
            "at_hash": half_hash(access_token, behaviour.key.alg),
            "name": "Alice Example",
            "email": "alice@staff.example",
            "email_verified": True,
            "amr": ["pwd", "otp", "mfa"],
        }
        signed = ".".join(
            (
                encoded(behaviour.write_header(_changed(header, behaviour.header))),
                encoded(behaviour.write(_changed(claims, behaviour.claims))),
            )
        )
        signature = (behaviour.sign or behaviour.key.sign)(signed.encode())
        return behaviour.alter(f"{signed}.{encoded(signature)}")

    def _gives(self, secret: str) -> str:
        self.given.append(secret)
        return secret


def half_hash(access_token: str, alg: str) -> str:
    digest = _HASHES.get(alg[2:], sha512)(access_token.encode()).digest()
    return encoded(digest[: len(digest) // 2])


def by_secret(secret: bytes) -> Callable[[bytes], bytes]:
    """Signs as HS256 does."""
    return lambda text: hmac.digest(secret, text, "sha256")


def endless(provider: TheProvider) -> Response:
    """A byte every few milliseconds, for as long as the test goes on: no read timeout ever fires."""

    def drops() -> Iterator[bytes]:
        yield b"{"
        while not provider.let_go.wait(0.01):
            yield b" "

    return Response(drops(), content_type="application/json")


def _changed(values: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**values, **changes}.items() if value is not ABSENT}


def _json(value: object, status: int = 200) -> Response:
    return Response(as_json(value), status, content_type="application/json")


def _redirected(url: str) -> Response:
    response = redirect(url)
    assert isinstance(response, Response)
    return response


def _app(provider: TheProvider) -> Flask:
    app = Flask(__name__, static_folder=None)

    @app.before_request
    def answered_otherwise() -> Response | None:
        provider.asked.append(request.path)
        otherwise = provider.behaviour.instead.get(request.path)
        return otherwise() if otherwise else None

    @app.get("/.well-known/openid-configuration")
    def discovery() -> Response:
        return _json(_changed(provider.discovery(), provider.behaviour.discovery))

    @app.get("/keys")
    def keys() -> Response:
        published = provider.behaviour.published
        return _json({"keys": [provider.behaviour.key.jwk] if published is None else published})

    app.get("/authorize")(provider.authorize)
    app.post("/token")(provider.token)
    return app


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *_: Any, **__: Any) -> None: ...


@contextmanager
def identity_provider() -> Iterator[TheProvider]:
    provider = TheProvider()
    server = make_server("127.0.0.1", 0, _app(provider), threaded=True, request_handler=_Quiet)
    provider.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield provider
    finally:
        provider.let_go.set()
        server.shutdown()
        thread.join()
        server.server_close()
