"""Standard streams as shells give them: full, closed, read no further, in another encoding. Each is met with a sentence
or with nothing; none with a traceback.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.onrecord.commands.people import ANN, People
from tests.onrecord.commands.site import Site
from tests.source import ROOT

UNWRITTEN = "onrecord: the output can't be written: No space left on device\n"
# By what they print with: click, a line, a table of rich's, JSON, a document, bytes.
COMMANDS = {
    "help": "--help",
    "a command's help": "call --help",
    "a line": "user list",
    "a table": "calls",
    "JSON": "calls --json",
    "a document": "lines fallback +12125550100",
    "events": "log show",
    "a file": "log export --all -o -",
}


def in_a_shell(site: Site, command: str, **environ: str) -> subprocess.CompletedProcess[bytes]:
    """`onrecord` in the command is this program."""
    return subprocess.run(
        ["bash", "-c", command.replace("onrecord", f"{sys.executable} -m onrecord", 1)],
        cwd=site.folder,
        env=site._environment(os.environ) | {"PYTHONPATH": str(ROOT), **environ},
        capture_output=True,
        check=False,
    )


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_output_that_cannot_be_written_is_one_sentence(command: str, people: People) -> None:
    ran = in_a_shell(people.site, f"onrecord {command} >/dev/full")
    assert ran.returncode == 2
    assert ran.stderr.decode().endswith(UNWRITTEN)
    assert "Traceback" not in ran.stderr.decode()


def test_where_the_sentence_cannot_be_written_either_the_exit_code_says_it(people: People) -> None:
    ran = in_a_shell(people.site, "onrecord user list >/dev/full 2>/dev/full")
    assert ran.returncode == 2


@pytest.mark.parametrize("closed", [">&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_like_the_null_device_and_no_file_takes_its_place(closed: str, people: People) -> None:
    ran = in_a_shell(people.site, f"onrecord calls {closed}")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"", b"")
    assert people.site.run("log", "verify").code == 0


def test_a_closed_standard_error_costs_no_output(people: People) -> None:
    ran = in_a_shell(people.site, "onrecord log export --all -o - 2>&-")
    assert (ran.returncode, ran.stdout[:2]) == (0, b"PK")


@pytest.mark.parametrize("command", ["calls", "log show", "calls --json"])
def test_a_reader_that_has_seen_enough_ends_it_in_silence(command: str, people: People) -> None:
    ran = in_a_shell(people.site, f"onrecord {command} | head -c 1 >/dev/null")
    assert ran.stderr == b""


def test_another_encoding_costs_no_letter_and_changes_no_document(people: People) -> None:
    site, sid = people.site, people.sids[ANN][0]
    place = ("hold", "place", "--call", sid, "--because", "José, für \N{SNOWMAN}")
    assert site.run(*place).code == 0
    shown = in_a_shell(site, "onrecord hold list", PYTHONIOENCODING="latin-1")
    assert (shown.returncode, shown.stderr) == (0, b"")
    assert rb"\u2603" in shown.stdout
    told = in_a_shell(site, "onrecord hold list --json", PYTHONIOENCODING="latin-1")
    assert json.loads(told.stdout.decode())[0]["reason"] == place[-1]
    document = in_a_shell(site, f"onrecord vcon {sid}", PYTHONIOENCODING="latin-1")
    assert json.loads(document.stdout.decode())["parties"]


@pytest.mark.parametrize("columns", ["\N{SUPERSCRIPT TWO}", "9" * 5000, "-3", "wide", "0", "3.5", " 80"])
def test_a_width_that_is_none_is_left_out_of_account(columns: str, people: People) -> None:
    plain = people.site.run("calls").out
    people.site.environ["COLUMNS"] = columns
    assert people.site.run("calls").out == plain


def test_ctrl_c_while_the_program_is_read_ends_it_without_a_word(tmp_path: Path) -> None:
    """A module that is imported on the way says where it is, and waits."""
    (tmp_path / "click.py").write_text("import time\nprint('here', flush=True)\ntime.sleep(600)\n")
    with subprocess.Popen(
        [sys.executable, "-c", "from onrecord.__main__ import run; run()"],
        env=os.environ | {"PYTHONPATH": f"{tmp_path}:{ROOT}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509  # takes no lock
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"here\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (-signal.SIGINT, b"", b"")
