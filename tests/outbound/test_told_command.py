"""A message handed to a program of this machine: its whole text, none of our secrets, and an end."""

import json
import sys
from pathlib import Path

import pytest

from outbound import told_command
from storage.errors import Refused, Unavailable
from tests.processes import is_alive
from tests.storage.jobs.conftest import until


def program(folder: Path, text: str) -> list[str]:
    script = folder / "told.py"
    script.write_text(text)
    return [sys.executable, str(script), str(folder / "out")]


STAYS = """
import subprocess, sys
from pathlib import Path
child = subprocess.Popen(["sleep", "600"])
Path(sys.argv[1]).write_text(str(child.pid))
child.wait()
"""
KEEPS = """
import json, os, sys
from pathlib import Path
got = {"said": sys.stdin.read(), "environment": dict(os.environ), "more": sys.argv[2:]}
Path(sys.argv[1]).write_text(json.dumps(got))
"""


def test_a_program_gets_the_message_its_id_and_nothing_of_our_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "t0ken-for-webhooks-0123456789")
    told_command.run([*program(tmp_path, KEEPS), "; rm -rf *", "-v", "-v"], "m1", '{"type":"test"}')
    got = json.loads((tmp_path / "out").read_text())
    assert (got["said"], got["more"]) == ('{"type":"test"}', ["; rm -rf *", "-v", "-v"])
    assert got["environment"].items() >= {"ONRECORD_MESSAGE": "m1"}.items()
    assert {*got["environment"]} - {"PATH", "LANG", "ONRECORD_MESSAGE", "LC_CTYPE"} == set()


def test_a_program_that_fails_is_tried_again(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="ended with 3$"):
        told_command.run(program(tmp_path, "raise SystemExit(3)"), "m1", "{}")


def test_a_program_that_does_not_read_its_message_is_fine(tmp_path: Path) -> None:
    told_command.run(program(tmp_path, ""), "m1", "x" * 1_000_000)


def test_a_program_that_does_not_end_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    words = program(tmp_path, STAYS)
    with pytest.raises(Unavailable, match="has not ended after"):
        told_command.run(words, "m1", "{}", within_s=5)
    child = int((tmp_path / "out").read_text())
    until(lambda: not is_alive(child))


@pytest.mark.parametrize("place", ["nothing", "folder"])
def test_a_program_that_can_not_be_run_is_refused(tmp_path: Path, place: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(Refused, match="can't be run: "):
        told_command.run([str(tmp_path / place)], "m1", "{}")
