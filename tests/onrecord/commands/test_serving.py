"""`onrecord serve` as an operator runs it: two web servers on two ports, watched over, closed to everybody's junk."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass

import pytest
import requests

from onrecord.demo.local_installation import free_port
from storage.log import checkpoints
from tests.onrecord.commands.site import Site
from tests.processes import below, children, is_alive

HOST = b"Host: calls.example.org\r\n"
SIGNED = b"X-Twilio-Signature: c2lnbmF0dXJlIG9mIDIwIGJ5dGU=\r\n"
POST = b"POST /voice/answer HTTP/1.1\r\n" + HOST + SIGNED
FACES = ("webhooks", "console")


@dataclass
class Served:
    site: Site
    process: "subprocess.Popen[str]"
    ports: dict[str, int]

    def url(self, face: str, path: str) -> str:
        return f"http://127.0.0.1:{self.ports[face]}{path}"

    def answers(self, face: str, path: str = "/healthz") -> bool:
        try:
            return requests.get(self.url(face, path), timeout=5).status_code == 200
        except requests.RequestException:
            return False

    def connect(self, face: str, timeout: float = 10) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.ports[face]), timeout=timeout)

    def listens(self, face: str) -> bool:
        try:
            self.connect(face).close()
        except OSError:
            return False
        return True

    def servers(self) -> list[int]:
        """The process of each face."""
        return children(self.process.pid)

    def workers(self) -> list[int]:
        return [worker for server in self.servers() for worker in children(server)]

    def is_ready(self) -> bool:
        return all(self.answers(face, "/readyz") for face in FACES)

    def options(self) -> list[str]:
        return [text for face, port in self.ports.items() for text in (f"--{face}", f"127.0.0.1:{port}")]


def until(true: Callable[[], bool], within_s: float = 30) -> None:
    end = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def kill(processes: list[int]) -> None:
    """As `kill -9`, and waits until they are dead."""
    for process in processes:
        os.kill(process, signal.SIGKILL)
    until(lambda: not any(is_alive(process) for process in processes))


def is_signed_to_its_end(site: Site) -> bool:
    """Whether nothing is in the log that the last checkpoint does not cover."""
    with closing(site.database()) as database, database.read() as connection:
        return checkpoints.newest(connection) is not None and not checkpoints.has_news(connection)


@contextmanager
def starting(site: Site, ports: dict[str, int] | None = None) -> Iterator[Served]:
    served = Served(site, None, ports or {face: free_port() for face in FACES})  # type: ignore[arg-type]  # filled in below
    with site.started("serve", *served.options()) as served.process:
        yield served


@contextmanager
def serving(site: Site) -> Iterator[Served]:
    with starting(site) as served:
        until(lambda: served.process.poll() is not None or served.is_ready())
        yield served


@pytest.fixture(scope="module")
def served(fresh: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One for all tests that only ask it."""
    with serving(fresh.copied_to(tmp_path_factory.mktemp("served"))) as served:
        yield served


def asked(served: Served, face: str, request: bytes) -> bytes:
    """The whole answer to these bytes; empty where the connection was closed without one."""
    with served.connect(face) as connection:
        answer = b""
        try:
            connection.sendall(request)
            while b"\r\n\r\n" not in answer and (more := connection.recv(1 << 16)):
                answer += more
        except OSError:
            pass  # the server had enough of it before it was all sent
    return answer


def status(answer: bytes) -> int:
    """Of the last answer, where a 100 came first; 0 without one."""
    lines = [line for line in answer.split(b"\r\n") if line.startswith(b"HTTP/")]
    return int(lines[-1].split()[1]) if lines else 0


@pytest.mark.parametrize("face", FACES)
def test_each_face_says_that_it_is_up_and_ready(face: str, served: Served) -> None:
    health = requests.get(served.url(face, "/healthz"), timeout=5)
    assert (health.status_code, health.text) == (200, "ok\n")
    until(lambda: bool(requests.get(served.url(face, "/readyz"), timeout=5).json()["audio_store"]))
    ready = requests.get(served.url(face, "/readyz"), timeout=5)
    found = ready.json()
    assert found.pop("journal")["waiting"] == 0
    assert (ready.status_code, found) == (200, {"database": True, "rulebook": True, "audio_store": True})


@pytest.mark.parametrize("face", FACES)
def test_no_answer_sets_a_cookie_or_says_which_version_runs(face: str, served: Served) -> None:
    for path in ("/", "/healthz", "/readyz", "/nothing"):
        answer = requests.get(served.url(face, path), timeout=5)
        assert "Set-Cookie" not in answer.headers
        assert not any(character.isdigit() for character in answer.headers.get("Server", ""))
        assert "X-Powered-By" not in answer.headers


def test_calls_go_on_without_the_audio_store_and_it_is_told(served: Served) -> None:
    audio = served.site.folder / "var" / "audio"
    away = audio.rename(audio.with_name("away"))
    for face in FACES:
        until(lambda face=face: not parts(served, face)["audio_store"])  # type: ignore[misc]  # bound for this turn
        assert served.answers(face, "/readyz")
    away.rename(audio)


def parts(served: Served, face: str) -> dict[str, bool]:
    return dict(requests.get(served.url(face, "/readyz"), timeout=5).json())


def test_neither_face_serves_the_others_routes(served: Served) -> None:
    for path in ("/enter", "/static/console.css", "/static/icon.svg"):
        assert requests.get(served.url("console", path), timeout=5).status_code == 200
        assert requests.get(served.url("webhooks", path), timeout=5).status_code == 403
    for path in ("/voice/answer", "/voice/fallback", "/callbacks/call"):
        assert requests.post(served.url("webhooks", path), timeout=5).status_code == 403
        assert requests.post(served.url("console", path), timeout=5).status_code == 404


JUNK = {
    "HTTP 1.0": b"GET /healthz HTTP/1.0\r\n\r\n",
    "HTTP 1.0 with a body": b"POST /voice/answer HTTP/1.0\r\nContent-Length: 3\r\n\r\na=b",
    "HTTP 0.9": b"GET /healthz\r\n\r\n",
    "HTTP 2 at once": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "absolute target": b"GET http://evil.example/healthz HTTP/1.1\r\n" + HOST + b"\r\n",
    "absolute target without a path": b"GET http://evil.example HTTP/1.1\r\n" + HOST + b"\r\n",
    "authority": b"CONNECT evil.example:443 HTTP/1.1\r\n" + HOST + b"\r\n",
    "asterisk": b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n",
    "two slashes": b"GET //voice//answer HTTP/1.1\r\n" + HOST + b"\r\n",
    "no host": b"GET /readyz HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /readyz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "host that is none": b"GET /readyz HTTP/1.1\r\nHost: \xff\xfe:99999\r\n\r\n",
    "host in half a bracket": b"GET /readyz HTTP/1.1\r\nHost: [::1\r\n\r\n",
    "host with a path": b"GET / HTTP/1.1\r\nHost: a b/../\r\n\r\n",
    "forwarded": b"GET / HTTP/1.1\r\n"
    + HOST
    + b"X-Forwarded-Host: \xff\r\nX-Forwarded-Proto: ftp\r\nForwarded: a\r\n\r\n",
    "bytes in a header": b"GET /healthz HTTP/1.1\r\n" + HOST + b"X-Y: \xff\xfe\x80\r\n\r\n",
    "bytes in a cookie": b"GET / HTTP/1.1\r\n" + HOST + b"Cookie: session=\xff; a=b=c; =\r\n\r\n",
    "bytes in the authorization": b"GET / HTTP/1.1\r\n" + HOST + b"Authorization: Basic \xff\r\n\r\n",
    "bytes in the type": POST + b"Content-Type: \xff;charset=\x80\r\nContent-Length: 3\r\n\r\na=b",
    "NUL in a header": b"GET /healthz HTTP/1.1\r\n" + HOST + b"X-Y: a\0b\r\n\r\n",
    "a long header": b"GET /healthz HTTP/1.1\r\n" + HOST + b"X-Y: " + b"a" * 1_000_000 + b"\r\n\r\n",
    "many headers": b"GET /healthz HTTP/1.1\r\n" + HOST + b"X-Y: a\r\n" * 500 + b"\r\n",
    "NUL in the path": b"GET /health\0z HTTP/1.1\r\n" + HOST + b"\r\n",
    "NUL in a file's name": b"GET /static/%00 HTTP/1.1\r\n" + HOST + b"\r\n",
    "bytes in the path": b"GET /\xff\xfe HTTP/1.1\r\n" + HOST + b"\r\n",
    "broken escapes": b"GET /static/%ff%zz%?a=%ff&b=%00&&==;;%zz HTTP/1.1\r\n" + HOST + b"\r\n",
    "a way out of the folder": b"GET /static/../../../etc/passwd HTTP/1.1\r\n" + HOST + b"\r\n",
    "an escaped way out": b"GET /static/..%2f..%2fapp.py HTTP/1.1\r\n" + HOST + b"\r\n",
    "a long path": b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "no method": b"G@T /healthz HTTP/1.1\r\n" + HOST + b"\r\n",
    "an odd method": b"BREW /healthz HTTP/1.1\r\n" + HOST + b"\r\n",
    "TRACE": b"TRACE /healthz HTTP/1.1\r\n" + HOST + b"\r\n",
    "a body for health": b"POST /healthz HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\n\r\na=b",
    "odd ranges": b"GET /static/console.css HTTP/1.1\r\n" + HOST + b"Range: bytes=5-1,-\r\nIf-Range: \xff\r\n\r\n",
    "an upgrade": b"GET / HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    "two kinds of length": POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\na=bc",
    "a length below zero": POST + b"Content-Length: -1\r\n\r\na=b",
    "a length that is no number": POST + b"Content-Length: abc\r\n\r\na=b",
    "a length beyond numbers": POST + b"Content-Length: 99999999999999999999999\r\n\r\na=b",
    "chunks": POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\na=b\r\n0\r\n\r\n",
    "chunks that are none": POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\na=b\r\n0\r\n\r\n",
    "many chunks": POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"1000\r\n" + b"a" * 4096 + b"\r\n0\r\n\r\n",
    "a body over 64 KB": POST + b"Content-Length: 70000\r\n\r\n" + b"a" * 70_000,
    "a body of megabytes": POST + b"Content-Length: 9000000\r\n\r\n" + b"a" * 9_000_000,
    "a compressed body": POST + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\na=b",
    "parts without a boundary": POST + b"Content-Type: multipart/form-data\r\nContent-Length: 3\r\n\r\na=b",
    "an expectation": POST + b"Expect: miracles\r\nContent-Length: 3\r\n\r\na=b",
}


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("junk", JUNK)
def test_junk_is_answered_without_a_failure_of_ours(junk: str, face: str, served: Served) -> None:
    answer = asked(served, face, JUNK[junk])
    assert status(answer) < 500, answer
    assert b"Traceback" not in answer
    assert served.answers(face)


def test_what_is_in_order_is_answered_however_it_is_asked(served: Served) -> None:
    for face in FACES:
        for junk in ("HTTP 1.0", "absolute target", "no host"):
            assert status(asked(served, face, JUNK[junk])) == 200
        assert asked(served, face, JUNK["HTTP 1.0"]).startswith(b"HTTP/1.0 ")


@pytest.mark.parametrize("face", FACES)
def test_those_who_send_slowly_hold_nobody_up(face: str, served: Served) -> None:
    """Many more than there are threads: half of them never end their headers, the others never their body."""
    with ExitStack() as stack:
        for n in range(80):
            connection = stack.enter_context(served.connect(face))
            connection.sendall(POST if n % 2 else POST + b"Content-Length: 100\r\n\r\na=b")
        began = time.monotonic()
        for _ in range(5):
            assert served.answers(face, "/readyz")
        assert time.monotonic() - began < 3


def test_another_one_at_its_port_is_refused(served: Served) -> None:
    (problem,) = served.site.run("serve", *served.options(), "--console", f"127.0.0.1:{free_port()}").problems
    assert problem.startswith(f"--webhooks is 127.0.0.1:{served.ports['webhooks']}, which cannot be listened on (")


def test_sigterm_ends_it_cleanly_and_who_is_being_served_is_answered(site: Site) -> None:
    with serving(site) as served, served.connect("webhooks") as connection, served.connect("console"):
        connection.sendall(POST + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        assert connection.recv(999).startswith(b"HTTP/1.1 100 ")  # now the request is under way
        for _ in range(2):  # told twice, it ends once
            served.process.send_signal(signal.SIGTERM)
        until(lambda: not served.listens("console"))
        until(lambda: len(below(served.process.pid)) == 2)  # the other face waits for that request
        connection.sendall(b"a=b")
        assert status(connection.recv(999)) == 403
        assert served.process.wait(30) == 0
        assert not any(served.listens(face) for face in FACES)
    assert is_signed_to_its_end(site)


def test_nothing_is_left_listening_when_it_is_killed(site: Site) -> None:
    with serving(site) as served:
        started = below(served.process.pid)
        assert len(started) == 4  # of each face the server and its worker
        served.process.kill()
        until(lambda: not any(served.listens(face) for face in FACES), within_s=2)
        until(lambda: not any(is_alive(one) for one in started))


def test_nothing_is_left_when_it_is_killed_while_it_starts(site: Site) -> None:
    """A server that asked late who its parent is would be told who takes in orphans."""
    with starting(site) as served:
        until(lambda: len(served.servers()) == 2)
        started = served.servers()
        served.process.kill()
        until(lambda: not any(is_alive(one) for one in started))


def test_who_dies_is_started_again(site: Site) -> None:
    with serving(site) as served:
        servers, workers = served.servers(), served.workers()
        kill(workers)
        until(served.is_ready)
        assert served.servers() == servers
        workers = served.workers()
        kill(servers)
        until(lambda: not any(is_alive(worker) for worker in workers))  # they end by themselves
        until(served.is_ready)
        assert served.process.poll() is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_ends_cleanly(number: signal.Signals, site: Site) -> None:
    with site.started("work") as process:
        until(lambda: site.workers() == 1)
        process.send_signal(number)
        assert process.wait(30) == 0
    assert site.workers() == 0
    assert is_signed_to_its_end(site)
