"""`-` is standard output wherever a command writes a file; a name that promises another format is refused."""

import io
import json
import os
import subprocess
import sys
import zipfile
from contextlib import closing
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from onrecord.commands.main import main
from onrecord.installation import open_installation
from tests.onrecord.commands.people import ANN, People
from tests.onrecord.commands.site import Site
from tests.onrecord.commands.test_telling import commands
from tests.onrecord.terminals import at_a_terminal
from tests.publishing import publish
from tests.source import ROOT

# The commands that write a file where they are told to; CALL and RECORDING stand for sids.
WRITES: dict[str, tuple[str, ...]] = {
    "recording export": ("RECORDING", "-", "--purpose", "quality"),
    "log export": ("--call", "CALL", "-o", "-"),
    "certificate": ("CALL", "-o", "-"),
    "vcon": ("CALL", "-o", "-"),
    "receipt": ("CALL", "-o", "-"),
}
READS_OR_WORKS_IN = {"log verify", "log resume", "demo", "simulate"}


def given(people: People, name: str) -> list[str]:
    sid = people.sids[ANN][0]
    (recording,) = json.loads(people.site.run("call", sid, "--json").out)["recordings"]
    words = {"CALL": sid, "RECORDING": recording["recording_sid"]}
    return [*name.split(), *(words.get(word, word) for word in WRITES[name])]


def written(site: Site, command: list[str]) -> tuple[bytes, str]:
    with site.inside():
        ran = CliRunner().invoke(main, command, prog_name="onrecord", catch_exceptions=False)
    assert ran.exit_code in {0, 1}, ran.output
    return ran.stdout_bytes, ran.stderr


def test_every_command_that_takes_a_file_is_tried_here() -> None:
    takes = {
        " ".join(path)
        for path, command in commands(main).items()
        if any(isinstance(one.type, click.Path) for one in command.params)
    }
    assert takes == {*WRITES} | READS_OR_WORKS_IN


@pytest.mark.parametrize("name", WRITES)
def test_a_dash_is_standard_output_and_no_file(name: str, people: People) -> None:
    before = {path.name for path in people.site.folder.iterdir()}
    out, _ = written(people.site, given(people, name))
    assert {path.name for path in people.site.folder.iterdir()} == before
    if name in {"vcon", "receipt"}:
        assert json.loads(out)
    elif name == "recording export":
        assert (out[:4], out[8:12]) == (b"RIFF", b"WAVE")
    else:
        names = zipfile.ZipFile(io.BytesIO(out)).namelist()
        assert {"bundle/README.txt", "bundle/verify.py"} <= set(names)


def test_a_recording_on_standard_output_is_the_one_that_is_kept_and_is_logged(people: People) -> None:
    command = given(people, "recording export")
    out, _ = written(people.site, command)
    command[command.index("-")] = "copy.wav"
    assert people.site.run(*command).code == 0
    assert out == (people.site.folder / "copy.wav").read_bytes()
    assert people.site.run("log", "show").out.count('"recording.accessed"') == 2


def test_of_altered_audio_nothing_leaves(people: People) -> None:
    command = given(people, "recording export")
    for master in people.site.folder.rglob("master-*"):
        if master.is_file() and master.stat().st_size > 1000:
            sealed = bytearray(master.read_bytes())
            sealed[-1] ^= 1
            master.chmod(0o600)
            master.write_bytes(sealed)
    out, err = written(people.site, command)
    assert out == b""
    assert err.startswith("onrecord: ")


def test_a_bundle_from_standard_output_is_one_that_verifies(people: People) -> None:
    with people.site.inside(), closing(open_installation(os.environ)) as installation:
        publish(installation.database, installation.rulebook, installation.checked.text)
    out, _ = written(people.site, given(people, "log export"))
    folder = people.site.folder / "unpacked"
    zipfile.ZipFile(io.BytesIO(out)).extractall(folder)
    ran = subprocess.run([sys.executable, "bundle/verify.py"], cwd=folder, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout.count("OK: ")) == (0, 1), ran


def test_a_certificate_beside_its_bundle_goes_to_standard_error(people: People) -> None:
    command = given(people, "certificate")
    assert "CERTIFICATE OF DESTRUCTION" in written(people.site, command)[1]
    ran = people.site.run(*command, "--json")
    assert (ran.code, "--json and -o - both want standard output" in ran.err) == (2, True)


@pytest.mark.parametrize("name", ["recording export", "log export", "certificate"])
def test_a_terminal_is_not_sent_a_file_and_nothing_is_logged(name: str, people: People) -> None:
    command, site = given(people, name), people.site
    before = site.run("log", "show").out
    environ = site.environ | {"PYTHONPATH": str(ROOT)}
    program = [sys.executable, "-m", "onrecord", *command]
    shown = at_a_terminal(program, width=80, environ=environ, folder=site.folder, errors_too=True)
    assert shown.startswith("onrecord: ")
    assert "a terminal does not show it" in " ".join(shown.split())
    assert site.run("log", "show").out == before


@pytest.mark.parametrize("place", ["case.tar.gz", "case.tgz", "case.ZIP", "case.json", "case.v2"])
@pytest.mark.parametrize("command", [("log", "export", "--all"), ("certificate", "CALL")], ids=str)
def test_a_name_that_promises_another_format_is_refused(command: tuple[str, ...], place: str, people: People) -> None:
    before = people.site.run("log", "show").out
    ran = people.site.run(*(people.sids[ANN][0] if word == "CALL" else word for word in command), "-o", place)
    assert (ran.code, ran.out) == (1, "")
    assert f"{place}: a bundle is a folder, whose name has no ending, or a file whose name ends in .zip" in ran.err
    assert not (people.site.folder / place).exists()
    assert people.site.run("log", "show").out == before


@pytest.mark.parametrize("place", ["case", "case.2027", "case-17.zip", "of.2027/case"])
def test_other_names_are_taken(place: str, people: People) -> None:
    assert people.site.run("log", "export", "--all", "-o", place).code == 0
    assert Path(people.site.folder / place).is_dir() is (not place.endswith(".zip"))
