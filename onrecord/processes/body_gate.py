"""Waits for the bodies of requests to the public web server here, where waiting costs no thread.

A WSGI application has a thread for each request, and reads the body in it. So a client that sends a header and then
nothing would hold a thread, and with as many such connections as there are threads, no caller would get through. Here a
body is awaited, for a limited time and up to a limited size. A whole request with a signature is then served on the
loop (`storage.served`), any other in a thread: health looks at the disk, and a body much longer than Twilio's takes as
long to check as dozens of others. The number of awaited requests is limited too: beyond it, the oldest request of the
client with the most of them is dropped.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from io import BytesIO
from typing import Any, Protocol
from wsgiref.types import WSGIApplication

from callflow.routes import needs_no_signature
from callflow.signature import BODY_BYTES_MAX
from storage.served import serve

BODY_S = 5.0
AWAITED_MAX = 256  # of Twilio's a body comes with its header, or right after it
_SIGNATURE = "x-twilio-signature"
_LENGTH_DIGITS_MAX = 9
_THREADS = 16
# Anybody can send long bodies: the fewer threads check them, the less the loop has to wait for the interpreter.
_LONG_BYTES, _LONG_THREADS = 8 * 1024, 2

Answer = tuple[int, list[tuple[str, str]], bytes]


class Scope(Protocol):
    """An RSGI request before its body. `path` is decoded already."""

    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def query_string(self) -> str: ...
    @property
    def scheme(self) -> str: ...
    @property
    def http_version(self) -> str: ...
    @property
    def client(self) -> str: ...
    @property
    def headers(self) -> Mapping[str, str]: ...


class BodyGate:
    """An RSGI application around a WSGI one."""

    def __init__(self, app: WSGIApplication, *, body_s: float = BODY_S) -> None:
        self._app = app
        self._awaited = _Awaited(body_s)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="request")
        self._long = ThreadPoolExecutor(_LONG_THREADS, thread_name_prefix="long-request")

    async def __rsgi__(self, scope: Scope, protocol: Any) -> None:
        try:
            async with self._awaited.one_of(scope.client.rpartition(":")[0]):
                body = await _body(scope.headers, protocol)
        except TimeoutError:
            protocol.response_empty(408, [])
            return
        run = partial(self._run, _environ(scope, body))
        if threads := self._threads_for(scope, body):
            answer = await asyncio.get_running_loop().run_in_executor(threads, run)
        else:
            answer = await serve(run)
        protocol.response_bytes(*answer)

    def _threads_for(self, scope: Scope, body: bytes) -> ThreadPoolExecutor | None:
        """None: on the loop."""
        if _SIGNATURE not in scope.headers or needs_no_signature(scope.method, scope.path):
            return self._threads
        return self._long if len(body) > _LONG_BYTES else None

    def _run(self, environ: dict[str, Any]) -> Answer:
        started: list[tuple[int, list[tuple[str, str]]]] = []

        def start(status: str, headers: list[tuple[str, str]], _: object = None) -> Any:
            started.append((int(status[:3]), headers))

        parts: Iterable[bytes] = self._app(environ, start)
        try:
            body = b"".join(parts)
        finally:
            if hasattr(parts, "close"):
                parts.close()
        return (*started[-1], body)


class _Awaited:
    """The requests whose bodies are awaited, the longest waiting first, each with its client."""

    def __init__(self, body_s: float) -> None:
        self._body_s = body_s
        self._waiting: dict[asyncio.Timeout, str] = {}

    @asynccontextmanager
    async def one_of(self, client: str) -> AsyncIterator[None]:
        """Raises TimeoutError, sooner where too many others came. Behind a proxy all clients are one."""
        async with asyncio.timeout(self._body_s) as timeout:
            self._waiting[timeout] = client
            self._make_room()
            try:
                yield
            finally:
                self._waiting.pop(timeout, None)

    def _make_room(self) -> None:
        if len(self._waiting) <= AWAITED_MAX:
            return
        ((greedy, _),) = Counter(self._waiting.values()).most_common(1)
        first = next(timeout for timeout, client in self._waiting.items() if client == greedy)
        del self._waiting[first]
        first.reschedule(asyncio.get_running_loop().time())


async def _body(headers: Mapping[str, str], protocol: Any) -> bytes:
    """The body, whatever it was carried in, and of a longer one than may be hardly more than that.

    Nothing of one that will be refused for its length, or for want of a signature, anyway.
    """
    length = headers.get("content-length", "")
    if _SIGNATURE not in headers or _is_too_long(length):
        return b""
    body = b""
    async for chunk in protocol:
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            break
    return body


def _is_too_long(length: str) -> bool:
    return length.isdecimal() and (len(length) > _LENGTH_DIGITS_MAX or int(length) > BODY_BYTES_MAX)


def _environ(scope: Scope, body: bytes) -> dict[str, Any]:
    """The WSGI environ (PEP 3333): text holds bytes as Latin-1, and a header given twice is joined with a comma."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "0",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": BytesIO(body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in scope.headers.items():
        key = name.upper().replace("-", "_")
        key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    return environ
