"""The commands that compare Twilio's account of calls with the log."""

import sys
from datetime import UTC, datetime, timedelta

import click

from onrecord.commands.base import FOUND_SOMETHING, as_json_option, end, opened
from onrecord.commands.rules import Day
from onrecord.terminal import as_plain, say, say_json
from storage.errors import Broken, Refused, Unavailable


@click.command()
@click.argument("call_sid")
@as_json_option
def corroborate(call_sid: str, *, as_json: bool) -> None:
    """Compare Twilio's account of a call with the log.

    CALL_SID may be the call's id in the log. The worker does it by itself for each call, a quarter of an hour after its
    end. Exit code 1 where the two differ, or Twilio gives no account.
    """
    from onrecord.processes.work import make_corroboration, make_workshop

    with opened() as installation:
        try:
            found = make_corroboration(installation, make_workshop(installation)).ask_now(call_sid)
        except (Refused, Unavailable, Broken) as error:
            end([str(error)], FOUND_SOMETHING)
    if as_json:
        say_json(as_plain(found))
        sys.exit(0 if found.match else FOUND_SOMETHING)
    if found.match is None:
        end([f"corroborate: {found.reason}"], FOUND_SOMETHING)
    say("Twilio tells the same" if found.match else f"Twilio tells otherwise: {', '.join(found.differs)}")
    say("it is in the log now" if found.is_logged else "it was looked at before, and the log stays as it is")
    sys.exit(0 if found.match else FOUND_SOMETHING)


@click.command()
@click.option(
    "--day",
    type=Day(),
    help="In UTC; yesterday by default. Of today, what there is of it so far.",
)
@as_json_option
def reconcile(day: datetime | None, *, as_json: bool) -> None:
    """Compare Twilio's list of a day's calls with ours.

    The worker does it by itself for each day that is over. Exit code 1 where a call is on only one list.
    """
    from onrecord.processes.work import make_reconciliation, make_workshop

    with opened() as installation:
        try:
            that_day = (day or datetime.now(UTC) - timedelta(days=1)).date()
            found = make_reconciliation(installation, make_workshop(installation)).go_through(that_day)
        except (Refused, Unavailable, Broken) as error:
            end([str(error)], FOUND_SOMETHING)
    if as_json:
        say_json({**as_plain(found), "agrees": found.agrees})
        sys.exit(0 if found.agrees else FOUND_SOMETHING)
    erased = f", and {found.erased} that are erased" if found.erased else ""
    say(f"{found.day}: {found.provider_calls} calls at Twilio, {found.logged_calls} here{erased}")
    for sid in found.missing:
        say(f"{sid}: Twilio lists it, and it is not here")
    for sid in found.unknown:
        say(f"{sid}: it is here, and Twilio does not know it")
    sys.exit(0 if found.agrees else FOUND_SOMETHING)


def add_provider_commands(main: click.Group) -> None:
    for command in (corroborate, reconcile):
        main.add_command(command)
