"""A time-stamping authority on loopback: OpenSSL's own, behind HTTP, with certificates of its own."""

import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_CONFIGURATION = """
[tsa]
default_tsa = ours
[ours]
serial = {folder}/serial
signer_digest = sha256
default_policy = 1.3.6.1.4.1.99999.1
digests = {digests}
ess_cert_id_alg = sha256
"""


@dataclass
class Authority:
    """`ca` is what its certificate leads to."""

    folder: Path
    ca: Path
    url: str = ""
    digests: str = "sha256"
    """What it takes; a request with another is refused."""
    status: int = 200
    changes: Callable[[bytes], bytes] = lambda answer: answer
    """What becomes of its answer on the way."""
    asked: list[bytes] = field(default_factory=list)

    def reply(self, request: bytes) -> bytes:
        self.asked.append(request)
        query, answer, configuration = (self.folder / name for name in ("query", "answer", "configuration"))
        query.write_bytes(request)
        configuration.write_text(_CONFIGURATION.format(folder=self.folder, digests=self.digests))
        signer = ["-signer", str(self.folder / "tsa.pem"), "-inkey", str(self.folder / "tsa.key")]
        openssl("ts", "-reply", "-config", configuration, "-queryfile", query, *signer, "-out", answer)
        return answer.read_bytes()


def openssl(*arguments: object) -> str:
    """What it says."""
    ran = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=True, timeout=20)
    return ran.stdout + ran.stderr


@contextmanager
def an_authority(folder: Path) -> Iterator[Authority]:
    folder.mkdir()
    make_certificates(folder)
    authority = Authority(folder, folder / "ca.pem")

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_POST(self) -> None:
            answer = authority.changes(authority.reply(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(authority.status)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    authority.url = f"http://127.0.0.1:{server.server_port}/tsa"
    thread.start()
    try:
        yield authority
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def make_certificates(folder: Path) -> None:
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca = _certificate("the authority's CA", ca_key, "the authority's CA", ca_key, is_ca=True)
    signer = _certificate("the authority", key, "the authority's CA", ca_key, is_ca=False)
    (folder / "ca.pem").write_bytes(ca.public_bytes(Encoding.PEM))
    (folder / "tsa.pem").write_bytes(signer.public_bytes(Encoding.PEM))
    (folder / "tsa.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (folder / "serial").write_text("01\n")


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    is_ca: bool,
) -> x509.Certificate:
    now = datetime.now(UTC)
    others = "content_commitment key_encipherment data_encipherment key_agreement encipher_only decipher_only"
    usage = dict.fromkeys(others.split(), False)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(_named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=not is_ca, key_cert_sign=is_ca, crl_sign=is_ca, **usage), critical=True
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if not is_ca:
        purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        builder = builder.add_extension(purpose, critical=True)
    return builder.sign(issuer_key, SHA256())


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
