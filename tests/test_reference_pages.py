"""The pages of settings and commands are those that the code makes, and the code leaves none out."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from onrecord.commands.main import main
from onrecord.settings.table import SETTINGS, TOGETHER
from tests import reference_pages
from tests.source import text_of


@pytest.mark.parametrize("name", reference_pages.PAGES)
def test_a_page_is_the_one_that_the_code_makes(name: str) -> None:
    """`make pages` writes it after a change."""
    assert reference_pages.place(name).read_text(encoding="utf-8") == reference_pages.PAGES[name]()


def test_every_setting_of_the_table_is_read_and_has_a_row() -> None:
    read = re.findall(r'found\.text\("(\w+)"\)', text_of(Path("onrecord/settings/environment.py")))
    rows = re.findall(r"^\| `(\w+)`", reference_pages.settings_page(), re.MULTILINE)
    assert sorted(read) == sorted(rows) == sorted(SETTINGS)
    assert {name for names in TOGETHER for name in names} <= SETTINGS.keys()


def test_a_setting_that_stands_for_a_secret_has_no_default_but_the_database() -> None:
    assert [one.name for one in SETTINGS.values() if one.is_secret and one.default] == ["DATABASE_URL"]


def test_every_command_has_its_section_with_each_option_explained() -> None:
    assert sorted(reference_pages.commands()) == sorted(" ".join(path) for path, _ in that_do_something(main, ()))
    bare = [
        (path, param.name)
        for path, command in that_do_something(main, ())
        for param in command.params
        if isinstance(param, click.Option) and not param.help
    ]
    assert bare == []


def that_do_something(group: click.Group, above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        if not isinstance(command, click.Group) or command.invoke_without_command:
            yield (*above, name), command
        if isinstance(command, click.Group):
            yield from that_do_something(command, (*above, name))
