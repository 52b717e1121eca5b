"""One client that holds more connections than a process may have keeps no caller from being answered."""

import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlencode

import pytest
from twilio.request_validator import RequestValidator

from onrecord.demo.local_installation import free_port
from onrecord.processes.descriptors import connections_max
from tests.onrecord.commands.site import PHONE, TOKEN, Site
from tests.source import ROOT

CROWD = 1300
LIMIT = 1024
HEAD = b"POST /voice/answer HTTP/1.1\r\nHost: x\r\n"
HELD = {
    "nothing": b"",
    "half a header": HEAD + b"X-Twilio-Sig",
    "a header and no body": HEAD + b"X-Twilio-Signature: x\r\nContent-Length: 100\r\n\r\nC",
    "a header without a signature": HEAD + b"Content-Length: 100\r\n\r\nC",
    "no end of chunks": HEAD + b"X-Twilio-Signature: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nC\r\n",
    "a request, and then nothing": b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
}
ANSWERED_WITHIN_S = 10  # Twilio's own limit is 15


@pytest.fixture(scope="module", autouse=True)
def room_for_a_crowd() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture(scope="module")
def port(fresh: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The public face of an installation that may have few files open."""
    site, port = fresh.copied_to(tmp_path_factory.mktemp("crowded")), free_port()
    options = ["--webhooks", f"127.0.0.1:{port}", "--console", f"127.0.0.1:{free_port()}"]
    with site.started("serve", *options, under=["sh", "-c", f'ulimit -n {LIMIT}; exec "$@"', "sh"]):
        end = time.monotonic() + 60
        while not is_answered(port, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 200"):
            assert time.monotonic() < end, "it did not start"
        yield port


def is_answered(port: int, request: bytes, begins: bytes) -> bool:
    try:
        with connected(port) as connection:
            connection.sendall(request)
            return connection.recv(1 << 16).startswith(begins)
    except OSError:
        return False


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=ANSWERED_WITHIN_S)


def ringing(n: int, **more: str) -> tuple[bytes, str]:
    """The body of the request of a call that rings, and its signature."""
    params = {
        "AccountSid": PHONE["TWILIO_ACCOUNT_SID"],
        "CallSid": f"CA{n:032x}",
        "CallStatus": "ringing",
        "From": "+12025550123",
        "To": "+12025550100",
        **more,
    }
    signature = RequestValidator(TOKEN).compute_signature(f"{PHONE['PUBLIC_BASE_URL']}/voice/answer", params)
    return urlencode(params).encode(), signature


def a_call(n: int) -> bytes:
    body, signature = ringing(n)
    return HEAD + f"X-Twilio-Signature: {signature}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@contextmanager
def crowd(port: int, sent: bytes) -> Iterator[None]:
    with ExitStack() as stack:
        for _ in range(CROWD):
            connection = stack.enter_context(connected(port))
            connection.sendall(sent)
        yield


@pytest.mark.parametrize("held", HELD)
def test_callers_are_answered_while_one_client_holds_more_connections_than_there_can_be(held: str, port: int) -> None:
    with crowd(port, HELD[held]):
        for n in range(5):
            assert is_answered(port, a_call(list(HELD).index(held) * 5 + n), b"HTTP/1.1 200"), n


@pytest.mark.parametrize(("descriptors", "connections"), [(65_536, 65_280), (1024, 768), (256, 128), (100, 50)])
def test_connections_leave_descriptors_for_the_work_itself(descriptors: int, connections: int) -> None:
    assert connections_max(descriptors) == connections


@pytest.mark.parametrize(("limits", "granted", "is_said"), [("-Hn 512", 512, True), ("-Sn 300", None, False)])
def test_a_process_takes_the_descriptors_it_may_have_and_says_where_they_are_few(
    limits: str, granted: int | None, is_said: bool
) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    took = "import resource; from onrecord.processes.descriptors import raise_limit; raise_limit()"
    script = f"{took}; print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
    command = ["sh", "-c", f'ulimit -Sn 300; ulimit {limits}; exec "$@"', "sh", sys.executable, "-c", script]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(ran.stdout) == (granted or min(hard, 65_536))
    assert ("only 512 files and connections" in ran.stderr) == is_said or hard < 4096
