"""Each command that a page shows is run by a test, with the options shown: read from the tests' own text."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

import click
import pytest

from onrecord.commands.main import main
from tests.source import ROOT, modules, text_of

PAGES = [path.read_text(encoding="utf-8") for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))]
RUNNERS = frozenset({"run", "spawn", "started", "invoke"})
"""The tests' functions that carry a command out: their arguments are its words."""
Command = tuple[str, ...]


def read(words: Iterable[str | None]) -> tuple[Command, frozenset[str]]:
    """The command that the words begin with, and the options among the rest. None: a word that is computed."""
    here: click.Command = main
    path, rest = list[str](), list(words)
    rest = rest[rest.index("onrecord") + 1 :] if "onrecord" in rest else rest
    while rest and isinstance(here, click.Group) and rest[0] in here.commands:
        path.append(str(rest.pop(0)))
        here = here.commands[path[-1]]
    names = {name: option.name for option in here.params for name in option.opts}
    return tuple(path), frozenset(str(names[word]) for word in rest if word in names)


def shown(page: str) -> Iterator[str]:
    """As they stand on the page, without `onrecord`."""
    yield from re.findall(r"`onrecord ([^`\n]+)`", page)
    for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL):
        yield from re.findall(r"^onrecord ([^#\n]+)", block, re.MULTILINE)


def run_by_tests() -> dict[Command, set[str]]:
    """Each command with the options that some test gives it."""
    found: defaultdict[Command, set[str]] = defaultdict(set)
    for path in modules("tests"):
        module = ast.parse(text_of(path))
        constants = {
            target.id: node.value
            for node in module.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(module):
            if isinstance(node, ast.Call) and _name(node.func) in RUNNERS:
                words = [*_words(node.args, constants)]
            elif isinstance(node, ast.List):  # of a process: `python -m onrecord` and its words
                words = [*_words([node], constants)]
                words = words if words[1:3] == ["-m", "onrecord"] else []
            else:
                continue
            command, options = read(words)
            found[command] |= options
    return found


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _words(arguments: Iterable[ast.expr], constants: Mapping[str, ast.expr]) -> Iterator[str | None]:
    for given in arguments:
        argument = given.value if isinstance(given, ast.Starred) else given
        argument = constants.get(argument.id, argument) if isinstance(argument, ast.Name) else argument
        if isinstance(argument, ast.List | ast.Tuple):
            yield from _words(argument.elts, constants)
        elif isinstance(argument, ast.Constant):
            yield str(argument.value)
        elif _name(argument) != "main":
            yield None


RUN = run_by_tests()
SHOWN = sorted({read(text.replace("…", "").split()) for page in PAGES for text in shown(page)}, key=str)


@pytest.mark.parametrize(("command", "options"), SHOWN, ids=lambda part: " ".join(sorted(part)))
def test_a_command_of_a_page_is_run_by_a_test(command: Command, options: frozenset[str]) -> None:
    assert command in RUN
    assert options <= RUN[command]


def test_a_command_that_no_test_runs_is_seen() -> None:
    assert read(["log", "no-such"])[0] == ("log",)
    assert read(["selftest", "--line", None])[1] == {"number"}
    assert ("log", "verify") in RUN
    assert len(SHOWN) >= 20
