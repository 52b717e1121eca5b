"""The commands about rules: the consent asked of callers, the reasons, and the effect of another rulebook."""

import os
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from onrecord.commands.actor import as_option
from onrecord.commands.base import FOUND_SOMETHING, as_json_option, call_named, end, failures_told, opened, reading
from onrecord.terminal import as_plain, progress_shown, say, say_json, show_sheet
from policies.jurisdiction.places import is_e164

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from policies.rules import Rulebook

_HASH = re.compile(r"[0-9a-f]{6,64}")
_SINCE = re.compile(r"([0-9]{1,5})([dw])")
_DIGITS = re.compile(r"[\s+().\-/]*\d[\s+().\-/\d]*")


class Day(click.ParamType[datetime]):
    """A day or a moment, in UTC unless it names a zone."""

    name = "day"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            at = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a day; expected one such as 2027-06-01", param, ctx)
        if not 2000 <= at.year <= 2200:
            self.fail(f"{value!r} is not a day that anybody means; expected a year from 2000 to 2200", param, ctx)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


class Since(click.ParamType[datetime]):
    """A day, or how long ago."""

    name = "since"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        if found := _SINCE.fullmatch(str(value)):
            days = int(found[1]) * (7 if found[2] == "w" else 1)
            value = datetime.now(UTC) - timedelta(days=days)
        return Day().convert(value, param, ctx)


class Caller(click.ParamType[str]):
    """A caller as Twilio names them: by a number in E.164 form, or by a word. A number in any other form would be taken
    for a word, and ruled upon as a number that nobody can have.
    """

    name = "caller"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        caller = str(value)
        if _DIGITS.fullmatch(caller) and not is_e164(caller):
            form = "a plus, the country's code and the number, digits only, such as +14155550100"
            self.fail(f"these digits are no number as Twilio writes it; expected {form}; or a word", param, ctx)
        return caller


@click.command()
@click.option("--full", is_flag=True, help="A row for each place, with a number of it.")
@click.option("--at", type=Day(), help="The rules of that day; today by default.")
@as_json_option
def check(*, full: bool, at: datetime | None, as_json: bool) -> None:
    """Check all that a start needs; show the consent asked.

    Settings, rulebook, keys, database and audio store: every problem is printed on a line of its own. Then a table:
    each line, and a caller from each place in the law pack. Then notes for a person to look at: overrides that are
    laxer than the pack, wordings that nobody approved, laws that disagree, how the staff sign in. Then which rules are
    in force, and since when.

    A few bytes are put into the audio store, read and destroyed, and Twilio is asked whether it knows the account.
    Problems found by such a trial come last, with exit code 1.
    """
    from compliance.anchors.verify import trust_in_words
    from onrecord.commands.rules_notes import console_notes, notes
    from onrecord.commands.rules_standing import standing_in
    from onrecord.commands.rules_table import consent_table, lines_table
    from onrecord.trials import try_all
    from policies.jurisdiction.pack import DISCLAIMER, packaged_law

    law, now = packaged_law(), at or datetime.now(UTC)
    with opened(edited=True) as installation:
        lines = lines_table(installation.rulebook)
        consent = consent_table(law, installation.rulebook, now, each=full)
        noted = [*notes(law, installation.rulebook, now), *console_notes(installation.rulebook.console)]
        with installation.database.read() as connection:
            standing = standing_in(connection, installation.rulebook)
            trust = [line.strip() for line in trust_in_words(connection)]
        if as_json:
            trial = try_all(installation)
            pack = {"version": law.version, "sha256": law.sha256, "disclaimer": DISCLAIMER}
            tables = {
                "lines": lines.as_json("line", "connects_to", "languages", "consent", "purposes", "retention"),
                "consent": consent.as_json("line", "callers", "mode", "language", "covers", "flags"),
                "law": pack,
                "log": trust,
            }
            found = {"notes": [*noted, *trial.untold], "problems": trial.problems}
            say_json({**tables, "in_force": standing.as_json(), **found})
            sys.exit(FOUND_SOMETHING if trial.problems else 0)
        show_sheet(lines)
        show_sheet(consent)
        for note in noted:
            say(f"note: {note}")
        say(f"rules: {standing}")
        for line in trust:
            say(f"log: {line}")
        say(f"Law pack {law.version}, {law.sha256[:12]}. {DISCLAIMER}")
        trial = try_all(installation)
        for line in trial.untold:
            say(f"note: {line}")
        if trial.problems:
            end(trial.problems, FOUND_SOMETHING)


@click.command()
@click.option("--line", "number", metavar="NUMBER", help="The line that would be called.")
@click.option(
    "--from", "from_", type=Caller(), metavar="NUMBER", help="Who would call: a number, or a word such as anonymous."
)
@click.option("--at", type=Day(), help="When; now by default.")
@click.option("--call", "call_id", metavar="ID", help="A past call instead: its sid, or its id in the log.")
@as_json_option
def explain(*, number: str | None, from_: str | None, at: datetime | None, call_id: str | None, as_json: bool) -> None:
    """Say why a call is decided as it is.

    The mode, the words, the purposes that consent covers and until when, and the whole chain of reasons: the same as in
    the log of such a call. A call that would come is decided by the rulebook in the file, and it is said whether that
    one is in force.
    """
    from compliance.explain import explain as explain_arrival
    from onrecord.commands.explanation_text import show
    from onrecord.commands.rules_standing import standing_of
    from onrecord.rulebook_file import open_rulebook
    from policies.jurisdiction.pack import packaged_law

    if (call_id is None) == (number is None and from_ is None) or bool(call_id and at):
        raise click.UsageError("say --line and --from (and --at), or --call")
    standing = None
    if call_id is not None:
        from compliance.explain_call import explain_call

        with reading() as connection:
            found = explain_call(connection, call_named(connection, call_id))
    else:
        if number is None or from_ is None:
            raise click.UsageError("--line and --from belong together")
        with failures_told():
            rulebook = open_rulebook(os.environ)
        line = rulebook.line(number)
        if line is None:
            end(["that number is not a line of the rulebook"], FOUND_SOMETHING)
        found = explain_arrival(packaged_law(), rulebook, line, from_, at or datetime.now(UTC))
        standing = standing_of(rulebook)
    if as_json:
        say_json({**found.as_json(), **({"in_force": standing.as_json()} if standing else {})})
    else:
        show(found)
        if standing:
            say(f"Rules: {standing}")
    if found.differs:
        sys.exit(FOUND_SOMETHING)


@click.command()
@click.option("--line", "number", metavar="NUMBER", help="Of one line only.")
@as_json_option
def wordings(number: str | None, *, as_json: bool) -> None:
    """Print all words that callers may hear.

    Each with the hash that an approval in the rulebook names.
    """
    from onrecord.commands.explanation_text import show_all_said, show_wording
    from onrecord.commands.rules_standing import warn_where_not_in_force
    from onrecord.publish import spoken_under
    from onrecord.rulebook_file import open_rulebook
    from policies.jurisdiction.pack import DISCLAIMER, packaged_law

    with failures_told():
        rulebook = open_rulebook(os.environ)
    if number is not None and rulebook.line(number) is None:
        end(["that number is not a line of the rulebook"], FOUND_SOMETHING)
    warn_where_not_in_force(rulebook)
    spoken = spoken_under(packaged_law(), rulebook, datetime.now(UTC), only=number)
    if as_json:
        say_json([as_plain(wording) for wording in spoken])
        return
    for wording in spoken:
        show_wording(wording)
        show_all_said(wording)
        say()
    say(DISCLAIMER)


@click.command("reload")
@as_option()
def reload_rules(*, actor: str | None) -> None:
    """Take the edited rulebook in force, without a restart.

    It is checked as for a start, and the recorded prompts that it names with it: where anything is wrong, nothing
    changes, and each problem is a line. Every process, on every machine, rules new calls by it from then on; calls that
    have begun go on under the rules they came in under. The log keeps who asked, and the rulebook's hash.
    """
    from onrecord.adoption import in_words, take_in_force
    from onrecord.commands.actor import who_asks

    with opened(edited=True, store_is_asked=False) as installation:
        says = who_asks(installation.database, actor)
        say(in_words(take_in_force(installation.database, installation.checked, actor=says)))


@click.group()
def rules() -> None:
    """The rulebook, compared."""


@rules.command("diff")
@click.argument("old")
@click.argument("new")
@click.option("--since", type=Since(), default="30d", show_default=True, help="A day, or how long ago: 30d, 8w.")
@as_json_option
def rules_diff(old: str, new: str, since: datetime, *, as_json: bool) -> None:
    """Say which past calls would have been decided differently.

    OLD and NEW are rulebook files, or the first digits of the hash of a rulebook that was in force here. Each call is
    decided again under both, by the law of its day. Exit code 1 if any would have been.
    """
    from compliance import rules_diff as past
    from policies.jurisdiction.pack import DISCLAIMER

    with reading() as connection:
        old_rulebook, new_rulebook = (_rulebook(connection, name) for name in (old, new))
        total, unknown = past.count_since(connection, since), 0
        found: list[past.Difference] = []
        with progress_shown("calls decided again") as progress:
            for done, call in enumerate(past.past_calls(connection, since), start=1):
                progress(done, total)
                if call is None:
                    unknown += 1
                elif differs := past.difference(call, old_rulebook, new_rulebook):
                    found.append(differs)
    if as_json:
        counted = {"since": since.isoformat(), "calls": total - unknown, "left_out": unknown}
        say_json({**counted, "differ": [past.as_json(differs) for differs in found], "not_compared": past.NOT_COMPARED})
        sys.exit(FOUND_SOMETHING if found else 0)
    for differs in found:
        call = differs.past
        say(f"{call.received_at:%Y-%m-%d %H:%M}  {call.call_sid}  {call.line}  was {call.outcome}")
        for name, before, after in differs.changed:
            say(f"    {name}: {before} -> {after}")
    say(f"{len(found)} of {total - unknown} calls since {since:%Y-%m-%d} would have been decided differently")
    if unknown:
        say(f"{unknown} calls whose ruling or law is not kept were left out")
    say(f"{past.NOT_COMPARED}. {DISCLAIMER}")
    if found:
        sys.exit(FOUND_SOMETHING)


def add_rules_commands(group: click.Group) -> None:
    for command in (check, reload_rules, explain, wordings, rules):
        group.add_command(command)


def _rulebook(connection: "Connection", name: str) -> "Rulebook":
    """The rulebook from a file, or from those that were in force."""
    from policies.rulebook.mistakes import RulebookRejected
    from policies.rulebook.read import parse
    from storage.rows.rules_in_force import kept_rulebook, rulebooks_beginning

    path = Path(name)
    if path.is_file():
        try:
            return parse(path.read_bytes().decode(), name)
        except RulebookRejected as error:
            end(str(error).splitlines())
        except (OSError, UnicodeDecodeError) as error:
            end([f"{name}: it is no readable UTF-8 file ({error})"])
    known = rulebooks_beginning(connection, name) if _HASH.fullmatch(name) else []
    found = kept_rulebook(connection, known[0]) if len(known) == 1 else None
    if found is None:
        end([f"{name}: no file, and {len(known) or 'no'} rulebooks that were in force have a hash that begins so"])
    return found
