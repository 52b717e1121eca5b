"""A requests adapter that hands the request to a WSGI app in this process: whole calls without a socket."""

import io
import sys
from collections.abc import Iterator
from email.message import Message
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes, urlsplit

import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3 import HTTPHeaderDict, HTTPResponse
from werkzeug.test import run_wsgi_app

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


class WsgiAdapter(BaseAdapter):
    """Mount it on a `requests.Session`: `session.mount("https://line.example", WsgiAdapter(app))`."""

    def __init__(self, app: "WSGIApplication") -> None:
        super().__init__()
        self._app = app

    def send(self, request: requests.PreparedRequest, *_: object, **__: object) -> requests.Response:
        body, status, headers = run_wsgi_app(self._app, environ(request), buffered=True)
        content = b"".join(body)
        original: Any = _Original(list(headers.items()))
        raw = HTTPResponse(
            body=io.BytesIO(content),
            headers=HTTPHeaderDict(headers.items()),
            status=int(status.split(maxsplit=1)[0]),
            preload_content=False,
            original_response=original,
        )
        return HTTPAdapter().build_response(request, raw)

    def close(self) -> None:
        """Nothing is held open."""


class _Original:
    """The part of http.client's response from which `requests` takes Set-Cookie."""

    def __init__(self, headers: list[tuple[str, str]]) -> None:
        self.msg = Message()
        for name, value in headers:
            self.msg[name] = value

    def isclosed(self) -> bool:
        return True

    def close(self) -> None: ...


def environ(request: requests.PreparedRequest) -> dict[str, Any]:
    """The WSGI environment, with the raw request target as servers give it in RAW_URI."""
    parts = urlsplit(request.url or "")
    body: Any = request.body or b""
    content = body.encode() if isinstance(body, str) else b"".join(body) if isinstance(body, Iterator) else bytes(body)
    made: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(parts.path or "/").decode("latin-1"),
        "QUERY_STRING": parts.query,
        "RAW_URI": request.path_url,
        "REQUEST_URI": request.path_url,
        "SERVER_NAME": parts.hostname or "",
        "SERVER_PORT": str(parts.port or (443 if parts.scheme == "https" else 80)),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": parts.netloc.rpartition("@")[2],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": parts.scheme,
        "wsgi.input": io.BytesIO(content),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    made |= {_header(name): str(value) for name, value in request.headers.items()}
    if "HTTP_TRANSFER_ENCODING" in made:
        return made | {"wsgi.input_terminated": True}
    return made | {"CONTENT_LENGTH": str(len(content))}


def _header(name: str) -> str:
    key = name.upper().replace("-", "_")
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
