"""Requests of Twilio's, spelt, packed and handed on in every way that changes nothing of what was signed."""

import asyncio
import hmac
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

from flask import Flask

from onrecord.processes.body_gate import BodyGate
from tests.callflow.conftest import ACCOUNT, BASE, TOKEN

FORM = "application/x-www-form-urlencoded"
Pairs = list[tuple[bytes, bytes]]


@dataclass
class Request:
    """A request as the web server hands it on, and what was answered. Without a body, its body never comes."""

    path: str
    headers: Mapping[str, str]
    body: bytes | None = None
    method: str = "POST"
    query_string: str = ""
    scheme: str = "http"
    http_version: str = "1.1"
    client: str = "127.0.0.1:40000"
    was_read: bool = False
    sent_bytes: int = 0
    answered: list[tuple[int, list[tuple[str, str]], bytes]] = field(default_factory=list)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self.was_read = True
        if self.body is None:
            await asyncio.Event().wait()
        for at in range(0, len(self.body or b""), 128):
            self.sent_bytes = at + 128
            yield (self.body or b"")[at : at + 128]

    def response_empty(self, status: int, headers: list[tuple[str, str]]) -> None:
        self.answered.append((status, headers, b""))

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.answered.append((status, headers, body))


class Lines(dict[str, str]):
    """Headers of which one may come in two lines, as the server's do."""

    def __init__(self, headers: Mapping[str, str], *more: tuple[str, str]) -> None:
        super().__init__(headers)
        self._more = more

    def items(self) -> list[tuple[str, str]]:  # type: ignore[override]  # a pair for each line
        return [*self._more, *super().items()]


@dataclass(frozen=True)
class Carriage:
    """How a request is brought. `more` and so `many` are parameters that nobody reads, `order` sorts them all, and the
    first `again` of them are sent twice.
    """

    more: tuple[tuple[bytes, bytes], ...] = ()
    many: int = 0
    order: int = 0
    again: int = 0
    escape_all: bool = False
    plus: bool = True
    lower: bool = False
    gaps: bool = False
    content_type: str | None = FORM
    beside: str | None = None
    url_end: str = ""
    port: str = ""
    in_url: bool = False
    has_length: bool = True

    def encoded(self, pairs: Pairs) -> bytes:
        pairs = sorted(pairs, key=lambda pair: hmac.digest(b"%d" % self.order, repr(pair).encode(), "md5"))
        pairs += pairs[: self.again]
        fields = [self._escaped(name) + b"=" + self._escaped(value) for name, value in pairs]
        return b"&" * self.gaps + (b"&&" if self.gaps else b"&").join(fields) + b"&" * self.gaps

    def _escaped(self, text: bytes) -> bytes:
        escaped = b"".join(self._letter(letter) for letter in text)
        return escaped.replace(b"%20", b"+") if self.plus else escaped

    def _letter(self, letter: int) -> bytes:
        if chr(letter).isascii() and chr(letter).isalnum() and not self.escape_all:
            return bytes([letter])
        return (b"%%%02x" if self.lower else b"%%%02X") % letter


@dataclass(frozen=True)
class Sent:
    """A request on its way, with the signature that Twilio gave it."""

    path: str
    query: str
    body: bytes
    method: str
    signatures: tuple[str, ...]
    carriage: Carriage

    def to(self, app: Flask) -> tuple[int, bytes]:
        headers = {"host": "x", "x-twilio-signature": self.signatures[-1]}
        if self.carriage.content_type is not None:
            headers["content-type"] = self.carriage.content_type
        length = (
            {"content-length": str(len(self.body))} if self.carriage.has_length else {"transfer-encoding": "chunked"}
        )
        headers |= length if self.method == "POST" else {}
        lines = Lines(headers, *(("x-twilio-signature", one) for one in self.signatures[:-1]))
        request = Request(self.path, lines, self.body, self.method, self.query)
        asyncio.run(BodyGate(app).__rsgi__(request, request))
        ((status, _, answer),) = request.answered
        return status, answer


def pairs_of(params: Mapping[str, str]) -> Pairs:
    return [(name.encode(), value.encode()) for name, value in {"AccountSid": ACCOUNT, **params}.items()]


def send(url: str, pairs: Pairs, carriage: Carriage, *, token: str = TOKEN) -> Sent:
    """Signed over the bytes, with the URL as Twilio has it."""
    path = url.removeprefix(BASE).partition("#")[0]
    pairs = [*pairs, *carriage.more, *((b"SipHeader_X-%d" % n, b"x") for n in range(carriage.many))]
    encoded, signed = carriage.encoded(pairs), pairs
    spelt = f"{BASE}{carriage.port}{path}{carriage.url_end}"
    if carriage.in_url:
        spelt += ("&" if "?" in carriage.url_end else "?") + encoded.decode()
        encoded, signed = b"", []
    signature = _signed(spelt, signed, token)
    before, _, query = spelt.removeprefix(f"{BASE}{carriage.port}").partition("?")
    beside = () if carriage.beside is None else (carriage.beside,)
    method = "GET" if carriage.in_url else "POST"
    return Sent(before, query, encoded, method, (*beside, signature), carriage)


def _signed(url: str, pairs: Pairs, token: str = TOKEN) -> str:
    text = url.encode() + b"".join(name + value for name, value in sorted(set(pairs)))
    return b64encode(hmac.digest(token.encode(), text, "sha1")).decode()
