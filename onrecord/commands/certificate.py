"""`onrecord certificate`: what became of the recordings of a call, and of every copy of them."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from onrecord.commands.actor import as_option
from onrecord.commands.base import (
    FOUND_SOMETHING,
    STANDARD_OUTPUT,
    as_json_option,
    call_named,
    end,
    opened,
    reading,
    tell_problem,
)
from onrecord.terminal import say, say_json
from storage.errors import Broken, Refused, Unavailable

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from compliance.certificate import Certificate
    from storage.rows.calls import Call


@click.command()
@click.argument("name", metavar="ID")
@click.option("-o", "--output", "place", type=click.Path(path_type=Path), help="A bundle: a folder, FILE.zip, or -.")
@as_option()
@as_json_option
def certificate(name: str, *, place: Path | None, actor: str | None, as_json: bool) -> None:
    """Show that nothing is left of a call's audio, or what is.

    ID is the sid of a call or a recording, or our id of one. For each copy it is said how many were found, how their
    absence was seen, and what nobody can look for. With -o the certificate goes into a bundle of the call, which an
    outsider can check without us; the log keeps that you made it. With -o - the bundle, as a zip, takes standard
    output, and the certificate standard error. Exit code 1 while anything is not shown to be gone.
    """
    if place == STANDARD_OUTPUT and as_json:
        raise click.UsageError("--json and -o - both want standard output")
    if place is not None:
        made = _into_bundle(name, place, actor)
    else:
        from compliance import certificate as certificates

        with reading() as connection:
            made = certificates.certificate(connection, _call(connection, name), datetime.now(UTC))
    if as_json:
        say_json(made.as_json())
    else:
        for line in made.lines():
            say(line, error=place == STANDARD_OUTPUT)
    if made.open():
        sys.exit(FOUND_SOMETHING)


def _into_bundle(name: str, place: Path, given_actor: str | None) -> "Certificate":
    from compliance import certificate as certificates
    from compliance.bundle.export import export
    from compliance.bundle.request import Request
    from compliance.bundle.selection import Selection
    from onrecord.commands.actor import who_asks
    from onrecord.commands.bundle_output import check_output, write_output

    with opened() as installation:
        with installation.database.read() as connection:
            call = _call(connection, name)
        made: list[Certificate] = []

        def files(connection: "Connection", size: int) -> dict[str, bytes]:
            newest = certificates.certificate(
                connection, call_named(connection, call.id), installation.anchoring.now(), size=size
            )
            made.append(newest)
            return certificates.files_of(newest)

        try:
            check_output(place)
            operator = installation.rulebook.business.name
            request = Request(
                Selection((call.id,)), frozenset(), (), who_asks(installation.database, given_actor), operator
            )
            key = installation.keys.number_hash_key
            write_output(export(installation.anchoring, request, key, complain=tell_problem, files=files), place)
        except (Refused, Unavailable, Broken) as error:
            end([str(error)], FOUND_SOMETHING)
    return made[0]


def _call(connection: "Connection", name: str) -> "Call":
    """The call of that name, or of the recording of that name; exit code 1 where there is neither."""
    from storage.rows import recordings

    recording = recordings.peek_sid(connection, name) or recordings.peek(connection, name)
    return call_named(connection, recording.call_id if recording else name)
