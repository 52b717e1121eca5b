"""The outputs of README's commands as they are kept in `golden/`: at 60 and at 80 columns, and in a pipe.

    python -m tests.onrecord.commands.golden

writes them anew; the diff of them is to be read. Random ids, hashes, times and places stand as zeros of equal length.
"""

import json
import logging
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from onrecord.installation import open_installation
from policies.rulebook.read import parse
from simulator.clock import RealClock
from simulator.config import Config
from simulator.exchange import Exchange
from simulator.server import Server
from storage.rows.listing_projection import Projection
from tests.callflow.conftest import ACCOUNT, RULEBOOK, TOKEN
from tests.onrecord.commands.people import ANN, BOB, People, settled_site
from tests.onrecord.commands.site import Ran, Site, new_site
from tests.publishing import publish
from tests.source import ROOT

FOLDER = Path(__file__).parent / "golden"
VERIFY = "case/verify.py"
WIDTHS = {"60": "60", "80": "80", "pipe": ""}
# README's commands in an order in which each finds something; CALL, OTHER and RECORDING stand for sids.
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("init",),
    ("check", "--at", "2026-12-01"),
    ("explain", "--line", "+12125550100", "--from", "+18602345678", "--at", "2026-12-01"),
    ("explain", "--call", "CALL"),
    ("rules", "diff", "onrecord.toml", "onrecord.toml", "--since", "2020-01-01"),
    ("wordings", "--line", "+12125550100"),
    ("user", "add", "carol", "--role", "supervisor", "--line", "+12125550100", "--as", "the owner"),
    ("user", "link", "carol", "--as", "carol"),
    ("user", "list"),
    ("user", "disable", "carol", "--as", "carol"),
    ("user", "enable", "carol"),
    ("calls", "--number", BOB, "--outcome", "declined"),
    ("recordings", "--number", BOB, "--state", "kept", "--limit", "1"),
    ("call", "CALL"),
    ("call", "OTHER"),
    ("recording", "export", "RECORDING", "copy.wav", "--purpose", "quality", "--as", "carol"),
    ("recording", "export", "RECORDING", "copy2.wav", "--purpose", "training", "--as", "carol"),
    ("certificate", "CALL"),
    ("certificate", "OTHER"),
    ("incidents",),
    ("incidents", "close", "1", "--why", "it was seen to", "--as", "carol"),
    ("hold", "list"),
    ("hold", "place", "--call", "CALL", "--because", "case 17", "--as", "carol"),
    ("hold", "list"),
    ("hold", "release", "1", "--because", "it is over", "--as", "carol"),
    ("pauses",),
    ("pause", "CALL", "--as", "carol"),
    ("resume", "CALL", "--as", "carol"),
    ("withdraw", "OTHER", "--as", "carol"),
    ("log", "show", "CALL"),
    ("log", "tail", "-n", "4"),
    ("log", "export", "--call", "CALL", "-o", "case", "--as", "carol"),
    (VERIFY,),
    ("log", "checkpoint"),
    ("log", "anchor"),
    ("log", "keys"),
    ("log", "rotate-key"),
    ("log", "rotate-key", "--finish"),
    ("log", "rotate-key", "--finish"),
    ("log", "resume", "--after-restore"),
    ("log", "verify"),
    ("erase", "--call", "CALL", "--basis", "gdpr-17", "--dry-run"),
    ("erase", "--call", "CALL", "--basis", "gdpr-17", "--as", "carol"),
    ("reapply-erasures", "--as", "carol"),
    ("vcon", "OTHER"),
    ("receipt", "OTHER"),
    ("lines", "fallback", "+12125550100"),
    ("lines", "sync"),
    ("corroborate", "OTHER"),
    ("reconcile", "--day", "2026-11-01"),
    ("doctor",),
    ("tell",),
    ("reload", "--as", "carol"),
    ("reload", "--as", "carol"),
    ("tell",),
    ("--version",),
)
NOT_KEPT = {
    "serve": "it stays up, and prints a log",
    "work": "it stays up, and prints a log",
    "simulate": "it stays up, in another process; tests/onrecord/commands/test_simulate.py reads its first lines",
    "demo": "it takes minutes; tests/onrecord/commands/test_demo.py reads its table and its closing lines",
    "selftest": "it calls this service's own web server; tests/onrecord/commands/test_selftest.py has one",
}
# Ways by which people are told, which are in the rulebook from `reload` on.
_WAYS = '\n[[tell]]\nname = "on-call"\ncommand = ["/bin/true"]\n\n[[tell]]\nname = "desk"\ncommand = ["/bin/false"]\n'
# The doctor looks whether this service answers where Twilio reaches it, which nobody does here.
_NOWHERE = "http://127.0.0.1:9"

_RANDOM = re.compile(r"(?<=/welcome/)[\w-]{43}|(?<=\")[\w-]{43}(?=\\?\")")
_INDEX = re.compile(r"^( *)\d+(?=  \d\d:\d\d:|  \d{4}-|  ?\{)", re.MULTILINE)  # recordings are stored in any order
_EVENT = re.compile(r"^Event \d+", re.MULTILINE)
_VARIES = re.compile(
    "|".join(
        (
            r"\b(?:CA|RE|AC)[0-9a-f]{32}\b",
            r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b",
            r"(?<!\+)\b[0-9a-f]{6,}\b",
            r"\b\d{4}-\d\d-\d\d(?=\b|T)",
            r"\b\d\d:\d\d(?::\d\d(?:\.\d+)?)?",
            r"(?<=T)\d\d:\d\d:\d\d(?:\.\d+)?",
            r"[A-Za-z0-9+/]{40,}={0,2}",
        )
    )
)


def outputs(site_folder: Path, columns: str) -> Iterator[tuple[str, str]]:
    """Each command line, and all that it printed, in a new installation."""
    people = prepared(site_folder, columns)
    logging.getLogger().addHandler(logging.NullHandler())  # as pytest's own keeps warnings from standard error
    words = {"CALL": people.sids[ANN][0], "OTHER": people.sids[ANN][1]}
    with Server(exchange()) as server:
        people.site.environ["TWILIO_API_BASE_URL"] = server.url
        for command in COMMANDS:
            if "RECORDING" in command:
                words["RECORDING"] = recording_of(people, words["CALL"])
            given = [words.get(word, word) for word in command]
            yield (
                f"$ {'python3' if command == (VERIFY,) else 'onrecord'} {' '.join(command)}",
                told(run(people.site, given), site_folder),
            )


def exchange() -> Exchange:
    """An account that has the lines, and knows of no call."""
    numbers: dict[str, dict[str, str]] = {line.number: {} for line in parse(RULEBOOK.read_text()).lines}
    return Exchange(Config.of({"account_sid": ACCOUNT, "auth_token": TOKEN, "numbers": numbers}), RealClock())


def run(site: Site, command: list[str]) -> Ran:
    if command == [VERIFY]:
        program = [sys.executable, "-I", VERIFY]
        verified = subprocess.run(program, cwd=site.folder, capture_output=True, text=True, check=False)
        return Ran(verified.returncode, verified.stdout, verified.stderr)
    before = dict(site.environ)
    if command in (["lines", "sync"], ["doctor"]):
        site.environ["PUBLIC_BASE_URL"] = _NOWHERE
    rules = site.folder / "onrecord.toml"
    if command[0] == "reload" and "[[tell]]" not in rules.read_text():
        rules.write_text(rules.read_text() + _WAYS)
    ran = site.run(*command)
    site.environ = before
    return ran


def prepared(folder: Path, columns: str) -> People:
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)  # no call is cut by midnight
    people = settled_site(new_site(folder), noon - timedelta(days=5))
    site = people.site
    site.environ |= {"CONSOLE_BASE_URL": "https://console.example.org"} | ({"COLUMNS": columns} if columns else {})
    with site.inside(), closing(open_installation(os.environ)) as installation:
        publish(installation.database, installation.rulebook, installation.checked.text)
        projection = Projection(installation.database)
        while projection.step():
            pass
    return people


def recording_of(people: People, sid: str) -> str:
    shown = json.loads(people.site.run("call", sid, "--json").out)
    return str(shown["recordings"][0]["recording_sid"])


def told(ran: Ran, folder: Path) -> str:
    """Exit code, output and errors, without what is another in each installation."""
    parts = [f"exit code {ran.code}\n", ran.out, *(["errors:\n", ran.err] if ran.err else [])]
    text = _RANDOM.sub(lambda found: "0" * len(found[0]), "".join(parts).replace(str(folder), "FOLDER"))
    text = _EVENT.sub("Event 0", _INDEX.sub(lambda found: "      0" if found[1] else "0", text))
    return _VARIES.sub(lambda found: re.sub(r"[0-9A-Za-z+/]", "0", found[0]), text)


def kept(name: str) -> Path:
    return FOLDER / f"{name}.txt"


def text_of(folder: Path, columns: str) -> str:
    return "".join(f"{line}\n{output}\n" for line, output in outputs(folder, columns))


def write() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, columns in WIDTHS.items():
        with tempfile.TemporaryDirectory() as folder:
            kept(name).write_text(text_of(Path(folder), columns), encoding="utf-8")
        print(f"{kept(name).relative_to(ROOT)}: written")


if __name__ == "__main__":
    write()
