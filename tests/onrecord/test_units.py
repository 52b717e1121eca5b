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
    assert [command.split()[0] for command in started] == ["serve", "serve", "work"]
    assert all(command.split()[0] in main.commands for command in started)


def test_the_second_one_differs_from_the_first_in_nothing_but_where_it_listens_and_how_it_is_started() -> None:
    first, second = ((ROOT / "docs/deploy" / f"onrecord-{name}.service").read_text() for name in ("serve", "stand-in"))
    own = ("#", "Description=", "ExecStart=", "ExecReload=", "[Install]", "WantedBy=")
    one, other = ([line for line in text.split("\n") if not line.startswith(own)] for text in (first, second))
    assert [line for line in one if line] == [line for line in other if line]
    assert "WantedBy=" not in second


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_service_that_cannot_start_is_tried_for_ever(page: Path) -> None:
    """systemd gives up after five starts within ten seconds: a database that comes up late would end all calls."""
    assert {"StartLimitIntervalSec=0", "Restart=always"} <= set(page.read_text().splitlines())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_service_can_write_where_it_works(page: Path) -> None:
    said = dict(line.split("=", 1) for line in page.read_text().splitlines() if "=" in line)
    assert said["WorkingDirectory"] in said["ReadWritePaths"].split()
