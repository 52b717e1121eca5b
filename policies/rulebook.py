"""Reads the operator's rules. A rulebook is accepted whole, or rejected with every mistake in it named at once."""

import re
import tomllib
from collections.abc import Mapping
from hashlib import sha256
from types import MappingProxyType

from policies import rulebook_values as values
from policies.consent import Mode
from policies.mistakes import Findings, Mistake, RulebookRejected, described, one_of
from policies.retention import Duration, RetentionRule
from policies.rules import AUTO, Business, Destination, Line, Rulebook, Setting
from policies.toml_positions import Path, positions

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

_LINE_NEEDS = ("number", "connect_to", "languages", "purposes", "retention")
_LINE_MAY_SAY = ("consent", "silence_is_consent", "prompts_max")
_PROMPTS_MAX = 2
_SYNTAX = re.compile(
    r"(?P<problem>.*) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)", re.DOTALL
)


def parse(text: str, file_name: str = "onrecord.toml") -> Rulebook:
    """The rulebook that `text` spells. Raises RulebookRejected, and nothing else, whatever the text."""
    try:
        found, digest = tomllib.loads(text), sha256(text.encode()).hexdigest()
        lines = positions(text)
    except (ValueError, RecursionError) as error:
        raise RulebookRejected([_not_toml(text, error)], file_name) from error
    findings = Findings(lines)
    rulebook = _rulebook(found, findings, digest)
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


def _rulebook(found: Mapping[str, object], findings: Findings, digest: str) -> Rulebook:
    root = findings.table(found, (), required=(), optional=["business", "line", "retention"])
    retention = _retention(root.get("retention", {}), findings)
    lines = _lines(root.get("line"), findings)
    for index, line in enumerate(lines):
        _check_retention(line, ("line", index, "retention"), retention, findings)
        _check_silence(line, ("line", index, "silence_is_consent"), findings)
        _check_number(index, lines, findings)
        _check_fan_out(line, ("line", index, "connect_to"), findings)
        _check_loops(line, ("line", index, "connect_to"), lines, findings)
    return Rulebook(_business(root.get("business"), findings), lines, retention, digest)


def _business(value: object, findings: Findings) -> Business:
    path: Path = ("business",)
    table = findings.table(value, path, required=["name", "jurisdiction", "recorder_jurisdiction"])
    return Business(
        name=findings.read(table, path, "name", values.business_name, ""),
        jurisdiction=findings.read(table, path, "jurisdiction", values.place, ""),
        recorder_jurisdiction=findings.read(table, path, "recorder_jurisdiction", values.place, ""),
    )


def _retention(value: object, findings: Findings) -> Mapping[str, RetentionRule]:
    rules = {}
    for name, rule in findings.tables(value, ("retention",)).items():
        path: Path = ("retention", name)
        table = findings.table(rule, path, required=["keep"])
        rules[name] = RetentionRule(name, findings.read(table, path, "keep", values.duration, Duration()))
    return MappingProxyType(rules)


def _lines(value: object, findings: Findings) -> tuple[Line, ...]:
    if not isinstance(value, list) or not value:
        problem = "missing" if value is None else f"{described(value)} is not a list of lines"
        findings.report(("line",), problem, "a table [[line]] for each number")
        return ()
    return tuple(_line(line, ("line", index), findings) for index, line in enumerate(value))


def _line(value: object, path: Path, findings: Findings) -> Line:
    table = findings.table(value, path, required=_LINE_NEEDS, optional=_LINE_MAY_SAY)
    return Line(
        number=findings.read(table, path, "number", values.e164, ""),
        connect_to=findings.read_each(table, path, "connect_to", values.destination),
        languages=findings.read_each(table, path, "languages", values.language),
        purposes=findings.read_each(table, path, "purposes", values.purpose),
        consent=findings.read(table, path, "consent", values.consent, AUTO),
        retention=findings.read(table, path, "retention", values.rule_name, ""),
        silence_is_consent=findings.read(table, path, "silence_is_consent", values.flag, False),
        prompts_max=findings.read(table, path, "prompts_max", values.prompts, _PROMPTS_MAX),
    )


def _check_retention(line: Line, at: Path, retention: Mapping[str, RetentionRule], findings: Findings) -> None:
    if line.retention and line.retention not in retention:
        expected = one_of(retention, line.retention) if retention else "a table [retention.NAME] to name"
        findings.report(at, f"there is no retention rule {described(line.retention)}", expected)


def _check_silence(line: Line, at: Path, findings: Findings) -> None:
    if line.silence_is_consent and line.consent not in (AUTO, Mode.OPT_OUT):
        findings.report(at, f"means nothing where consent is {line.consent}", "it with consent auto or opt_out only")


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
