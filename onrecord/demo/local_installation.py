"""A whole installation on this machine, in processes of its own: simulator, both web servers, worker.

For `onrecord demo`, and for the tests that kill processes: each process can be killed and started again by itself.
"""

import json
import os
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, closing, nullcontext, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal

import requests
from flask import Flask, Response, jsonify
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from compliance.call_life import life_of
from onrecord.initialise import initialise
from onrecord.installation import open_installation
from onrecord.lines import sync_lines
from storage.database.engine import Database
from storage.disk import write_private
from storage.errors import Unavailable

Name = Literal["simulator", "serve", "work"]
LINES = {
    "+12125550100": "Support, which asks",
    "+12125550101": "Orders, which says that it records",
    "+12125550102": "Billing, where the star key withdraws",
}
# Who is recorded on each line, for the phone in the browser.
RECORDS = {
    "+12125550100": "records you if you press 1",
    "+12125550101": "tells you, and records you if you stay on; asks you where the law wants a yes",
    "+12125550102": "records you if you press 1; the star key takes that back",
}
_ENDS_WITHIN_S = 20


class DidNotStart(Unavailable):
    """A process of the local installation did not come up, or a command of it failed; a log says why."""


class LocalInstallation:
    """A context manager: entering it starts every process, leaving it ends them all. `folder` holds an `onrecord.toml`.

    `extra` is added to the environment of the service: another database or audio store, for example; `pace` to the
    simulator's configuration: its timing, or how fast people speak. Processes are started, and ended, within
    `undisturbed`: no signal comes between, so that none is forgotten. On a busy machine they take their time to come
    up: `up_within_s` is for those that hang.
    """

    def __init__(
        self,
        folder: Path,
        *,
        extra: Mapping[str, str] | None = None,
        pace: Mapping[str, Any] | None = None,
        undisturbed: Callable[[], AbstractContextManager[None]] = nullcontext,
        up_within_s: float = 180,
    ) -> None:
        self.folder = folder
        self._undisturbed, self._up_within_s = undisturbed, up_within_s
        self._started: list[subprocess.Popen[str]] = []
        self._pace = dict(pace or {})
        self._processes: dict[Name, subprocess.Popen[str]] = {}
        self._webhooks, self._console = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
        self._account = "AC" + secrets.token_hex(16)
        self._token = secrets.token_hex(16)
        self.console_token = secrets.token_hex(16)
        self._key, self._secret = "SK" + secrets.token_hex(16), secrets.token_hex(16)
        self.webhooks_url, self.console_url = f"http://{self._webhooks}", f"http://{self._console}"
        # Passkeys work on localhost, and on no bare address.
        self.console_page_url = f"http://localhost:{self._console.rpartition(':')[2]}"
        self.simulator_url = ""
        self._extra = dict(extra or {})
        self._observer: Observer | None = None

    @property
    def environment(self) -> dict[str, str]:
        """The settings of the installation, all of them given here: nothing of the caller's shell leaks in, nor the
        width of its terminal into a log.
        """
        inherited = {name: value for name, value in os.environ.items() if not _is_setting(name) and name != "COLUMNS"}
        return inherited | {
            "PYTHONPATH": str(
                Path(__file__).parents[2]
            ),  # the code that is running here, and no other that is installed
            "PUBLIC_BASE_URL": f"http://{self._webhooks}",
            "TWILIO_ACCOUNT_SID": self._account,
            "TWILIO_AUTH_TOKEN": self._token,
            "TWILIO_API_KEY": self._key,
            "TWILIO_API_SECRET": self._secret,
            "TWILIO_API_BASE_URL": self.simulator_url,
            "CONSOLE_API_TOKEN": self.console_token,
            "CONSOLE_BASE_URL": self.console_page_url,
            "DATABASE_URL": f"sqlite:///{self.folder}/var/onrecord.db",
            "AUDIO_STORE": f"dir:{self.folder}/var/audio",
            "ONRECORD_RULEBOOK": f"{self.folder}/onrecord.toml",
            "ONRECORD_KEY_FILE": f"{self.folder}/var/keys",
            "ONRECORD_SPOOL": f"{self.folder}/var/spool",
            "ONRECORD_JOURNAL": f"{self.folder}/var/journal",
            "ONRECORD_ANCHOR_FILE": f"{self.folder}/var/anchors.txt",
            "ONRECORD_CORROBORATE_AFTER_S": "2",
            "ONRECORD_ERASURES": f"{self.folder}/var/erasures.txt",
            "ONRECORD_VCON_KEY": f"{self.folder}/var/vcon.pem",
            **self._extra,
        }

    def __enter__(self) -> "LocalInstallation":
        try:
            self._observer = Observer(lambda: self.environment["DATABASE_URL"], self.console_page_url)
            self.simulator_url = self._start_simulator()
            for _ in initialise(self.environment):
                pass
            self._write_settings()
            self.start("serve")
            self.start("work")
            self.wait_until_ready()
            with closing(open_installation(self.environment)) as installation:
                list(sync_lines(installation))
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._undisturbed():
            running = [process for process in self._started if process.poll() is None]
            for process in running:
                process.terminate()
            for process in running:
                _end(process)
            for stdout in (process.stdout for process in self._started if process.stdout):
                stdout.close()
            if self._observer:
                self._observer.close()

    def start(self, name: Literal["serve", "work"]) -> None:
        options = ["--webhooks", self._webhooks, "--console", self._console] if name == "serve" else []
        with (self.folder / f"{name}.log").open("a", encoding="utf-8") as log:
            self._processes[name] = self._popen(["-m", "onrecord", name, *options], stdout=log, stderr=log)

    def kill(self, name: Literal["serve", "work"], *, alone: bool = False) -> None:
        """As `kill -9` of everything that an operator's command started or, `alone`, of its first process only."""
        process = self._processes[name]
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL) if alone else os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def wait_until_ready(self) -> None:
        for url in (f"http://{self._webhooks}/readyz", f"{self.console_url}/readyz"):
            self._until(lambda url=url: _answers(url), f"{url} does not say ready")  # type: ignore[misc]  # mypy and defaults

    def onrecord(self, *arguments: str) -> str:
        """Run a command of the installation; returns what it printed. Raises DidNotStart where it fails."""
        code, said = self.ran(*arguments)
        if code:
            raise DidNotStart(f"onrecord {' '.join(arguments)}: {said}")
        return said

    def ran(self, *arguments: str) -> tuple[int, str]:
        """Run a command of the installation; returns its exit code, and what it printed."""
        return self._said(["-m", "onrecord", *arguments])

    def verify(self, bundle: Path, vkey: str) -> str:
        """The output of the program in a bundle, run as an outsider runs it. Raises DidNotStart where it fails."""
        code, said = self._said(["-I", "-S", str(bundle / "verify.py"), "--key", vkey], environment={})
        if code:
            raise DidNotStart(f"{bundle.name}/verify.py: {said}")
        return said

    def log_of(self, name: Name) -> str:
        return (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")

    @property
    def settings_file(self) -> Path:
        """A file for a shell to read, so that `onrecord` means this installation there."""
        return self.folder / "settings.sh"

    def _write_settings(self) -> None:
        settings = {name: value for name, value in self.environment.items() if _is_setting(name)}
        lines = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in settings.items())
        write_private(self.settings_file, lines.encode())

    def _start_simulator(self) -> str:
        config = {
            "account_sid": self._account,
            "auth_token": self._token,
            "api_key": self._key,
            "api_secret": self._secret,
            "numbers": {number: {"label": label, "description": RECORDS[number]} for number, label in LINES.items()},
            "observer_url": self._observer.url + "/{call_sid}" if self._observer else "",
            **self._pace,
            # Nobody who watches a demonstration waits a quarter of an hour.
            "timing": {"events_s": 0, **self._pace.get("timing", {})},
        }
        path = self.folder / "simulator.json"
        path.write_text(json.dumps(config), encoding="utf-8")
        path.chmod(0o600)
        command = ["-m", "simulator", "--listen", "127.0.0.1:0", "--config", str(path)]
        with (self.folder / "simulator.log").open("a", encoding="utf-8") as log:
            process = self._popen(command, stdout=subprocess.PIPE, stderr=log)
        self._processes["simulator"] = process
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        if not url:
            raise DidNotStart(self._ended("simulator"))
        return url

    def _said(self, arguments: list[str], environment: Mapping[str, str] | None = None) -> tuple[int, str]:
        process = self._popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, environment=environment)
        said, _ = process.communicate()
        self._started.remove(process)
        return process.returncode, said

    def _popen(
        self,
        arguments: list[str],
        *,
        stdout: IO[str] | int,
        stderr: IO[str] | int,
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[str]:
        with self._undisturbed():
            process = subprocess.Popen(  # noqa: S603  # our own modules
                [sys.executable, *arguments],
                env=self.environment if environment is None else environment,
                cwd=self.folder,
                stdout=stdout,
                stderr=stderr,
                text=True,
                start_new_session=True,  # a group of its own, so that it can be killed whole
            )
            self._started.append(process)
        return process

    def check_running(self) -> None:
        """Raises DidNotStart where a process has ended by itself."""
        for name, process in self._processes.items():
            if process.poll() is not None:
                raise DidNotStart(self._ended(name))

    def _ended(self, name: Name) -> str:
        said = self.log_of(name).strip().splitlines()
        return f"{name} has ended: {said[-1] if said else 'it said nothing'} ({self.folder / name}.log has all of it)"

    def _until(self, is_so: Callable[[], bool], otherwise: str) -> None:
        deadline = time.monotonic() + self._up_within_s
        while not is_so():
            with self._undisturbed():
                self.check_running()
            if time.monotonic() > deadline:
                raise DidNotStart(f"{otherwise} after {self._up_within_s:g} s; the logs are in {self.folder}")
            time.sleep(0.05)


class Observer:
    """Shows the browser phone the service's decisions, without a login: only on this machine, and only in a demo."""

    def __init__(self, database_url: Callable[[], str], console_url: str) -> None:
        self._database_url, self._console_url = database_url, console_url
        self._database: Database | None = None
        app = Flask(__name__, static_folder=None)
        app.add_url_rule("/<call_sid>", "observe", self._observe)
        self._server: BaseWSGIServer = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        if self._database:
            self._database.close()

    def _observe(self, call_sid: str) -> tuple[Response, int]:
        self._database = self._database or Database.open(self._database_url())
        with self._database.read() as connection:
            told = life_of(connection, call_sid)
        if told is None:
            return jsonify({"error": "the service knows no such call"}), 404
        return jsonify({**told.as_json(), "console_url": f"{self._console_url}/calls/{told.call.id}"}), 200


class _Quiet(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None: ...


def _end(process: subprocess.Popen[str]) -> None:
    """The process has been told to end. The remains of its group are killed after that."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(_ENDS_WITHIN_S)
    with suppress(ProcessLookupError, PermissionError):  # nobody is left
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).status_code == 200
    except requests.RequestException:
        return False


def _is_setting(name: str) -> bool:
    return name.startswith(("ONRECORD_", "TWILIO_", "CONSOLE_", "OIDC_")) or name in {
        "PUBLIC_BASE_URL",
        "DATABASE_URL",
        "AUDIO_STORE",
    }
