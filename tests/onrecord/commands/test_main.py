"""What is about the command line as a whole: its version, and that a shell completes it."""

from importlib.metadata import version

import pytest
from click.testing import CliRunner

from onrecord.commands.main import main
from tests.onrecord.commands.site import Site
from tests.source import ROOT


def test_the_version_is_the_packages(site: Site) -> None:
    ran = site.run("--version")
    assert (ran.code, ran.out) == (0, f"onrecord {version('onrecord')}\n")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_way_to_completion_on_the_page_is_the_one_that_works(shell: str) -> None:
    assert f"{shell}_source" in (ROOT / "docs/commands.md").read_text(encoding="utf-8")
    ran = CliRunner().invoke(main, prog_name="onrecord", env={"_ONRECORD_COMPLETE": f"{shell}_source"})
    assert (ran.exit_code, "_ONRECORD_COMPLETE" in ran.output) == (0, True)
    words = {"COMP_WORDS": "onrecord log t", "COMP_CWORD": "2" if shell != "fish" else "t"}
    ran = CliRunner().invoke(main, prog_name="onrecord", env={"_ONRECORD_COMPLETE": f"{shell}_complete", **words})
    assert "tail" in ran.output


def test_a_day_that_is_none_is_told_without_the_language_of_programs(site: Site) -> None:
    for command in (("reconcile", "--day", "yesterday"), ("calls", "--from", "yesterday"), ("check", "--at", "x")):
        ran = site.run(*command)
        assert ran.code == 2
        assert "is not a day; expected one such as 2027-06-01" in ran.err
        assert "%Y" not in ran.err


def test_the_end_of_a_rotation_that_is_over_is_a_finding(site: Site) -> None:
    assert site.run("log", "rotate-key").code == 0
    assert site.run("log", "rotate-key", "--finish").code == 0
    key_file = site.folder / "var/keys"
    before = key_file.stat()
    ran = site.run("log", "rotate-key", "--finish")
    assert (ran.code, ran.out, ran.err) == (1, "", "onrecord: there is no old key any more: nothing was changed\n")
    assert (key_file.stat().st_ino, key_file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
