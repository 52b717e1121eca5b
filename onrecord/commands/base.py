"""The common part of all commands: opening an installation, and printing a failure.

A command imports its libraries when it runs, so that `--help` waits for none of them.
"""

import os
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from onrecord.not_ready import NotReady
from onrecord.settings.environment import SettingsRejected, read_settings
from onrecord.terminal import say, say_json
from policies.jurisdiction.places import is_e164
from storage.errors import Broken, Refused, Unavailable

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from compliance.anchors.anchor_file import AnchorFile
    from onrecord.installation import Installation
    from storage.database.engine import Database
    from storage.rows.calls import Call

FOUND_SOMETHING, NOT_CONFIGURED = 1, 2
STANDARD_OUTPUT = Path("-")

ROW_NUMBER = click.IntRange(0, 2**63 - 1)  # as far as databases count
as_json_option = click.option("--json", "as_json", is_flag=True, help="For scripts.")


class Names(click.ParamType[frozenset[str]]):
    """Names of fields to disclose, separated by commas."""

    name = "names"

    def __init__(self, known: Collection[str]) -> None:
        self._known = known

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> frozenset[str]:
        names = frozenset(filter(None, (name.strip() for name in str(value).split(","))))
        if unknown := sorted(names - {*self._known}):
            self.fail(f"{', '.join(unknown)}: what can be disclosed is {', '.join(self._known)}", param, ctx)
        return names


class Number(click.ParamType[str]):
    """The number of a line."""

    name = "number"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not is_e164(str(value)):
            self.fail("write a plus, the country's code and the number, digits only", param, ctx)
        return str(value)


@contextmanager
def opened(
    problems: Sequence[str] = (), *, restored: bool = False, edited: bool = False, store_is_asked: bool = True
) -> Iterator["Installation"]:
    """The installation, or exit code 2 with every problem on a line of its own, `problems` among them.

    `restored`: also where an older copy of the database is found. `edited`: under the rulebook of the operator's file,
    which need not be in force. Without `store_is_asked`: also while the audio store is away.
    """
    from onrecord.installation import open_installation

    with failures_told():
        try:
            installation = open_installation(
                os.environ, restored=restored, edited=edited, store_is_asked=store_is_asked
            )
        except NotReady as error:
            end([*problems, *error.problems])
        with closing(installation):
            if problems:
                end(problems)
            yield installation


@contextmanager
def reading() -> Iterator["Connection"]:
    """The database alone, for commands that only print from it."""
    from onrecord.installation import open_records

    with failures_told(), closing(open_records(os.environ)) as database, database.read() as connection:
        yield connection


@contextmanager
def reading_log() -> Iterator[tuple["Database", "AnchorFile"]]:
    """The database alone, and the file outside it that its log is checked against."""
    from compliance.anchors.anchor_file import AnchorFile
    from onrecord.installation import open_records

    with failures_told(), closing(open_records(os.environ)) as database:
        yield database, AnchorFile(read_settings(os.environ, need="database").anchor_file)


def call_named(connection: "Connection", name: str) -> "Call":
    """The call of that sid, or id in the log; exit code 1 where there is none."""
    from storage.rows import calls

    call = calls.named(connection, name)
    if call is None:
        end(["there is no call with this sid or id"], FOUND_SOMETHING)
    return call


@contextmanager
def failures_told() -> Iterator[None]:
    """Print a failure that a line can explain as that line, without a traceback."""
    try:
        yield
    except NotReady as error:
        end(error.problems)
    except SettingsRejected as error:
        end([str(problem) for problem in error.problems])
    except (Refused, Unavailable, Broken) as error:
        end([str(error)])


def check_number(number: str) -> None:
    """Raises Refused for a `--number` that is no number: a withheld one, say, could mean any caller who withholds
    theirs.
    """
    if not is_e164(number):
        raise Refused("--number: write a plus, the country's code and the number, digits only")


def end(problems: Sequence[str], code: int = NOT_CONFIGURED) -> NoReturn:
    """Each problem is a line on standard error. With `--json` a document of them takes standard output as well."""
    for problem in problems:
        tell_problem(problem)
    context = click.get_current_context(silent=True)
    if context and context.params.get("as_json"):
        say_json({"problems": list(problems)})
    sys.exit(code)


def tell_problem(problem: str) -> None:
    say(f"onrecord: {' '.join(problem.split())}", error=True)
