"""What the documents show to be copied works as it is shown."""

import re
from importlib.resources import files

import click
import pytest

from evidence.catalogue import CATALOGUE
from onrecord.commands.main import main
from policies.account_checks import ABOUT
from policies.incidents import ADVICE, IncidentKind
from policies.jurisdiction.pack import packaged_law
from policies.permissions import Act, Role, may
from policies.rulebook.read import parse
from tests.source import ROOT

EXAMPLE = files("onrecord").joinpath("example.toml").read_text(encoding="utf-8")
PAGES = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))}
SNIPPETS = [block for page in PAGES.values() for block in re.findall(r"```toml\n(.*?)```", page, re.DOTALL)]
NAMED = [found for page in PAGES.values() for found in re.findall(r"`onrecord ([a-z -]+)", page)]
COMMANDS = sorted({tuple(found.split()) for found in NAMED})


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_a_piece_of_a_rulebook_is_accepted_in_the_example(snippet: str) -> None:
    assert parse(f"{EXAMPLE}\n{snippet}", under=packaged_law()).lines


def test_the_example_itself_is_accepted() -> None:
    assert parse(EXAMPLE, under=packaged_law()).remember_declines


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_command_that_is_named_exists(words: tuple[str, ...]) -> None:
    command: click.Command = main
    for word in words:
        if isinstance(command, click.Group):
            assert word in command.commands, words
            command = command.commands[word]


def test_there_is_something_to_copy() -> None:
    assert len(SNIPPETS) >= 3
    assert len(COMMANDS) >= 10


@pytest.mark.parametrize("name", ["README.md", "rules.md"])
def test_whoever_reads_of_rules_reads_that_they_are_no_legal_advice(name: str) -> None:
    assert re.search("not legal advice|nothing here is legal advice", PAGES[name], re.IGNORECASE)


def test_the_sectors_that_the_page_lists_are_those_of_the_pack() -> None:
    (listed,) = re.findall(r"sectors that the pack knows: (.*?)\n\n", PAGES["rules.md"], re.DOTALL)
    assert tuple(sorted(re.findall(r"`(\w+)`", listed))) == packaged_law().sectors


def test_the_page_about_evidence_lists_the_events_of_the_catalogue_with_their_fields() -> None:
    rows = re.findall(
        r"^\| (`[a-z].*?) \|(.*?)\|(.*?)\|$", PAGES["evidence.md"].partition("## The events")[2], re.MULTILINE
    )
    listed = {
        name: (_fields(public), _fields(private))
        for row, public, private in rows
        for name in _whole(re.findall(r"`([a-z_.]+)`", row))
    }
    assert listed == {name: (kind.public, kind.private) for name, kind in CATALOGUE.items()}


def test_the_page_about_evidence_lists_the_kinds_of_incident_with_their_advice() -> None:
    page = PAGES["evidence.md"].partition("## What a person is called for")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \|$", page, re.MULTILINE)
    assert rows == [(kind.value, advice.meaning, advice.remedy) for kind, advice in ADVICE.items()]
    assert [*ADVICE] == [*IncidentKind]


def _whole(names: list[str]) -> set[str]:
    """`recording.started`, `.completed` are two events."""
    return {f"{names[0].split('.')[0]}{name}" if name[0] == "." else name for name in names}


def _fields(cell: str) -> frozenset[str]:
    """Without the remarks, which stand in brackets."""
    return frozenset(name.strip() for name in re.sub(r"\(.*?\)", "", cell).split(",")) - {""}


def test_the_page_for_operators_has_every_check_of_the_account_in_its_words() -> None:
    page = PAGES["operating.md"].partition("## Switch off at Twilio")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ([a-z -]+) \| (.*?) \| (.*?) \|$", page, re.MULTILINE)[1:]
    assert rows[: len(ABOUT)] == [(name, about.why, about.where) for name, about in ABOUT.items()]


def test_the_page_about_the_console_has_the_permissions_of_each_role() -> None:
    page = PAGES["console.md"]
    [head] = re.findall(r"^\| \| (agent.*) \|$", page, re.MULTILINE)
    roles = [Role(name) for name in head.split(" | ")]
    rows = re.findall(r"^\| `(\w+)` [^|]+\|(.*)\|$", page, re.MULTILINE)
    listed = {
        Act(act): {role for role, cell in zip(roles, cells.split("|"), strict=True) if cell.strip() == "yes"}
        for act, cells in rows
    }
    assert listed == {act: {role for role in Role if may(role, act)} for act in Act}
