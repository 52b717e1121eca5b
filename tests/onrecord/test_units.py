"""The systemd units of the operators' page, as systemd itself reads them."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from onrecord.commands.main import main
from tests.prepare import UNITS
from tests.source import ROOT

PAGES = sorted((ROOT / "docs" / "deploy").glob("*.service"))
PROGRAM = Path(sys.executable).with_name("onrecord")
_STARTED = re.compile(r"^ExecStart=(?P<program>\S+) (?P<command>.+)$", re.MULTILINE)


def verified(unit: Path, text: str) -> "subprocess.CompletedProcess[str]":
    """With the program that is installed here."""
    analyze = shutil.which("systemd-analyze")
    assert analyze, f"there is no systemd-analyze. Install it:\n    {UNITS}"
    unit.write_text(_STARTED.sub(lambda found: f"ExecStart={PROGRAM} {found['command']}", text))
    return subprocess.run([analyze, "verify", str(unit)], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_systemd_understands_every_line(page: Path, tmp_path: Path) -> None:
    found = verified(tmp_path / page.name, page.read_text())
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


def test_a_line_that_systemd_does_not_understand_is_seen(tmp_path: Path) -> None:
    text = PAGES[0].read_text().replace("LimitNOFILE=", "LimitFiles=")
    assert "Unknown key" in verified(tmp_path / PAGES[0].name, text).stderr


def test_the_units_start_what_runs_all_the_time() -> None:
    started = [found["command"] for page in PAGES if (found := _STARTED.search(page.read_text()))]
    assert started == ["serve", "work"]
    assert all(command in main.commands for command in started)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_service_can_write_where_it_works(page: Path) -> None:
    said = dict(line.split("=", 1) for line in page.read_text().splitlines() if "=" in line)
    assert said["WorkingDirectory"] in said["ReadWritePaths"].split()
