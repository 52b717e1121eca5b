"""An installation as an operator has it, a folder and an environment, and the commands that are run in it."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import func, select

from onrecord.commands.main import main
from onrecord.initialise import initialise
from storage.database.engine import Database
from storage.database.tables import worker
from storage.jobs.heartbeats import ENDED
from tests.source import ROOT

TOKEN = "t0ken-for-webhooks-0123456789"
PHONE = {
    "PUBLIC_BASE_URL": "https://calls.example.org",
    "TWILIO_ACCOUNT_SID": "AC" + "0123456789abcdef" * 2,
    "TWILIO_AUTH_TOKEN": TOKEN,
    "TWILIO_API_BASE_URL": "http://127.0.0.1:9",  # where nobody listens
}


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def problems(self) -> list[str]:
        """What kept the command from starting: a line each, and nothing else was said."""
        assert self.code == 2, self
        assert self.out == "", self
        lines = self.err.splitlines()
        assert lines, self
        assert all(line.startswith("onrecord: ") for line in lines), self
        assert "Traceback" not in self.err
        return [line.removeprefix("onrecord: ") for line in lines]


@dataclass
class Site:
    """Settings that are all in order, until a test spoils them."""

    folder: Path
    environ: dict[str, str] = field(default_factory=lambda: dict(PHONE))

    def copied_to(self, folder: Path) -> "Site":
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        return Site(folder)

    def run(self, *arguments: str) -> Ran:
        """In this process: quick, and a traceback is seen as what it is. Not for a command that stays up."""
        with self.inside(), pytest.MonkeyPatch.context() as patch:
            patch.setattr("onrecord.processes.serve.serve", _stays_up)
            patch.setattr("onrecord.processes.work.work", _stays_up)
            ignores, blocked = signal.getsignal(signal.SIGHUP), signal.pthread_sigmask(signal.SIG_BLOCK, [])
            result = CliRunner().invoke(main, arguments, prog_name="onrecord")
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
            signal.signal(signal.SIGHUP, ignores)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ran(result.exit_code, result.stdout, result.stderr)

    def spawn(self, *arguments: str, under: Sequence[str] = ()) -> Ran:
        """In a process of its own, as an operator runs it, or `under` another command."""
        with self.started(*arguments, under=under) as process:
            out, err = process.communicate(timeout=60)
        return Ran(process.returncode, out, err)

    @contextmanager
    def started(self, *arguments: str, under: Sequence[str] = ()) -> Iterator[subprocess.Popen[str]]:
        """Killed in the end, whatever became of it."""
        process = subprocess.Popen(
            [*under, sys.executable, "-m", "onrecord", *arguments],
            cwd=self.folder,
            env=self._environment(os.environ) | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # a group of its own, so that it can be killed whole
        )
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()

    def database(self) -> Database:
        return Database.open(self.environ.get("DATABASE_URL", f"sqlite:///{self.folder}/var/onrecord.db"))

    def workers(self) -> int:
        """Workers that have not said that they are gone."""
        with closing(self.database()) as database, database.read() as connection:
            return connection.scalar(select(func.count()).where(worker.c.beat_at != ENDED)) or 0

    def files(self) -> dict[str, str]:
        """Every file there is and what is in it. SQLite's own side files come and go."""
        return {
            str(path.relative_to(self.folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
            for path in sorted(self.folder.rglob("*"))
            if not path.name.endswith(("-wal", "-shm"))
        }

    def _environment(self, given: Mapping[str, str]) -> dict[str, str]:
        terminal = ("COLUMNS", "NO_COLOR", "FORCE_COLOR")
        ours = (*terminal, "ONRECORD_", "TWILIO_", "AWS_", "CONSOLE_", "PUBLIC_BASE_URL", "DATABASE_URL", "AUDIO_STORE")
        return {name: value for name, value in given.items() if not name.startswith(ours)} | self.environ

    @contextmanager
    def inside(self) -> Iterator[None]:
        before, where = dict(os.environ), Path.cwd()
        wanted = self._environment(before)
        try:
            os.environ.clear()
            os.environ.update(wanted)
            os.chdir(self.folder)
            yield
        finally:
            os.chdir(where)
            os.environ.clear()
            os.environ.update(before)


def _stays_up(*_: object) -> None:
    raise AssertionError("it started, and would stay up")


def new_site(folder: Path) -> Site:
    """As `onrecord init` leaves it."""
    site = Site(folder)
    with site.inside():
        for _ in initialise(os.environ):
            pass
    return site
