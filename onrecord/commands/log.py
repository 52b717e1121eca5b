"""The commands about the consent log: verify it, show it, sign it, and give its checkpoints to others to hold."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from compliance.disclosable import EVERYTHING
from evidence.anchor_levels import KINDS
from evidence.catalogue import PRIVATE_FIELDS
from onrecord.commands.actor import as_option
from onrecord.commands.base import (
    FOUND_SOMETHING,
    ROW_NUMBER,
    STANDARD_OUTPUT,
    Names,
    as_json_option,
    call_named,
    check_number,
    end,
    opened,
    reading_log,
    tell_problem,
)
from onrecord.commands.rules import Day
from onrecord.terminal import progress_shown, say, say_document, say_hashed, say_json
from storage.errors import Broken, Refused, Unavailable

_NAMED_MAX = 10


@click.group()
def log() -> None:
    """The consent log: verify it, show it, export it."""


@log.command("verify")
@click.option("--size", type=click.IntRange(min=0), help="The root that the log had when it was that long.")
@click.option(
    "--checkpoint",
    "brought",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A checkpoint that you kept, or a file of them: the log must go on from it.",
)
@as_json_option
def log_verify(size: int | None, brought: tuple[Path, ...], *, as_json: bool) -> None:
    """Compute the log's root again from every event.

    The root is checked against every signed checkpoint: in the database, in the anchor file and in the files you bring.
    The rows beside the log (outcomes, permits, recordings, holds) are checked against its events. Exit code 0 and the
    root, or 1 and the first differences.
    """
    from compliance.anchors.receipts import look_outside
    from compliance.anchors.verify import held_checkpoints, lost_in_words, trust_in_words
    from storage.log.tree import KeptTree
    from storage.log.verification import verify
    from storage.row_check import check as row_check

    with reading_log() as (database, anchors), progress_shown("events") as progress:
        try:
            held = held_checkpoints(database.read, anchors, brought)
            seen, wrong = look_outside(database.read)
            verified = verify(database.read, held, seen=seen, progress=progress)
            lost = list(lost_in_words(database.read, anchors))
        except Broken as error:
            end([str(error)], FOUND_SOMETHING)
        told = verified.size if size is None else size
        if told > verified.size:
            end([f"consent log: it has {verified.size} events, and never had {told}"], FOUND_SOMETHING)
        with progress_shown("calls") as compared:
            differ = [
                str(difference) for difference in row_check.of_all(database.read, datetime.now(UTC), progress=compared)
            ]
        if differ:
            end(_first(differ), FOUND_SOMETHING)
        with database.read() as connection:
            root, trust = KeptTree.of(connection).root(told), list(trust_in_words(connection))
    warnings = [*verified.warnings, *wrong]
    if as_json:
        told_of_it = {"lost": lost, "trust": [line.strip() for line in trust], "warnings": warnings}
        say_json({"events": told, "root": root.hex(), "checkpoints": verified.checkpoints, **told_of_it})
        return
    say(f"log ok: {told} events, root {root.hex()}")
    say(f"checkpoints that it goes on from: {verified.checkpoints}")
    for line in (*lost, *trust, *(f"WARNING: {line}" for line in warnings)):
        say(line)


@log.command("show")
@click.argument("call_sid", required=False)
@click.option("--from", "start", type=ROW_NUMBER, default=0, help="The first event's index.")
@as_json_option
def log_show(call_sid: str | None, start: int, *, as_json: bool) -> None:
    """Print events as they are hashed, one on a line.

    With a call: its events, the personal fields that have not been erased, and how far the log proves that none of it
    was made up later. With --json the whole log stays as it is: each line is JSON.
    """
    from onrecord.commands.log_text import log_as_json, tell_all, tell_log_of

    with reading_log() as (database, _):
        if call_sid is None:
            for leaf in tell_all(database.read, start, tell_problem):
                say_hashed(leaf)
            return
        with database.read() as connection:
            known = call_named(connection, call_sid)
            if as_json:
                say_json(log_as_json(connection, known))
                return
            told = list(tell_log_of(connection, known))
    for line in told:
        say(line, is_verbatim=line[0] in " 0123456789")  # an event as it is hashed, or a field of it


@log.command("tail")
@click.option("-n", "--lines", "count", type=click.IntRange(min=0), default=10, show_default=True, help="How many.")
@click.option("-f", "--follow", is_flag=True, help="Go on with each event that is appended, until Ctrl-C.")
@as_json_option
def log_tail(*, count: int, follow: bool, as_json: bool) -> None:
    """Print the log's last events, one on a line.

    Each with its index, its time in UTC and the call it is about. With --json as they are hashed.
    """
    from onrecord.commands.log_text import last_events

    with reading_log() as (database, _):
        for event in last_events(database.read, count, follow=follow, complain=tell_problem):
            if as_json:
                say_hashed(event.line)
            else:
                say(event)


@log.command("export")
@click.option("--call", "names", multiple=True, metavar="ID", help="Its sid, or its id in the log; may be repeated.")
@click.option("--number", help="The calls from this number, as in +14155550100.")
@click.option("--from", "since_day", type=Day(), help="Calls from this day on; in UTC, or as 2027-03-03T00:00-06:00.")
@click.option("--to", "to_day", type=Day(), help="Calls up to this day, which is included: 24 hours.")
@click.option("--all", "everything", is_flag=True, help="The whole log.")
@click.option(
    "--disclose",
    type=Names((*PRIVATE_FIELDS, EVERYTHING)),
    default="",
    metavar="NAMES",
    help="Personal fields to open, with commas between: caller,actor. All of them: all. By default none.",
)
@click.option(
    "--since",
    "brought",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A checkpoint that the reader kept: the bundle will show that the log goes on from it.",
)
@click.option(
    "-o", "--output", "place", required=True, type=click.Path(path_type=Path), help="A folder, FILE.zip, or -."
)
@as_option()
def log_export(  # noqa: PLR0913 - each is an option of the command
    names: tuple[str, ...],
    number: str | None,
    since_day: datetime | None,
    to_day: datetime | None,
    disclose: frozenset[str],
    brought: tuple[Path, ...],
    place: Path,
    *,
    actor: str | None,
    everything: bool,
) -> None:
    """Write a bundle that an outsider can check without us.

    It holds events, proofs, the exact words that were played, the rules in force, and a program to check all of it. The
    log keeps that you made it. With -o - the bundle, as a zip, takes standard output.
    """
    from compliance.anchors.verify import read_checkpoints, trust_in_words
    from compliance.bundle.export import export
    from compliance.bundle.request import Request
    from compliance.bundle.selection import Selection
    from onrecord.commands.actor import who_asks
    from onrecord.commands.bundle_output import check_output, write_output

    until = to_day + timedelta(days=1) if to_day else None
    selection = Selection(names, number or "", since_day, until)
    if everything != selection.is_everything:
        raise click.UsageError("say which calls (--call, --number, --from, --to), or --all and nothing of these")
    if since_day and until and since_day >= until:
        raise click.UsageError("--from is after --to")
    with opened() as installation:
        if number is not None:
            check_number(number)
        try:
            check_output(place)
            request = Request(
                selection,
                disclose=disclose,
                since=[note for path in brought for note in read_checkpoints(path)],
                actor=who_asks(installation.database, actor),
                operator=installation.rulebook.business.name,
            )
            files = export(installation.anchoring, request, installation.keys.number_hash_key, complain=tell_problem)
            write_output(files, place)
        except (Refused, Unavailable, Broken) as error:
            end([str(error)], FOUND_SOMETHING)
        with installation.database.read() as connection:
            for line in trust_in_words(connection):
                say(line, error=place == STANDARD_OUTPUT)
    if place != STANDARD_OUTPUT:
        say(f"{place}: {len(files)} files; start with its README.txt")


@log.command("checkpoint")
def log_checkpoint() -> None:
    """Sign the log as it stands, and print the checkpoint."""
    from compliance.anchors.verify import trust_in_words

    with opened() as installation:
        say_document(str(installation.anchoring.sign().note))
        with installation.database.read() as connection:
            for line in trust_in_words(connection):
                say(line, error=True)


@log.command("anchor")
@click.option("--only", type=click.Choice(list(KINDS)), help="Give it to these alone.")
def log_anchor(only: str | None) -> None:
    """Sign the log, and give the checkpoint to all who hold them.

    The settings name them: ONRECORD_ANCHOR_FILE, ONRECORD_ANCHOR_S3, ONRECORD_WITNESS, ONRECORD_TSA. Exit code 1 where
    any of them does not take it.
    """
    from compliance.anchors.verify import trust_in_words

    problems: list[str] = []
    with opened() as installation:
        anchoring = installation.anchoring
        anchoring.sign()
        chosen = [target for target in anchoring.find_targets() if only in (None, target.kind)]
        if not chosen:
            end([f"there is no {only} in the settings"])
        for holder in chosen:
            try:
                known = anchoring.anchor(holder)
            except (Unavailable, Refused, Broken) as error:
                problems.append(str(error))
                continue
            say(f"{holder.kind}: {holder.place} holds the first {known.size} events", error=holder.place == "-")
        with installation.database.read() as connection:
            for line in trust_in_words(connection):
                say(line, error=True)
    if problems:
        end(problems, FOUND_SOMETHING)


@log.command("keys")
@as_json_option
def log_keys(*, as_json: bool) -> None:
    """Print the keys that the log was ever signed with.

    Give them to the people who are to verify it, by another way than this machine.
    """
    from storage.log import checkpoints

    with reading_log() as (database, _), database.read() as connection:
        keys = [str(vkey) for vkey in checkpoints.vkeys(connection)]
    if as_json:
        say_json(keys)
        return
    for key in keys:
        say(key)


@log.command("rotate-key")
@click.option("--finish", is_flag=True, help="The old key signs no more, and is deleted.")
def log_rotate_key(*, finish: bool) -> None:
    """Sign with a new key from now on.

    Until --finish the old key signs as well, so that a verifier who has only the old key sees the change in the log.
    Renew the copy of the key file, and give the printed key to the people who are to verify the log.
    """
    from evidence.notes import Signer
    from onrecord.settings.key_file import finish_rotation, rotate_signing_key
    from storage.disk import disk_edge

    with opened() as installation:
        if finish and installation.keys.old_log_signing_seed is None:
            end(["there is no old key any more: nothing was changed"], FOUND_SOMETHING)
        # The log tells of the new key under the old one's signature, before that one goes.
        installation.anchoring.sign()
        path = installation.settings.key_file
        with disk_edge(f"ONRECORD_KEY_FILE: {path} can't be written"):
            (finish_rotation if finish else rotate_signing_key)(path)
        signed = installation.anchoring.sign()
    say(f"{path}: changed; renew the copy of it")
    for seed in installation.anchoring.signing.seeds:
        say(f"the log is signed with {Signer(signed.checkpoint.origin, seed).vkey}")


@log.command("resume")
@click.option("--after-restore", is_flag=True, required=True, help="Yes, an older copy of the database was restored.")
@click.option(
    "--over",
    "brought",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A later checkpoint that somebody else holds, where the anchor file was restored too.",
)
def log_resume(*, after_restore: bool, brought: tuple[Path, ...]) -> None:
    """Go on in a restored database, under a new name.

    The log says from which event, and how much was lost. Then repeat the erasures since the backup: `onrecord
    reapply-erasures`.
    """
    from compliance.anchors.resume import resume
    from compliance.anchors.verify import read_checkpoints

    with opened(restored=after_restore) as installation:
        notes = [note for path in brought for note in read_checkpoints(path)]
        signed = resume(installation.anchoring, notes)
    if signed is None:
        end(["the database is the one that was last signed: there is nothing to resume"], FOUND_SOMETHING)
    say(f"the log goes on as {signed.checkpoint.origin}, from {signed.size} events")
    say("now run `onrecord reapply-erasures`: what was erased since the copy was made is back")


def add_log_commands(main: click.Group) -> None:
    main.add_command(log)


def _first(differ: list[str]) -> list[str]:
    """The first differences, and how many more there are."""
    more = len(differ) - _NAMED_MAX
    return [*differ[:_NAMED_MAX], *([f"and {more} more rows that differ from the log"] if more > 0 else [])]
