"""The command that tries the ways by which people are told of incidents."""

import secrets
import sys

import click

from onrecord.commands.base import FOUND_SOMETHING, end, opened
from onrecord.terminal import say
from storage.errors import Refused, Unavailable


@click.command()
@click.option("--way", "name", metavar="NAME", help="By one way only: the name of a [[tell]].")
def tell(name: str | None) -> None:
    """Send a test message by each way of the rulebook in force.

    It goes at once, and not through the worker. Exit code 1 where a way does not work.
    """
    from onrecord.senders import installation_name, sender
    from policies import telling
    from storage.moment import utc_now

    with opened() as installation:
        ways = [way for way in installation.rulebook.ways if name in (None, way.name)]
        if not ways:
            missing = "the rulebook in force has no such way: write a table [[tell]], and take it in force"
            end([missing], FOUND_SOMETHING)
        send, failed = sender(installation.settings), False
        for way in ways:
            at = utc_now()
            body = telling.of_a_test(at, installation_name(installation.settings))
            try:
                problem = send(way, secrets.token_hex(16), at, body)
            except (Refused, Unavailable) as error:
                problem = str(error)
            failed = failed or bool(problem)
            say(f"FAILED  {way.name}: {problem}" if problem else f"ok      {way.name}: told")
    if failed:
        sys.exit(FOUND_SOMETHING)


def add_telling_commands(group: click.Group) -> None:
    group.add_command(tell)
