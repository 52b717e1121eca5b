"""Reads the operator's rules. A rulebook is accepted whole, or rejected with every mistake in it named at once.

A rulebook that is about to come in force is held against the law as well; one that was in force is read as it stands.
"""

import re
import tomllib
from collections.abc import Mapping
from functools import partial
from hashlib import sha256
from types import MappingProxyType

from policies.consent import Mode
from policies.durations import Duration, RetentionRule
from policies.jurisdiction.pack import Law
from policies.pausing import Pausing
from policies.rulebook import values
from policies.rulebook.against_the_law import hold_against
from policies.rulebook.mistakes import Findings, Mistake, RulebookRejected, described, one_of
from policies.rulebook.overrides import overrides
from policies.rulebook.toml_positions import Path, positions
from policies.rulebook.ways import ways
from policies.rulebook.wording_faults import check_own_wordings
from policies.rulebook.wordings import approvals, own_wordings
from policies.rules import AUTO, MENU_KEYS_MAX, Business, Destination, Line, OnWithdrawal, Rulebook, Setting
from policies.sessions import Limits
from policies.sign_in import ConsoleRules

__all__ = [
    "AUTO",
    "Business",
    "Destination",
    "Line",
    "Mistake",
    "Rulebook",
    "RulebookRejected",
    "Setting",
    "parse",
]

# What Twilio rings at once from one <Dial>.
CONNECT_TO_MAX = 10

_TABLES = (
    "business",
    "line",
    "retention",
    "override",
    "declines",
    "wording",
    "approved",
    "pause",
    "backups",
    "console",
    "tell",
)
_LINE_NEEDS = ("number", "connect_to", "languages", "purposes")
_LINE_MAY_SAY = (
    "retention",
    "consent",
    "silence_is_consent",
    "prompts_max",
    "language_by",
    "jurisdiction",
    "sectors",
    "on_withdrawal",
    "withdrawal_key",
)
_PROMPTS_MAX = 2
_DECLINES_REMEMBERED = Duration(years=1)
_SYNTAX = re.compile(
    r"(?P<problem>.*) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)", re.DOTALL
)


def parse(text: str, file_name: str = "onrecord.toml", *, under: Law | None = None) -> Rulebook:
    """The rulebook that `text` spells. Raises RulebookRejected, and nothing else, whatever the text.

    With `under` also for settings that this law does not allow without a reason, or at all.
    """
    try:
        found, digest = tomllib.loads(text), sha256(text.encode()).hexdigest()
        lines = positions(text)
    except (ValueError, RecursionError) as error:
        raise RulebookRejected([_not_toml(text, error)], file_name) from error
    findings = Findings(lines)
    rulebook = _rulebook(found, findings, digest, under)
    if under is not None and not findings.mistakes:
        hold_against(under, rulebook, findings)
    if findings.mistakes:
        raise RulebookRejected(findings.mistakes, file_name)
    return rulebook


def _not_toml(text: str, error: ValueError | RecursionError) -> Mistake:
    """The one mistake of a text that is not TOML; the parser stops at the first."""
    if isinstance(error, RecursionError):
        return Mistake(1, "(file)", "nested too deeply", "TOML")
    found = _SYNTAX.fullmatch(str(error))
    if found is None:
        return Mistake(1, "(file)", "a number or a character beyond what a file can hold", "TOML")
    line = int(found["line"] or text.rstrip("\n").count("\n") + 1)
    column = f" at column {found['column']}" if found["column"] else " at the end"
    return Mistake(line, "(file)", found["problem"] + column, "TOML")


def _rulebook(found: Mapping[str, object], findings: Findings, digest: str, under: Law | None) -> Rulebook:
    root = findings.table(found, (), required=(), optional=_TABLES)
    retention = _retention(root.get("retention", {}), findings)
    business = _business(root.get("business"), findings, under)
    lines = _lines(root.get("line"), findings, under, business)
    said = overrides(root.get("override"), findings, under)
    for index, line in enumerate(lines):
        for name in (line.retention, *(name for _, name in line.retention_for)):
            _check_retention(name, ("line", index, "retention"), retention, findings)
        _check_silence(line, ("line", index, "silence_is_consent"), findings)
        _check_menu(line, ("line", index, "languages"), findings)
        _check_withdrawal_key(line, ("line", index, "withdrawal_key"), findings)
        _check_number(index, lines, findings)
        _check_fan_out(line, ("line", index, "connect_to"), findings)
        _check_loops(line, ("line", index, "connect_to"), lines, findings)
    for index, override in enumerate(said):
        _check_retention(override.retention or "", ("override", index, "retention"), retention, findings)
        if override.line and override.line not in {line.number for line in lines}:
            findings.report(("override", index, "line"), "not a line of this rulebook", "the number of a [[line]]")
    own = own_wordings(root.get("wording", []), findings)
    check_own_wordings(own, business.name, lines, findings)
    return Rulebook(
        business,
        lines,
        retention,
        digest,
        overrides=said,
        remember_declines=_declines(root.get("declines", {}), findings),
        wordings=own,
        approvals=approvals(root.get("approved", []), findings),
        pausing=_pausing(root.get("pause", {}), findings),
        backups=_backups(root["backups"], findings) if "backups" in root else None,
        console=_console(root.get("console", {}), findings),
        ways=ways(root.get("tell", []), findings),
    )


def _business(value: object, findings: Findings, under: Law | None) -> Business:
    path: Path = ("business",)
    table = findings.table(
        value,
        path,
        required=["name", "jurisdiction", "recorder_jurisdiction"],
        optional=["sectors", "agents_agreed_on", "on_withdrawal", "address", "contact", "stored_in", "recipients"],
    )
    place = partial(values.place, under=under)
    return Business(
        name=findings.read(table, path, "name", values.business_name, ""),
        jurisdictions=findings.read(table, path, "jurisdiction", partial(values.places, under=under), ()),
        recorder_jurisdiction=findings.read(table, path, "recorder_jurisdiction", place, ""),
        sectors=findings.read_each(table, path, "sectors", partial(values.sector, under=under)),
        agents_agreed_on=findings.read(table, path, "agents_agreed_on", values.day, None),
        on_withdrawal=findings.read(table, path, "on_withdrawal", values.on_withdrawal, OnWithdrawal.DESTROY),
        address=findings.read(table, path, "address", values.particulars, ""),
        contact=findings.read(table, path, "contact", values.particulars, ""),
        stored_in=findings.read(table, path, "stored_in", partial(values.places, under=under), ()),
        recipients=findings.read(table, path, "recipients", values.recipients, None),
    )


def _retention(value: object, findings: Findings) -> Mapping[str, RetentionRule]:
    rules = {}
    for name, rule in findings.tables(value, ("retention",)).items():
        path: Path = ("retention", name)
        table = findings.table(rule, path, required=["keep"])
        rules[name] = RetentionRule(name, findings.read(table, path, "keep", values.duration, Duration()))
    return MappingProxyType(rules)


def _declines(value: object, findings: Findings) -> Duration | None:
    path: Path = ("declines",)
    table = findings.table(value, path, required=(), optional=["remember"])
    return findings.read(table, path, "remember", values.memory, _DECLINES_REMEMBERED)


def _pausing(value: object, findings: Findings) -> Pausing:
    path, usual = ("pause",), Pausing()
    table = findings.table(value, path, required=(), optional=["limit", "at_limit"])
    return Pausing(
        limit=findings.read(table, path, "limit", values.pause_limit, usual.limit),
        at_limit=findings.read(table, path, "at_limit", values.at_limit, usual.at_limit),
    )


def _backups(value: object, findings: Findings) -> Duration | None:
    path: Path = ("backups",)
    table = findings.table(value, path, required=["keep"])
    return findings.read(table, path, "keep", values.duration, None)


def _console(value: object, findings: Findings) -> ConsoleRules:
    path, usual = ("console",), Limits()
    table = findings.table(value, path, required=(), optional=["passkey_roles", "session_idle", "session_whole"])
    idle = findings.read(table, path, "session_idle", values.session_time, usual.idle)
    whole = findings.read(table, path, "session_whole", values.session_time, usual.whole)
    if idle > whole:
        findings.report((*path, "session_idle"), "longer than session_whole", "a shorter time than that")
    roles = findings.read_each(table, path, "passkey_roles", values.role)
    return ConsoleRules(frozenset(roles), Limits(idle, whole))


def _lines(value: object, findings: Findings, under: Law | None, business: Business) -> tuple[Line, ...]:
    if not isinstance(value, list) or not value:
        problem = "missing" if value is None else f"{described(value)} is not a list of lines"
        findings.report(("line",), problem, "a table [[line]] for each number")
        return ()
    return tuple(_line(line, ("line", index), findings, under, business) for index, line in enumerate(value))


def _line(value: object, path: Path, findings: Findings, under: Law | None, business: Business) -> Line:
    table = findings.table(value, path, required=_LINE_NEEDS, optional=_LINE_MAY_SAY)
    purposes = findings.read_each(table, path, "purposes", values.purpose)
    retention, retention_for = _line_retention(table, path, purposes, findings)
    return Line(
        number=findings.read(table, path, "number", values.e164, ""),
        connect_to=findings.read_each(table, path, "connect_to", values.destination),
        languages=findings.read_each(table, path, "languages", values.language),
        purposes=purposes,
        consent=findings.read(table, path, "consent", values.consent, AUTO),
        retention=retention,
        silence_is_consent=findings.read(table, path, "silence_is_consent", values.flag, False),
        prompts_max=findings.read(table, path, "prompts_max", values.prompts, _PROMPTS_MAX),
        retention_for=retention_for,
        language_by=findings.read(table, path, "language_by", values.language_by, "caller"),
        jurisdictions=findings.read(table, path, "jurisdiction", partial(values.places, under=under), ()),
        sectors=findings.read_each(table, path, "sectors", partial(values.sector, under=under)),
        on_withdrawal=findings.read(table, path, "on_withdrawal", values.on_withdrawal, business.on_withdrawal),
        withdrawal_key=findings.read(table, path, "withdrawal_key", values.flag, False),
    )


def _line_retention(
    table: Mapping[str, object], path: Path, purposes: tuple[str, ...], findings: Findings
) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The retention of a line: a single rule for every purpose, or a table that names a rule for each."""
    if not isinstance(table.get("retention"), dict):
        return findings.read(table, path, "retention", values.rule_name, ""), ()
    at = (*path, "retention")
    named = findings.table(table["retention"], at, required=purposes)
    return "", tuple((purpose, findings.read(named, at, purpose, values.rule_name, "")) for purpose in named)


def _check_retention(name: str, at: Path, retention: Mapping[str, RetentionRule], findings: Findings) -> None:
    if name and name not in retention:
        expected = one_of(retention, name) if retention else "a table [retention.NAME] to name"
        findings.report(at, f"there is no retention rule {described(name)}", expected)


def _check_silence(line: Line, at: Path, findings: Findings) -> None:
    if line.silence_is_consent and line.consent not in (AUTO, Mode.OPT_OUT):
        findings.report(at, f"means nothing where consent is {line.consent}", "it with consent auto or opt_out only")


def _check_withdrawal_key(line: Line, at: Path, findings: Findings) -> None:
    if line.withdrawal_key and line.consent == Mode.NEVER:
        findings.report(at, "means nothing where consent is never", "it on lines that may record only")


def _check_menu(line: Line, at: Path, findings: Findings) -> None:
    if line.language_by == "menu" and len(line.languages) > MENU_KEYS_MAX:
        findings.report(at, f"{len(line.languages)} languages in one menu", f"{MENU_KEYS_MAX} at most: a key each")


def _check_number(index: int, lines: tuple[Line, ...], findings: Findings) -> None:
    first = next(i for i, line in enumerate(lines) if line.number == lines[index].number)
    if lines[index].number and first != index:
        findings.report(("line", index, "number"), f"the same number as line[{first + 1}]", "each number once")


def _check_fan_out(line: Line, at: Path, findings: Findings) -> None:
    if len(line.connect_to) > CONNECT_TO_MAX:
        findings.report(at, f"{len(line.connect_to)} places to ring at once", f"{CONNECT_TO_MAX} at most")


def _check_loops(line: Line, at: Path, lines: tuple[Line, ...], findings: Findings) -> None:
    ours = {Destination("number", line.number) for line in lines}
    if not ours.isdisjoint(line.connect_to):
        findings.report(at, "a call would come back to one of these lines", "numbers that are not lines themselves")
