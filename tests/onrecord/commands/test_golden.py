"""The outputs of README's commands are those that are kept, at 60 and 80 columns and in a pipe; and they read well."""

import re
import sys
from pathlib import Path

import pytest

from tests import reference_pages
from tests.onrecord.commands import golden
from tests.onrecord.commands.people import ANN, People
from tests.onrecord.terminals import at_a_terminal

KEPT = {name: golden.kept(name).read_text(encoding="utf-8") for name in golden.WIDTHS}
OURS = {name: re.sub(r"^\$ python3 .*?\n(?=\$ )", "", text, flags=re.M | re.S) for name, text in KEPT.items()}
# Documents of a format of their own, and events as they are hashed, are not broken to a width.
WHOLE = re.compile(r'^\s*(["{}\[\]]|\d+ \{|<|— |\S+$)|^    \w+: ')


@pytest.mark.parametrize("name", golden.WIDTHS)
def test_the_outputs_are_those_that_are_kept(name: str, tmp_path: Path) -> None:
    """A wished change is kept by `python -m tests.onrecord.commands.golden`."""
    assert golden.text_of(tmp_path, golden.WIDTHS[name]).splitlines() == KEPT[name].splitlines()


def test_every_command_is_kept_or_said_not_to_be() -> None:
    lines = [" ".join(command) for command in golden.COMMANDS]
    missing = {
        name
        for name in reference_pages.commands()
        if name not in golden.NOT_KEPT and not any(f"{line} ".startswith(f"{name} ") for line in lines)
    }
    assert missing == set()


@pytest.mark.parametrize("name", ["60", "80"])
def test_no_line_is_wider_than_the_terminal_unless_it_may_not_be_broken(name: str) -> None:
    wide = [line for line in OURS[name].splitlines() if len(line) > int(name) and not line.startswith("$ ")]
    assert [line for line in wide if not WHOLE.match(line)] == []


@pytest.mark.parametrize("name", golden.WIDTHS)
def test_nothing_is_spelled_as_a_program_spells_it_or_cut(name: str) -> None:
    prose = [line for line in OURS[name].splitlines() if not WHOLE.match(line) and not line.startswith("$ ")]
    found = [line for line in prose if re.search(r"\b(None|True|False|datetime|frozenset)\b|[\[{]['\"]|…", line)]
    assert found == []


@pytest.mark.parametrize("name", golden.WIDTHS)
def test_what_is_kept_is_the_same_tomorrow(name: str) -> None:
    lines = [line for line in KEPT[name].splitlines() if not line.startswith("$ ")]
    assert [line for line in lines if re.search(r"20\d\d-\d\d-\d\d|T(?!00:00)\d\d:\d\d", line)] == []


def test_no_time_number_or_sid_is_broken_at_sixty_columns() -> None:
    def words(name: str, pattern: str) -> list[str]:
        return re.findall(pattern, KEPT[name])

    for pattern in (r"\+1\d{10}", r"\b(?:CA|RE)0{32}\b", r"\b0000-00-00\b", r"\b00:00:00(?:\.000)?\b"):
        counted = {name: len(words(name, pattern)) for name in golden.WIDTHS}
        assert len({*counted.values()}) == 1, (pattern, counted)


@pytest.mark.parametrize("environ", [{"NO_COLOR": "1"}, {}], ids=["NO_COLOR", "with colours allowed"])
def test_a_terminal_of_that_width_gets_the_same_without_colours(environ: dict[str, str], people: People) -> None:
    site = people.site
    for command in (("call", people.sids[ANN][0]), ("check", "--at", "2026-12-01")):
        shown = at_a_terminal(
            [sys.executable, "-m", "onrecord", *command],
            width=60,
            environ={**site.environ, **environ},
            folder=site.folder,
        )
        site.environ["COLUMNS"] = "60"
        assert shown == site.run(*command).out
        del site.environ["COLUMNS"]
