"""The command line. Exit codes: 0 done, 1 the check found something, 2 usage or configuration."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from callflow.house import House, NotReady, open_house
from storage.errors import Broken, Refused, Unavailable

FOUND_SOMETHING, NOT_CONFIGURED = 1, 2


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Answers a support line's calls on Twilio, asks before it records, and can prove it.

    Every command reads its settings from the environment and works in the current directory.
    """


@contextmanager
def _opened() -> Iterator[House]:
    """The installation, or exit code 2 with every problem on a line of its own."""
    try:
        house = open_house(os.environ)
    except NotReady as error:
        _say_and_exit(error.problems)
    try:
        yield house
    finally:
        house.close()


def _say_and_exit(problems: list[str], code: int = NOT_CONFIGURED) -> Any:
    for problem in problems:
        click.echo(f"onrecord: {problem}", err=True)
    sys.exit(code)


@main.command()
def init() -> None:
    """Make what is missing: a rulebook to start from, keys, the database's tables, the audio directory."""
    from callflow.setup import initialise

    try:
        for line in initialise(os.environ):
            click.echo(line)
    except NotReady as error:
        _say_and_exit(error.problems)


@main.command()
def check() -> None:
    """Check settings, rulebook, keys, database and audio store; print what each line asks of a caller."""
    from callflow.overview import lines_table, show

    with _opened() as house:
        show(lines_table(house.rulebook))
        click.echo("Not legal advice: have a lawyer confirm the rules for your lines.")


@main.command()
@click.option("--webhooks", default="127.0.0.1:8000", show_default=True, metavar="HOST:PORT", help="The public face.")
@click.option("--console", default="127.0.0.1:8001", show_default=True, metavar="HOST:PORT", help="The staff's face.")
def serve(webhooks: str, console: str) -> None:
    """Serve Twilio's webhooks and the staff's console until SIGTERM."""
    from callflow import serving
    from callflow.logs import say_logs_plainly
    from callflow.setup import publish

    say_logs_plainly()
    addresses: dict[serving.Face, serving.Address] = {
        "webhooks": _address("--webhooks", webhooks),
        "console": _address("--console", console),
    }
    with _opened() as house:
        publish(house.database, house.rulebook, house.rulebook_text)
    sys.exit(serving.serve(addresses))


@main.command()
def work() -> None:
    """Run the jobs: take recordings in, destroy what must not be, sweep. Until SIGTERM."""
    from callflow import working
    from callflow.logs import say_logs_plainly

    say_logs_plainly()
    with _opened() as house:
        working.work(house)
    os._exit(0)  # a step that waits for the network may still hold a thread; its job is resumed elsewhere


@main.command()
@click.argument("call_sid")
@click.option("--json", "as_json", is_flag=True, help="For scripts.")
def call(call_sid: str, as_json: bool) -> None:
    """The life of one call."""
    from callflow import story
    from callflow.overview import show_story

    with _opened() as house, house.database.read() as connection:
        told = story.tell(connection, call_sid)
    if told is None:
        _say_and_exit(["there is no call with this sid"], FOUND_SOMETHING)
    elif as_json:
        click.echo(json.dumps(told.as_json(), indent=2))
    else:
        show_story(told)


@main.group()
def log() -> None:
    """The consent log."""


@log.command("verify")
@click.option("--size", type=click.IntRange(min=0), help="The root that the log had when it was that long.")
def log_verify(size: int | None) -> None:
    """Compute the log's root again from every event."""
    from storage import consent_log

    with _opened() as house, house.database.read() as connection:
        try:
            verified = consent_log.verify(connection, size_then=size)
        except Broken as error:
            _say_and_exit([str(error)], FOUND_SOMETHING)
    click.echo(f"log ok: {verified.size} events, root {verified.root.hex()}")


@log.command("show")
@click.option("--from", "start", type=click.IntRange(min=0), default=0, help="The first event's index.")
def log_show(start: int) -> None:
    """Print the events, verbatim as they are hashed, one on a line."""
    from storage import consent_log

    with _opened() as house, house.database.read() as connection:
        for leaf in consent_log.leaves(connection, start):
            click.echo(leaf)


@main.group()
def lines() -> None:
    """The phone numbers and where Twilio sends their calls."""


@lines.command("sync")
@click.option(
    "--fallback",
    metavar="URL",
    help="Where Twilio finds, by GET, what `lines fallback` prints; {number} in it is the line's. Without it Twilio "
    "turns to this service again.",
)
def lines_sync(fallback: str | None) -> None:
    """Tell Twilio where this service is, for every line of the rulebook."""
    from callflow.setup import sync_lines

    with _opened() as house:
        try:
            for line in sync_lines(house, fallback=fallback):
                click.echo(line)
        except (Refused, Unavailable) as error:
            _say_and_exit([str(error)], FOUND_SOMETHING)


@lines.command("fallback")
@click.argument("number")
def lines_fallback(number: str) -> None:
    """Print a TwiML document that connects a line's callers unrecorded, to host elsewhere for the worst day."""
    from callflow import twiml

    with _opened() as house:
        line = house.rulebook.line(number)
        if line is None:
            _say_and_exit(["that number is not a line of the rulebook"], FOUND_SOMETHING)
        else:
            click.echo(twiml.connect(line).decode())


@main.command()
@click.option("--once", is_flag=True, help="End when the calls have; exit code 1 if a promise broke.")
@click.option("--in", "folder", type=click.Path(path_type=Path), help="Where to work; a fresh directory by default.")
def demo(once: bool, folder: Path | None) -> None:
    """Bring up everything, place calls with real audio, show where each ended, and stay up."""
    from callflow.demo import run

    sys.exit(run(once=once, folder=folder))


def _address(option: str, text: str) -> Any:
    from callflow.serving import Address

    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise click.UsageError(f"{option} {text!r} is no address; expected HOST:PORT, such as 127.0.0.1:8000")
    return Address(host, int(port))
