"""The load that capacity is measured with hides no waiting."""

import socket
from contextlib import closing, suppress
from math import isnan
from threading import Thread
from time import perf_counter

import pytest

from bench.open_loop import Generator, Heard, Load, percentile
from bench.whole_calls import ramp

PER_S, HELD_BACK = 200.0, 10
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class OneStep:
    """A call of a single request."""

    step = 0

    @property
    def is_over(self) -> bool:
        return self.step == 1

    def request(self) -> bytes:
        return b"?"

    def answered(self, answer: bytes) -> bool:
        self.step = 1
        return answer == ANSWER


class Dawdling(OneStep):
    """Its request is not made before a time."""

    def __init__(self, until: float) -> None:
        self.until = until

    def request(self) -> bytes:
        while perf_counter() < self.until:
            pass
        return super().request()


class Server:
    """Answers the first request when the `HELD_BACK`th has come, and the others at once."""

    def __init__(self) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listening.getsockname()[1])
        self.connections: list[socket.socket] = []
        self.heard = 0
        Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listening.accept()
            except OSError:
                return
            self.connections.append(connection)
            Thread(target=self._answer, args=[connection], daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            while connection.recv(1):
                self.heard += 1
                if self.heard == HELD_BACK:
                    self.connections[0].sendall(ANSWER)
                if self.heard > 1:
                    connection.sendall(ANSWER)


def load(port: int) -> Load:
    return Load(port, PER_S, seconds=0.2)


def test_calls_begin_while_an_earlier_one_waits_and_its_wait_is_measured_whole() -> None:
    server = Server()
    with closing(server.listening):
        heard = Generator(load(server.port), OneStep, [0.0], settles_s=0.0).run()
    assert heard.errors == 0
    assert max(heard.late_ms[0]) >= 1000 * (HELD_BACK - 1) / PER_S


def test_what_the_generator_itself_is_late_counts_as_late_and_is_told_apart() -> None:
    server = Server()
    began = perf_counter()
    calls = iter([OneStep() for _ in range(HELD_BACK)] + [Dawdling(began + 0.15)])
    with closing(server.listening):
        heard = Generator(load(server.port), lambda: next(calls, None) or OneStep(), [0.0], settles_s=0.0).run()
    assert max(heard.late_ms[0]) >= 1000 * (0.15 - (HELD_BACK + 1) / PER_S) - 1
    assert heard.generator_p99_ms >= 1000 * (0.15 - (HELD_BACK + 1) / PER_S) - 1


def test_requests_that_have_no_answer_in_the_end_are_as_late_as_they_are_by_then() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as deaf:
        heard = Generator(load(int(deaf.getsockname()[1])), OneStep, [0.0], settles_s=0.0).run()
    assert len(heard.late_ms[0]) > 1
    assert max(heard.late_ms[0]) >= 150


def test_the_99th_percentile_is_exceeded_by_one_in_a_hundred() -> None:
    values = [float(n) for n in range(1, 101)]
    assert percentile(values, 99) == 99
    assert percentile([*values, 101.0], 99) == 100
    assert percentile([7.0], 99) == 7
    assert isnan(percentile([], 99))


def heard_with(late_ms: float, sent_ms: float = 0.0, errors: int = 0) -> Heard:
    heard = Heard(sent_ms=[sent_ms], errors=errors)
    heard.late_ms[0] = [1.0] * 99
    heard.late_ms[1] = [late_ms]
    return heard


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (heard_with(30.0), "p99 30 ms"),
        (heard_with(1.0, errors=2), "2 wrong answers"),
        (heard_with(50.0, sent_ms=11.0), "the generator's own limit"),
        (Heard(), "p99 nan ms"),
    ],
)
def test_a_rate_is_kept_up_while_each_step_is_answered_in_time(bad: Heard, why: str) -> None:
    found = ramp(
        {10.0: heard_with(29.9), 20.0: heard_with(29.9), 40.0: bad, 80.0: heard_with(1.0)}.__getitem__,
        [10.0, 20.0, 40.0, 80.0],
    )
    assert found.per_s == 20.0
    assert found.broke.startswith(f"40/s: {why}")
    assert 80.0 not in found.heard


def test_where_no_rate_broke_the_limit_is_the_generators() -> None:
    assert ramp({10.0: heard_with(1.0)}.__getitem__, [10.0]).is_generators_limit
