"""The command line. Exit codes: 0 done, 1 the check found something, 2 usage or configuration."""

import os
import signal
import sys
from pathlib import Path

import click

from onrecord.commands.actor import as_option
from onrecord.commands.base import (
    FOUND_SOMETHING,
    ROW_NUMBER,
    STANDARD_OUTPUT,
    as_json_option,
    end,
    failures_told,
    opened,
    reading,
)
from onrecord.commands.certificate import certificate
from onrecord.commands.consent import add_consent_commands
from onrecord.commands.doctor import add_doctor_commands
from onrecord.commands.interchange import add_interchange_commands
from onrecord.commands.lists import add_list_commands
from onrecord.commands.log import add_log_commands
from onrecord.commands.privacy import add_privacy_commands
from onrecord.commands.provider import add_provider_commands
from onrecord.commands.rules import add_rules_commands
from onrecord.commands.sections import SectionedGroup
from onrecord.commands.selftest import add_selftest_commands
from onrecord.commands.simulate import simulate
from onrecord.commands.staff import user
from onrecord.commands.telling import add_telling_commands
from onrecord.terminal import as_plain, check_takes_bytes, say, say_bytes, say_document, say_json
from storage.errors import Broken, Refused, Unavailable

SECTIONS = {
    "For operators: set it up, run it, see to it": [
        "init",
        "check",
        "reload",
        "lines",
        "serve",
        "work",
        "user",
        "selftest",
        "doctor",
        "incidents",
        "calls",
        "recordings",
        "tell",
        "call",
        "pause",
        "resume",
        "pauses",
    ],
    "For compliance: why a call is decided so": ["explain", "wordings", "rules", "corroborate", "reconcile"],
    "For compliance: evidence, recordings, rights": [
        "log",
        "vcon",
        "receipt",
        "recording",
        "certificate",
        "withdraw",
        "hold",
        "erase",
        "reapply-erasures",
    ],
    "For developers": ["demo", "simulate"],
}


@click.group(cls=SectionedGroup, sections=SECTIONS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="onrecord", message="%(prog)s %(version)s")
def main() -> None:
    """Answers a support line's calls on Twilio, asks before it records, and can prove it.

    Every command reads its settings from the environment and works in the current directory.
    """


@main.command()
@click.option(
    "--keys-are-lost",
    is_flag=True,
    help="Make new keys although recordings were sealed with others: nobody can open those any more.",
)
def init(*, keys_are_lost: bool) -> None:
    """Make missing parts: rulebook, keys, tables, directories.

    Existing files and tables stay as they are, so it can be run again at any time.
    """
    from onrecord.initialise import initialise

    with failures_told():
        for line in initialise(os.environ, keys_are_lost=keys_are_lost):
            say(line)


@main.command()
@click.option(
    "--webhooks", default="127.0.0.1:8000", show_default=True, metavar="HOST:PORT", help="Twilio's web server."
)
@click.option(
    "--console", default="127.0.0.1:8001", show_default=True, metavar="HOST:PORT", help="The staff's web server."
)
def serve(webhooks: str, console: str) -> None:
    """Serve Twilio's webhooks and the staff's console.

    The rulebook comes in force as it starts, and on SIGHUP, as by `onrecord reload`.
    """
    # One that comes while it starts waits; and the web servers, which only follow, never hear any.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])
    from onrecord.adoption import take_in_force
    from onrecord.anchoring import sign_what_is_left
    from onrecord.commands.actor import system_user
    from onrecord.processes import serve as serving
    from onrecord.settings.logging_setup import say_logs_plainly

    problems: list[str] = []
    addresses = serving.read_addresses({"webhooks": webhooks, "console": console}, problems)
    with opened(problems, edited=True) as installation:
        say_logs_plainly()
        take_in_force(installation.database, installation.checked, actor=system_user(), starts=True)
    with failures_told():
        code = serving.serve(addresses, installation.settings, installation.checked.text, system_user())
        sign_what_is_left(installation.settings)
    sys.exit(code)


@main.command()
def work() -> None:
    """Run the jobs: store recordings, destroy them, sweep.

    Start as many workers as you like, on any machine that reaches database and audio store. A worker ends on SIGTERM,
    and leaves its unfinished jobs to be resumed. It follows the rulebook in force, whatever the file says.
    """
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # it follows the rules in force, whoever takes others in force
    from onrecord.adoption import start_work
    from onrecord.commands.actor import system_user
    from onrecord.processes import work as working
    from onrecord.settings.logging_setup import say_logs_plainly

    with opened() as installation:
        say_logs_plainly()
        start_work(installation, actor=system_user())
        working.work(installation)
    os._exit(0)  # a step that waits for the network may still hold a thread; its job is resumed elsewhere


@main.command()
@click.argument("call_sid")
@as_json_option
def call(call_sid: str, *, as_json: bool) -> None:
    """Show the life of a call.

    CALL_SID may be its id in the log: an erased call has no sid any more.
    """
    from compliance import call_life
    from compliance.call_log import CallLog
    from onrecord.commands import call_text

    with reading() as connection:
        told = call_life.life_of(connection, call_sid)
        faults = CallLog.read(connection, told.call.id).faults if told else ()
    if told is None:
        end(["there is no call with this sid or id"], FOUND_SOMETHING)
    if as_json:
        say_json(told.as_json())
    else:
        call_text.show(told)
    for fault in faults:
        say(f"WARNING: {fault}: run `onrecord log verify`", error=True)
    if faults or told.differs:
        sys.exit(FOUND_SOMETHING)


@main.group(invoke_without_command=True)
@as_json_option
@click.pass_context
def incidents(context: click.Context, *, as_json: bool) -> None:
    """List open incidents, and what to do about each kind.

    Exit code 1 where any is open.
    """
    if context.invoked_subcommand:
        return
    from policies.incidents import ADVICE, SEVERITY
    from storage.rows.incidents import open_incidents

    with reading() as connection:
        found = open_incidents(connection)
    if as_json:
        about_kind = {kind: {"severity": SEVERITY[kind], "advice": str(ADVICE[kind])} for kind in ADVICE}
        say_json([as_plain(incident) | about_kind[incident.kind] for incident in found])
        sys.exit(FOUND_SOMETHING if found else 0)
    if not found:
        say("no incident is open")
    for incident in found:
        about = f"call {incident.call_id}" if incident.call_id else incident.about
        say(f"{incident.id}  {incident.opened_at:%Y-%m-%d %H:%M:%S}  {incident.kind}  {about}: {incident.detail}")
    if found:
        say()
        for kind in sorted({incident.kind for incident in found}):
            say(f"{kind}: {ADVICE[kind]}")
        sys.exit(FOUND_SOMETHING)


@incidents.command("close")
@click.argument("number", type=ROW_NUMBER)
@click.option("--why", required=True, help="What was found and done, without a name or number: it stays in the log.")
@as_option()
def incidents_close(number: int, *, why: str, actor: str | None) -> None:
    """Close an incident that a person has seen to.

    The log keeps who closed it, and why. If it happens again, it is open again.
    """
    from onrecord.commands.actor import who_asks
    from onrecord.incidents import close

    with opened() as installation:
        try:
            says = who_asks(installation.database, actor)
            is_closed = close(installation.database, number, actor=says, reason=why)
        except Refused as error:
            end([str(error)], FOUND_SOMETHING)
        if not is_closed:
            end(["there is no open incident of that number"], FOUND_SOMETHING)


@main.group()
def recording() -> None:
    """The recordings that are kept."""


@recording.command("export")
@click.argument("recording_sid")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--purpose", required=True, help="What it is to be used for, as its caller was told: quality, say.")
@as_option()
def recording_export(recording_sid: str, file: Path, *, purpose: str, actor: str | None) -> None:
    """Write a recording to a new file, for one purpose.

    FILE may be -, which is standard output. Exit code 1, and no file, where its caller did not agree to that purpose or
    its time is over. In both cases the log keeps that you asked.
    """
    from compliance.export_recording import RecordingExport
    from onrecord.commands.actor import who_asks

    with opened() as installation:
        try:
            export = RecordingExport(installation.database, installation.store, installation.keys.key_encryption_key)
            says = who_asks(installation.database, actor)
            if file == STANDARD_OUTPUT:
                check_takes_bytes("a recording")
                say_bytes(export.pieces(recording_sid, purpose, actor=says))
                return
            size_bytes = export.write(recording_sid, purpose, file, actor=says)
        except (Refused, Unavailable, Broken) as error:
            end([str(error)], FOUND_SOMETHING)
    say(f"{file}: {size_bytes} bytes")


@main.group()
def lines() -> None:
    """The phone numbers, and where Twilio sends their calls."""


@lines.command("sync")
@click.option(
    "--fallback",
    metavar="URL",
    help="Where Twilio finds, by GET, what `lines fallback` prints; {number} in it is the line's. Without it Twilio "
    "turns to this service again.",
)
def lines_sync(fallback: str | None) -> None:
    """Set the URLs of each line's calls at Twilio."""
    from onrecord.lines import sync_lines

    with opened() as installation:
        try:
            for line in sync_lines(installation, fallback=fallback):
                say(line)
        except (Refused, Unavailable) as error:
            end([str(error)], FOUND_SOMETHING)


@lines.command("fallback")
@click.argument("number")
def lines_fallback(number: str) -> None:
    """Print TwiML that connects a line's callers, unrecorded.

    Host it elsewhere, for the day on which this service is down altogether. NUMBER is the line's.
    """
    from callflow import twiml
    from onrecord.commands.rules_standing import warn_where_not_in_force
    from onrecord.rulebook_file import open_rulebook

    with failures_told():
        rulebook = open_rulebook(os.environ)
    line = rulebook.line(number)
    if line is None:
        end(["that number is not a line of the rulebook"], FOUND_SOMETHING)
    warn_where_not_in_force(rulebook)
    say_document(twiml.connect(line).decode())


@main.command()
@click.option("--once", is_flag=True, help="End when the calls have; exit code 1 if a promise broke.")
@click.option("--in", "folder", type=click.Path(path_type=Path), help="Where to work; a fresh directory by default.")
@click.option("--began", type=float, hidden=True, help="When `make` began, in seconds since 1970.")
def demo(once: bool, folder: Path | None, began: float | None) -> None:
    """Start everything, and place calls with real audio.

    It shows where each call ended, and stays up for calls from the phone in the browser.
    """
    from onrecord.demo.run import run

    with failures_told():
        sys.exit(run(once=once, folder=folder, began=began))


main.add_command(certificate)
main.add_command(user)
main.add_command(simulate)
add_interchange_commands(main)
add_provider_commands(main)
add_rules_commands(main)
add_log_commands(main)
add_list_commands(main)
add_selftest_commands(main)
add_telling_commands(main)
add_doctor_commands(main)
add_privacy_commands(main)
add_consent_commands(main)
