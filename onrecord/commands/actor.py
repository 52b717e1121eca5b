"""The member of staff at the command line: the person whom `--as` names, or else the operating system's user."""

import copy
import os
import pwd
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from storage.errors import Refused

if TYPE_CHECKING:
    from storage.database.engine import Database


class _ActorOption(click.Option):
    """`--as`, which answers to its earlier name as well and is shown under this one."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        shown = copy.copy(self)
        shown.opts = ["--as"]
        return click.Option.get_help_record(shown, ctx)


def as_option() -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The option of every command that the log keeps a name for."""
    return click.option(
        "--as",
        "--actor",
        "actor",
        cls=_ActorOption,
        metavar="NAME",
        help="The person who does it: an account's name, where there are accounts.",
    )


def who_asks(database: "Database", given: str | None) -> str:
    """The name for the log. Raises Refused for a name that is no enabled account's, where there are accounts.

    Without a name it is the user by the operating system, not by the environment, and says that it is.
    """
    from storage.rows import staff_words
    from storage.staff import accounts

    if given is None:
        return system_user()
    name = staff_words.name("--as", given)
    with database.read() as connection:
        account, has_accounts = accounts.by_name(connection, name), bool(accounts.everybody(connection))
    if not has_accounts:
        return name
    if account is None:
        raise Refused(f"--as: there is no account {name}; `onrecord user list` prints them")
    if not account.is_enabled:
        raise Refused(f"--as: the account {account.name} is disabled")
    return account.name


def system_user() -> str:
    """The user by the operating system, and that it is."""
    return f"{_user()} (operating system user)"


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"
