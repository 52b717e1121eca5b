"""Every command that prints facts prints them as JSON as well; every other one does something, or writes a document."""

import json
import os
import re
from contextlib import closing
from pathlib import Path

import click
import pytest

from onrecord.commands.main import main
from onrecord.installation import open_installation
from storage.rows.listing_projection import Projection
from tests.onrecord.commands.people import ANN, People
from tests.onrecord.commands.site import Site
from tests.onrecord.commands.test_telling import commands
from tests.publishing import publish

LINE = "+12125550100"
# The commands that tell facts, with what they need to tell some; CALL and RULES are a call's sid and a rulebook's file.
FACTS: dict[str, tuple[str, ...]] = {
    "check": (),
    "explain": ("--line", LINE, "--from", "+18602345678"),
    "wordings": (),
    "rules diff": ("RULES", "RULES"),
    "incidents": (),
    "calls": (),
    "recordings": (),
    "call": ("CALL",),
    "pauses": (),
    "user list": (),
    "hold list": (),
    "certificate": ("CALL",),
    "log verify": (),
    "log show": ("CALL",),
    "log tail": ("-n", "1"),
    "log keys": (),
    "erase": ("--call", "CALL", "--basis", "gdpr-17", "--dry-run"),
    # They ask Twilio, or our own web server; their own tests have them answered.
    "corroborate": (),
    "reconcile": (),
    "doctor": (),
    "selftest": (),
}
ASKS_ELSEWHERE = {"corroborate", "reconcile", "doctor", "selftest"}
# They do something, and say in a line or two what they did.
ACTS = {
    *("init", "serve", "work", "demo", "simulate", "reload", "tell", "lines sync", "recording export"),
    *("user add", "user link", "user disable", "user enable"),
    *("incidents close", "pause", "resume", "withdraw", "hold place", "hold release", "reapply-erasures"),
    *("log export", "log anchor", "log rotate-key", "log resume"),
}
# What they print is a document in a format of its own.
DOCUMENTS = {"vcon", "receipt", "lines fallback", "log checkpoint"}


def leaves() -> dict[str, click.Command]:
    """The commands that do something by themselves."""
    return {
        " ".join(path): command
        for path, command in commands(main).items()
        if not isinstance(command, click.Group) or command.invoke_without_command
    }


def test_every_command_is_known_as_telling_or_doing() -> None:
    assert sorted(leaves()) == sorted([*FACTS, *ACTS, *DOCUMENTS])


def test_every_command_that_tells_facts_takes_json_and_no_other_pretends_to() -> None:
    takes = {name for name, command in leaves().items() if any("--json" in param.opts for param in command.params)}
    assert takes == {*FACTS}


@pytest.fixture(scope="module")
def telling(settled: People, tmp_path_factory: pytest.TempPathFactory) -> People:
    people = settled.at(tmp_path_factory.mktemp("telling") / "site")
    site = people.site
    with site.inside(), closing(open_installation(os.environ)) as installation:
        publish(installation.database, installation.rulebook, installation.checked.text)
        Projection(installation.database).look()
    site.run("hold", "place", "--call", people.sids[ANN][0], "--because", "case 17")
    site.run("user", "add", "carol", "--role", "admin", "--everywhere")
    site.run("log", "checkpoint")
    return people


@pytest.mark.parametrize("name", sorted({*FACTS} - ASKS_ELSEWHERE))
def test_facts_are_told_as_json_and_nothing_else_is_printed(name: str, telling: People) -> None:
    given = {"CALL": telling.sids[ANN][0], "RULES": "onrecord.toml"}
    command = [*name.split(), *(given.get(word, word) for word in FACTS[name])]
    told, plain = telling.site.run(*command, "--json"), telling.site.run(*command)
    assert json.loads(told.out) is not None
    assert told.code == plain.code
    assert told.out != plain.out or name == "log tail"


@pytest.mark.parametrize("name", sorted({*FACTS}))
def test_a_command_that_fails_says_so_as_json_too(name: str, tmp_path: Path) -> None:
    """There is no installation here."""
    needs = {"corroborate": ("CA" + "0" * 32,), "rules diff": ("old", "new")}
    command = [*name.split(), *needs.get(name, FACTS[name]), "--json"]
    ran = Site(tmp_path).run(*command)
    assert ran.code == 2
    told = json.loads(ran.out)["problems"]
    assert [" ".join(problem.split()) for problem in told] == [
        line.removeprefix("onrecord: ") for line in ran.err.splitlines()
    ]
    assert told


@pytest.mark.parametrize("name", ["call", "certificate", "explain --call", "log show", "corroborate"])
def test_a_call_that_is_not_there_is_told_as_json_too(name: str, telling: People) -> None:
    ran = telling.site.run(*name.split(), "CA" + "0" * 32, "--json")
    assert (ran.code, json.loads(ran.out)) == (1, {"problems": [ran.err.removeprefix("onrecord: ").strip()]})


def names_in(value: object) -> set[str]:
    if isinstance(value, dict):
        return {*value}.union(*map(names_in, value.values()))
    return set().union(*map(names_in, value)) if isinstance(value, list) else set()


@pytest.mark.parametrize("name", sorted({*FACTS} - ASKS_ELSEWHERE))
def test_the_names_in_json_are_such_as_programs_have(name: str, telling: People) -> None:
    given = {"CALL": telling.sids[ANN][0], "RULES": "onrecord.toml"}
    words = [*name.split(), *(given.get(word, word) for word in FACTS[name])]
    ways = [[], ["--full"]] if name == "check" else [[]]
    found = [names_in(json.loads(telling.site.run(*words, *way, "--json").out)) for way in ways]
    assert {each for each in set().union(*found) if not re.fullmatch(r"[a-z][a-z0-9_]*", each)} == set()
    assert len({frozenset(names) for names in found}) == 1
