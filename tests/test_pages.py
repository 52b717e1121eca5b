"""The pages for those who run it and those who change it say nothing that the program does not do."""

import re
from pathlib import Path

import click
import pytest

from onrecord.commands.main import main
from policies.incidents import SEVERITY, WAITS_FOR_A_PERSON, IncidentKind
from tests.source import ROOMS, ROOT, modules, text_of
from tests.test_arrows import PLAN

PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
TEXTS = {path.name: path.read_text(encoding="utf-8") for path in PAGES}
SOURCE = "\n".join(text_of(path) for path in modules(*ROOMS))
_FENCE = re.compile(r"```\w*\n(.*?)```", re.DOTALL)


def command_lines(text: str) -> set[str]:
    """Those in backticks within prose, and those that stand to be copied in a block of their own."""
    blocks = "\n".join(_FENCE.findall(text))
    found = re.findall(r"^ *(?:\$ )?onrecord ([a-z].*)", blocks, re.MULTILINE)
    return {line.strip() for line in (*found, *re.findall(r"`onrecord ([a-z][^`\n]*)`", _FENCE.sub("", text)))}


COMMANDS = sorted(set().union(*map(command_lines, TEXTS.values())))
_PLACE = re.compile(rf"`((?:{'|'.join(ROOMS)}|tests|docs|bench)/[\w/.-]+)`")
_DOTTED = re.compile(rf"`((?:{'|'.join(ROOMS)})(?:\.\w+)+)`")


def options_of(line: str) -> tuple[set[str], set[str]]:
    """The options that a command line names, and those of them that its command does not have."""
    words = re.findall(r"[^\s()|\\\[\].,]+", line.partition("#")[0])
    command: click.Command = main
    for word in words:
        if not isinstance(command, click.Group) or word not in command.commands:
            break
        command = command.commands[word]
    assert command is not main, f"onrecord {line}: there is no such command"
    has = {option for param in command.params for option in param.opts}
    named = {word for word in words if re.fullmatch(r"--[a-z-]+|-[a-z]", word)}
    return named, named - has - {"--help", "-h"}


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_line_on_a_page_has_these_options(line: str) -> None:
    assert options_of(line)[1] == set()


def test_an_option_that_no_command_has_is_seen() -> None:
    assert options_of("serve --port 8000") == ({"--port"}, {"--port"})
    assert options_of("log resume --after-restore --over LINE")[1] == set()
    assert sum(bool(options_of(line)[0]) for line in COMMANDS) > 15


def test_every_target_of_make_on_a_page_is_in_the_makefile() -> None:
    named = {
        name for text in TEXTS.values() for name in re.findall(r"(?:`|^ *)make ([a-z][a-z-]*)", text, re.MULTILINE)
    }
    assert len(named) > 5
    assert named - set(re.findall(r"^([a-z-]+):", text_of(Path("Makefile")), re.MULTILINE)) == set()


def test_every_setting_on_a_page_is_one_that_is_read() -> None:
    named = {
        (page, name)
        for page, text in TEXTS.items()
        for name in re.findall(r"\b(?:ONRECORD|TWILIO|OIDC)_[A-Z0-9_]+", text)
    }
    unread = {
        (page, name)
        for page, name in named
        if f'"{name.removesuffix("_FILE")}"' not in SOURCE and f'"{name}"' not in SOURCE
    }
    assert len(named) > 20
    assert unread == set()


def test_every_place_on_a_page_is_there() -> None:
    places = {(page, place) for page, text in TEXTS.items() for place in _PLACE.findall(text)}
    assert len(places) > 20
    assert {place for place in places if not (ROOT / place[1]).exists()} == set()


def test_every_module_on_a_page_is_there() -> None:
    dotted = {(page, name) for page, text in TEXTS.items() for name in _DOTTED.findall(text)}
    assert len(dotted) > 10
    assert {name for name in dotted if not name[1].endswith(".toml") and not _is_there(name[1])} == set()


def _is_there(dotted: str) -> bool:
    """A package, a module, or a name that a module defines."""
    place = Path(dotted.replace(".", "/"))
    if (ROOT / place).is_dir() or (ROOT / f"{place}.py").exists():
        return True
    module = ROOT / f"{place.parent}.py"
    return (
        module.exists()
        and re.search(rf"^(?:def|class) {place.name}\b|^{place.name}\b", module.read_text(), re.M) is not None
    )


def test_every_page_is_linked_from_another_and_no_link_leads_nowhere() -> None:
    links = {
        (path.parent / target).resolve()
        for path in PAGES
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", TEXTS[path.name])
    }
    assert {str(link) for link in links if not link.exists()} == set()
    assert {path.name for path in PAGES} - {link.name for link in links} <= {"CHANGELOG.md", "README.md"}


def test_the_table_of_packages_is_the_plan_of_imports() -> None:
    rows = re.findall(r"^\| `(\w+)` \|[^|]*\|([^|]*)\|[^|]*\|$", TEXTS["architecture.md"], re.MULTILINE)
    assert {name: frozenset(re.findall(r"\w+", may)) for name, may in rows} == {
        name: room.rooms for name, room in PLAN.items()
    }


def test_the_table_of_storage_lists_its_subpackages() -> None:
    (table,) = re.findall(r"\| in `storage` \|.*?\n\n", TEXTS["architecture.md"], re.DOTALL)
    packages = {path.parent.name for path in (ROOT / "storage").glob("*/__init__.py")}
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == packages


def test_the_way_of_a_pressed_key_is_told_in_ten_lines() -> None:
    told = (
        TEXTS["architecture.md"].partition("## A pressed key, from the form to the answer\n")[2].partition("\n## ")[0]
    )
    assert 1 <= len([line for line in told.splitlines() if line.strip()]) <= 10


@pytest.mark.parametrize("page", TEXTS)
def test_a_page_speaks_the_words_of_its_field(page: str) -> None:
    assert re.findall(r"\b(?:house|faces?|doors?|tapes?|rooms)\b", TEXTS[page], re.IGNORECASE) == []


def test_the_page_for_operators_lists_every_kind_of_incident() -> None:
    page = TEXTS["operating.md"].partition("\n## Incidents\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*?) \| (\w+) \| (.*?) \| .*? \|$", page, re.MULTILINE)
    told = {kind: (severity, ends) for named, severity, ends in rows for kind in re.findall(r"`(\w+)`", named)}
    ends = {kind: "a person" if kind in WAITS_FOR_A_PERSON else "itself" for kind in IncidentKind}
    assert told == {kind.value: (SEVERITY[kind].value, ends[kind]) for kind in IncidentKind}
