"""The command that tests the service from outside."""

import sys

import click

from onrecord.commands.base import FOUND_SOMETHING, as_json_option, end, opened
from onrecord.terminal import as_plain, say, say_json


@click.command()
@click.option("--line", "number", metavar="NUMBER", help="Of one line only.")
@as_json_option
def selftest(number: str | None, *, as_json: bool) -> None:
    """Call every line by its real webhooks.

    Synthetic callers decline, agree, say nothing and come too early. Each must hear the disclosure as it is kept, and
    nothing may record without consent. No agent is rung, and Twilio has no part in it. The log keeps the result; a
    worker runs the same test every day. Exit code 1 and a line for each check that failed.
    """
    from onrecord.selftest.checks import CHECKS
    from onrecord.selftest.schedule import SelfTest

    with opened() as installation:
        only = installation.rulebook.line(number) if number else None
        if number and only is None:
            end(["that number is not a line of the rulebook"], FOUND_SOMETHING)
        say(f"calling {installation.settings.public_base_url}, which takes as long as a disclosure", error=True)
        verdict = SelfTest.of(installation).run(only)
    if as_json:
        say_json(as_plain(verdict))
        sys.exit(FOUND_SOMETHING if verdict.faults else 0)
    for check in verdict.checks:
        if check not in verdict.failed:
            say(f"ok      {check}: {CHECKS[check]}")
    for fault in verdict.faults:
        say(f"FAILED  {fault.check}: {fault.what}")
    calls = f"{len(verdict.calls)} calls to {verdict.lines} lines in {verdict.took_ms / 1000:.1f} s"
    say(f"{calls}: {len(verdict.failed)} of {len(verdict.checks)} checks failed")
    if verdict.faults:
        sys.exit(FOUND_SOMETHING)


def add_selftest_commands(group: click.Group) -> None:
    group.add_command(selftest)
