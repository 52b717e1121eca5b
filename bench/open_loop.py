"""Calls that begin at a fixed rate, whatever becomes of those before: each request has a time when it is due, and is
measured from that time to its answer.

Neither a slow server nor a slow generator can hide: both make answers late.
"""

import heapq
import selectors
import socket
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from math import ceil
from time import perf_counter
from typing import Protocol

from bench.caller import is_whole
from bench.process_cpu import cpu_s
from bench.whole_call import STEPS, Caller, HeardByNobody, Step, WholeCall

_ANSWER_BYTES_MAX = 64 * 1024
_LONGEST_WAIT_S, _IDLE_S = 0.05, 2.0
SETTLES_S = sum(step.after_s for step in STEPS) + 0.5
"""From then on as many calls end as begin."""


class Call(Protocol):
    step: int

    @property
    def is_over(self) -> bool: ...

    def request(self) -> bytes: ...

    def answered(self, answer: bytes) -> bool: ...


@dataclass(frozen=True)
class Load:
    """So many calls begin in a second. Those `seconds` are measured that follow after as many calls end as begin.

    `processes`: whose CPU is counted meanwhile, with their children.
    """

    port: int
    per_s: float
    seconds: float
    processes: tuple[int, ...] = ()
    steps: Sequence[Step] = STEPS
    is_constant: bool = False
    """Whether the server gives one answer to all."""


@dataclass
class Heard:
    """`late_ms`, for each step of a call: from when its request was due to its answer. `sent_ms`: from when each was
    due until it was sent, which is the generator's own part of that.
    """

    late_ms: defaultdict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    sent_ms: list[float] = field(default_factory=list)
    errors: int = 0
    calls_over: int = 0
    cpu_s: float = 0.0

    @property
    def all_ms(self) -> list[float]:
        return [late for step in self.late_ms.values() for late in step]

    @property
    def p99_ms(self) -> float:
        """Of the step whose answers are the latest."""
        return max((percentile(step, 99) for step in self.late_ms.values()), default=float("nan"))

    @property
    def generator_p99_ms(self) -> float:
        return percentile(self.sent_ms, 99)

    @property
    def cpu_ms_per_call(self) -> float:
        return 1000 * self.cpu_s * len(STEPS) / max(1, len(self.all_ms))


def percentile(values: Sequence[float], percent: float) -> float:
    """The least of the values that so many per cent of all do not exceed."""
    return sorted(values)[max(0, ceil(len(values) * percent / 100) - 1)] if values else float("nan")


def run(load: Load, caller: Caller) -> Heard:
    """In a process of its own: what it costs is not the server's."""
    new_call = HeardByNobody if load.is_constant else WholeCall
    return Generator(load, lambda: new_call(caller, load.steps), [step.after_s for step in load.steps]).run()


@dataclass(order=True)
class _Due:
    at: float
    n: int
    call: Call = field(compare=False)


class Generator:
    """`gaps_s`: of each step of a call, how long after the answer before it its request is due."""

    def __init__(
        self, load: Load, new_call: Callable[[], Call], gaps_s: Sequence[float], *, settles_s: float = SETTLES_S
    ) -> None:
        self._load, self._new_call, self._gaps_s, self._settles_s = load, new_call, gaps_s, settles_s
        self._due: list[_Due] = []
        self._numbers = count()
        self._idle: list[_Phone] = []
        self._selector = selectors.DefaultSelector()
        self.heard = Heard()

    def run(self) -> Heard:
        began = perf_counter()
        self._from, self._to = began + self._settles_s, began + self._settles_s + self._load.seconds
        arrivals, cpu_before = self._arrivals(began), None
        self._put_in(next(arrivals))
        while (now := perf_counter()) < self._to:
            if now >= self._from and cpu_before is None:
                cpu_before = cpu_s(self._load.processes)
            while self._due and self._due[0].at <= perf_counter():
                due = heapq.heappop(self._due)
                if due.call.step == 0:
                    self._put_in(next(arrivals))
                self._send(due)
            self._hear(min(_LONGEST_WAIT_S, max(0.0, self._due[0].at - perf_counter())))
        self.heard.cpu_s = cpu_s(self._load.processes) - (cpu_before or 0.0)
        self._count_unanswered()
        self._close()
        return self.heard

    def _arrivals(self, began: float) -> Iterator[_Due]:
        for n in count():
            yield _Due(began + n / self._load.per_s, next(self._numbers), self._new_call())

    def _put_in(self, due: _Due) -> None:
        heapq.heappush(self._due, due)

    def _is_measured(self, at: float) -> bool:
        return self._from <= at < self._to

    def _send(self, due: _Due) -> None:
        self._ready_phone().send(due)
        if self._is_measured(due.at):
            self.heard.sent_ms.append((perf_counter() - due.at) * 1000)

    def _ready_phone(self) -> "_Phone":
        """The server closes connections that are idle for long, and must not while a request is on its way."""
        while self._idle:
            phone = self._idle.pop()
            if perf_counter() - phone.idle_since < _IDLE_S:
                return phone
            self._drop(phone)
        return self._connect()

    def _drop(self, phone: "_Phone") -> None:
        self._selector.unregister(phone.socket)
        phone.socket.close()

    def _connect(self) -> "_Phone":
        phone = _Phone(self._load.port)
        self._selector.register(phone.socket, selectors.EVENT_READ, phone)
        return phone

    def _hear(self, within_s: float) -> None:
        for key, _ in self._selector.select(within_s):
            phone: _Phone = key.data
            answer = phone.receive()
            if phone.due is None:
                self._idle.remove(phone)
                self._drop(phone)
            elif answer is not None:
                self._answered(phone, phone.due, answer)

    def _answered(self, phone: "_Phone", due: _Due, answer: bytes) -> None:
        now, phone.due = perf_counter(), None
        if phone.is_open:
            phone.idle_since = now
            self._idle.append(phone)
        else:
            self._drop(phone)
        step, is_right = due.call.step, due.call.answered(answer)
        if self._is_measured(due.at):
            self.heard.late_ms[step].append((now - due.at) * 1000)
            self.heard.errors += not is_right
            self.heard.calls_over += due.call.is_over
        if is_right and not due.call.is_over:
            self._put_in(_Due(now + self._gaps_s[due.call.step], next(self._numbers), due.call))

    def _count_unanswered(self) -> None:
        """Requests that were due and have no answer yet are as late as they are by now."""
        now = perf_counter()
        sent = (key.data.due for key in self._selector.get_map().values())
        for due in [*(due for due in sent if due is not None), *self._due]:
            if self._is_measured(due.at) and due.at <= now:
                self.heard.late_ms[due.call.step].append((now - due.at) * 1000)

    def _close(self) -> None:
        for key in list(self._selector.get_map().values()):
            key.data.socket.close()
        self._selector.close()


class _Phone:
    """A connection, with the request that is under way on it."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.due: _Due | None = None
        self.is_open = True
        self.idle_since = 0.0
        self._heard = b""

    def send(self, due: _Due) -> None:
        self.due = due
        self.socket.sendall(due.call.request())

    def receive(self) -> bytes | None:
        """The whole answer; None while some of it is still to come."""
        try:
            heard = self.socket.recv(_ANSWER_BYTES_MAX)
        except OSError:
            heard = b""
        self._heard += heard
        self.is_open = bool(heard)
        if heard and not is_whole(self._heard):
            return None
        answer, self._heard = self._heard, b""
        return answer
