"""The commands that change what is recorded: withdraw a consent, pause and resume a recording."""

import sys
from typing import TYPE_CHECKING

import click

from onrecord.commands.actor import as_option
from onrecord.commands.base import FOUND_SOMETHING, as_json_option, check_number, end, opened, reading
from onrecord.terminal import as_plain, confirm, say, say_json
from storage.errors import Refused

if TYPE_CHECKING:
    from compliance.withdrawals import Withdrawals
    from onrecord.installation import Installation


_LISTED_MAX = 1000


@click.command()
@click.argument("name", metavar="CALL", required=False)
@click.option("--number", metavar="NUMBER", help="All calls from this number that may be recorded or are kept.")
@click.option("--reference", metavar="REF", help="The first characters of a call's id in the log, eight or more.")
@click.option("--keep", is_flag=True, help="Keep the recording up to now.")
@click.option("--destroy", is_flag=True, help="Destroy all of the recording.")
@click.option("--by-agent", "agent", metavar="NAME", help="During the call, on the caller's word to this agent.")
@as_option()
@click.option("--yes", is_flag=True, help="Do not ask again.")
def withdraw(
    *,
    name: str | None,
    number: str | None,
    reference: str | None,
    keep: bool,
    destroy: bool,
    agent: str | None,
    actor: str | None,
    yes: bool,
) -> None:
    """Withdraw the consent to recordings.

    CALL is a call's sid, or its id in the log. The recording stops at once, and nothing of the call is recorded any
    more; without --keep or --destroy the rules that the call came in under say what becomes of the recording up to now.
    Exit code 1 where nothing was to be withdrawn. `onrecord call` shows when it was carried out.
    """
    from compliance.withdrawals import Withdrawals, told
    from onrecord.commands.actor import who_asks
    from policies.rules import OnWithdrawal
    from policies.withdrawal import Effect, WithdrawnBy
    from storage.rows import staff_words
    from storage.rows.withdrawing import Wish

    if sum(given is not None for given in (name, number, reference)) != 1:
        raise click.UsageError("say CALL, --number or --reference, one of them")
    if agent is not None and actor is not None:
        raise click.UsageError("--by-agent says already who it is: leave --as out")
    if keep and destroy:
        raise click.UsageError("--keep and --destroy exclude each other")
    on_recording = OnWithdrawal.KEEP if keep else OnWithdrawal.DESTROY if destroy else None
    by = WithdrawnBy.REQUEST if agent is None else WithdrawnBy.AGENT
    code = FOUND_SOMETHING
    with opened() as installation:
        says = staff_words.name("--by-agent", agent) if agent is not None else who_asks(installation.database, actor)
        withdrawals = Withdrawals(installation.database, installation.rulebook, installation.jobs)
        call_ids = _calls(installation, withdrawals, name, number, reference)
        fate = "is kept" if keep else "is destroyed" if destroy else "goes or stays as the rules say"
        for call_id in call_ids:
            say(f"call {call_id}: the consent would be withdrawn; the recording up to now {fate}")
        if sys.stdin.isatty() and not yes:
            confirm("Withdraw? There is no way back to recording in these calls.")
        for call_id in call_ids:
            try:
                done = withdrawals.withdraw(call_id, Wish(by, says, on_recording))
            except Refused as error:
                say(str(error))
                continue
            say(f"call {call_id}: {told(done)}")
            code = code if done.effect in (Effect.NOTHING, Effect.STANDS) else 0
    sys.exit(code)


@click.command()
@click.argument("name", metavar="CALL")
@as_option()
def pause(*, name: str, actor: str | None) -> None:
    """Pause the recording of a call.

    CALL is its sid, or its id in the log. Silence takes the place of the sound until `onrecord resume`, or until the
    rules' limit. Exit code 1 where nothing is recorded.
    """
    _change(name, actor, "pause")


@click.command()
@click.argument("name", metavar="CALL")
@as_option()
def resume(*, name: str, actor: str | None) -> None:
    """Let a paused recording go on.

    Exit code 1 where none is paused, the call is over, or its consent was withdrawn.
    """
    _change(name, actor, "resume")


@click.command("pauses")
@as_json_option
def list_pauses(*, as_json: bool) -> None:
    """List recordings that are paused now.

    The first to reach its limit comes first.
    """
    from storage.rows.pauses import open_pauses

    with reading() as connection:
        found = open_pauses(connection, limit=_LISTED_MAX)
    if as_json:
        say_json([as_plain(asked) for asked in found])
        return
    if not found:
        say("no recording is paused")
    for asked in found:
        since = f"since {asked.begun_at:%H:%M:%S}" if asked.begun_at else "not begun yet"
        until = f"until {asked.limit_at:%H:%M:%S} at most, then {asked.at_limit}"
        say(f"call {asked.call_id}: paused by {asked.asked_by}, {since}, {until}")


def _change(name: str, actor: str | None, act: str) -> None:
    from compliance.pauses import Pauses
    from onrecord.commands.actor import who_asks

    with opened() as installation:
        call = installation.eraser.call_named(name)
        if call is None:
            end(["there is no call with this sid or id"], FOUND_SOMETHING)
        pauses = Pauses(installation.database, installation.rulebook, installation.jobs)
        do = pauses.pause if act == "pause" else pauses.resume
        try:
            asked = do(call.id, actor=who_asks(installation.database, actor))
        except Refused as error:
            end([str(error)], FOUND_SOMETHING)
    limit = f", until {asked.limit_at:%H:%M:%S} at most" if act == "pause" else ""
    say(f"call {asked.call_id}: asked to {act} its recording{limit}")


def add_consent_commands(group: click.Group) -> None:
    for command in (withdraw, pause, resume, list_pauses):
        group.add_command(command)


def _calls(
    installation: "Installation",
    withdrawals: "Withdrawals",
    name: str | None,
    number: str | None,
    reference: str | None,
) -> list[str]:
    """The ids of the calls that are meant; exit code 1 where there are none."""
    if number is not None:
        check_number(number)
        if not (found := withdrawals.calls_from(number, installation.keys.number_hash_key)):
            end(["of this number nothing is recorded or kept here"], FOUND_SOMETHING)
        return found
    if reference is not None:
        try:
            referred = withdrawals.referred_to(reference)
        except Refused as error:
            end([str(error)], FOUND_SOMETHING)
        if referred is None:
            end(["there is no call with this reference"], FOUND_SOMETHING)
        return [referred]
    call = installation.eraser.call_named(name or "")
    if call is None:
        end(["there is no call with this sid or id"], FOUND_SOMETHING)
    return [call.id]
