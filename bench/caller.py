"""Twilio's side of the measurement: connections that each send their next request when the last one is answered.

It runs in a process of its own and does as little as it can, so that the two cores are the server's.
"""

import selectors
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import perf_counter

_ANSWER_BYTES_MAX = 64 * 1024


@dataclass(frozen=True)
class Order:
    """One round: what is sent to which port, over how many connections, for how long."""

    port: int
    connections: int
    seconds: float
    requests: list[bytes]
    wanted: bytes
    """What the answer must hold; one without it is an error, whatever its status."""


@dataclass
class Round:
    seconds: float = 0.0
    latencies_ms: list[float] = field(default_factory=list)
    errors: int = 0

    @property
    def per_second(self) -> float:
        return len(self.latencies_ms) / self.seconds


def run(order: Order) -> Round:
    """Send until the time is up or the requests are used up, in their order, each once."""
    done, waiting = Round(), iter(order.requests)
    with selectors.DefaultSelector() as selector:
        began = perf_counter()
        phones = [_Phone(order.port) for _ in range(order.connections)]
        for phone in phones:
            selector.register(phone.socket, selectors.EVENT_READ, phone)
            phone.send(waiting)
        while any(phone.is_waiting for phone in phones):
            for key, _ in selector.select():
                _answered(key.data, order, done)
                if perf_counter() - began < order.seconds:
                    key.data.send(waiting)
        done.seconds = perf_counter() - began
    for phone in phones:
        phone.socket.close()
    return done


def _answered(phone: "_Phone", order: Order, done: Round) -> None:
    answer = phone.receive()
    if answer is None:
        return
    done.latencies_ms.append(phone.waited_ms)
    if not answer.startswith(b"HTTP/1.1 200 ") or order.wanted not in answer:
        done.errors += 1


class _Phone:
    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.is_waiting = False
        self.waited_ms = 0.0
        self._heard = b""
        self._sent_at = 0.0

    def send(self, waiting: Iterator[bytes]) -> None:
        request = None if self.is_waiting else next(waiting, None)
        if request is not None:
            self.is_waiting = True
            self._sent_at = perf_counter()
            self.socket.sendall(request)

    def receive(self) -> bytes | None:
        """The whole answer; None while some of it is still to come."""
        heard = self.socket.recv(_ANSWER_BYTES_MAX)
        self._heard += heard
        if heard and not is_whole(self._heard):
            return None
        self.waited_ms = (perf_counter() - self._sent_at) * 1000
        self.is_waiting = False
        answer, self._heard = self._heard, b""
        return answer


def is_whole(answer: bytes) -> bool:
    head, separator, body = answer.partition(b"\r\n\r\n")
    if not separator:
        return False
    _, _, length = head.lower().partition(b"content-length:")
    return len(body) >= int(length.partition(b"\r\n")[0] or 0)  # an answer without content tells no length
