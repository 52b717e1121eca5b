"""`onrecord certificate`: what became of the recordings of a call, and of every copy of them."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from onrecord.commands.base import FOUND_SOMETHING, call_named, end, opened, reading, tell_problem
from storage.errors import Broken, Refused, Unavailable

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from compliance.certificate import Certificate
    from storage.rows.calls import Call


@click.command()
@click.argument("name", metavar="ID")
@click.option("-o", "--output", "place", type=click.Path(path_type=Path), help="Also a bundle: a folder, or FILE.zip.")
@click.option("--json", "as_json", is_flag=True, help="For scripts.")
def certificate(name: str, *, place: Path | None, as_json: bool) -> None:
    """Show that nothing is left of a call's audio, or what is.

    ID is the sid of a call or a recording, or our id of one. For each copy it is said how many were found, how their
    absence was seen, and what nobody can look for. With -o the certificate goes into a bundle of the call, which an
    outsider can check without us; the log keeps that you made it. Exit code 1 while anything is not shown to be gone.
    """
    if place is not None:
        made = _into_bundle(name, place)
    else:
        from compliance import certificate as certificates

        with reading() as connection:
            made = certificates.certificate(connection, _call(connection, name), datetime.now(UTC))
    click.echo(json.dumps(made.as_json(), indent=2) if as_json else "\n".join(made.lines()))
    if made.open():
        sys.exit(FOUND_SOMETHING)


def _into_bundle(name: str, place: Path) -> "Certificate":
    from compliance import certificate as certificates
    from compliance.bundle.export import check_place, export, write_bundle
    from compliance.bundle.request import Request
    from compliance.bundle.selection import Selection
    from onrecord.commands.actor import who_asks

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
            check_place(place)
            operator = installation.rulebook.business.name
            request = Request(Selection((call.id,)), frozenset(), (), who_asks(), operator)
            key = installation.keys.number_hash_key
            write_bundle(export(installation.anchoring, request, key, complain=tell_problem, files=files), place)
        except (Refused, Unavailable, Broken) as error:
            end([str(error)], FOUND_SOMETHING)
    return made[0]


def _call(connection: "Connection", name: str) -> "Call":
    """The call of that name, or of the recording of that name; exit code 1 where there is neither."""
    from storage.rows import recordings

    recording = recordings.peek_sid(connection, name) or recordings.peek(connection, name)
    return call_named(connection, recording.call_id if recording else name)
