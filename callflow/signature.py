"""Checks that a webhook is Twilio's: its signature over the URL that we are configured with.

The signed text is the URL followed by each parameter's name and value, with nothing between them and no time.
So a genuine signature proves neither where a value ends nor that the request is new: users of a Form still
match each value in full, and our own state tells a repeat from a first delivery.

Only a request without a valid signature is refused. The transport of a signed request (its content type, its bytes, the
spelling of its URL, a repeated parameter) is no reason: a caller may be waiting behind it.
"""

import hmac
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, product
from typing import Literal, Self
from urllib.parse import unquote_to_bytes

from storage.errors import Refused

BODY_BYTES_MAX = 64 * 1024
SIGNATURES_MAX = 4  # of which one must be good: a proxy may have added its own

Reason = Literal[
    "no_signature", "bad_url", "wrong_method", "body_too_large", "bad_signature", "wrong_account", "wrong_mac"
]
Pairs = list[tuple[bytes, bytes]]

_PERCENT = ord("%")  # bytes are asked for a number nine times as fast as for bytes
_DEFAULT_PORT = {"http": "80", "https": "443"}
_URL = re.compile(
    r"(?=[!-~]+\Z)(?P<scheme>https?)://(?P<host>(?:[^/?#@]*@)?(?:\[[^\]/?#]*\]|[^][/?#:@]+))"
    r"(?::(?P<port>[0-9]+))?(?P<rest>[/?].*)?"
)
_TARGET = re.compile(r"/[!-~]*")
_PLAIN_PATH = re.compile(r"/[A-Za-z0-9/_-]*")


class Form(Mapping[str, str]):
    """The parameters of a genuine webhook. Its repr shows no value: most are personal.

    Reading a parameter that came with several values raises Refused: the intended value is unknown. Bytes that are not
    UTF-8 become lone surrogates, which match no pattern and are not printable.
    """

    __slots__ = ("_values",)

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._values: dict[str, tuple[str, ...]] = {}
        for name, value in dict.fromkeys(pairs):
            self._values[name] = (*self._values.get(name, ()), value)

    @classmethod
    def read(cls, encoded: bytes) -> Self:
        """The form as sent, with no check of its signature."""
        return cls.of(_pairs(encoded))

    @classmethod
    def of(cls, pairs: Pairs) -> Self:
        return cls([(_text(name), _text(value)) for name, value in pairs])

    def __getitem__(self, name: str) -> str:
        value, *others = self._values[name]
        if others:
            raise Refused(f"form: {name}: it came with several values")
        return value

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def all(self, name: str) -> tuple[str, ...]:
        """Each value of a parameter."""
        return self._values.get(name, ())


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that is not Twilio's. The reason is for our log; the sender never learns it."""

    reason: Reason


def raw_target(environ: Mapping[str, object]) -> str:
    """The request target as sent. Empty where the web server no longer has it.

    A server that hands on only the decoded path (granian) loses nothing while paths are plain, as ours are.
    """
    sent = environ.get("RAW_URI") or environ.get("REQUEST_URI")
    if sent:
        return str(sent)
    path = f"{environ.get('SCRIPT_NAME') or ''}{environ.get('PATH_INFO') or ''}"
    query = environ.get("QUERY_STRING")
    return (f"{path}?{query}" if query else path) if _PLAIN_PATH.fullmatch(path) else ""


def signed_url(public_base_url: str, raw_target: str) -> str | Refusal:
    """The URL Twilio must have signed. The request's own Host header plays no part."""
    if not _TARGET.fullmatch(raw_target) or "#" in raw_target:
        return Refusal("bad_url")
    return public_base_url + raw_target


def verify(
    secrets: Sequence[str], *, url: str, body: bytes | None, signatures: Sequence[str], account_sid: str
) -> Form | Refusal:
    """The form if one of the secrets made one of the signatures, otherwise the reason; never an exception.

    Without a body (a GET) the parameters stand in the URL, which is signed as it is.
    """
    if not any(signatures):
        return Refusal("no_signature")
    if body is not None and len(body) > BODY_BYTES_MAX:
        return Refusal("body_too_large")
    urls = _spellings(url)
    if not urls:
        return Refusal("bad_url")
    posted = _pairs(body or b"")
    if not _is_signed(secrets, urls, posted, signatures[:SIGNATURES_MAX]):
        return Refusal("bad_signature")
    form = Form.of(posted) if body is not None else Form.read(url.partition("?")[2].encode())
    # A sub-account signs with a token of its own. Ours could not destroy the recordings of another account.
    return form if account_sid in form.all("AccountSid") else Refusal("wrong_account")


def _spellings(url: str) -> list[str]:
    """Each spelling of the URL that Twilio may have signed; empty where it is no URL.

    It signs with or without the port, and an apostrophe escaped or not; servers and proxies drop a bare "?".
    """
    parts = _URL.fullmatch(url)
    if parts is None:
        return []
    scheme, host, port, rest = parts["scheme"], parts["host"], parts["port"], parts["rest"] or ""
    origins = (f"{scheme}://{host}", f"{scheme}://{host}:{port or _DEFAULT_PORT[scheme]}")
    path, _, query = rest.partition("?")
    queries = {f"?{query}", "?" + query.replace("'", "%27"), "?" + query.replace("%27", "'")} if query else {"", "?"}
    return ["".join(parts) for parts in product(origins, (path,), sorted(queries))]


def _pairs(encoded: bytes) -> Pairs:
    """The names and values of a form as bytes: the sender chooses the encoding."""
    fields = [field.partition(b"=") for field in encoded.replace(b"+", b" ").split(b"&") if field]
    return [(_unquoted(name), _unquoted(value)) for name, _, value in fields]


def _unquoted(text: bytes) -> bytes:
    return unquote_to_bytes(text) if _PERCENT in text else text


def _is_signed(secrets: Sequence[str], urls: Sequence[str], pairs: Pairs, signatures: Sequence[str]) -> bool:
    """Each pair is signed once, sorted. All combinations are tried, even after a match. No empty secret signs."""
    tail = b"".join(chain.from_iterable(sorted(set(pairs))))
    claimed = [text.encode("utf-8", "replace") for text in signatures]
    signed = False
    for secret, url in product(filter(None, secrets), urls):
        mac = b64encode(hmac.digest(secret.encode(), url.encode() + tail, "sha1"))
        for signature in claimed:
            signed |= hmac.compare_digest(mac, signature)
    return signed


def _text(encoded: bytes) -> str:
    return encoded.decode("utf-8", "surrogateescape")
