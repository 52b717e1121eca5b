"""The receivers of messages, on loopback: an HTTP server that checks each signature as a stranger would, and a mail
server, written from RFC 5321 and from nothing of ours.
"""

import hashlib
import hmac
import json
import ssl
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any, cast

SECRET = "whsec_" + b64encode(b"a webhook's key of 32 bytes: ok!").decode()


@dataclass
class Posted:
    """A request that came in; `is_genuine`: its signature is right."""

    id: str
    at: int
    body: str
    is_genuine: bool

    @property
    def message(self) -> dict[str, Any]:
        return cast("dict[str, Any]", json.loads(self.body))


@dataclass
class WebhookReceiver:
    url: str = ""
    answers: list[int] = field(default_factory=list)
    """The statuses of its next answers; 0 hangs up without any. Then it answers 204."""
    lengths: list[int] = field(default_factory=list)
    """The lengths that its next answers claim; of the body that they promise, nothing comes."""
    location: str = ""
    """Where its answers send the asker to."""
    posted: list[Posted] = field(default_factory=list)
    news: threading.Condition = field(default_factory=threading.Condition)

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [one.message for one in self.posted]

    def turns(self) -> list[tuple[str, str]]:
        """Kind and turn of every incident that it was told of, each message counted once."""
        each = {one.id: one.message for one in self.posted}.values()
        return [(turn["kind"], turn["turn"]) for one in each for turn in one["data"].get("turns", ())]

    def hear(self, one: Posted) -> int:
        with self.news:
            self.posted.append(one)
            self.news.notify_all()
            return self.answers.pop(0) if self.answers else 204


@contextmanager
def a_webhook_receiver(secret: str = SECRET) -> Iterator[WebhookReceiver]:
    receiver = WebhookReceiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # http.server calls it so
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            message_id, at = self.headers["webhook-id"], self.headers["webhook-timestamp"]
            is_genuine = _is_signed(secret, f"{message_id}.{at}.{body}", self.headers["webhook-signature"])
            if status := receiver.hear(Posted(message_id, int(at), body, is_genuine)):
                self.send_response(status)
                self.send_header("Content-Length", str(receiver.lengths.pop(0) if receiver.lengths else 0))
                if receiver.location:
                    self.send_header("Location", receiver.location)
                self.end_headers()
            self.close_connection = True

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}/told"
    with _serving(server):
        yield receiver


def _is_signed(secret: str, signed: str, signatures: str) -> bool:
    key = b64decode(secret.removeprefix("whsec_"))
    right = "v1," + b64encode(hmac.new(key, signed.encode(), hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(right, one) for one in signatures.split(" "))


@dataclass
class MailReceiver:
    """`refuses` are addresses, with the code that each gets; `codes` those of a mail's last answers, then 250."""

    port: int = 0
    certificate: tuple[Path, Path] | None = None
    at_once: bool = False
    login: tuple[str, str] | None = None
    is_silent: bool = False
    says_nothing_of_use: bool = False
    farewell: str = "221 bye"
    refuses: dict[str, int] = field(default_factory=dict)
    codes: list[int] = field(default_factory=list)
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    in_tls: list[bool] = field(default_factory=list)
    news: threading.Condition = field(default_factory=threading.Condition)
    ended: threading.Event = field(default_factory=threading.Event)

    def hear(self, data: bytes, to: list[str], *, in_tls: bool) -> int:
        with self.news:
            self.mails.append(message_from_bytes(data, policy=policy.default))
            self.recipients.append(to)
            self.in_tls.append(in_tls)
            self.news.notify_all()
            return self.codes.pop(0) if self.codes else 250


@contextmanager
def a_mail_receiver(**settings: Any) -> Iterator[MailReceiver]:
    receiver = MailReceiver(**settings)

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            if receiver.is_silent:
                receiver.ended.wait()
                return
            while receiver.says_nothing_of_use and not receiver.ended.wait(0.1):
                self.say("220-")
            self.secure = receiver.at_once
            if self.secure:
                self.encrypt()
            self.say("220 mail.example")
            self.to: list[str] = []
            while line := self.rfile.readline().decode().strip():
                if not self.answer(line):
                    return

        def finish(self) -> None:
            super().finish()
            self.connection.close()

        def answer(self, line: str) -> bool:
            verb, _, rest = line.partition(" ")
            match verb.upper():
                case "EHLO":
                    extensions = [*(["STARTTLS"] if receiver.certificate and not self.secure else [])]
                    extensions += ["AUTH PLAIN"] if receiver.login else []
                    for extension in ("mail.example", *extensions):
                        self.say(f"250-{extension}")
                    self.say("250 HELP")
                case "STARTTLS":
                    self.say("220 go on")
                    self.encrypt()
                case "AUTH":
                    given = tuple(b64decode(rest.split()[1]).decode().split("\0")[1:])
                    self.say("235 welcome" if given == receiver.login else "535 no")
                case "MAIL":
                    self.say("250 ok")
                case "RCPT":
                    address = rest.partition("<")[2].partition(">")[0]
                    code = receiver.refuses.get(address, 250)
                    self.to += [address] if code == 250 else []
                    self.say(f"{code} <{address}>")
                case "DATA":
                    self.say("354 go on")
                    data = b""
                    while (piece := self.rfile.readline()) not in (b".\r\n", b""):
                        data += piece
                    self.say(f"{receiver.hear(data, self.to, in_tls=self.secure)} done")
                case "RSET":
                    self.say("250 ok")
                case _:
                    self.say(receiver.farewell)
                    return False
            return True

        def say(self, line: str) -> None:
            self.wfile.write(f"{line}\r\n".encode())
            self.wfile.flush()

        def encrypt(self) -> None:
            assert receiver.certificate
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*receiver.certificate)
            self.request = context.wrap_socket(self.request, server_side=True)
            self.connection = self.request
            self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb")
            self.secure = True

    server = ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that hangs up
    receiver.port = server.server_address[1]
    with _serving(server):
        try:
            yield receiver
        finally:
            receiver.ended.set()


@contextmanager
def _serving(server: Any) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
