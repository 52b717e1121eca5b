"""A real nginx with the configuration of the operators' page, between a test and the service."""

import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import requests

from onrecord.demo.local_installation import free_port
from tests.onrecord.tls import certified
from tests.prepare import NEEDED, NGINX
from tests.source import ROOT

PAGE = ROOT / "docs" / "deploy" / "nginx.conf"
VOICE, CONSOLE = "voice.example.com", "console.example.com"
_MAIN = """
user root;
daemon off;
worker_processes 1;
worker_rlimit_nofile 16384;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 8192; }}
http {{
    client_body_temp_path {folder}/bodies;
    proxy_temp_path {folder}/answers;
    fastcgi_temp_path {folder}/none;
    uwsgi_temp_path {folder}/none;
    scgi_temp_path {folder}/none;
    include {folder}/onrecord.conf;
}}
"""
_COPIED = "is buffered to a temporary file"


@dataclass(frozen=True)
class Nginx:
    folder: Path
    port: int
    webhooks: int
    certificate: Path

    def ask(self, host: str, path: str, **given: object) -> requests.Response:
        headers: Mapping[str, str] = given.pop("headers", {})  # type: ignore[assignment]  # of a request
        return requests.request(
            str(given.pop("method", "GET")),
            f"https://127.0.0.1:{self.port}{path}",
            headers={"Host": host, **headers},
            verify=str(self.certificate),
            timeout=30,
            **given,  # type: ignore[arg-type]  # as requests takes them
        )

    def has_copied(self) -> bool:
        """Whether something that went through it was in a file of its own meanwhile."""
        return _COPIED in (self.folder / "error.log").read_text()


@contextmanager
def nginx(
    folder: Path,
    *,
    webhooks: int,
    console: int,
    stand_in: int = 9,
    log_level: str = "warn",
    changed: Callable[[str], str] = lambda text: text,
) -> Iterator[Nginx]:
    """In front of these ports of the loopback. `changed`: a test's own fault in the configuration. `log_level`: the
    page has a higher one, at which nginx does not say that it copied something.
    """
    program = next(one.found() for one in NEEDED if one.package == "nginx-light")
    assert program, f"there is no nginx. Install it:\n    {NGINX}"
    folder.mkdir(parents=True, exist_ok=True)
    certificate, key = certified(folder, datetime.now(UTC) + timedelta(days=1))
    port, text = free_port(), changed(PAGE.read_text())
    for pattern, here in (
        (r"listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;"),
        (r"/etc/ssl/onrecord/\w+\.pem", str(certificate)),
        (r"/etc/ssl/onrecord/\w+\.key", str(key)),
        (r"/var/log/nginx/onrecord\.log crit", f"{folder}/error.log {log_level}"),
        (r"127\.0\.0\.1:8000", f"127.0.0.1:{webhooks}"),
        (r"127\.0\.0\.1:8010", f"127.0.0.1:{stand_in}"),
        (r"127\.0\.0\.1:8001", f"127.0.0.1:{console}"),
    ):
        text, found = re.subn(pattern, here, text)
        assert found, f"{PAGE} has nothing like {pattern}"
    (folder / "onrecord.conf").write_text(text)
    (folder / "nginx.conf").write_text(_MAIN.format(folder=folder))
    command = [program, "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]
    subprocess.run([*command, "-t"], check=True, capture_output=True)
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    made = Nginx(folder, port, webhooks, certificate)
    try:
        _wait_for(made, process)
        yield made
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(made: Nginx, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        assert process.poll() is None, (made.folder / "error.log").read_text()
        with suppress(requests.ConnectionError):
            made.ask(VOICE, "/")
            return
        time.sleep(0.02)
    raise AssertionError("nginx did not start")
