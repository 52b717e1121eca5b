"""The commands about a person's data: erase it, keep it erased, and place and release legal holds."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from onrecord.commands.base import FOUND_SOMETHING, check_number, end, opened, reading
from policies.erasure import is_basis
from storage.errors import Refused, Unavailable

if TYPE_CHECKING:
    from compliance.erase import Found
    from onrecord.installation import Installation


class Basis(click.ParamType[str]):
    """The basis of an erasure, as the log may name it for ever."""

    name = "basis"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not is_basis(str(value)):
            self.fail("a basis is a law and its article, such as gdpr-17 or ccpa-1798.105", param, ctx)
        return str(value)


@click.command()
@click.option("--call", "name", metavar="ID", help="One call: its sid, or its id in the log.")
@click.option("--number", metavar="NUMBER", help="All calls from this number.")
@click.option("--basis", type=Basis(), required=True, help="By which right: gdpr-17, say.")
@click.option("--requester", default="", help="Who asked for it, as your files call them.")
@click.option("--ticket", default="", help="Where your files keep the request.")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.option("--yes", is_flag=True, help="Do not ask again.")
def erase(
    *, name: str | None, number: str | None, basis: str, requester: str, ticket: str, dry_run: bool, yes: bool
) -> None:
    """Erase the personal data of calls.

    Their events stay, and every proof made of them; their audio goes, and every field that can name the caller. Exit
    code 1 if a call has to wait, because it is not over, say, or held: run it again then.
    """
    from onrecord.commands.actor import who_asks
    from storage.custody.erasure import Request
    from storage.rows.holds import check_names_nobody

    with opened() as installation:
        check_names_nobody("--requester", requester)
        check_names_nobody("--ticket", ticket)
        found = installation.eraser.look(_calls(installation, name, number))
        if dry_run:
            sys.exit(_tell(found, "would be erased"))
        if sys.stdin.isatty() and not yes:
            _tell(found, "would be erased")
            click.confirm("Erase it? It can't be brought back.", abort=True)
        request = Request(basis, who_asks(), requester, ticket)
        code = _tell(installation.eraser.erase(found, request), "erased")
        _wipe(installation)
    sys.exit(code)


@click.command("reapply-erasures")
def reapply_erasures() -> None:
    """Repeat erasures that a restored backup undid.

    Run it before the workers start again, and once more a day later: Twilio is asked about the calls since the backup,
    and may bring some back. The erasures are read from the log and from the file that ONRECORD_ERASURES names.
    """
    from onrecord.commands.actor import who_asks
    from storage.custody import erasure_journal
    from storage.custody.erasure import Request

    with opened() as installation:
        journal = erasure_journal.read(installation.settings.erasures)
        if journal.is_torn:
            click.echo(
                f"{installation.settings.erasures}: its last line broke off, before anything was erased by it", err=True
            )
        code, back = 0, installation.eraser.came_back(journal)
        for basis in sorted(set(back.values())):
            found = installation.eraser.look((call_id for call_id in back if back[call_id] == basis), again=True)
            request = Request(basis, who_asks(), again=True)
            code = max(code, _tell(installation.eraser.erase(found, request), "erased"))
        if not back:
            click.echo("nothing that was erased has come back")
        _wipe(installation)
    sys.exit(code)


@click.group()
def hold() -> None:
    """Keep calls from being erased or destroyed."""


@hold.command("place")
@click.option("--call", "name", metavar="ID", help="One call: its sid, or its id in the log.")
@click.option("--number", metavar="NUMBER", help="All calls from this number so far.")
@click.option("--because", required=True, help="Why, without a name or number: it stays when the caller's data goes.")
def hold_place(*, name: str | None, number: str | None, because: str) -> None:
    """Hold a call, its recording and its personal data."""
    from compliance import hold
    from onrecord.commands.actor import who_asks

    with opened() as installation:
        call_ids = _calls(installation, name, number)
        with _refusals_found():
            placed = hold.place(installation.database, call_ids, reason=because, actor=who_asks())
    for call_id, hold_id in placed:
        click.echo(f"call {call_id}: hold {hold_id}")
    if not placed:
        sys.exit(FOUND_SOMETHING)


@hold.command("release")
@click.argument("number", type=int)
@click.option("--because", required=True, help="Why, without a name or number.")
def hold_release(*, number: int, because: str) -> None:
    """Release one hold; others on the same call stay."""
    from compliance import hold
    from onrecord.commands.actor import who_asks

    with opened() as installation, _refusals_found():
        released = hold.release(installation.database, number, reason=because, actor=who_asks())
        click.echo(f"call {released.call_id}: hold {number} is released")


@hold.command("list")
def hold_list() -> None:
    """List all holds, released ones too."""
    from storage.rows.holds import all_holds

    with reading() as connection:
        found = all_holds(connection)
    for placed in found:
        since = f"since {placed.placed_at:%Y-%m-%d %H:%M} by {placed.placed_by}"
        until = f", released {placed.released_at:%Y-%m-%d %H:%M} by {placed.released_by}" if placed.released_at else ""
        click.echo(f"{placed.id}  call {placed.call_id}  {since}{until}: {placed.reason}")


def add_privacy_commands(group: click.Group) -> None:
    for command in (erase, reapply_erasures, hold):
        group.add_command(command)


def _calls(installation: "Installation", name: str | None, number: str | None) -> list[str]:
    """The ids of the calls with that name or number."""

    if (name is None) == (number is None):
        raise click.UsageError("say --call or --number, one of them")
    if number is not None:
        check_number(number)
        found = installation.eraser.calls_from(number)
        if not found:
            click.echo("of this number no call is known here")
        return found
    call = installation.eraser.call_named(name or "")
    if call is None:
        end(["there is no call with this sid or id"], FOUND_SOMETHING)
    return [call.id]


def _wipe(installation: "Installation") -> None:
    """Wipe erased data from the database's files; also where nothing was left to erase, since an earlier run may have
    been cut.
    """

    with _refusals_found():
        installation.eraser.wipe_files()


def _tell(found: "Iterable[Found]", done: str) -> int:
    """Print a line on each call. The exit code is that of a finding where any call has to wait."""
    from storage.custody.erasure import NotErased

    code = 0
    for result in found:
        if isinstance(result, NotErased):
            click.echo(f"call {result.call_id}: not erased: {result.why}")
            code = FOUND_SOMETHING
        elif not result:
            click.echo(f"call {result.call_id}: nothing is left to erase")
        else:
            fields = f"{len(result.digests)} disclosures ({', '.join(result.fields)})"
            click.echo(
                f"call {result.call_id}: {done}: {fields}, {result.rows} rows, {len(result.destroyed)} recordings"
            )
    return code


@contextmanager
def _refusals_found() -> Iterator[None]:
    """A refusal here is a finding, and no mistake in the settings."""
    try:
        yield
    except (Refused, Unavailable) as error:
        end([str(error)], FOUND_SOMETHING)
