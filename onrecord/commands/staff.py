"""The commands about accounts of the staff: who may use the console, and for which calls."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from onrecord.commands.actor import as_option
from onrecord.commands.base import FOUND_SOMETHING, Number, as_json_option, end, opened, reading
from onrecord.terminal import confirm, say, say_json
from policies.permissions import Role
from storage.errors import Refused, Unavailable

if TYPE_CHECKING:
    from compliance.staff.administration import Invited
    from compliance.staff.ways_in import Held
    from onrecord.installation import Installation
    from storage.staff.accounts import Account


class Address(click.ParamType[str]):
    """A place where a person takes calls, as `connect_to` in the rulebook has it."""

    name = "address"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from policies.rulebook.mistakes import Wrong
        from policies.rulebook.values import destination

        try:
            destination(value)
        except Wrong as wrong:
            self.fail(str(wrong), param, ctx)
        return str(value)


@click.group()
def user() -> None:
    """The accounts of the staff, who use the console."""


@user.command("add")
@click.argument("name")
@click.option("--role", type=click.Choice([role.value for role in Role]), required=True, help="What they may do.")
@click.option("--name", "display_name", metavar="TEXT", help="The person's full name; NAME by default.")
@click.option(
    "--line", "lines", type=Number(), multiple=True, metavar="NUMBER", help="For the calls to this line; repeatable."
)
@click.option("--team", "teams", multiple=True, metavar="TEAM", help="For the calls of this team; repeatable.")
@click.option("--everywhere", is_flag=True, help="For all calls.")
@click.option(
    "--takes-calls-at",
    "addresses",
    type=Address(),
    multiple=True,
    metavar="ADDRESS",
    help="Where the person takes calls, as connect_to has it; repeatable.",
)
@click.option("--in-team", "team", default="", metavar="TEAM", help="The team that the person is in.")
@as_option()
def user_add(  # noqa: PLR0913 - each is an option of the command
    *,
    name: str,
    role: str,
    display_name: str | None,
    lines: tuple[str, ...],
    teams: tuple[str, ...],
    everywhere: bool,
    addresses: tuple[str, ...],
    team: str,
    actor: str | None,
) -> None:
    """Add an account, and print its link.

    By the link the person sets up how they sign in. It works once, for a day. NAME is what they type where they sign in
    with a password.
    """
    from onrecord.commands.actor import who_asks
    from policies.permissions import Scope
    from storage.staff.accounts import Position

    scope = Scope(everywhere, frozenset(lines), frozenset(teams))
    position = Position(Role(role), scope, team, frozenset(addresses))
    with opened() as installation, _refusals_found():
        says = who_asks(installation.database, actor)
        invited = installation.administration.add(name, display_name or name, position, actor=says)
        for line in lines:
            if installation.rulebook.line(line) is None:
                say(f"note: {line} is no line of the rulebook", error=True)
        _show_link(installation, invited)


@user.command("link")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask again.")
@as_option()
def user_link(*, name: str, yes: bool, actor: str | None) -> None:
    """Print a new link, for a person who has lost everything.

    All that the account signs in with is removed and its sessions end at once, so that nobody else uses what was lost.
    An earlier link opens nothing any more.
    """
    from onrecord.commands.actor import who_asks

    with opened() as installation, _refusals_found():
        says, account = who_asks(installation.database, actor), _named(installation, name)
        if sys.stdin.isatty() and not yes:
            confirm(f"Remove all that {account.name} signs in with?")
        _show_link(installation, installation.administration.reset(account.id, actor=says))


@user.command("list")
@as_json_option
def user_list(*, as_json: bool) -> None:
    """List all accounts, disabled ones too."""
    from compliance.staff import ways_in
    from storage.staff import accounts

    with reading() as connection:
        found = [(account, ways_in.held(connection, account.id)) for account in accounts.everybody(connection)]
    if as_json:
        say_json([_as_json(account, held) for account, held in found])
        return
    if not found:
        say("there is no account: `onrecord user add` makes one")
    for account, held in found:
        say(_in_words(account, held))


@user.command("disable")
@click.argument("name")
@as_option()
def user_disable(*, name: str, actor: str | None) -> None:
    """Disable an account, and end its sessions.

    It stays, and what it did stays on record. The last admin's can't be disabled.
    """
    from onrecord.commands.actor import who_asks

    with opened() as installation, _refusals_found():
        account = _named(installation, name)
        installation.administration.disable(account.id, actor=who_asks(installation.database, actor))
    say(f"{account.name} is disabled")


@user.command("enable")
@click.argument("name")
@as_option()
def user_enable(*, name: str, actor: str | None) -> None:
    """Enable an account again, with what it signed in with before."""
    from onrecord.commands.actor import who_asks

    with opened() as installation, _refusals_found():
        account = _named(installation, name)
        installation.administration.enable(account.id, actor=who_asks(installation.database, actor))
    say(f"{account.name} is enabled")


def _named(installation: "Installation", name: str) -> "Account":
    from storage.staff import accounts

    with installation.database.read() as connection:
        account = accounts.by_name(connection, name)
    if account is None:
        end(["there is no account of this name"], FOUND_SOMETHING)
    return account


def _show_link(installation: "Installation", invited: "Invited") -> None:
    say(f"{installation.settings.console_base_url}/welcome/{invited.link}")
    say(f"This link opens the account {invited.account.name} once, within a day.", error=True)


def _as_json(account: "Account", held: "Held") -> dict[str, object]:
    return {
        "name": account.name,
        "display_name": account.display_name,
        "role": account.role,
        "everywhere": account.scope.everywhere,
        "lines": sorted(account.scope.lines),
        "teams": sorted(account.scope.teams),
        "team": account.team,
        "takes_calls_at": sorted(account.addresses),
        "signs_in_with": sorted(held.ways),
        "created_at": account.created_at.isoformat(),
        "disabled_at": account.disabled_at.isoformat() if account.disabled_at else None,
    }


def _in_words(account: "Account", held: "Held") -> str:
    ways = ", ".join(sorted(held.ways)) or "nothing yet"
    disabled = f"  disabled since {account.disabled_at:%Y-%m-%d %H:%M}" if account.disabled_at else ""
    team = f"  in team {account.team}" if account.team else ""
    return f"{account.name}  {account.role}  for {_scope(account)}{team}  signs in with {ways}{disabled}"


def _scope(account: "Account") -> str:
    if account.role is Role.AGENT:
        return "their own calls"
    named = [*sorted(account.scope.lines), *(f"team {team}" for team in sorted(account.scope.teams))]
    return "all calls" if account.scope.everywhere else ", ".join(named) or "no calls"


@contextmanager
def _refusals_found() -> Iterator[None]:
    """A refusal here is a finding, and no mistake in the settings."""
    try:
        yield
    except (Refused, Unavailable) as error:
        end([str(error)], FOUND_SOMETHING)
