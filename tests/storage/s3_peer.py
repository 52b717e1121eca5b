"""An S3 server for the tests: moto over real HTTP on a free loopback port, and a proxy before it that fails
on demand."""

import http.client
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from moto.server import ThreadedMotoServer

from storage.audio_store import AudioStore
from storage.s3_bucket import S3Bucket
from storage.s3_edge import s3_client
from storage.s3_store import S3Store

_AWS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}


@dataclass(frozen=True)
class Peer:
    endpoint: str
    client: Any

    def new_bucket(self, *, lock: bool) -> str:
        name = f"bucket-{uuid4().hex[:12]}"
        self.client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=lock)
        return name

    def new_store(self, *, lock: bool) -> AudioStore:
        return S3Store(S3Bucket(self.client, self.new_bucket(lock=lock), "some/prefix"))

    def versions(self, bucket: str) -> list[dict[str, Any]]:
        """Versions and delete markers, whatever their key."""
        page = self.client.list_object_versions(Bucket=bucket)
        return [*page.get("Versions", []), *page.get("DeleteMarkers", [])]


@contextmanager
def s3_peer() -> Iterator[Peer]:
    """AWS's own variables point to the peer meanwhile, as an operator would set them."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    endpoint = "http://{}:{}".format(*server.get_host_and_port())
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**_AWS, "AWS_ENDPOINT_URL_S3": endpoint}.items():
            patch.setenv(name, value)
        yield Peer(endpoint, s3_client())
    server.stop()
    assert server._server is not None
    server._server.server_close()


@dataclass
class Faults:
    """What the proxy does to the requests of one method; each fault strikes `times` requests and is then
    over."""

    lose_reply_to: str = ""
    times: int = 0
    drop_headers: tuple[str, ...] = ()
    cut_body_after: int | None = None
    drips: bool = False
    seen: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def strikes(self, method: str) -> bool:
        if method != self.lose_reply_to or self.times == 0:
            return False
        self.times -= 1
        return True


@contextmanager
def toxic_proxy(upstream: str) -> Iterator[tuple[str, Faults]]:
    faults = Faults()
    place = urlsplit(upstream)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def _relay(self) -> None:
            faults.seen.append(f"{self.command} {self.path}")
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {k: v for k, v in self.headers.items() if k.lower() not in (*faults.drop_headers, "expect")}
            link = http.client.HTTPConnection(place.hostname or "", place.port)
            link.request(self.command, self.path, body, headers)
            answer = link.getresponse()
            content = answer.read()
            link.close()
            if faults.strikes(self.command):
                self.close_connection = True
                return
            self._answer(answer, content)

        def _answer(self, answer: http.client.HTTPResponse, content: bytes) -> None:
            self.send_response_only(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "connection"):
                    self.send_header(name, value)
            self.end_headers()
            if self.command == "GET" and "versionId" in self.path:
                self._spoil(content)
            else:
                self.wfile.write(content)

        def _spoil(self, content: bytes) -> None:
            if faults.cut_body_after is not None and faults.times > 0:
                faults.times -= 1
                self.wfile.write(content[: faults.cut_body_after])
                self.close_connection = True
            elif faults.drips:
                for byte in content:
                    if faults.stop.wait(0.02):
                        break
                    self.wfile.write(bytes([byte]))
                self.close_connection = True
            else:
                self.wfile.write(content)

        do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = _relay  # noqa: N815 - the names http.server calls

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A client that gave up is what these tests are about."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", faults
    faults.stop.set()
    server.shutdown()
    server.server_close()
    thread.join()
