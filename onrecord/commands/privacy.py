"""The commands about a person's data: erase it, keep it erased, and place and release legal holds."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from onrecord.commands.actor import as_option
from onrecord.commands.base import (
    FOUND_SOMETHING,
    ROW_NUMBER,
    as_json_option,
    check_number,
    end,
    opened,
    reading,
    tell_problem,
)
from onrecord.terminal import as_plain, confirm, say, say_json
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
@as_option()
@as_json_option
def erase(  # noqa: PLR0913 - each is an option of the command
    *,
    name: str | None,
    number: str | None,
    basis: str,
    requester: str,
    ticket: str,
    dry_run: bool,
    yes: bool,
    actor: str | None,
    as_json: bool,
) -> None:
    """Erase the personal data of calls.

    Their events stay, and every proof made of them; their audio goes, and every field that can name the caller. Exit
    code 1 if a call has to wait, because it is not over, say, or held: run it again then.
    """
    from onrecord.commands.actor import who_asks
    from storage.custody.erasure import Request
    from storage.rows import staff_words

    with opened() as installation:
        request = Request(
            basis,
            who_asks(installation.database, actor),
            staff_words.reference("--requester", requester),
            staff_words.reference("--ticket", ticket),
        )
        found = installation.eraser.look(_calls(installation, name, number, is_told=not as_json))
        tell = _tell_as_json if as_json else _tell
        if dry_run:
            sys.exit(tell(found, "would be erased"))
        if sys.stdin.isatty() and not yes:
            _tell(found, "would be erased", error=as_json)
            confirm("Erase it? It can't be brought back.")
        erased = installation.eraser.erase(found, request)
        if as_json:  # after the wiping, whose failure is the one document otherwise
            done = list(erased)
            _wipe(installation)
            sys.exit(_tell_as_json(done, "erased"))
        code = _tell(erased, "erased")
        _wipe(installation)
    sys.exit(code)


@click.command("reapply-erasures")
@as_option()
def reapply_erasures(*, actor: str | None) -> None:
    """Repeat erasures that a restored backup undid.

    Run it before the workers start again, and once more a day later: Twilio is asked about the calls since the backup,
    and may bring some back. The erasures are read from the log and from the file that ONRECORD_ERASURES names.
    """
    from onrecord.commands.actor import who_asks
    from storage.custody import erasure_journal
    from storage.custody.erasure import Request

    with opened() as installation:
        says = who_asks(installation.database, actor)
        journal = erasure_journal.read(installation.settings.erasures)
        if journal.is_torn:
            tell_problem(f"{installation.settings.erasures}: its last line broke off, before anything was erased by it")
        code, back = 0, installation.eraser.came_back(journal)
        for basis in sorted(set(back.values())):
            found = installation.eraser.look((call_id for call_id in back if back[call_id] == basis), again=True)
            request = Request(basis, says, again=True)
            code = max(code, _tell(installation.eraser.erase(found, request), "erased"))
        if not back:
            say("nothing that was erased has come back")
        _wipe(installation)
    sys.exit(code)


@click.group()
def hold() -> None:
    """Keep calls from being erased or destroyed."""


@hold.command("place")
@click.option("--call", "name", metavar="ID", help="One call: its sid, or its id in the log.")
@click.option("--number", metavar="NUMBER", help="All calls from this number so far.")
@click.option("--because", required=True, help="Why, without a name or number: it stays when the caller's data goes.")
@as_option()
def hold_place(*, name: str | None, number: str | None, because: str, actor: str | None) -> None:
    """Hold a call, its recording and its personal data."""
    from compliance import hold
    from onrecord.commands.actor import who_asks

    with opened() as installation:
        says, call_ids = who_asks(installation.database, actor), _calls(installation, name, number)
        with _refusals_found():
            placed = hold.place(installation.database, call_ids, reason=because, actor=says)
    for call_id, hold_id in placed:
        say(f"call {call_id}: hold {hold_id}")
    if not placed:
        sys.exit(FOUND_SOMETHING)


@hold.command("release")
@click.argument("number", type=ROW_NUMBER)
@click.option("--because", required=True, help="Why, without a name or number.")
@as_option()
def hold_release(*, number: int, because: str, actor: str | None) -> None:
    """Release one hold; others on the same call stay."""
    from compliance import hold
    from onrecord.commands.actor import who_asks

    with opened() as installation, _refusals_found():
        says = who_asks(installation.database, actor)
        released = hold.release(installation.database, number, reason=because, actor=says)
        say(f"call {released.call_id}: hold {number} is released")


@hold.command("list")
@as_json_option
def hold_list(*, as_json: bool) -> None:
    """List all holds, released ones too."""
    from storage.rows.holds import all_holds

    with reading() as connection:
        found = all_holds(connection)
    if as_json:
        say_json([as_plain(placed) for placed in found])
        return
    if not found:
        say("there is no hold")
    for placed in found:
        since = f"since {placed.placed_at:%Y-%m-%d %H:%M} by {placed.placed_by}"
        until = f", released {placed.released_at:%Y-%m-%d %H:%M} by {placed.released_by}" if placed.released_at else ""
        say(f"{placed.id}  call {placed.call_id}  {since}{until}: {placed.reason}")


def add_privacy_commands(group: click.Group) -> None:
    for command in (erase, reapply_erasures, hold):
        group.add_command(command)


def _calls(installation: "Installation", name: str | None, number: str | None, *, is_told: bool = True) -> list[str]:
    """The ids of the calls with that name or number; where there are none of a number, it says so if `is_told`."""

    if (name is None) == (number is None):
        raise click.UsageError("say --call or --number, one of them")
    if number is not None:
        check_number(number)
        found = installation.eraser.calls_from(number)
        if not found and is_told:
            say("of this number no call is known here")
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


def _tell(found: "Iterable[Found]", done: str, *, error: bool = False) -> int:
    """Print a line on each call. The exit code is that of a finding where any call has to wait."""
    from storage.custody.erasure import NotErased

    code = 0
    for result in found:
        if isinstance(result, NotErased):
            say(f"call {result.call_id}: not erased: {result.why}", error=error)
            code = FOUND_SOMETHING
        elif not result:
            say(f"call {result.call_id}: nothing is left to erase", error=error)
        else:
            fields = f"{len(result.digests)} disclosures ({', '.join(result.fields)})"
            counts = f"{fields}, {result.rows} rows, {len(result.destroyed)} recordings"
            say(f"call {result.call_id}: {done}: {counts}", error=error)
    return code


def _tell_as_json(found: "Iterable[Found]", _: str) -> int:
    """As `_tell`; a call of which nothing is left has no rows."""
    from storage.custody.erasure import NotErased

    results = list(found)
    say_json(
        [
            {"call": result.call_id, "why_not": result.why}
            if isinstance(result, NotErased)
            else {
                "call": result.call_id,
                "fields": list(result.fields),
                "disclosures": len(result.digests),
                "rows": result.rows,
                "recordings": [recording.id for recording in result.destroyed],
            }
            for result in results
        ]
    )
    return FOUND_SOMETHING if any(isinstance(result, NotErased) for result in results) else 0


@contextmanager
def _refusals_found() -> Iterator[None]:
    """A refusal here is a finding, and no mistake in the settings."""
    try:
        yield
    except (Refused, Unavailable) as error:
        end([str(error)], FOUND_SOMETHING)
