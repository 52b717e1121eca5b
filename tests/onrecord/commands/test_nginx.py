"""The nginx of the operators' page in front of a real service: callers come through, and nothing of theirs stays."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.onrecord.commands.site import Site
from tests.onrecord.commands.test_crowds import ringing
from tests.onrecord.commands.test_reload import Phone, with_sound
from tests.onrecord.commands.test_serving import Served, serving, starting, status, until
from tests.onrecord.nginx import CONSOLE, VOICE, Nginx, nginx
from tests.onrecord.test_recorded_prompts import wav

FORM = "application/x-www-form-urlencoded"
CROWD = 600
AT_ONCE = 4
UP_WITHIN_S = 120
HEAD = b"POST /voice/answer HTTP/1.1\r\nHost: voice.example.com\r\nX"
MEGABYTE = b"\0" * (1 << 20)
MEGABYTES = 64


@pytest.fixture(scope="module")
def front(fresh: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    folder = tmp_path_factory.mktemp("behind")
    with serving(fresh.copied_to(folder / "site")) as served:
        ports = served.ports
        with nginx(folder / "nginx", webhooks=ports["webhooks"], console=ports["console"]) as front:
            yield front


def signed(n: int, **more: str) -> tuple[bytes, dict[str, str]]:
    """The body and the headers of a call that rings."""
    body, signature = ringing(n, **more)
    return body, {"X-Twilio-Signature": signature, "Content-Type": FORM}


def is_answered(front: Nginx, n: int) -> bool:
    body, headers = signed(n)
    answer = front.ask(VOICE, "/voice/answer", method="POST", data=body, headers=headers)
    return answer.status_code == 200 and b"<Response>" in answer.content


def test_a_caller_is_answered(front: Nginx) -> None:
    assert is_answered(front, 1)


def test_a_caller_is_answered_whose_request_comes_in_chunks(front: Nginx) -> None:
    body, headers = signed(2)
    chunks = (body[at : at + 20] for at in range(0, len(body), 20))
    assert front.ask(VOICE, "/voice/answer", method="POST", data=chunks, headers=headers).status_code == 200


def test_a_long_request_is_for_the_service_to_judge_and_lies_in_no_file(front: Nginx) -> None:
    body, headers = signed(3, SpeechResult="x" * 60_000)
    assert front.ask(VOICE, "/voice/answer", method="POST", data=body, headers=headers).status_code == 200
    assert not front.has_copied()


HIDDEN = ("/", "/healthz", "/readyz", "/enter", "/static/console.css")
SPELT = ("/voice/../readyz", "/voice/%2e%2e/readyz", "/voice/..%2freadyz", "//readyz", "/voice;/../readyz", "/VOICE/")


@pytest.mark.parametrize("path", [*HIDDEN, *SPELT])
def test_nothing_but_the_webhooks_is_for_the_world(front: Nginx, path: str) -> None:
    assert status(spoken(front, b"GET %s HTTP/1.1\r\nHost: voice.example.com" % path.encode())) == 404


@pytest.mark.parametrize(("address", "status_code"), [("127.0.0.1", 200), ("192.0.2.10", 403)])
def test_a_balancer_reads_readiness_where_it_is_let_in(
    front: Nginx, tmp_path: Path, address: str, status_code: int
) -> None:
    let_in = partial(exchanged, {"# location = /readyz": "location = /readyz", "192.0.2.10": address})
    with nginx(tmp_path, webhooks=front.webhooks, console=9, changed=let_in) as other:
        assert other.ask(VOICE, "/readyz").status_code == status_code


@pytest.mark.parametrize("path", ["/voice/%252e%252e/readyz", "/callbacks//readyz", "/voice/audio/../../readyz%00"])
def test_a_path_that_means_something_else_inside_is_refused_there(front: Nginx, path: str) -> None:
    answer = spoken(front, b"GET %s HTTP/1.1\r\nHost: voice.example.com" % path.encode())
    assert status(answer) in (400, 403, 404)
    assert b"database" not in answer


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_a_caller_is_answered_whatever_the_request_says_of_where_it_comes_from(front: Nginx, version: bytes) -> None:
    """nginx hands on what it was sent; nothing in the service believes it."""
    body, headers = signed(5 if version == b"1.0" else 6)
    spoofed = {
        "X-Forwarded-For": "127.0.0.1",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Prefix": "/elsewhere",
        "Forwarded": "for=127.0.0.1;host=evil.example;proto=http",
        "X-Original-URL": "/readyz",
        "Content-Length": str(len(body)),
    }
    lines = "".join(f"\r\n{name}: {value}" for name, value in (headers | spoofed).items())
    head = b"POST /voice/answer HTTP/%s\r\nHost: evil.example%s" % (version, lines.encode())
    answer = spoken(front, head, body)
    assert status(answer) == 200, answer
    assert b"evil.example" not in answer


def test_a_body_that_is_longer_than_any_of_twilios_is_not_handed_on(front: Nginx) -> None:
    answer = front.ask(VOICE, "/voice/answer", method="POST", data=b"a=" + b"b" * 200_000, headers={})
    assert answer.status_code == 413


def test_a_long_address_is_for_the_service_to_judge(front: Nginx) -> None:
    assert front.ask(VOICE, "/voice/answer?" + "a" * 12_000, method="POST").status_code == 403


def spoken(front: Nginx, head: bytes, body: bytes = b"") -> bytes:
    """The whole answer to these bytes, as the last request of their connection."""
    context = ssl.create_default_context(cafile=front.certificate)
    with (
        socket.create_connection(("127.0.0.1", front.port), timeout=30) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as wrapped,
    ):
        wrapped.sendall(head + b"\r\nConnection: close\r\n\r\n" + body)
        answer = b""
        while more := wrapped.recv(1 << 16):
            answer += more
    return answer


def test_a_request_that_is_not_twilios_is_refused_by_the_service(front: Nginx) -> None:
    refused = front.ask(VOICE, "/voice/answer", method="POST", data=b"CallSid=CA1", headers={"Content-Type": FORM})
    assert (refused.status_code, refused.content) == (403, b"")


@contextmanager
def held(front: Nginx, sent: bytes, count: int) -> Iterator[None]:
    """Connections that send this and then nothing."""
    context = ssl.create_default_context(cafile=front.certificate)
    with ExitStack() as stack:
        for _ in range(count):
            plain = stack.enter_context(socket.create_connection(("127.0.0.1", front.port), timeout=10))
            if sent:
                wrapped = stack.enter_context(context.wrap_socket(plain, server_hostname="127.0.0.1"))
                wrapped.sendall(sent)
        yield


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        HEAD,
        HEAD + b"-Twilio-Signature: x\r\nContent-Length: 99\r\n\r\nC",
    ],
)
def test_callers_are_answered_while_others_hold_connections_open(front: Nginx, sent: bytes) -> None:
    with held(front, sent, CROWD):
        assert all(is_answered(front, 100 + len(sent) + n) for n in range(3))


def test_the_staff_reach_the_console_and_no_webhook_there(front: Nginx) -> None:
    assert front.ask(CONSOLE, "/enter").status_code == 200
    assert front.ask(CONSOLE, "/voice/answer", method="POST").status_code in (403, 404, 405)


def test_bodies_that_never_come_hold_none_of_the_consoles_threads(front: Nginx) -> None:
    half = b"POST /enter HTTP/1.1\r\nHost: console.example.com\r\nContent-Type: %s\r\nContent-Length: 99\r\n\r\nn"
    with held(front, half % FORM.encode(), 40):
        began = time.monotonic()
        assert front.ask(CONSOLE, "/enter").status_code == 200
        assert time.monotonic() - began < 5  # after which they are given up


def without(line: str, text: str) -> str:
    return exchanged({line: ""}, text)


def exchanged(parts: Mapping[str, str], text: str) -> str:
    for before, after in parts.items():
        assert before in text
        text = text.replace(before, after)
    return text


def test_nobody_outside_the_staffs_network_reaches_the_console(tmp_path: Path) -> None:
    away = partial(without, "allow 127.0.0.0/8;")
    with nginx(tmp_path, webhooks=9, console=9, changed=away) as front:
        assert front.ask(CONSOLE, "/enter").status_code == 403


class _Long(BaseHTTPRequestHandler):
    """A recording that is longer than whoever hears it takes at once."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(MEGABYTES << 20))
        self.end_headers()
        for _ in range(MEGABYTES):
            self.wfile.write(MEGABYTE)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


@contextmanager
def long_answers() -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), _Long)
    serving_it = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    serving_it.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def hear_slowly(front: Nginx) -> None:
    with front.ask(CONSOLE, "/recording", stream=True) as answer:
        pieces = answer.iter_content(1 << 20)
        next(pieces)
        time.sleep(0.5)
        assert sum(map(len, pieces)) == (MEGABYTES - 1) << 20


def send_a_form(front: Nginx) -> None:
    body = b"From=" + b"1" * 100_000
    assert front.ask(VOICE, "/voice/answer", method="POST", data=body).status_code == 204


@pytest.mark.parametrize(
    ("act", "line"),
    [(hear_slowly, "proxy_max_temp_file_size 0;"), (send_a_form, "client_body_buffer_size 128k;")],
)
def test_neither_recordings_nor_forms_are_written_to_a_file(
    tmp_path: Path, act: Callable[[Nginx], None], line: str
) -> None:
    with long_answers() as port:
        with nginx(tmp_path / "page", webhooks=port, console=port) as front:
            act(front)
            assert not front.has_copied()
        with nginx(tmp_path / "without", webhooks=port, console=port, changed=partial(without, line)) as front:
            act(front)
            assert front.has_copied(), "the check itself"


@pytest.mark.parametrize(("log_level", "is_named"), [("crit", False), ("error", True)])
def test_no_log_of_nginx_names_a_call_while_nobody_answers(tmp_path: Path, log_level: str, *, is_named: bool) -> None:
    with nginx(tmp_path, webhooks=9, console=9, log_level=log_level) as front:
        assert front.ask(VOICE, "/voice/choice/0f3c?From=%2B15125550111", method="POST").status_code == 502
        assert ("0f3c" in (tmp_path / "error.log").read_text()) == is_named


class PhoneThroughNginx(Phone):
    """Tries again as our URLs tell Twilio to: at once, twice, where there was no answer or a server's fault."""

    def __init__(self, front: Nginx) -> None:
        super().__init__(front.port)
        self.front, self.again = front, 0

    def _post(self, request: bytes) -> bytes:
        head, _, body = request.partition(b"\r\n\r\n")
        answer = spoken(self.front, head, body)
        for _ in range(2):
            if status(answer) < 500:
                break
            self.again += 1
            answer = spoken(self.front, head, body)
        return answer


@contextmanager
def calls_coming_in(phone: Phone) -> Iterator[None]:
    """Calls, a few at a time and one after another, from before what happens until after it."""
    stopping = threading.Event()

    def place() -> None:
        while not stopping.is_set():
            phone.place(0.0)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        placing = [pool.submit(place) for _ in range(AT_ONCE)]
        try:
            until(lambda: len(phone.sids) > AT_ONCE, UP_WITHIN_S)
            yield
            before = len(phone.sids)
            until(lambda: len(phone.sids) > before + AT_ONCE, UP_WITHIN_S)
        finally:
            stopping.set()
    for one in placing:
        one.result()


@pytest.mark.timeout(600)
def test_a_restart_beside_a_second_one_costs_no_call(site: Site, tmp_path: Path) -> None:
    """As the page says: the second one is up before the first ends, and ends once the first is up again."""
    with_sound(site, "opt_out", wav(1))
    with starting(site) as first, starting(site) as second, ExitStack() as stack:
        until(lambda: first.is_ready() and second.is_ready(), UP_WITHIN_S)
        webhooks, console, stand_in = first.ports["webhooks"], first.ports["console"], second.ports["webhooks"]
        front = stack.enter_context(nginx(tmp_path / "nginx", webhooks=webhooks, console=console, stand_in=stand_in))
        phone = PhoneThroughNginx(front)
        with calls_coming_in(phone):
            ends(first)
            again = stack.enter_context(starting(site, first.ports))
            until(again.is_ready, UP_WITHIN_S)
            ends(second)
        assert phone.failed == []


def ends(served: Served) -> None:
    served.process.terminate()
    assert served.process.wait(UP_WITHIN_S) == 0
