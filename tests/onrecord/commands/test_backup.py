"""The operators' page about backups: its commands, as they stand, are run on a service in use, then destroyed."""

import os
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

import pytest
from sqlalchemy import Select, select

from onrecord.demo.calls import ASKING, DemoCall, Placed, place, texan
from onrecord.demo.local_installation import LocalInstallation
from policies.lifecycle import RecordingState
from storage.database.engine import Database
from storage.database.tables import call, recording
from tests.databases import PostgresServer
from tests.faults.test_kill_nine import QUICK
from tests.onrecord.commands.site import Site
from tests.onrecord.commands.test_log import happens, sign, types
from tests.onrecord.commands.test_serving import until
from tests.source import ROOT
from tests.test_log_lines import unlisted

PAGE = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
_WITHIN_S = 120
AGREES = {"presses": ["1"], "talks_s": 2}


def blocks(heading: str) -> list[str]:
    """The commands of a section, a text for each block."""
    (section,) = re.findall(rf"^## {heading}\n(.*?)^## ", PAGE, re.MULTILINE | re.DOTALL)
    return re.findall(r"```sh\n(.*?)```", section, re.DOTALL)


BACK_UP, DUMP, FORGET = blocks("Back up")
STOP_AND_PUT_BACK, LOAD, RESUME, PUT_ALL_BACK = blocks("Restore a backup")


def shell(block: str, folder: Path, environment: Mapping[str, str], backups: Path) -> str:
    """What a block prints in a shell that stops at the first failure. systemd is not there: what it would do, the test
    does."""
    programs = backups.parent / "programs"
    programs.mkdir(exist_ok=True)
    (programs / "systemctl").write_text("#!/bin/sh\n")
    (programs / "systemctl").chmod(0o755)
    others = environment.get("PATH", os.environ["PATH"])
    path = os.pathsep.join([str(programs), str(Path(sys.executable).parent), others])
    ran = subprocess.run(
        ["/bin/bash", "-euc", block.replace("/var/backups/onrecord", str(backups))],
        cwd=folder,
        env={**environment, "PATH": path, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@dataclass
class Premises:
    """A service in use, and an operator with the page in hand."""

    local: LocalInstallation
    backups: Path
    given: dict[str, str] = field(default_factory=dict)

    def does(self, block: str) -> str:
        return shell(block, self.local.folder, self.local.environment | self.given, self.backups)

    def stops(self) -> None:
        for name in ("serve", "work"):
            self.local.kill(name)

    def starts(self) -> None:
        self.local.start("serve")
        self.local.start("work")
        self.local.wait_until_ready()

    def calls(self, number: int) -> Placed:
        """A caller agrees, and the recording is kept."""
        placed, before = place(self.local.simulator_url, DemoCall("", ASKING, texan(number), AGREES)), len(self.kept())
        until(lambda: len(self.kept()) > before, _WITHIN_S)
        return placed

    def kept(self) -> list[str]:
        wanted = select(recording.c.recording_sid).where(recording.c.state == RecordingState.KEPT)
        return self.found(wanted)

    def knows(self, call_sid: str) -> bool:
        return self.found(select(call.c.call_sid).where(call.c.call_sid == call_sid)) == [call_sid]

    def found(self, wanted: Select[tuple[str]]) -> list[str]:
        with closing(Database.open(self.local.environment["DATABASE_URL"])) as database, database.read() as connection:
            return list(connection.scalars(wanted))

    def can_be_heard(self, recording_sid: str) -> bool:
        wav = self.local.folder / "heard.wav"
        wav.unlink(missing_ok=True)
        code, said = self.local.ran("recording", "export", recording_sid, "--purpose", "quality", str(wav))
        assert code == 0, said
        return wav.read_bytes()[:4] == b"RIFF"

    def newest(self) -> str:
        return str(max(self.backups.iterdir()))


@pytest.fixture
def premises(tmp_path: Path) -> Iterator[Premises]:
    folder = tmp_path / "site"
    folder.mkdir()
    shutil.copy(str(files("onrecord.demo").joinpath("demo.toml")), folder / "onrecord.toml")
    with LocalInstallation(folder, pace=QUICK) as local:
        yield Premises(local, tmp_path / "backups")


@pytest.mark.timeout(600)
def test_what_is_lost_comes_back_from_a_backup_that_was_made_in_use(premises: Premises) -> None:
    """First the database alone, then the whole machine."""
    local, var = premises.local, premises.local.folder / "var"
    premises.calls(0)
    (before,) = premises.kept()
    premises.does(BACK_UP)
    after = premises.calls(1)
    local.onrecord("log", "anchor")
    premises.stops()
    premises.given = {"from": premises.newest()}
    (var / "onrecord.db").unlink()
    assert (var / "onrecord.db-wal").exists()  # which would spoil the copy
    premises.does(STOP_AND_PUT_BACK)
    code, said = local.ran("check")
    assert (code, "`onrecord log resume --after-restore` goes on under a new name" in said) == (2, True)
    assert "the log goes on as " in premises.does(RESUME)
    premises.starts()
    until(lambda: premises.knows(after.call_sid), _WITHIN_S)
    assert premises.kept() == [before]
    assert premises.can_be_heard(before)
    assert local.onrecord("log", "verify").startswith("log ok: ")
    assert local.ran("check", "--full")[0] == 0

    premises.does(BACK_UP)
    premises.stops()
    premises.given = {"from": premises.newest(), "keys": str(premises.backups / "keys")}
    shutil.move(var / "keys", premises.backups / "keys")
    shutil.rmtree(var)
    (local.folder / "onrecord.toml").unlink()
    premises.does(PUT_ALL_BACK)
    premises.starts()
    assert premises.can_be_heard(before)
    assert local.onrecord("log", "verify").startswith("log ok: ")
    assert [line for name in ("serve", "work") for line in unlisted(local.log_of(name))] == []


@pytest.mark.parametrize("is_signed", [False, True])
def test_a_backup_is_of_one_moment_and_for_its_owner_alone(site: Site, tmp_path: Path, *, is_signed: bool) -> None:
    """Also before the first checkpoint, when there is no anchor file yet."""
    happens(site, 9)
    if is_signed:
        sign(site)
    shell(BACK_UP, site.folder, site.environ, tmp_path / "backups")
    (backup,) = (tmp_path / "backups").iterdir()
    assert (backup / "anchors.txt.newest").exists() == is_signed
    for path in (backup, backup / "onrecord.db", backup / "audio.tar"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
    with closing(sqlite3.connect(backup / "onrecord.db")) as copy:
        assert copy.execute("SELECT count(*) FROM log_leaf").fetchone() == (len(types(site)),)
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_backup_whose_time_is_over_is_deleted_and_no_other(site: Site, tmp_path: Path) -> None:
    old, young = tmp_path / "backups" / "old", tmp_path / "backups" / "young"
    for backup in (old, young):
        backup.mkdir(parents=True)
        (backup / "onrecord.db").write_text("sealed")
    os.utime(old, (0, 0))
    shell(FORGET, site.folder, site.environ, tmp_path / "backups")
    assert [*(tmp_path / "backups").iterdir()] == [young]


def test_a_postgres_comes_back_from_its_dump(postgres: PostgresServer, site: Site, tmp_path: Path) -> None:
    with postgres.fresh_database(migrated=True) as lost, postgres.fresh_database() as empty:
        site.environ["DATABASE_URL"] = lost
        assert site.run("init").code == 0
        happens(site, 5)
        sign(site)
        backups = tmp_path / "backups"
        path = os.pathsep.join([postgres.programs(), os.environ["PATH"]])
        given = {"to": str(tmp_path), "from": str(tmp_path), "PATH": path}
        shell(DUMP, site.folder, site.environ | given, backups)
        happens(site, 13)
        sign(site)
        site.environ["DATABASE_URL"] = empty
        shell(LOAD, site.folder, site.environ | given, backups)
        assert "`onrecord log resume --after-restore` goes on under a new name" in site.run("check").problems[0]
        shell(RESUME, site.folder, site.environ, backups)
        assert site.run("log", "verify").code == 0
        assert types(site).count("selftest.passed") == 5
