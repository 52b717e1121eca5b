"""A server that sends its headers a byte at a time is not listened to for as long as it likes."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from outbound.bounded_http import Limits, NoAnswer, Outbound
from outbound.head_deadline import HeadDeadline
from tests.onrecord.tls import certified

HEAD = b"HTTP/1.1 200 OK\r\n"
REST = b"Connection: close\r\nContent-Length: 2\r\n\r\nok"
TRICKLE = 1000
"""Bytes that a slow server sends, some milliseconds apart, before it ends its headers after all."""


@dataclass
class Server:
    url: str
    trickle: int = 0
    sent_all: list[bool] = field(default_factory=list)
    """For each request, whether its client stayed to the end."""
    let_go: threading.Event = field(default_factory=threading.Event)

    def serve(self, listening: socket.socket, context: ssl.SSLContext | None) -> None:
        while True:
            try:
                connected, _ = listening.accept()
            except OSError:  # the test is over
                return
            with closing(context.wrap_socket(connected, server_side=True) if context else connected) as client:
                self.sent_all.append(self._answers(client))

    def _answers(self, client: socket.socket) -> bool:
        try:
            client.recv(65536)
            client.sendall(HEAD)
            for _ in range(self.trickle):
                client.sendall(b"X")
                self.let_go.wait(0.01)
            client.sendall((b": 1\r\n" if self.trickle else b"") + REST)
        except OSError:
            return False
        return True


@contextmanager
def server(certificate: tuple[Path, Path] | None = None) -> Iterator[Server]:
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
    listening = socket.create_server(("127.0.0.1", 0))
    found = Server(f"http{'s' if context else ''}://127.0.0.1:{listening.getsockname()[1]}/")
    serving = threading.Thread(target=found.serve, args=(listening, context))
    serving.start()
    try:
        yield found
    finally:
        found.let_go.set()
        listening.shutdown(socket.SHUT_RDWR)
        serving.join()
        listening.close()


def test_headers_that_do_not_end_are_no_answer() -> None:
    with server() as slow:
        slow.trickle = TRICKLE
        with pytest.raises(NoAnswer, match=r"^no answer \(ReadTimeout\)$"):
            Outbound("", "", limits=Limits(connect_s=30, read_s=30, answer_s=0.2)).get(slow.url)
    assert slow.sent_all == [False]


def test_headers_that_end_are_an_answer_however_often() -> None:
    with server() as prompt:
        asked = Outbound("", "", limits=Limits(connect_s=30, read_s=30, answer_s=30))
        assert [asked.get(prompt.url) for _ in range(3)] == [(200, b"ok")] * 3
    assert prompt.sent_all == [True] * 3


@pytest.mark.parametrize(("trickle", "head_s"), [(0, 30), (TRICKLE, 0.2)], ids=["prompt", "slow"])
def test_it_is_the_same_over_tls(trickle: int, head_s: float, tmp_path: Path) -> None:
    certificate = certified(tmp_path, datetime.now(UTC) + timedelta(days=1))
    with server(certificate) as there, requests.Session() as session:
        there.trickle = trickle
        session.trust_env = False
        session.mount("https://", HeadDeadline(head_s, max_retries=0))
        if trickle:
            with pytest.raises(requests.Timeout):
                session.get(there.url, verify=str(certificate[0]), timeout=30)
        else:
            assert session.get(there.url, verify=str(certificate[0]), timeout=30).text == "ok"
    assert there.sent_all == [not trickle]
