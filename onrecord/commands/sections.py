"""The group of all commands: its help lists them under headings, and what nobody can mean is refused as a sentence."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import click

from evidence.printable import escaped
from onrecord.terminal import printing, say

_USAGE = 2


class SectionedGroup(click.Group):
    """`sections`: the names of the commands under each heading, in the order that they are shown in."""

    def __init__(self, *args: Any, sections: Mapping[str, Sequence[str]], **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.sections = sections

    def main(self, args: Sequence[str] | None = None, *more: Any, **named: Any) -> Any:
        given = sys.argv[1:] if args is None else list(args)
        with printing(), _places_are_told(given):
            for argument in given:
                if not _is_text(argument):
                    say(f"onrecord: {argument[:80]}: it is not in UTF-8; expected text", error=True)
                    sys.exit(_USAGE)
            return super().main(given, *more, **named)

    def make_context(self, *args: Any, **named: Any) -> click.Context:
        with _usage_errors_are_escaped():
            return super().make_context(*args, **named)

    def invoke(self, ctx: click.Context) -> Any:
        with _usage_errors_are_escaped():
            return super().invoke(ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, self.commands))
        for heading, names in self.sections.items():
            with formatter.section(heading):
                formatter.write_dl(
                    [(name.ljust(width), self.commands[name].get_short_help_str(formatter.width)) for name in names]
                )


def _is_text(argument: str) -> bool:
    """Python has bytes that are no UTF-8 as lone surrogates, which neither a database nor a file of ours takes."""
    return not any("\ud800" <= letter <= "\udfff" for letter in argument)


@contextmanager
def _usage_errors_are_escaped() -> Iterator[None]:
    """They quote what was typed, or pasted."""
    try:
        yield
    except click.ClickException as error:
        error.message = escaped(error.message)  # type: ignore[misc]  # it was made to be shown
        raise


@contextmanager
def _places_are_told(given: Sequence[str]) -> Iterator[None]:
    """A place that was named on the command line and can't be one: too long a name, say."""
    try:
        yield
    except OSError as error:
        if error.filename is None or str(error.filename) not in given:
            raise
        say(f"onrecord: {str(error.filename)[:80]}: {error.strerror}; name another place", error=True)
        sys.exit(_USAGE)
