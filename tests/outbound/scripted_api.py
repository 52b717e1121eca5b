"""A real HTTP server on loopback that answers what a test tells it to, and remembers what it was asked."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

Respond = Callable[[BaseHTTPRequestHandler], None]


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: dict[str, str]
    form: dict[str, str]
    headers: dict[str, str]


@dataclass
class ScriptedApi:
    """Answers each path with its responses in order, and goes on with the last one."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    responses: dict[str, list[Respond]] = field(default_factory=dict)
    let_go: threading.Event = field(default_factory=threading.Event)

    def answers(self, path: str, *responses: Respond) -> None:
        self.responses[path] = list(responses)

    def respond(self, handler: BaseHTTPRequestHandler) -> None:
        target = urlsplit(handler.path)
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0)).decode()
        self.requests.append(
            Request(
                handler.command,
                target.path,
                dict(parse_qsl(target.query)),
                dict(parse_qsl(body)),
                {name.lower(): value for name, value in handler.headers.items()},
            )
        )
        left = self.responses.get(target.path) or [said(404, code=20404)]
        (left.pop(0) if len(left) > 1 else left[0])(handler)


def said(status: int = 200, payload: object = None, *, code: int | None = None) -> Respond:
    """JSON, as Twilio writes it; with a code, one of Twilio's errors."""
    if code is not None:
        payload = {
            "code": code,
            "message": "The number +14155550123 ...",
            "more_info": "...",
            "status": status,
        }
    return raw(status, b"" if payload is None else json.dumps(payload).encode(), "application/json")


def raw(status: int, body: bytes, content_type: str = "text/html", **headers: str) -> Respond:
    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {
            "Content-Type": content_type,
            "Content-Length": str(len(body)),
            **headers,
        }.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return respond


def chunked(*pieces: bytes) -> Respond:
    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for piece in (*pieces, b""):
            handler.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")

    return respond


def cut_short(status: int, body: bytes, announced: int) -> Respond:
    """Promises more than it sends, and hangs up."""

    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(announced))
        handler.end_headers()
        handler.wfile.write(body)
        handler.close_connection = True

    return respond


def hung_up(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


def silent(api: ScriptedApi) -> Respond:
    """Takes the request and says nothing until the test is over."""

    def respond(handler: BaseHTTPRequestHandler) -> None:
        api.let_go.wait(10)
        hung_up(handler)

    return respond


def dripping(api: ScriptedApi) -> Respond:
    """A byte every few milliseconds: no read timeout ever fires."""

    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000000")
        handler.end_headers()
        handler.close_connection = True
        while not api.let_go.wait(0.01):
            try:
                handler.wfile.write(b" ")
            except OSError:
                return

    return respond


@contextmanager
def scripted_api() -> Iterator[ScriptedApi]:
    api = ScriptedApi()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 10
        disable_nagle_algorithm = True

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except OSError:  # the client left: some tests are about just that
                self.close_connection = True

        def log_message(self, *_: Any) -> None: ...

    for method in ("GET", "POST", "DELETE"):
        setattr(Handler, f"do_{method}", lambda handler: api.respond(handler))  # noqa: PLW0108 - binds the handler
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    api.url = f"http://127.0.0.1:{server.server_port}"
    thread.start()
    try:
        yield api
    finally:
        api.let_go.set()
        server.shutdown()
        thread.join()
        server.server_close()
