"""Makes the pages of every setting and of every command from the code itself.

python -m tests.reference_pages
"""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import click

from onrecord.commands.main import SECTIONS as COMMANDS
from onrecord.commands.main import main
from onrecord.settings.table import SECTIONS as SETTINGS
from onrecord.settings.table import Setting
from tests.source import ROOT

_ABOUT_SETTINGS = """\
# Settings

Settings are environment variables; an empty one is not set. `onrecord check` says of each that is wrong what is
expected. A secret may stand in a file instead, named by the variable with `_FILE` behind its name
(`TWILIO_AUTH_TOKEN_FILE`): a plain file that others can neither read nor write. No password, token or key has a
default. How a line treats its callers is not set here, but in the rulebook ([rules.md](rules.md)).
"""

_ABOUT_COMMANDS = """\
# Commands

Every command reads its [settings](settings.md) from the environment and works in the current directory. `-h` prints
the same as this page.

- **Exit codes:** 0 done, 1 the check found something or there is no such thing, 2 usage or configuration, or the output
  can't be written.
- **For scripts:** each command that prints facts takes `--json`, and prints one document; where it fails, that is
  `{"problems": […]}`. Events of the log come as a line of JSON each. Each command that writes a file takes `-` for
  standard output.
- **Actors:** each command that the log keeps a name for takes `--as NAME`: an account's, where there are accounts;
  without it the log has the operating system's user, named as such.
- **On a terminal:** texts that others wrote are shown with control characters written out (`\\x1b`), and lines and
  tables keep to the terminal's width, or to `COLUMNS`; nothing is coloured where `NO_COLOR` is set, or in a pipe.
- **Completion:** `eval "$(_ONRECORD_COMPLETE=bash_source onrecord)"`, or `zsh_source`; for fish
  `_ONRECORD_COMPLETE=fish_source onrecord | source`.
"""


def settings_page() -> str:
    return "\n".join([_ABOUT_SETTINGS, *_setting_tables()])


def _setting_tables() -> Iterator[str]:
    for heading, settings in SETTINGS.items():
        yield f"## {heading}\n\n| variable | meaning | default |\n|---|---|---|"
        for setting in settings:
            name = f"`{setting.name}`{', a secret' if setting.is_secret else ''}"
            yield f"| {name} | {setting.meaning} | {_default(setting)} |"
        yield ""


def _default(setting: Setting) -> str:
    if setting.is_required:
        return "required"
    return f"`{setting.default}`" if setting.default else setting.unset


def commands_page() -> str:
    return "\n".join([_ABOUT_COMMANDS, *_command_sections()])


def _command_sections() -> Iterator[str]:
    top = click.Context(main, info_name="onrecord")
    for heading, names in COMMANDS.items():
        contexts = [each for name in names for each in _contexts(main.commands[name], top, name)]
        yield f"## {heading}\n\n| command | |\n|---|---|"
        for context in contexts:
            anchor = context.command_path.replace(" ", "-")
            yield f"| [`{context.command_path}`](#{anchor}) | {context.command.get_short_help_str(limit=200)} |"
        yield ""
        for context in contexts:
            yield from _told(context)


def commands() -> list[str]:
    """Every command that does something, such as `log verify`, in the order of the help."""
    return re.findall(r"^### `onrecord (.*)`$", commands_page(), re.MULTILINE)


def _contexts(command: click.Command, parent: click.Context, name: str) -> Iterator[click.Context]:
    """Of the command where it does something of its own, and of those below it."""
    context = click.Context(command, parent, info_name=name)
    if not isinstance(command, click.Group) or command.invoke_without_command:
        yield context
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            yield from _contexts(command.commands[each], context, each)


def _told(context: click.Context) -> Iterator[str]:
    command = context.command
    arguments = [param.make_metavar(context) for param in command.params if isinstance(param, click.Argument)]
    yield f"### `{context.command_path}`\n"
    yield f"{inspect.cleandoc(command.help or '')}\n"
    if arguments:
        yield f"Arguments: `{' '.join(arguments)}`\n"
    records = [record for param in command.params if (record := param.get_help_record(context)) and record[1]]
    if records:
        yield "| option | |\n|---|---|"
        yield from (f"| `{_cell(names)}` | {_cell(text)} |" for names, text in records)
        yield ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


PAGES = {"settings.md": settings_page, "commands.md": commands_page}


def place(name: str) -> Path:
    return ROOT / "docs" / name


if __name__ == "__main__":
    for each, made in PAGES.items():
        place(each).write_text(made(), encoding="utf-8")
