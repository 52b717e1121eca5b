"""A proxy on loopback that fails on demand, over plain HTTP or TLS."""

import http.client
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


@dataclass
class Faults:
    """What the proxy does to requests. A fault that strikes does so `times` times, and is then over."""

    times: int = 0
    lose_reply_to: str = ""  # a method: the server acts, its answer never arrives
    answer_instead: dict[str, int] = field(default_factory=dict)  # by method: a status, and the server never hears
    drop_headers: tuple[str, ...] = ()  # as a server does that doesn't know them
    cut_body_after: int | None = None
    drips: bool = False
    ended: threading.Event = field(default_factory=threading.Event)

    def heal(self) -> None:
        """Everything works again."""
        for one in fields(self):
            if one.name != "ended":
                setattr(self, one.name, getattr(Faults(), one.name))

    def strikes(self) -> bool:
        struck = self.times > 0
        self.times -= 1 if self.times else 0
        return struck


class _Relay(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # 40 ms per answer
    faults: Faults
    upstream: str

    def relay(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if status := self.faults.answer_instead.get(self.command):
            self._answer(status, [("Content-Length", "0")], b"")
            return
        status, headers, content = self._upstream_answer(body)
        if self.command == self.faults.lose_reply_to and self.faults.strikes():
            self.close_connection = True
            return
        self._answer(status, headers, content)

    do_GET = do_PUT = do_HEAD = do_DELETE = relay  # noqa: N815 - http.server calls them so

    def log_message(self, *_: object) -> None:
        pass

    def _upstream_answer(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        dropped = (*self.faults.drop_headers, "expect")
        headers = {name: value for name, value in self.headers.items() if name.lower() not in dropped}
        link = http.client.HTTPConnection(self.upstream)
        link.request(self.command, self.path, body, headers)
        answer = link.getresponse()
        content = answer.read()
        link.close()
        return answer.status, answer.getheaders(), content

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in ("transfer-encoding", "connection"):
                self.send_header(name, value)
        self.end_headers()
        # Only audio has a range; a listing always arrives whole.
        if status == 206 and self.faults.drips:
            self._drip(content)
        elif status == 206 and self.faults.cut_body_after is not None and self.faults.strikes():
            self.wfile.write(content[: self.faults.cut_body_after])
            self.close_connection = True
        else:
            self.wfile.write(content)

    def _drip(self, content: bytes) -> None:
        for byte in content:
            if self.faults.ended.wait(0.02):
                break
            self.wfile.write(bytes([byte]))
        self.close_connection = True


class _Proxy(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that gave up is what these tests are about."""


@contextmanager
def toxic_proxy(upstream: str, tls: ssl.SSLContext | None = None) -> Iterator[tuple[str, Faults]]:
    faults = Faults()
    relay = type("Relay", (_Relay,), {"faults": faults, "upstream": urlsplit(upstream).netloc})
    server = _Proxy(("127.0.0.1", 0), relay)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}", faults
    finally:
        faults.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()


def self_signed(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's TLS for 127.0.0.1, and the certificate to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    address = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    certificate = builder.add_extension(address, critical=False).sign(key, SHA256())
    trusted, secret = folder / "certificate.pem", folder / "key.pem"
    trusted.write_bytes(certificate.public_bytes(Encoding.PEM))
    secret.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted, secret)
    return context, trusted
