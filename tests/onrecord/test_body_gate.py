"""Requests wait for their bodies at the body_gate, where they keep no caller waiting, and reach the app whole."""

import asyncio
import os
import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import get_ident
from wsgiref.types import StartResponse, WSGIEnvironment
from xml.etree import ElementTree

import pytest

from callflow.signature import BODY_BYTES_MAX
from onrecord.demo.local_installation import free_port
from onrecord.processes.body_gate import AWAITED_MAX, BodyGate
from storage.database.engine import Database
from storage.database.schema import migrate
from tests.callflow.conftest import Delivery, Installation, connects, install
from tests.callflow.test_failure_rules import hangs
from tests.onrecord.carried import FORM, Lines, Request
from tests.source import ROOT

SIGNED = {"x-twilio-signature": "x"}


def request(delivery: Delivery) -> Request:
    headers = {"content-type": FORM, "content-length": str(len(delivery.body)), "host": "x"}
    return Request(delivery.path, {**headers, "x-twilio-signature": delivery.signature}, delivery.body)


def pass_through(body_gate: BodyGate, *requests: Request) -> None:
    async def all_at_once() -> None:
        await asyncio.gather(*(body_gate.__rsgi__(one, one) for one in requests))

    asyncio.run(all_at_once())


def test_what_comes_through_the_doorway_is_answered_as_if_it_had_come_straight(installation: Installation) -> None:
    call = installation.twilio.dial()
    delivery = installation.twilio.sign("/voice/answer", call.params(CallStatus="ringing", FromCity="São Paulo"))
    through = request(delivery)
    pass_through(BodyGate(installation.twilio.app), through)
    straight = delivery.to(installation.twilio.app)
    ((status, headers, body),) = through.answered
    assert (status, body) == (200, straight.data)
    assert dict(headers)["Content-Type"] == straight.content_type


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-length": "10"},
        {"transfer-encoding": "chunked"},
        {"x-twilio-signature": "x", "content-length": str(BODY_BYTES_MAX + 1)},
        {"x-twilio-signature": "x", "content-length": "9" * 5000},
    ],
)
def test_a_body_that_will_be_refused_anyway_is_not_waited_for(
    installation: Installation, headers: dict[str, str]
) -> None:
    one = Request("/voice/answer", {"content-type": FORM, **headers})
    pass_through(BodyGate(installation.twilio.app, body_s=0.2), one)
    assert (one.was_read, [status for status, *_ in one.answered]) == (False, [403])


@pytest.mark.parametrize("length", [{}, {"transfer-encoding": "chunked"}, {"content-length": "-1"}])
def test_a_body_is_read_whether_its_length_is_known_or_not(installation: Installation, length: dict[str, str]) -> None:
    call = installation.twilio.dial()
    one = request(installation.twilio.sign("/voice/answer", call.params(CallStatus="ringing")))
    one.headers = {"x-twilio-signature": one.headers["x-twilio-signature"], **length}
    pass_through(BodyGate(installation.twilio.app), one)
    assert [status for status, *_ in one.answered] == [200]
    assert installation.call(call.sid).outcome == "open"


def test_a_body_that_grows_over_the_cap_is_read_no_further(installation: Installation) -> None:
    one = request(installation.twilio.sign("/voice/answer", installation.twilio.dial().params(Pad="x" * 100_000)))
    one.headers = {"x-twilio-signature": one.headers["x-twilio-signature"]}
    pass_through(BodyGate(installation.twilio.app), one)
    assert ([status for status, *_ in one.answered], one.sent_bytes) == ([403], BODY_BYTES_MAX + 128)


def test_bodies_that_never_come_keep_nobody_waiting(installation: Installation) -> None:
    call = installation.twilio.dial()
    genuine = request(installation.twilio.sign("/voice/answer", call.params(CallStatus="ringing")))
    slow = [Request("/voice/answer", {**genuine.headers}) for _ in range(200)]
    answered_before: list[int] = []

    async def all_at_once() -> None:
        body_gate = BodyGate(installation.twilio.app, body_s=1.0)
        waiting = [asyncio.ensure_future(body_gate.__rsgi__(one, one)) for one in slow]
        await asyncio.sleep(0)  # they have begun to wait
        await body_gate.__rsgi__(genuine, genuine)
        answered_before.append(sum(bool(one.answered) for one in slow))
        await asyncio.gather(*waiting)

    asyncio.run(all_at_once())
    assert [status for status, *_ in genuine.answered] == [200]
    assert answered_before == [0]
    assert {status for one in slow for status, *_ in one.answered} == {408}


def test_a_database_that_hangs_keeps_no_request_from_being_answered(installation: Installation) -> None:
    """Many more wait for it than there are threads."""
    calls = [installation.twilio.dial() for _ in range(60)]
    arriving = [request(installation.twilio.sign("/voice/answer", call.params(CallStatus="ringing"))) for call in calls]
    with hangs(installation):
        pass_through(BodyGate(installation.twilio.app), *arriving)
    assert all(connects(ElementTree.fromstring(body)) for one in arriving for _, _, body in one.answered)
    assert [len(one.answered) for one in arriving] == [1] * len(arriving)


@pytest.mark.parametrize(
    ("one", "on_loop"),
    [
        (Request("/voice/answer", SIGNED, b"x" * 8192), True),
        (Request("/voice/answer", SIGNED, b"", method="GET"), True),
        (Request("/voice/answer", SIGNED, b"x" * 8193), False),
        (Request("/readyz", SIGNED, b"", method="GET"), False),
        (Request("/voice/answer", {}), False),
    ],
    ids=["signed", "signed GET", "long", "health", "unsigned"],
)
def test_what_may_take_long_is_served_beside_the_loop(one: Request, on_loop: bool) -> None:
    served_in: list[int] = []

    def app(_: WSGIEnvironment, start: StartResponse) -> list[bytes]:
        served_in.append(get_ident())
        start("204 No Content", [])
        return []

    pass_through(BodyGate(app), one)
    assert ([status for status, *_ in one.answered], [thread == get_ident() for thread in served_in]) == (
        [204],
        [on_loop],
    )


@pytest.mark.parametrize("beside", ["A" * 28, "", "x, y"])
def test_one_good_signature_is_enough_whatever_a_proxy_added(installation: Installation, beside: str) -> None:
    one = request(installation.twilio.sign("/voice/answer", installation.twilio.dial().params()))

    one.headers = Lines(one.headers, ("x-twilio-signature", beside))
    pass_through(BodyGate(installation.twilio.app), one)
    assert [status for status, *_ in one.answered] == [200]


def test_of_too_many_bodies_those_that_were_waited_for_longest_are_given_up(installation: Installation) -> None:
    """Of the client that has the most of them; nobody else's."""
    genuine = request(installation.twilio.sign("/voice/answer", installation.twilio.dial().params()))
    slow = [Request("/voice/answer", genuine.headers, client=f"203.0.113.9:{port}") for port in range(AWAITED_MAX)]
    others = [Request("/voice/answer", genuine.headers, client=f"[2001:db8::{n}]:443") for n in range(3)]
    answered: list[list[bool]] = []

    async def all_at_once() -> None:
        body_gate = BodyGate(installation.twilio.app, body_s=2.0)
        waiting = [asyncio.ensure_future(body_gate.__rsgi__(one, one)) for one in (*others, *slow)]
        await asyncio.sleep(0)
        await body_gate.__rsgi__(genuine, genuine)
        answered.extend([[bool(one.answered) for one in some] for some in (others, slow, [genuine])])
        await asyncio.gather(*waiting)

    asyncio.run(all_at_once())
    assert answered == [[False] * 3, [True] * 4 + [False] * (AWAITED_MAX - 4), [True]]
    assert {status for one in slow for status, *_ in one.answered} == {408}


@contextmanager
def served(database_url: str) -> Iterator[int]:
    """The public face on a real server, at the port given."""
    port = free_port()
    command = [sys.executable, "-m", "tests.onrecord.served", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "DATABASE_URL": database_url})
    try:
        while not is_up(port):
            assert process.poll() is None
        yield port
    finally:
        process.terminate()
        process.wait(10)


def is_up(port: int) -> bool:
    try:
        with connected(port) as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            return connection.recv(4096).startswith(b"HTTP/1.1 200")
    except ConnectionError:
        return False


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def test_forty_who_stop_in_the_middle_of_a_request_keep_no_genuine_one_waiting(tmp_path: Path) -> None:
    database = Database.open(f"sqlite:///{tmp_path / 'onrecord.db'}")
    migrate(database)
    installation = install(database)
    call = installation.twilio.dial()
    delivery = installation.twilio.sign("/voice/answer", call.params(CallStatus="ringing"))
    head = f"POST {delivery.path} HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\nX-Twilio-Signature: "
    with served(str(database.engine.url)) as port, ExitStack() as stack:
        slow = [stack.enter_context(connected(port)) for _ in range(40)]
        for one in slow:
            one.sendall(f"{head}x\r\nContent-Length: 100\r\n\r\nC".encode())
        with connected(port) as genuine:
            genuine.sendall(f"{head}{delivery.signature}\r\nContent-Length: {len(delivery.body)}\r\n\r\n".encode())
            genuine.sendall(delivery.body)
            assert genuine.recv(4096).startswith(b"HTTP/1.1 200")
        assert select.select(slow, [], [], 0) == ([], [], []), "they were sent away first"
        with connected(port) as endless:
            endless.sendall(f"{head}x\r\nContent-Length: {10**9}\r\n\r\nC".encode())
            assert endless.recv(4096).startswith(b"HTTP/1.1 403")
    assert installation.call(call.sid).outcome == "open"
    database.close()
