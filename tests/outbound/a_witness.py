"""A witness on loopback, written from C2SP's tlog-witness and tlog-cosignature and RFC 6962 and from nothing of ours,
so that it can't share our mistakes.
"""

import threading
from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

NOON = 1795348800  # 2026-11-22T12:00:00Z
SIZE_TYPE = "text/x.tlog.size"


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"


@dataclass
class TheWitness:
    """Keeps the size and the root of the latest checkpoint that it cosigned for each origin."""

    name: str = "witness.example/w1"
    url: str = ""
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    logs: dict[str, list[bytes]] = field(default_factory=dict)
    """The public keys of each log that it knows, by the log's origin."""
    latest: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    forks: list[str] = field(default_factory=list)
    """Checkpoints that a log has signed and that contradict what it signed before: evidence against it."""
    instead: list[Answer] = field(default_factory=list)
    """What it answers first, whatever it is asked."""
    wait: threading.Event | None = None
    """Says nothing before that."""

    @property
    def setting(self) -> str:
        key = self.key.public_key().public_bytes_raw()
        vkey = f"{self.name}+{self._key_id().hex()}+{b64encode(bytes([4]) + key).decode()}"
        return f"{vkey} {self.url}"

    def trusts(self, vkey: str) -> None:
        """A log's key, as the log prints it."""
        origin, _, key = vkey.split("+", 2)
        self.logs.setdefault(origin, []).append(b64decode(key)[1:])

    def add_checkpoint(self, body: str) -> Answer:
        self.asked.append(body)
        if self.instead:
            return self.instead.pop(0)
        above, note = body.split("\n\n", 1)
        old_line, *proof = above.split("\n")
        old, text = int(old_line.removeprefix("old ")), note[: note.rindex("\n\n") + 1]
        origin, size, root = text.split("\n")[:3]
        if origin not in self.logs:
            return Answer(404)
        if not any(_is_signed(text, note, origin, key) for key in self.logs[origin]):
            return Answer(403)
        if old > int(size):
            return Answer(400)
        return self._judge(note, (old, list(map(b64decode, proof))), (origin, int(size), b64decode(root)), text)

    def _judge(self, note: str, proof: tuple[int, list[bytes]], tree: tuple[str, int, bytes], text: str) -> Answer:
        (old, path), (origin, size, root) = proof, tree
        seen, seen_root = self.latest.get(origin, (0, sha256().digest()))
        if old != seen:
            return Answer(409, f"{seen}\n".encode(), SIZE_TYPE)
        if old == size and root != seen_root:
            self.forks.append(note)
            return Answer(409)
        if not goes_on(seen, seen_root, size, root, path):
            self.forks.append(note)
            return Answer(422)
        self.latest[origin] = (size, root)
        return Answer(200, self.cosignature(text).encode())

    def cosignature(self, text: str, *, at: int = NOON, name: str | None = None) -> str:
        signature = self.key.sign(f"cosignature/v1\ntime {at}\n{text}".encode())
        signed = self._key_id() + at.to_bytes(8, "big") + signature
        return f"\u2014 {name or self.name} {b64encode(signed).decode()}\n"

    def _key_id(self) -> bytes:
        return sha256(self.name.encode() + b"\n\x04" + self.key.public_key().public_bytes_raw()).digest()[:4]


def goes_on(old: int, old_root: bytes, size: int, root: bytes, path: Sequence[bytes]) -> bool:
    """RFC 6962, 2.1.2, read as the recursion that it is: both roots are worked out from the path."""
    if old == 0:
        return not path
    left = list(path)
    try:
        roots = _roots(old, size, left, old_root, is_whole=True)
    except IndexError:
        return False
    return not left and roots == (old_root, root)


def _roots(old: int, size: int, left: list[bytes], old_root: bytes, *, is_whole: bool) -> tuple[bytes, bytes]:
    """Of the tree of `old` leaves and of that of `size`; `left` is what is left of the path."""
    if old == size:
        known = old_root if is_whole else left.pop(0)
        return known, known
    half = 1
    while half * 2 < size:
        half *= 2
    if old <= half:
        before, after = _roots(old, half, left, old_root, is_whole=is_whole)
        return before, _node(after, left.pop(0))
    before, after = _roots(old - half, size - half, left, old_root, is_whole=False)
    beside = left.pop(0)
    return _node(beside, before), _node(beside, after)


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def _is_signed(text: str, note: str, origin: str, key: bytes) -> bool:
    for line in note[note.rindex("\n\n") + 2 :].splitlines():
        _, name, signed = line.split(" ")
        try:
            Ed25519PublicKey.from_public_bytes(key).verify(b64decode(signed)[4:], text.encode())
        except InvalidSignature:
            continue
        return name == origin
    return False


@contextmanager
def a_witness() -> Iterator[TheWitness]:
    witness = TheWitness()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 10
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            if witness.wait:
                witness.wait.wait(10)
            answer = witness.add_checkpoint(body) if self.path == "/prefix/add-checkpoint" else Answer(404)
            try:
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.content_type)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)
            except OSError:  # who asked has left: some tests are about just that
                self.close_connection = True

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    witness.url = f"http://127.0.0.1:{server.server_port}/prefix"
    thread.start()
    try:
        yield witness
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
