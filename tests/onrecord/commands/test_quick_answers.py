"""Help waits for no library that it does not use, and rules are told whatever else is wrong."""

import json
import subprocess
import sys

import pytest

from onrecord.commands.main import SECTIONS, main
from tests.onrecord.commands.site import Site
from tests.onrecord.commands.test_telling import commands

SLOW = (
    *("alembic", "av", "boto3", "botocore", "cryptography", "dbos", "flask", "granian", "numpy", "psycopg", "pydub"),
    *("pysqlite3", "requests", "rfc3161_client", "rich", "sqlalchemy", "twilio", "urllib3", "werkzeug"),
)
# Runs each command line, and prints which of the slow libraries this interpreter holds in the end.
PROGRAM = """
import json, sys
from onrecord.commands.main import main
lines, slow = json.loads(sys.argv[1]), sys.argv[2:]
codes = {main(line, prog_name="onrecord", standalone_mode=False) for line in lines}
assert codes <= {0, None}, codes
print("imported:", *(name for name in slow if name in sys.modules))
"""
HELP = [[*path, "--help"] for path in ((), *commands(main))]
EXPLAIN = ["explain", "--line", "+14155550100", "--from", "+18602345678"]


def imported_by(lines: list[list[str]], site: Site) -> list[str]:
    command = [sys.executable, "-c", PROGRAM, json.dumps(lines), *SLOW]
    with site.inside():
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout.splitlines()[-1].split()[1:]


def test_help_imports_no_slow_library(site: Site) -> None:
    assert len(HELP) >= 2
    assert imported_by(HELP, site) == []


def test_a_command_that_reads_the_database_is_seen_to_import_it(site: Site) -> None:
    assert "sqlalchemy" in imported_by([["log", "show"]], site)


def test_every_command_stands_under_one_heading_of_the_help() -> None:
    assert sorted(name for names in SECTIONS.values() for name in names) == sorted(main.commands)


@pytest.mark.parametrize(
    "command", [EXPLAIN, ["wordings"], ["lines", "fallback", "+14155550100"]], ids=lambda words: words[0]
)
def test_the_rules_are_told_whatever_else_is_wrong_with_the_settings(command: list[str], site: Site) -> None:
    site.environ = {"DATABASE_URL": "oracle://x", "AUDIO_STORE": "ftp://x"}
    ran = site.run(*command)
    assert (ran.code, ran.err) == (0, "")
